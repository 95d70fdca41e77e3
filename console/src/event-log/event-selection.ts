/** The events that a filter lets through. Going on from where it was, it looks at each event once. */
import type { EventList } from "./event-list";
import { type Choice, isChosen } from "./event-kinds";
import { matches } from "./event-lines";
import type { LogFrame } from "../transport/frames";

export interface Selection {
  readonly length: number;
  at(index: number): LogFrame | undefined;
}

export class EventSelection {
  private wanted = "";
  private words: string[] = [];
  private first: LogFrame | undefined;
  private looked = 0;
  private found: LogFrame[] = [];

  /** What the filter, some words in any order, and the choice of kinds let through of these events. */
  update(events: EventList, filter: string, choice: Choice = "all"): Selection {
    const words = filter.trim().toLowerCase();
    if (words === "" && choice === "all") return events;
    const wanted = `${choice} ${words}`;
    if (wanted !== this.wanted || events.length < this.looked || events.at(0) !== this.first) {
      this.wanted = wanted;
      this.words = words === "" ? [] : words.split(/\s+/);
      this.first = events.at(0);
      this.looked = 0;
      this.found = [];
    }
    for (; this.looked < events.length; this.looked += 1) {
      const event = events.at(this.looked);
      if (event && isChosen(event, choice) && matches(event, this.words)) this.found.push(event);
    }
    const { found } = this;
    return { length: found.length, at: (index) => found[index] };
  }
}

/** The index of the event with this seq, or of the first after it. */
export function indexOfSeq(events: Selection, seq: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events.at(middle)?.seq ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
