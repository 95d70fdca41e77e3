/** Row of an event; expanded, with its payload and its paired event. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useContext, useLayoutEffect, useRef } from "preact/hooks";
import { PlaybackContext } from "../timeline/playback";
import type { LogFrame } from "../transport/frames";
import { copyToClipboard } from "../ui/export";
import { Icon, type IconName } from "../ui/icons";
import { Json } from "../ui/Json";
import { memo } from "../ui/memo";
import { count } from "../ui/numbers";
import { callTime, duration, sinceStart, timeOfDay } from "../ui/time";
import type { LogRow } from "./event-folds";
import { type EventLine, lineOf, payloadOf } from "./event-lines";
import type { Pair } from "./event-pairs";
import { eventAddress, showEvent } from "./event-target";

interface EventRowProps {
  id: string;
  event: LogFrame;
  index: number;
  /** True in an unfolded run of deltas. */
  nested: boolean;
  callId: string | null;
  startedAt: number | null;
  open: boolean;
  /** True for the tree's active row. */
  active: boolean;
  pair: Pair | undefined;
  /** True if its pair contains the active row. */
  highlighted: boolean;
  /** Classes of a row at or after the playhead of a stored call. */
  moment: string;
  toggle: (index: number) => void;
  /** Receives the seq of an expanded row and its height in px. */
  onHeight: (seq: number, height: number) => void;
}

const ARROWS: Record<EventLine["direction"], { sign: string; words: string }> = {
  up: { sign: "▲", words: "sent" },
  down: { sign: "▼", words: "received" },
  own: { sign: "·", words: "" },
};

export const EventRow = memo((props: EventRowProps): VNode => {
  const { id, event, index, nested, open, active, pair, highlighted, moment, toggle } = props;
  const { direction, name, summary, tone } = lineOf(event);
  const arrow = ARROWS[direction];
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the tree has the focus and names its row by aria-activedescendant.
    <div
      id={id}
      class={`row row-${direction} row-${tone}${nested ? " row-nested" : ""}${active ? " row-active" : ""}${highlighted ? " row-paired" : ""}${moment}`}
      role="treeitem"
      aria-level={nested ? 2 : 1}
      aria-setsize={-1}
      aria-posinset={index + 1}
      aria-expanded={open}
      aria-selected={active}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles the keys of all rows. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the row around it has the role. */}
      <div class="row-head" onClick={() => toggle(index)}>
        <span class="row-time">{callTime(event.at_ms)}</span>
        <span class="row-arrow" aria-hidden="true">
          {arrow.sign}
        </span>
        {arrow.words && <span class="visually-hidden">{arrow.words}</span>}
        <span class="row-name">{name}</span>
        <span class="row-summary" dir="auto">
          {summary}
        </span>
        {pair && <Icon name="pair" />}
      </div>
      {open && <EventDetail {...props} />}
    </div>
  );
});

interface RunRowProps {
  id: string;
  row: Extract<LogRow, { type: "run" }>;
  index: number;
  active: boolean;
  moment: string;
  toggle: (index: number) => void;
}

/** Row of a run of deltas. */
export const RunRow = memo(
  ({ id, row, index, active, moment, toggle }: RunRowProps): VNode => (
    // biome-ignore lint/a11y/useFocusableInteractive: the tree has the focus and names its row by aria-activedescendant.
    <div
      id={id}
      class={`row row-own row-plain row-run${active ? " row-active" : ""}${moment}`}
      role="treeitem"
      aria-level={1}
      aria-setsize={-1}
      aria-posinset={index + 1}
      aria-expanded={row.open}
      aria-selected={active}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles the keys of all rows. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the row around it has the role. */}
      <div class="row-head" onClick={() => toggle(index)}>
        <span class="row-time">{callTime(row.event.at_ms)}</span>
        <span class="row-arrow" aria-hidden="true">
          ·
        </span>
        <span class="row-name">{count(row.count)} deltas</span>
        <span aria-hidden="true">{row.open ? "▾" : "▸"}</span>
      </div>
    </div>
  ),
);

function EventDetail({ event, callId, startedAt, pair, onHeight }: EventRowProps): VNode {
  const element = useRef<HTMLDivElement>(null);
  const playback = useContext(PlaybackContext);
  useLayoutEffect(() => {
    const row = element.current?.parentElement;
    if (!row) return undefined;
    const observer = new ResizeObserver(() => onHeight(event.seq, row.offsetHeight));
    observer.observe(row);
    return () => observer.disconnect();
  }, [event.seq]);
  const other = pair && (pair.begin === event ? pair.end : pair.begin);
  return (
    <div ref={element} class="row-detail">
      <div class="row-actions">
        <span class="muted">{`${timeOfDay(startedAt, event.at_ms)} · ${sinceStart(event.at_ms)}`}</span>
        <CopyButton
          label="Event as JSON"
          title="Copy the event, as JSON"
          icon="copy"
          text={() => JSON.stringify(event, null, 2)}
        />
        {callId !== null && (
          <CopyButton
            label="Copy link"
            title="Copy the address of this event"
            icon="link"
            text={() => eventAddress(location.href, callId, event.seq)}
          />
        )}
        {playback && (
          <button type="button" class="button button-small" onClick={() => playback.seek(event.at_ms)}>
            <Icon name="play" />
            Play from here
          </button>
        )}
        {pair && other && (
          <button type="button" class="button button-small" onClick={() => showEvent(other.seq, { focus: true })}>
            <Icon name="pair" />
            {`Go to its ${other === pair.end ? "result" : "beginning"}`}
          </button>
        )}
      </div>
      <Json value={payloadOf(event)} />
      {pair && other && (
        <>
          <p class="muted row-pair">
            {`${other === pair.end ? "Ended by" : "Started by"} ${lineOf(other).name}, ${duration(Math.abs(other.at_ms - event.at_ms))} ${other === pair.end ? "later" : "earlier"}:`}
          </p>
          <Json value={payloadOf(other)} />
        </>
      )}
    </div>
  );
}

interface CopyButtonProps {
  label: string;
  title: string;
  icon: IconName;
  text: () => string;
}

function CopyButton({ label, title, icon, text }: CopyButtonProps): VNode {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    copied.value = await copyToClipboard(text());
  };
  return (
    <button type="button" class="button button-small" aria-label={label} title={title} onClick={() => void copy()}>
      <Icon name={copied.value ? "done" : icon} />
      {copied.value ? "Copied!" : label}
    </button>
  );
}
