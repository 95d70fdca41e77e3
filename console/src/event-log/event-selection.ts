/** Events that pass a filter, updated incrementally: each event is processed once. */

import type { LogFrame } from "../transport/frames";
import { type KindFilter, matchesKind } from "./event-kinds";
import { matchesWords } from "./event-lines";
import type { EventList } from "./event-list";

export interface Selection {
  readonly length: number;
  at(index: number): LogFrame | undefined;
}

export class EventSelection {
  private filterKey = "";
  private words: string[] = [];
  private first: LogFrame | undefined;
  private processed = 0;
  private found: LogFrame[] = [];

  /** Return the events that contain the filter's words in any order and pass the kind filter. */
  update(events: EventList, filter: string, choice: KindFilter = "all"): Selection {
    const words = filter.trim().toLowerCase();
    if (words === "" && choice === "all") return events;
    const wanted = `${choice} ${words}`;
    if (wanted !== this.filterKey || events.length < this.processed || events.at(0) !== this.first) {
      this.filterKey = wanted;
      this.words = words === "" ? [] : words.split(/\s+/);
      this.first = events.at(0);
      this.processed = 0;
      this.found = [];
    }
    for (; this.processed < events.length; this.processed += 1) {
      const event = events.at(this.processed);
      if (event && matchesKind(event, choice) && matchesWords(event, this.words)) this.found.push(event);
    }
    const { found } = this;
    return { length: found.length, at: (index) => found[index] };
  }
}
