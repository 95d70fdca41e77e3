/** How long the agent stays muted after it was cut off. */

/** Peaks below this are silence as services send it. */
const SILENCE = 0.002;
/** Longer than speakers pause between sentences. */
const OVER_MS = 600;

/**
 * A mute bridges the time until the service has fallen silent, and must not outlast it: the word that the next answer
 * begins can get lost with a connection. So it ends with the first real silence, too.
 */
export class Hush {
  private isOn = false;
  private quietSince = 0;

  get on(): boolean {
    return this.isOn;
  }

  begin(now: number): void {
    this.isOn = true;
    this.quietSince = now;
  }

  end(): void {
    this.isOn = false;
  }

  /** What arrives at a time in ms, though it may not be heard; true if the mute has ended with it. */
  hears(peak: number, now: number): boolean {
    if (!this.isOn) return false;
    if (peak > SILENCE) this.quietSince = now;
    if (now - this.quietSince < OVER_MS) return false;
    this.isOn = false;
    return true;
  }
}
