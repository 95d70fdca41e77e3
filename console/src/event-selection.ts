/** The events that a filter lets through. Going on from where it was, it looks at each event once. */
import type { EventList } from "./event-list";
import { matches } from "./event-lines";
import type { LogFrame } from "./frames";

export interface Selection {
  readonly length: number;
  at(index: number): LogFrame | undefined;
}

export class EventSelection {
  private filter = "";
  private words: string[] = [];
  private first: LogFrame | undefined;
  private looked = 0;
  private found: LogFrame[] = [];

  /** What the filter, some words in any order, lets through of these events. */
  update(events: EventList, filter: string): Selection {
    const wanted = filter.trim().toLowerCase();
    if (wanted === "") return events;
    if (wanted !== this.filter || events.length < this.looked || events.at(0) !== this.first) {
      this.filter = wanted;
      this.words = wanted.split(/\s+/);
      this.first = events.at(0);
      this.looked = 0;
      this.found = [];
    }
    for (; this.looked < events.length; this.looked += 1) {
      const event = events.at(this.looked);
      if (event && matches(event, this.words)) this.found.push(event);
    }
    const { found } = this;
    return { length: found.length, at: (index) => found[index] };
  }
}
