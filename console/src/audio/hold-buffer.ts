/** Buffer that holds a live audio stream and plays it on later. It runs in the holder's worklet. */

/** Peaks up to this count as silence, as services send it. */
const SILENCE_PEAK = 0.002;
/** Capacity in seconds; a hold is much shorter. */
const MAX_HELD_S = 10;
/** Silence at the end of speech that is kept, so that words do not run together. */
const KEPT_SILENCE_S = 0.2;

/**
 * Without a hold the stream passes unchanged. During a hold it is kept, and the output is silent. Afterwards the kept
 * audio plays first: the stream is late until its own silences have made up for the hold.
 */
export class HoldBuffer {
  private readonly waiting: Float32Array[] = [];
  private held = false;
  private silentS = 0;
  private lastSample = 0;

  /** @param rate the samples in a second. */
  constructor(private readonly rate: number) {}

  /** Duration of the audio that waits, in seconds. */
  get lateS(): number {
    return this.waiting.reduce((sum, block) => sum + block.length, 0) / this.rate;
  }

  hold(held: boolean): void {
    this.held = held;
  }

  /** Drop the kept audio. */
  clear(): void {
    this.waiting.length = 0;
  }

  /** Take the next block of the stream, and fill `output`, which has the same length. */
  process(input: Float32Array, output: Float32Array): void {
    if (!this.held && this.waiting.length === 0) {
      output.set(input);
    } else {
      this.keep(input);
      const next = this.held ? undefined : this.waiting.shift();
      if (next) output.set(next);
      else this.fade(output);
    }
    this.lastSample = output.at(-1) ?? 0;
  }

  private keep(input: Float32Array): void {
    const silent = input.every((sample) => Math.abs(sample) <= SILENCE_PEAK);
    this.silentS = silent ? this.silentS + input.length / this.rate : 0;
    if (this.silentS > KEPT_SILENCE_S || this.lateS > MAX_HELD_S) return;
    this.waiting.push(input.slice());
  }

  private fade(output: Float32Array): void {
    for (let at = 0; at < output.length; at += 1) {
      this.lastSample = Math.abs(this.lastSample) < 1e-4 ? 0 : this.lastSample * 0.95;
      output[at] = this.lastSample;
    }
  }
}
