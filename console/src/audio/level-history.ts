/** Levels of both voices over time, as this page hears them. They are not in the log, so a reload loses them. */

import type { ReadonlySignal } from "@preact/signals";
import type { LogFrame } from "../transport/frames";

export type Side = "caller" | "agent";

/** Sources of the levels: peaks from 0 to 1; null without audio. */
export type LevelSource = () => Record<Side, ReadonlySignal<number>> | null;

const SAMPLE_MS = 100;
/** An hour. */
const MAX_SAMPLES = 36_000;

export class LevelHistory {
  private readonly times: number[] = [];
  private readonly levels: Record<Side, number[]> = { caller: [], agent: [] };
  /** The page's clock at the call's start, by the event that arrived soonest after it happened. */
  private startedAt = Number.POSITIVE_INFINITY;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly source: LevelSource,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Forget the levels of the former call. */
  clear(): void {
    this.times.length = this.levels.caller.length = this.levels.agent.length = 0;
    this.startedAt = Number.POSITIVE_INFINITY;
  }

  /** Measure from now on, or stop. */
  measure(on: boolean): void {
    clearInterval(this.timer);
    if (on) this.timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  /** Learn the call's clock from an event that has just arrived. */
  onLogFrame(frame: LogFrame): void {
    this.startedAt = Math.min(this.startedAt, this.now() - frame.at_ms);
  }

  /** Return the levels from one time of the call to another, in ms, every 100 ms; empty if none were measured. */
  between(side: Side, fromMs: number, toMs: number): number[] {
    const found: number[] = [];
    const from = fromMs + this.startedAt;
    const to = toMs + this.startedAt;
    for (let index = this.indexAt(from); index < this.times.length; index += 1) {
      if ((this.times[index] ?? 0) > to) break;
      found.push(this.levels[side][index] ?? 0);
    }
    return found;
  }

  private sample(): void {
    const source = this.source();
    if (source === null) return;
    if (this.times.length >= MAX_SAMPLES) {
      for (const list of [this.times, this.levels.caller, this.levels.agent]) list.splice(0, MAX_SAMPLES / 10);
    }
    this.times.push(this.now());
    this.levels.caller.push(source.caller.peek());
    this.levels.agent.push(source.agent.peek());
  }

  /** Return the index of the first sample at or after a time of the page's clock. */
  private indexAt(time: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.times[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
