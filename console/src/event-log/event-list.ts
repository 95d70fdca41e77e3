/** The events of a log, in order. Appending is constant work: the array is shared by all states and only grows. */
import type { LogFrame } from "../transport/frames";

/**
 * A view of the first `length` events. Older views stay right while newer ones grow, since nothing before their
 * length ever changes.
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

  /** A view with one event more. Only the newest view can be appended to without a copy. */
  with(frame: LogFrame): EventList {
    const frames = this.frames.length === this.length ? this.frames : this.frames.slice(0, this.length);
    frames.push(frame);
    return new EventList(frames, this.length + 1);
  }
}
