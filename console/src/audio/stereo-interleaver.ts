/** Two voices, frame beside frame, as stretches of PCM16. What is silent takes no room. It runs inside the recorder's worklet. */

/** Samples of both voices in turn, or so many frames of silence. */
export type Stretch = { stereo: Int16Array<ArrayBuffer> } | { silentFrames: number };

const QUANTUM = 128;
/** A hole in the clock from which on the audio thread has been halted: the device was taken away, or the machine slept. */
const HALT_MS = 500;

/**
 * @param rate frames per second.
 * @param startedAt when the recording begins, by the clock that `add` tells, in ms: it may be before the first sound.
 * @param put is given each stretch, of a second at most unless it is silent.
 */
export class TrackPair {
  private stereo: Int16Array<ArrayBuffer>;
  private filled = 0;
  private sounds = false;
  private lastAt: number | null = null;

  constructor(
    private readonly rate: number,
    private readonly startedAt: number,
    private readonly put: (stretch: Stretch) => void,
  ) {
    this.stereo = new Int16Array(rate * 2);
  }

  /** The next quantum of both, at a time in ms; a voice that is not there is silent. */
  add(caller: Float32Array | undefined, agent: Float32Array | undefined, now: number): void {
    const away = now - (this.lastAt ?? this.startedAt);
    if (away > HALT_MS || (this.lastAt === null && away > 0)) this.skip(away);
    this.lastAt = now;
    const frames = caller?.length ?? agent?.length ?? QUANTUM;
    for (let index = 0; index < frames; index += 1) this.addFrame(pcm(caller?.[index]), pcm(agent?.[index]));
  }

  /** Gives out what is left. */
  flush(): void {
    if (this.filled === 0) return;
    if (this.sounds) this.put({ stereo: this.stereo.slice(0, this.filled) });
    else this.put({ silentFrames: this.filled / 2 });
    this.filled = 0;
    this.sounds = false;
  }

  private addFrame(caller: number, agent: number): void {
    this.stereo[this.filled] = caller;
    this.stereo[this.filled + 1] = agent;
    this.filled += 2;
    this.sounds ||= caller !== 0 || agent !== 0;
    if (this.filled === this.stereo.length) this.flush();
  }

  private skip(ms: number): void {
    this.flush();
    this.put({ silentFrames: Math.round((ms / 1000) * this.rate) });
  }
}

function pcm(sample = 0): number {
  return Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767)));
}
