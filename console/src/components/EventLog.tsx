/** Every event of the call, raw ones too: filtered, paused, opened. Only the rows in sight exist. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { EventList } from "../event-list";
import { EventSelection } from "../event-selection";
import { useFollow } from "../follow";
import { RowGeometry } from "../row-geometry";
import { EventRow } from "./EventRow";
import { Icon } from "./icons";
import { JumpButton } from "./JumpButton";

const ROW_PX = 28;
/** Rows drawn beyond the edges, so that fast scrolling shows no gaps. */
const MARGIN_PX = 10 * ROW_PX;

export function EventLog({ events, startedAt }: { events: EventList; startedAt: number | null }): VNode {
  const filter = useSignal("");
  const paused = useSignal<EventList | null>(null);
  const shown = paused.value ?? events;
  const selection = useRef(new EventSelection());
  const chosen = selection.current.update(shown, filter.value);
  const isNew = events.length < (paused.value?.length ?? 0);
  useEffect(() => {
    if (isNew) paused.value = null;
  }, [isNew]);
  return (
    <section class="event-log" aria-label="Event log">
      <header class="pane-head">
        <h2>Event log</h2>
        <span class="count" aria-live="off">
          {chosen.length < shown.length ? `${chosen.length} of ${shown.length}` : shown.length}
        </span>
        <input
          type="search"
          class="filter"
          aria-label="Filter events"
          placeholder="Filter"
          autocomplete="off"
          spellcheck={false}
          value={filter.value}
          onInput={(event) => (filter.value = event.currentTarget.value)}
        />
        <button
          type="button"
          class="icon-button"
          aria-label={paused.value ? "Go on showing events" : "Pause"}
          title={paused.value ? `Go on (${events.length - paused.value.length} new)` : "Pause"}
          aria-pressed={paused.value !== null}
          onClick={() => (paused.value = paused.value ? null : events)}
        >
          <Icon name={paused.value ? "play" : "pause"} />
        </button>
      </header>
      <Rows key={filter.value} events={chosen} startedAt={startedAt} />
    </section>
  );
}

interface Rows {
  readonly length: number;
  at(index: number): ReturnType<EventList["at"]>;
}

function Rows({ events, startedAt }: { events: Rows; startedAt: number | null }): VNode {
  const { frame, content, following, onScroll, jump } = useFollow();
  const geometry = useMemo(() => new RowGeometry(ROW_PX), []);
  const [view, setView] = useState({ top: 0, height: 0 });
  const [, redraw] = useState(0);
  const open = useRef(new Set<number>());
  const look = (): void => {
    const element = frame.current;
    if (element) setView({ top: element.scrollTop, height: element.clientHeight });
  };
  useEffect(() => {
    const observer = new ResizeObserver(look);
    if (frame.current) observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);

  const count = events.length;
  if (count === 0 && open.current.size > 0) {
    open.current.clear();
    geometry.clear();
  }
  const total = geometry.total(count);
  // While it follows, the newest rows are drawn before the scroll position has caught up with them.
  const top = following ? Math.max(0, total - view.height) : view.top;
  const { first, end } = geometry.range(top - MARGIN_PX, top + view.height + MARGIN_PX, count);
  const measured = (index: number, height: number): void => {
    if (geometry.heightOf(index) === height) return;
    geometry.setHeight(index, height);
    redraw((times) => times + 1);
  };
  const toggle = (index: number): void => {
    if (!open.current.delete(index)) open.current.add(index);
    else geometry.setHeight(index, ROW_PX);
    redraw((times) => times + 1);
  };
  const rows: VNode[] = [];
  for (let index = first; index < end; index += 1) {
    const event = events.at(index);
    if (!event) continue;
    rows.push(
      <EventRow
        key={event.seq}
        event={event}
        index={index}
        count={count}
        startedAt={startedAt}
        open={open.current.has(index)}
        toggle={toggle}
        measured={measured}
      />,
    );
  }
  return (
    <>
      <div
        class="scroll"
        ref={frame}
        tabIndex={0}
        onScroll={() => {
          onScroll();
          look();
        }}
      >
        <div class="rows" ref={content} role="list" style={{ height: `${total}px` }}>
          <div class="rows-window" role="presentation" style={{ transform: `translateY(${geometry.top(first)}px)` }}>
            {rows}
          </div>
        </div>
      </div>
      {!following && <JumpButton onClick={jump} />}
    </>
  );
}
