/** Pairs of events: a tool call and its result, an approval request and its answer. */

import type { LogFrame } from "../transport/frames";
import type { EventList } from "./event-list";

export interface Pair {
  begin: LogFrame;
  end: LogFrame;
}

interface Half {
  key: string;
  ends: boolean;
}

export class EventPairs {
  private first: LogFrame | undefined;
  private processed = 0;
  private begun = new Map<string, LogFrame>();
  private pairs = new Map<number, Pair>();

  update(events: EventList): void {
    if (events.length < this.processed || events.at(0) !== this.first) {
      this.first = events.at(0);
      this.processed = 0;
      this.begun = new Map();
      this.pairs = new Map();
    }
    for (; this.processed < events.length; this.processed += 1) {
      const event = events.at(this.processed);
      if (event) this.add(event);
    }
  }

  /** Return the pair of the event with this seq. */
  of(seq: number): Pair | undefined {
    return this.pairs.get(seq);
  }

  private add(event: LogFrame): void {
    const half = halfOf(event);
    if (half === null) return;
    if (!half.ends) {
      if (!this.begun.has(half.key)) this.begun.set(half.key, event);
      return;
    }
    const begin = this.begun.get(half.key);
    if (begin === undefined || this.pairs.has(begin.seq)) return;
    const pair = { begin, end: event };
    this.pairs.set(begin.seq, pair);
    this.pairs.set(event.seq, pair);
  }
}

function halfOf(frame: LogFrame): Half | null {
  switch (frame.kind) {
    case "tool.started":
    case "tool.done":
      return { key: `tool ${frame.call_id}`, ends: frame.kind === "tool.done" };
    case "approval.needed":
    case "approval.resolved":
      return { key: `approval ${frame.call_id}`, ends: frame.kind === "approval.resolved" };
    case "wire.sent":
    case "wire.received":
      return wireHalf(frame.event, frame.kind === "wire.sent");
    default:
      return null;
  }
}

/** Return the half that a wire event forms: a call with complete arguments, or its output as a created item. */
function wireHalf(event: Record<string, unknown>, sent: boolean): Half | null {
  if (!sent && event.type === "response.function_call_arguments.done") return half(event.call_id, false);
  const item = event.item;
  if (!sent || event.type !== "conversation.item.create" || typeof item !== "object" || item === null) return null;
  const { type, call_id } = item as Record<string, unknown>;
  return type === "function_call_output" ? half(call_id, true) : null;
}

function half(callId: unknown, ends: boolean): Half | null {
  return typeof callId === "string" ? { key: `wire ${callId}`, ends } : null;
}
