/** The kinds of event that a log has, and the ways to show some of them. Going on, it looks at each event once. */
import type { EventList } from "./event-list";
import { lineOf } from "./event-lines";
import type { LogFrame } from "../transport/frames";

/** What is shown: everything, a group, or one kind by its name. */
export type Choice = "all" | "story" | "wire" | "tools" | "errors" | `kind:${string}`;

export const GROUPS: readonly { choice: Choice; title: string }[] = [
  { choice: "all", title: "All events" },
  { choice: "story", title: "Without the wire" },
  { choice: "wire", title: "The wire ▲▼" },
  { choice: "tools", title: "Tools" },
  { choice: "errors", title: "Errors" },
];

/** Events that say that something grows or flows, and are many. */
const CHATTER = new Set(["wire.sent", "wire.received", "message.delta", "audio.stats", "audio.started", "audio.done", "audio.cleared"]);
const TOOLS = new Set(["tool.started", "tool.progress", "tool.done", "approval.needed", "approval.resolved"]);

/** The name that stands in an event's line. */
export function kindOf(frame: LogFrame): string {
  if (frame.kind !== "wire.sent" && frame.kind !== "wire.received") return frame.kind;
  return typeof frame.event["type"] === "string" ? frame.event["type"] : frame.kind;
}

export function isChosen(frame: LogFrame, choice: Choice): boolean {
  switch (choice) {
    case "all":
      return true;
    case "story":
      return !CHATTER.has(frame.kind);
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
  private looked = 0;
  private seen = { own: new Set<string>(), wire: new Set<string>() };
  private found: Kinds = { own: [], wire: [] };

  /** The same object as long as no new kind has come. */
  update(events: EventList): Kinds {
    if (events.length < this.looked || events.at(0) !== this.first) {
      this.first = events.at(0);
      this.looked = 0;
      this.seen = { own: new Set(), wire: new Set() };
      this.found = { own: [], wire: [] };
    }
    const known = this.seen.own.size + this.seen.wire.size;
    for (; this.looked < events.length; this.looked += 1) {
      const event = events.at(this.looked);
      if (event) (isChosen(event, "wire") ? this.seen.wire : this.seen.own).add(kindOf(event));
    }
    if (this.seen.own.size + this.seen.wire.size > known) {
      this.found = { own: [...this.seen.own].toSorted(), wire: [...this.seen.wire].toSorted() };
    }
    return this.found;
  }
}
