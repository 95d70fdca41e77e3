/** Which events belong together: a tool's call and its result, a question and its answer. Looks at each event once. */
import type { EventList } from "./event-list";
import type { LogFrame } from "../transport/frames";

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
  private looked = 0;
  private begun = new Map<string, LogFrame>();
  private found = new Map<number, Pair>();

  update(events: EventList): void {
    if (events.length < this.looked || events.at(0) !== this.first) {
      this.first = events.at(0);
      this.looked = 0;
      this.begun = new Map();
      this.found = new Map();
    }
    for (; this.looked < events.length; this.looked += 1) {
      const event = events.at(this.looked);
      if (event) this.add(event);
    }
  }

  /** The pair that the event with this seq is a half of. */
  of(seq: number): Pair | undefined {
    return this.found.get(seq);
  }

  private add(event: LogFrame): void {
    const half = halfOf(event);
    if (half === null) return;
    if (!half.ends) {
      if (!this.begun.has(half.key)) this.begun.set(half.key, event);
      return;
    }
    const begin = this.begun.get(half.key);
    if (begin === undefined || this.found.has(begin.seq)) return;
    const pair = { begin, end: event };
    this.found.set(begin.seq, pair);
    this.found.set(event.seq, pair);
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

/** On the wire a call comes when its arguments are complete, and its output goes up as an item. */
function wireHalf(event: Record<string, unknown>, sent: boolean): Half | null {
  if (!sent && event["type"] === "response.function_call_arguments.done") return half(event["call_id"], false);
  const item = event["item"];
  if (!sent || event["type"] !== "conversation.item.create" || typeof item !== "object" || item === null) return null;
  const { type, call_id } = item as Record<string, unknown>;
  return type === "function_call_output" ? half(call_id, true) : null;
}

function half(callId: unknown, ends: boolean): Half | null {
  return typeof callId === "string" ? { key: `wire ${callId}`, ends } : null;
}
