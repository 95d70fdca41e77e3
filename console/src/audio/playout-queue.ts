/** The sound that waits to be played, and how much of each message has been. It runs inside the player's worklet. */

export const RATE = 24_000;
/** Samples that may wait: five minutes. What comes beyond is dropped, and counts as not heard. */
const MOST_WAITING = RATE * 300;

/** How far a message has been played; `ended` once all of it has. */
export interface Position {
  itemId: string;
  ms: number;
  ended: boolean;
}

interface Sound {
  itemId: string;
  chunks: Int16Array[];
  /** Samples of `chunks[0]` already played; a fraction where the output's rate is not the sound's. */
  offset: number;
  played: number;
  complete: boolean;
}

/**
 * Messages' sound, one after the other without gaps.
 *
 * @param outputRate the samples per second that `render` is asked for.
 */
export class PlayQueue {
  private readonly sounds: Sound[] = [];
  private readonly step: number;
  private waiting = 0;
  /** The last sample that sounded: a cut fades out from here, since a jump to zero would click. */
  private last = 0;

  constructor(outputRate: number) {
    this.step = RATE / outputRate;
  }

  /** Whether there is sound to play now. */
  get sounding(): boolean {
    return this.sounds.some((sound) => sound.chunks.length > 0);
  }

  /** More sound of a message: PCM16 at 24 kHz. */
  push(itemId: string, samples: Int16Array): void {
    if (samples.length === 0 || this.waiting + samples.length > MOST_WAITING) return;
    this.soundOf(itemId).chunks.push(samples);
    this.waiting += samples.length;
  }

  /** The message will get no more sound. */
  complete(itemId: string): void {
    const sound = this.sounds.find((other) => other.itemId === itemId);
    if (sound) sound.complete = true;
  }

  /** Drops everything, and says how far each message that was there had been played. */
  clear(): Position[] {
    const positions = this.sounds.map((sound) => this.position(sound, false));
    this.sounds.length = 0;
    this.waiting = 0;
    return positions;
  }

  /** The message that is sounding, and how far. */
  current(): Position | null {
    const sound = this.sounds[0];
    return sound && sound.played > 0 ? this.position(sound, false) : null;
  }

  /** Fills `out` with what comes next, silence where there is nothing. Returns the messages that ended. */
  render(out: Float32Array): Position[] {
    const ended: Position[] = [];
    let filled = 0;
    while (filled < out.length) {
      const sound = this.sounds[0];
      if (sound === undefined) break;
      filled = this.renderSound(sound, out, filled);
      if (sound.chunks.length > 0) break;
      if (!sound.complete && this.sounds.length === 1) break; // More of it is on its way.
      ended.push(this.position(sound, true));
      this.sounds.shift();
    }
    this.fade(out, filled);
    return ended;
  }

  private renderSound(sound: Sound, out: Float32Array, from: number): number {
    let at = from;
    while (at < out.length) {
      const chunk = sound.chunks[0];
      if (chunk === undefined) return at;
      const index = Math.floor(sound.offset);
      const here = chunk[index] ?? 0;
      const next = chunk[index + 1] ?? sound.chunks[1]?.[0] ?? here;
      this.last = (here + (next - here) * (sound.offset - index)) / 32_768;
      out[at] = this.last;
      at += 1;
      sound.offset += this.step;
      sound.played += this.step;
      if (sound.offset >= chunk.length) {
        sound.offset -= chunk.length;
        sound.chunks.shift();
        this.waiting -= chunk.length;
      }
    }
    return at;
  }

  private fade(out: Float32Array, from: number): void {
    for (let at = from; at < out.length; at += 1) {
      this.last = Math.abs(this.last) < 1e-4 ? 0 : this.last * 0.95;
      out[at] = this.last;
    }
  }

  private soundOf(itemId: string): Sound {
    const last = this.sounds.at(-1);
    if (last?.itemId === itemId) return last;
    const sound: Sound = { itemId, chunks: [], offset: 0, played: 0, complete: false };
    this.sounds.push(sound);
    return sound;
  }

  private position(sound: Sound, ended: boolean): Position {
    return { itemId: sound.itemId, ms: Math.round((sound.played / RATE) * 1000), ended };
  }
}
