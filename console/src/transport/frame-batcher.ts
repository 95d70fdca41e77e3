/** Batches of frames: a burst of events is rendered once for each animation frame. */

const MAX_DELAY_MS = 100;

export class FrameBatcher<T> {
  private pending: T[] = [];
  private animationFrame: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onBatch receives the items since the last batch, at most once for each animation frame. */
  constructor(private readonly onBatch: (items: readonly T[]) => void) {}

  push(item: T): void {
    this.pending.push(item);
    if (this.timer !== undefined) return;
    this.animationFrame = requestAnimationFrame(() => this.flush());
    // A page in the background gets no animation frames.
    this.timer = setTimeout(() => this.flush(), MAX_DELAY_MS);
  }

  flush(): void {
    if (this.animationFrame !== undefined) cancelAnimationFrame(this.animationFrame);
    clearTimeout(this.timer);
    this.animationFrame = this.timer = undefined;
    const items = this.pending;
    this.pending = [];
    if (items.length > 0) this.onBatch(items);
  }

  /** Drop the pending items. */
  drop(): void {
    this.pending = [];
  }
}
