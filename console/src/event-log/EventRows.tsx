/** Virtual list of the event log's rows, with keyboard navigation as a tree. Runs of deltas fold into one row. */
import type { VNode } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { useFollow } from "../ui/follow";
import { JumpButton } from "../ui/JumpButton";
import { useStickToBottom } from "../ui/stick-to-bottom";
import { EventRow, RunRow } from "./EventRow";
import { EventFolds, indexOfSeq, type LogRows } from "./event-folds";
import { findBySeq } from "./event-list";
import type { EventPairs } from "./event-pairs";
import type { Selection } from "./event-selection";
import { type EventTarget, onEventShown } from "./event-target";
import { RowGeometry } from "./row-geometry";

const ROW_PX = 28;
/** Rendered area beyond the edges, so that fast scrolling shows no gaps. */
const MARGIN_PX = 10 * ROW_PX;

interface EventRowsProps {
  events: Selection;
  /** True if runs of deltas fold into one row. */
  folded: boolean;
  pairs: EventPairs;
  callId: string | null;
  startedAt: number | null;
  /** An event to scroll to, once it is among the events. */
  target: EventTarget | null;
  /** The seq of the last event before the playhead; null without a playhead, undefined in a live call. */
  playhead: number | null | undefined;
}

export function EventRows({ events, folded, pairs, callId, startedAt, target, playhead }: EventRowsProps): VNode {
  const isStored = playhead !== undefined;
  const { container, content, sticking, onScroll, jump, stay } = useStickToBottom(!isStored);
  const geometry = useMemo(() => new RowGeometry(ROW_PX), []);
  const [view, setView] = useState({ top: 0, height: 0 });
  const [active, setActive] = useState<number | null>(null);
  const [, redraw] = useState(0);
  const folds = useMemo(() => new EventFolds(folded), []);
  /** Heights in px of the expanded events by seq; 0 until one is measured. */
  const open = useRef(new Map<number, number>());
  const shown = useRef<LogRows>({ length: 0, at: () => undefined });
  const id = useId();
  /** The seq of an event to scroll to when a hidden log appears. */
  const unscrolled = useRef<number | null>(null);
  const measureViewport = (): void => {
    const element = container.current;
    if (!element) return;
    if (unscrolled.current !== null && element.clientHeight > 0) {
      scrollToRow(indexOfSeq(shown.current, unscrolled.current), 0.3);
      unscrolled.current = null;
    }
    setView({ top: element.scrollTop, height: element.clientHeight });
  };
  useEffect(() => {
    const observer = new ResizeObserver(measureViewport);
    if (container.current) observer.observe(container.current);
    return () => observer.disconnect();
  }, []);

  if (events.length === 0) open.current.clear();
  const rows = folds.update(events);
  const count = rows.length;
  shown.current = rows;
  geometry.clear();
  for (const [seq, height] of open.current) {
    const index = indexOfSeq(rows, seq);
    if (height > 0 && rows.at(index)?.key === seq) geometry.setHeight(index, height);
  }
  const scrollToRow = (index: number, share: number | null): void => {
    const element = container.current;
    if (!element) return;
    const top = geometry.top(index);
    if (share !== null) element.scrollTop = top - share * element.clientHeight;
    else if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW_PX > element.scrollTop + element.clientHeight)
      element.scrollTop = top + ROW_PX - element.clientHeight;
  };
  useEffect(() => {
    if (target === null || findBySeq(events, target.seq) === undefined) return;
    if (folds.reveal(target.seq)) {
      redraw((times) => times + 1);
      return;
    }
    const index = indexOfSeq(rows, target.seq);
    if (target.open) open.current.set(target.seq, open.current.get(target.seq) ?? 0);
    setActive(index);
    scrollToRow(index, 0.3);
    stay();
    unscrolled.current = container.current?.clientHeight === 0 ? target.seq : null;
    if (target.focus) container.current?.focus({ preventScroll: true });
    onEventShown();
  });
  const nowRow = playhead == null ? null : rowAtPlayhead(rows, playhead);
  const follow = useFollow(nowRow, (index) => scrollToRow(index, 0.4), container);
  const momentOf = (index: number): string => {
    if (nowRow === null) return "";
    return index === nowRow ? " row-now" : index > nowRow ? " row-later" : "";
  };
  // Stable functions, so that a row renders again only when its own properties change.
  const onHeight = useRef((seq: number, height: number): void => {
    if (!open.current.has(seq) || open.current.get(seq) === height) return;
    open.current.set(seq, height);
    redraw((times) => times + 1);
  });
  const toggle = useRef((index: number, to?: boolean): void => {
    const row = shown.current.at(index);
    if (row === undefined) return;
    if (row.type === "run") folds.toggle(row.key, to);
    else if (to ?? !open.current.has(row.key)) open.current.set(row.key, open.current.get(row.key) ?? 0);
    else open.current.delete(row.key);
    setActive(index);
    redraw((times) => times + 1);
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== container.current || event.altKey || event.ctrlKey || event.metaKey || count === 0) return;
    const page = Math.max(1, Math.floor(view.height / ROW_PX) - 1);
    const now = active ?? count;
    const steps: Record<string, number> = {
      ArrowUp: now - 1,
      ArrowDown: now + 1,
      PageUp: now - page,
      PageDown: now + page,
      Home: 0,
      End: count - 1,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      const index = Math.max(0, Math.min(count - 1, step));
      setActive(index);
      scrollToRow(index, null);
    } else if (active !== null && (event.key === "Enter" || event.key === " ")) toggle.current(active);
    else if (active !== null && event.key === "ArrowRight") toggle.current(active, true);
    else if (active !== null && event.key === "ArrowLeft") toggle.current(active, false);
    else return;
    event.preventDefault();
  };

  const total = geometry.total(count);
  // While sticking to the bottom, the newest rows render before the scroll position is updated.
  const top = sticking ? Math.max(0, total - view.height) : view.top;
  const { first, end } = geometry.range(top - MARGIN_PX, top + view.height + MARGIN_PX, count);
  const activePair = active === null ? undefined : pairs.of(rows.at(active)?.key ?? 0);
  const drawn: VNode[] = [];
  for (let index = first; index < end; index += 1) {
    const row = rows.at(index);
    if (!row) continue;
    if (row.type === "run") {
      drawn.push(
        <RunRow
          key={row.key}
          id={`${id}-${row.key}`}
          row={row}
          index={index}
          active={index === active}
          moment={momentOf(index)}
          toggle={toggle.current}
        />,
      );
      continue;
    }
    const { event } = row;
    const pair = pairs.of(event.seq);
    drawn.push(
      <EventRow
        key={row.key}
        id={`${id}-${row.key}`}
        event={event}
        index={index}
        nested={row.nested}
        callId={callId}
        startedAt={startedAt}
        open={open.current.has(row.key)}
        active={index === active}
        pair={pair}
        highlighted={pair !== undefined && pair === activePair}
        moment={momentOf(index)}
        toggle={toggle.current}
        onHeight={onHeight.current}
      />,
    );
  }
  const activeRow = active === null || active < first || active >= end ? undefined : rows.at(active);
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it has the role "tree" as soon as it has rows. */}
      <div
        class="scroll"
        ref={container}
        tabIndex={0}
        {...(count > 0 && {
          role: "tree",
          "aria-label": "Events",
          "aria-activedescendant": activeRow && `${id}-${activeRow.key}`,
        })}
        onScroll={() => {
          onScroll();
          measureViewport();
        }}
        onKeyDown={onKeyDown}
      >
        <div class="rows" ref={content} role="presentation" style={{ height: `${total}px` }}>
          <div class="rows-window" role="presentation" style={{ transform: `translateY(${geometry.top(first)}px)` }}>
            {drawn}
          </div>
        </div>
      </div>
      {!isStored && !sticking && <JumpButton onClick={jump} />}
      {isStored && !follow.following && nowRow !== null && (
        <JumpButton onClick={follow.resume} label="Jump to the playhead" />
      )}
    </>
  );
}

/** Return the index of the last row at or before the event of this seq; 0 if it is before all rows. */
function rowAtPlayhead(rows: LogRows, seq: number): number {
  const index = indexOfSeq(rows, seq);
  const row = rows.at(index);
  return row !== undefined && row.event.seq <= seq ? index : Math.max(0, index - 1);
}
