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

/** Return the event with this seq in a list in the order of seqs, or undefined. */
export function findBySeq(
  events: { readonly length: number; at(index: number): LogFrame | undefined },
  seq: number,
): LogFrame | undefined {
  const found = events.at(lastIndexBy(events, (event) => event.seq <= seq));
  return found?.seq === seq ? found : undefined;
}

/** Return the last event of a list by a time in ms, or undefined. */
export function lastBy(events: EventList, atMs: number): LogFrame | undefined {
  return events.at(lastIndexBy(events, (event) => event.at_ms <= atMs));
}

/** Return the index of the last event that is before a border, -1 without one: `isBefore` is true up to the border. */
function lastIndexBy(
  events: { readonly length: number; at(index: number): LogFrame | undefined },
  isBefore: (event: LogFrame) => boolean,
): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const event = events.at(middle);
    if (event !== undefined && isBefore(event)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
