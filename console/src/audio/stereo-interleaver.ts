/** Interleaver of both voices into stereo PCM16 without data for silence. It runs in the recorder's worklet. */

/** Interleaved samples, or a number of silent frames. */
export type Segment = { stereo: Int16Array<ArrayBuffer> } | { silentFrames: number };

const QUANTUM = 128;
/** A longer gap in the clock means that the audio thread was suspended: the device was removed, or the machine slept. */
const MIN_GAP_MS = 500;

/**
 * @param rate frames per second.
 * @param startedAt the recording's start in ms, by the clock of `add`; it may precede the first audio.
 * @param emit receives each segment, of at most one second unless it is silent.
 */
export class StereoInterleaver {
  private stereo: Int16Array<ArrayBuffer>;
  private filled = 0;
  private hasAudio = false;
  private lastAt: number | null = null;

  constructor(
    private readonly rate: number,
    private readonly startedAt: number,
    private readonly emit: (segment: Segment) => void,
  ) {
    this.stereo = new Int16Array(rate * 2);
  }

  /** Add the next quantum of both voices at a time in ms; a missing voice counts as silent. */
  add(caller: Float32Array | undefined, agent: Float32Array | undefined, now: number): void {
    const gapMs = now - (this.lastAt ?? this.startedAt);
    if (gapMs > MIN_GAP_MS || (this.lastAt === null && gapMs > 0)) this.skip(gapMs);
    this.lastAt = now;
    const frames = caller?.length ?? agent?.length ?? QUANTUM;
    for (let index = 0; index < frames; index += 1) this.addFrame(pcm(caller?.[index]), pcm(agent?.[index]));
  }

  /** Emit the remaining frames. */
  flush(): void {
    if (this.filled === 0) return;
    if (this.hasAudio) this.emit({ stereo: this.stereo.slice(0, this.filled) });
    else this.emit({ silentFrames: this.filled / 2 });
    this.filled = 0;
    this.hasAudio = false;
  }

  private addFrame(caller: number, agent: number): void {
    this.stereo[this.filled] = caller;
    this.stereo[this.filled + 1] = agent;
    this.filled += 2;
    this.hasAudio ||= caller !== 0 || agent !== 0;
    if (this.filled === this.stereo.length) this.flush();
  }

  private skip(ms: number): void {
    this.flush();
    this.emit({ silentFrames: Math.round((ms / 1000) * this.rate) });
  }
}

function pcm(sample = 0): number {
  return Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767)));
}
