/** Collects what comes in faster than a screen can show, so that a burst of events is drawn once. */

const LATEST_MS = 100;

export class FrameBuffer<T> {
  private waiting: T[] = [];
  private frame: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param flushed gets all that came since the last time, at most once for each frame of the screen. */
  constructor(private readonly flushed: (items: readonly T[]) => void) {}

  push(item: T): void {
    this.waiting.push(item);
    if (this.timer !== undefined) return;
    this.frame = requestAnimationFrame(() => this.flush());
    // A page in the background gets no animation frames.
    this.timer = setTimeout(() => this.flush(), LATEST_MS);
  }

  flush(): void {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = this.timer = undefined;
    const items = this.waiting;
    this.waiting = [];
    if (items.length > 0) this.flushed(items);
  }

  /** Forgets what waits. */
  drop(): void {
    this.waiting = [];
  }
}
