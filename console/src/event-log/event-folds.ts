/** Rows of the event log: events, and runs of deltas that fold into one row. */
import type { LogFrame } from "../transport/frames";
import { kindOf } from "./event-kinds";
import type { Selection } from "./event-selection";

export type LogRow =
  /** `nested`: the event belongs to the unfolded run above it. */
  | { type: "event"; key: number; event: LogFrame; nested: boolean }
  /** Consecutive deltas; `key` is the negative seq of the first. */
  | { type: "run"; key: number; event: LogFrame; lastSeq: number; count: number; open: boolean };

export interface LogRows {
  readonly length: number;
  at(index: number): LogRow | undefined;
}

/** Fold the runs of at least two deltas. Each event is processed once, until a run is opened or folded. */
export class EventFolds {
  private first: LogFrame | undefined;
  private processed = 0;
  private rows: LogRow[] = [];
  private readonly opened = new Set<number>();

  /** @param folded false keeps each delta in a row of its own. */
  constructor(private readonly folded = true) {}

  update(events: Selection): LogRows {
    if (events.length < this.processed || events.at(0) !== this.first) {
      this.first = events.at(0);
      this.reset();
    }
    for (; this.processed < events.length; this.processed += 1) {
      const event = events.at(this.processed);
      if (event) this.add(event);
    }
    const { rows } = this;
    return { length: rows.length, at: (index) => rows[index] };
  }

  /** Open or fold the run with this key. */
  toggle(key: number, open = !this.opened.has(key)): void {
    if (open) this.opened.add(key);
    else this.opened.delete(key);
    this.reset();
  }

  /** Open the folded run that hides the event with this seq, and return whether one did; then `update`. */
  reveal(seq: number): boolean {
    const run = this.rows.findLast((row) => row.event.seq <= seq);
    if (run?.type !== "run" || run.open || seq > run.lastSeq) return false;
    this.toggle(run.key, true);
    return true;
  }

  private reset(): void {
    this.processed = 0;
    this.rows = [];
  }

  private add(event: LogFrame): void {
    const last = this.rows.at(-1);
    if (!this.folded || !isDelta(event) || last === undefined || !isDelta(last.event))
      this.rows.push(row(event, false));
    else if (last.type === "run") this.rows[this.rows.length - 1] = grown(last, event);
    else if (!last.nested) this.startRun(last.event, event);
    else {
      const head = this.rows.findLastIndex((one) => one.type === "run");
      const run = this.rows[head];
      if (run?.type === "run") this.rows[head] = grown(run, event);
      this.rows.push(row(event, true));
    }
  }

  private startRun(first: LogFrame, second: LogFrame): void {
    const open = this.opened.has(-first.seq);
    const run: LogRow = { type: "run", key: -first.seq, event: first, lastSeq: second.seq, count: 2, open };
    this.rows[this.rows.length - 1] = run;
    if (open) this.rows.push(row(first, true), row(second, true));
  }
}

/** Return the index of the row with the event of this seq, or of the first row after it. */
export function indexOfSeq(rows: LogRows, seq: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = rows.at(middle);
    const isBefore = found === undefined || found.event.seq < seq || (found.event.seq === seq && found.key < 0);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  // A folded run comes before the events after it.
  const before = rows.at(low - 1);
  return before?.type === "run" && !before.open && before.event.seq === seq ? low - 1 : low;
}

function grown(run: LogRow & { type: "run" }, event: LogFrame): LogRow {
  return { ...run, lastSeq: event.seq, count: run.count + 1 };
}

function row(event: LogFrame, nested: boolean): LogRow {
  return { type: "event", key: event.seq, event, nested };
}

function isDelta(event: LogFrame): boolean {
  return kindOf(event).endsWith(".delta");
}
