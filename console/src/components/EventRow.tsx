/** One event in one line; opened, with its payload. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { type EventLine, lineOf, payloadOf } from "../event-lines";
import type { LogFrame } from "../frames";
import { timeOfDay } from "../time";
import { Json } from "./Json";

interface EventRowProps {
  event: LogFrame;
  index: number;
  count: number;
  startedAt: number | null;
  open: boolean;
  toggle: (index: number) => void;
  /** Told the height in px of a row that is open. */
  measured: (index: number, height: number) => void;
}

const ARROWS: Record<EventLine["direction"], { sign: string; words: string }> = {
  up: { sign: "▲", words: "sent" },
  down: { sign: "▼", words: "received" },
  own: { sign: "·", words: "" },
};

export function EventRow({ event, index, count, startedAt, open, toggle, measured }: EventRowProps): VNode {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!open || !element.current) return undefined;
    const row = element.current;
    const observer = new ResizeObserver(() => measured(index, row.offsetHeight));
    observer.observe(row);
    return () => observer.disconnect();
  }, [open, index]);
  const { direction, name, summary, tone } = lineOf(event);
  const arrow = ARROWS[direction];
  return (
    <div ref={element} class={`row row-${direction} row-${tone}`} role="listitem" aria-setsize={count} aria-posinset={index + 1}>
      <button type="button" class="row-head" aria-expanded={open} onClick={() => toggle(index)}>
        <span class="row-time">{timeOfDay(startedAt, event.at_ms)}</span>
        <span class="row-arrow" aria-hidden="true">
          {arrow.sign}
        </span>
        {arrow.words && <span class="visually-hidden">{arrow.words}</span>}
        <span class="row-name">{name}</span>
        <span class="row-summary" dir="auto">
          {summary}
        </span>
      </button>
      {open && <Json value={payloadOf(event)} />}
    </div>
  );
}
