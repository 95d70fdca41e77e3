/** Chunker of both voices into stereo μ-law at 24 kHz. It runs in the uploader's worklet. */
import { muLaw } from "./mu-law";
import { SAMPLE_RATE } from "./playout-queue";
import { Resampler } from "./resampler";

/** Duration of a chunk: a page that is closed loses at most the last one. */
export const CHUNK_MS = 200;
const CHUNK_FRAMES = (SAMPLE_RATE * CHUNK_MS) / 1000;
const SILENT = muLaw(0);

/** Interleaved codes, the caller first; `at` is the time of the last sample, by the clock of `add`. */
export interface Chunk {
  codes: Uint8Array<ArrayBuffer>;
  at: number;
}

/**
 * @param rate the samples in a second of the input.
 * @param emit receives each chunk that is not silent.
 */
export class StereoChunker {
  private readonly caller: Resampler;
  private readonly agent: Resampler;
  private codes = new Uint8Array(CHUNK_FRAMES * 2);
  private filled = 0;
  private audible = false;

  constructor(
    rate: number,
    private readonly emit: (chunk: Chunk) => void,
  ) {
    this.caller = new Resampler(rate);
    this.agent = new Resampler(rate);
  }

  /** Add the next quantum of both voices at a time in ms. */
  add(caller: Float32Array, agent: Float32Array, now: number): void {
    const left = this.caller.process(caller);
    const right = this.agent.process(agent);
    for (let index = 0; index < left.length; index += 1) {
      const codes = [muLaw(left[index] ?? 0), muLaw(right[index] ?? 0)];
      this.codes.set(codes, this.filled);
      this.filled += 2;
      this.audible ||= codes.some((code) => code !== SILENT);
      if (this.filled === this.codes.length) this.finish(now - ((left.length - index - 1) * 1000) / SAMPLE_RATE);
    }
  }

  private finish(at: number): void {
    if (this.audible) this.emit({ codes: this.codes, at });
    this.codes = new Uint8Array(CHUNK_FRAMES * 2);
    this.filled = 0;
    this.audible = false;
  }
}
