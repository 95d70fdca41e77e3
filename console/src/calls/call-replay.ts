/** States of a stored call at each time: the reducer over its log, with snapshots, so that a seek reduces little. */
import { type CallState, emptyCall } from "../call/call-state";
import { reduce } from "../call/reducer";
import type { LogFrame } from "../transport/frames";

/** Events between two snapshots. */
const SNAPSHOT_EVENTS = 250;

export class CallReplay {
  /** The call at the end of its log. */
  readonly whole: CallState;
  /** States after 0, 250, 500 … events. */
  private readonly snapshots: CallState[] = [];
  private current: CallState = emptyCall();
  private applied = 0;

  /** @param frames the log, in order. */
  constructor(private readonly frames: readonly LogFrame[]) {
    let state = emptyCall();
    frames.forEach((frame, index) => {
      if (index % SNAPSHOT_EVENTS === 0) this.snapshots.push(state);
      state = reduce(state, frame);
    });
    this.whole = state;
  }

  /** Duration of the log in ms. */
  get durationMs(): number {
    return this.frames.at(-1)?.at_ms ?? 0;
  }

  /** Return the call as it was seen at a time in ms; the same object between two events. */
  at(ms: number): CallState {
    const count = this.countUntil(ms);
    if (count === this.frames.length) return this.whole;
    const snapshot = Math.floor(count / SNAPSHOT_EVENTS);
    if (count < this.applied || this.applied < snapshot * SNAPSHOT_EVENTS) {
      this.current = this.snapshots[snapshot] ?? emptyCall();
      this.applied = snapshot * SNAPSHOT_EVENTS;
    }
    for (; this.applied < count; this.applied += 1) {
      const frame = this.frames[this.applied];
      if (frame) this.current = reduce(this.current, frame);
    }
    return this.current;
  }

  /** Return the time in ms of an event, or of the last one before it; null without one. */
  timeOf(seq: number): number | null {
    return this.frames.findLast((frame) => frame.seq <= seq)?.at_ms ?? null;
  }

  /** Return the number of events up to a time. */
  private countUntil(ms: number): number {
    let low = 0;
    let high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.frames[middle]?.at_ms ?? 0) <= ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
