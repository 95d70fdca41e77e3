/** Resampler from the microphone's rate to 24 kHz, for browsers that cannot capture at 24 kHz. */
import { SAMPLE_RATE } from "./playout-queue";

const HALF_WIDTH = 16;

/** Windowed-sinc low-pass, evaluated at each output sample, with a history across blocks. */
export class Resampler {
  private readonly ratio: number;
  private readonly halfWidth: number;
  private readonly cutoff: number;
  private history = new Float32Array(0);
  /** Position of the next output sample in `history`. */
  private position: number;

  constructor(inputRate: number) {
    this.ratio = inputRate / SAMPLE_RATE;
    // Frequencies above half of the lower rate would alias.
    this.cutoff = 0.92 / Math.max(1, this.ratio);
    this.halfWidth = Math.ceil(HALF_WIDTH * Math.max(1, this.ratio));
    this.position = this.halfWidth;
    this.history = new Float32Array(this.halfWidth);
  }

  /** Return the output samples that this block completes. */
  process(block: Float32Array): Float32Array {
    if (this.ratio === 1) return block;
    const input = new Float32Array(this.history.length + block.length);
    input.set(this.history);
    input.set(block, this.history.length);
    const count = Math.max(0, Math.ceil((input.length - this.halfWidth - this.position) / this.ratio));
    const out = new Float32Array(count);
    for (let index = 0; index < count; index += 1) out[index] = this.sample(input, this.position + index * this.ratio);
    this.position += count * this.ratio;
    const done = Math.max(0, Math.floor(this.position) - this.halfWidth);
    this.history = input.slice(done);
    this.position -= done;
    return out;
  }

  private sample(input: Float32Array, center: number): number {
    let sum = 0;
    const first = Math.max(0, Math.ceil(center - this.halfWidth));
    const last = Math.min(input.length - 1, Math.floor(center + this.halfWidth));
    for (let index = first; index <= last; index += 1) {
      const distance = index - center;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.halfWidth);
      sum += (input[index] ?? 0) * window * this.cutoff * sinc(distance * this.cutoff);
    }
    return sum;
  }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
