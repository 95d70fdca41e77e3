/** Events of a log in order. Appending takes constant time: all states share one array that only grows. */
import type { LogFrame } from "../transport/frames";

/**
 * A view of the first `length` events. Older views stay valid while newer ones grow, since the events before their
 * length never change.
 */
export class EventList {
  private constructor(
    private readonly frames: LogFrame[],
    readonly length: number,
  ) {}

  static empty(): EventList {
    return new EventList([], 0);
  }

  at(index: number): LogFrame | undefined {
    return index < this.length ? this.frames[index] : undefined;
  }

  /** Return a view with one more event. Only the newest view appends without a copy. */
  with(frame: LogFrame): EventList {
    const frames = this.frames.length === this.length ? this.frames : this.frames.slice(0, this.length);
    frames.push(frame);
    return new EventList(frames, this.length + 1);
  }
}
