/** Kinds of events in a log, and filters by kind. */

import type { LogFrame } from "../transport/frames";
import { lineOf } from "./event-lines";
import type { EventList } from "./event-list";

/** A filter: all events, a group, or one kind by its name. */
export type KindFilter = "all" | "conversation" | "wire" | "tools" | "errors" | `kind:${string}`;

export const GROUPS: readonly { choice: KindFilter; title: string }[] = [
  { choice: "all", title: "All events" },
  { choice: "conversation", title: "Without the wire" },
  { choice: "wire", title: "The wire ▲▼" },
  { choice: "tools", title: "Tools" },
  { choice: "errors", title: "Errors" },
];

/** Raw events, and the counts of audio that repeat every second. */
const WIRE = new Set(["wire.sent", "wire.received", "audio.stats"]);
const TOOLS = new Set(["tool.started", "tool.progress", "tool.done", "approval.needed", "approval.resolved"]);

/** Return the name in an event's row. */
export function kindOf(frame: LogFrame): string {
  if (frame.kind !== "wire.sent" && frame.kind !== "wire.received") return frame.kind;
  return typeof frame.event.type === "string" ? frame.event.type : frame.kind;
}

export function matchesKind(frame: LogFrame, choice: KindFilter): boolean {
  switch (choice) {
    case "all":
      return true;
    case "conversation":
      return !WIRE.has(frame.kind);
    case "wire":
      return frame.kind === "wire.sent" || frame.kind === "wire.received";
    case "tools":
      return TOOLS.has(frame.kind);
    case "errors":
      return lineOf(frame).tone === "error";
    default:
      return `kind:${kindOf(frame)}` === choice;
  }
}

export interface Kinds {
  /** Kinds of the call's own events. */
  readonly own: readonly string[];
  /** Types of raw events. */
  readonly wire: readonly string[];
}

export class EventKinds {
  private first: LogFrame | undefined;
  private processed = 0;
  private seen = { own: new Set<string>(), wire: new Set<string>() };
  private kinds: Kinds = { own: [], wire: [] };

  /** Process new events, each once, and return the kinds; the same object until a new kind arrives. */
  update(events: EventList): Kinds {
    if (events.length < this.processed || events.at(0) !== this.first) {
      this.first = events.at(0);
      this.processed = 0;
      this.seen = { own: new Set(), wire: new Set() };
      this.kinds = { own: [], wire: [] };
    }
    const known = this.seen.own.size + this.seen.wire.size;
    for (; this.processed < events.length; this.processed += 1) {
      const event = events.at(this.processed);
      if (event) (matchesKind(event, "wire") ? this.seen.wire : this.seen.own).add(kindOf(event));
    }
    if (this.seen.own.size + this.seen.wire.size > known) {
      this.kinds = { own: [...this.seen.own].toSorted(), wire: [...this.seen.wire].toSorted() };
    }
    return this.kinds;
  }
}
