/** Microphone samples at the sound card's rate -> 24 kHz, where the browser does not do it for us. */
import { RATE } from "./playout-queue";

const HALF_WIDTH = 16;

/** A windowed-sinc low-pass evaluated at each output sample. Keeps what it needs of one block for the next. */
export class Resampler {
  private readonly ratio: number;
  private readonly reach: number;
  private readonly cutoff: number;
  private kept = new Float32Array(0);
  /** Where in `kept` the next output sample lies. */
  private at: number;

  constructor(inputRate: number) {
    this.ratio = inputRate / RATE;
    // Nothing above the lower of the two rates' halves may pass, or it would fold back as noise.
    this.cutoff = 0.92 / Math.max(1, this.ratio);
    this.reach = Math.ceil(HALF_WIDTH * Math.max(1, this.ratio));
    this.at = this.reach;
    this.kept = new Float32Array(this.reach);
  }

  /** The output samples that this block completes. */
  process(block: Float32Array): Float32Array {
    if (this.ratio === 1) return block;
    const input = new Float32Array(this.kept.length + block.length);
    input.set(this.kept);
    input.set(block, this.kept.length);
    const count = Math.max(0, Math.ceil((input.length - this.reach - this.at) / this.ratio));
    const out = new Float32Array(count);
    for (let index = 0; index < count; index += 1) out[index] = this.sample(input, this.at + index * this.ratio);
    this.at += count * this.ratio;
    const done = Math.max(0, Math.floor(this.at) - this.reach);
    this.kept = input.slice(done);
    this.at -= done;
    return out;
  }

  private sample(input: Float32Array, center: number): number {
    let sum = 0;
    const first = Math.max(0, Math.ceil(center - this.reach));
    const last = Math.min(input.length - 1, Math.floor(center + this.reach));
    for (let index = first; index <= last; index += 1) {
      const distance = index - center;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.reach);
      sum += (input[index] ?? 0) * window * this.cutoff * sinc(distance * this.cutoff);
    }
    return sum;
  }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
