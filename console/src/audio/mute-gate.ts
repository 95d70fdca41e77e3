/** Gate that mutes the agent's audio after an interruption. */

/** Peaks up to this count as silence, as services send it. */
const SILENCE_PEAK = 0.002;
/** Longer than a pause between sentences. */
const MIN_SILENCE_MS = 600;

/**
 * The mute covers the audio that still arrives after an interruption. It ends with the next utterance, or with the
 * first real silence, since the event for the next utterance can be lost with a connection.
 */
export class MuteGate {
  private mutedNow = false;
  private quietSince = 0;

  get muted(): boolean {
    return this.mutedNow;
  }

  mute(now: number): void {
    this.mutedNow = true;
    this.quietSince = now;
  }

  unmute(): void {
    this.mutedNow = false;
  }

  /** Update the gate with the peak at a time in ms, and return whether this ended the mute. */
  update(peak: number, now: number): boolean {
    if (!this.mutedNow) return false;
    if (peak > SILENCE_PEAK) this.quietSince = now;
    if (now - this.quietSince < MIN_SILENCE_MS) return false;
    this.mutedNow = false;
    return true;
  }
}
