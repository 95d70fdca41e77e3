/** Event log with raw events: search, filter by kind, pause and copy. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isCallerView } from "../call/catalogue";
import { copyToClipboard } from "../ui/export";
import { Icon } from "../ui/icons";
import { memo } from "../ui/memo";
import { EventRows } from "./EventRows";
import { EventKinds, GROUPS, type KindFilter, type Kinds } from "./event-kinds";
import { type EventList, findBySeq } from "./event-list";
import { EventPairs } from "./event-pairs";
import { EventSelection, type Selection } from "./event-selection";
import { eventTarget, onEventMissing } from "./event-target";

interface EventLogProps {
  events: EventList;
  /** The call of the events, for links to them. */
  callId: string | null;
  startedAt: number | null;
  /** True if no more events will arrive. */
  ended: boolean;
  /** The seq of the last event before the playhead of a stored call; null without a playhead. */
  playhead?: number | null;
}

export function EventLog({ events, callId, startedAt, ended, playhead }: EventLogProps): VNode {
  const filter = useSignal("");
  const choice = useSignal<KindFilter>("conversation");
  const paused = useSignal<EventList | null>(null);
  const selection = useRef(new EventSelection());
  const kinds = useRef(new EventKinds());
  const pairs = useRef(new EventPairs());
  const shown = paused.value ?? events;
  const chosen = selection.current.update(shown, filter.value, choice.value);
  pairs.current.update(shown);
  const isOtherCall = events.length < (paused.value?.length ?? 0);
  useEffect(() => {
    if (isOtherCall) paused.value = null;
  }, [isOtherCall]);
  const target = eventTarget.value;
  const found = target === null ? undefined : findBySeq(events, target.seq);
  const isShown = target !== null && findBySeq(chosen, target.seq) !== undefined;
  useEffect(() => {
    if (target === null || isShown) return;
    if (found === undefined) {
      if (cannotArrive(events, target.seq, ended)) onEventMissing(target.seq);
      return;
    }
    if (findBySeq(shown, target.seq) === undefined) paused.value = null;
    filter.value = "";
    choice.value = "all";
  });
  const waiting = paused.value === null ? 0 : events.length - paused.value.length;
  return (
    <section class="event-log" aria-label="Event log">
      <header class="pane-head event-head">
        <h2>Event log</h2>
        <span class="count">{chosen.length < shown.length ? `${chosen.length} of ${shown.length}` : shown.length}</span>
        <div class="pane-actions">
          <JsonButton events={chosen} />
          {playhead === undefined && (
            <button
              type="button"
              class="icon-button"
              aria-label={paused.value ? "Go on showing events" : "Pause"}
              title={paused.value ? `Resume (${waiting} new)` : "Pause"}
              aria-pressed={paused.value !== null}
              onClick={() => (paused.value = paused.value ? null : events)}
            >
              <Icon name={paused.value ? "play" : "pause"} />
            </button>
          )}
        </div>
        <div class="event-filters">
          <input
            type="search"
            class="filter"
            aria-label="Filter events"
            placeholder="Search"
            autocomplete="off"
            spellcheck={false}
            value={filter.value}
            onInput={(event) => (filter.value = event.currentTarget.value)}
          />
          <KindSelect
            kinds={kinds.current.update(shown)}
            choice={choice.value}
            onChange={(next: KindFilter) => (choice.value = next)}
          />
        </div>
      </header>
      {isCallerView.value && (
        <p class="event-none muted">A caller's part of the log: only operators see the events of the model.</p>
      )}
      {chosen.length === 0 && (
        <p class="event-none muted">
          {shown.length === 0 ? "Events of the call appear here." : "No event matches the filter."}
        </p>
      )}
      <EventRows
        key={`${choice.value} ${filter.value}`}
        events={chosen}
        // A search for words, or for one kind, wants to see each event.
        folded={filter.value === "" && !choice.value.startsWith("kind:")}
        pairs={pairs.current}
        callId={callId}
        startedAt={startedAt}
        target={target}
        playhead={playhead}
      />
    </section>
  );
}

/** Return whether an event that is not in the log will not arrive any more: the server has dropped it, or the call ended. */
function cannotArrive(events: EventList, seq: number, ended: boolean): boolean {
  const first = events.at(0);
  return first !== undefined && (seq < first.seq || ended);
}

function JsonButton({ events }: { events: Selection }): VNode {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    const frames = Array.from({ length: events.length }, (_, index) => events.at(index));
    copied.value = await copyToClipboard(JSON.stringify(frames, null, 2));
    setTimeout(() => (copied.value = false), 1600);
  };
  return (
    <button
      type="button"
      class="button button-small"
      aria-label="Events as JSON"
      title="Copy the events that are shown, as JSON"
      disabled={events.length === 0}
      onClick={() => void copy()}
    >
      <Icon name={copied.value ? "done" : "copy"} />
      {copied.value ? "Copied!" : "Events as JSON"}
    </button>
  );
}

interface KindSelectProps {
  kinds: Kinds;
  choice: KindFilter;
  onChange: (choice: KindFilter) => void;
}

/** Select for the kind filter; its options render only after a new kind has arrived. */
function KindSelect({ kinds, choice, onChange }: KindSelectProps): VNode {
  return (
    <select aria-label="Kind" value={choice} onChange={(event) => onChange(event.currentTarget.value as KindFilter)}>
      <KindOptions kinds={kinds} choice={choice} />
    </select>
  );
}

const KindOptions = memo(({ kinds, choice }: { kinds: Kinds; choice: KindFilter }): VNode => {
  // A label without text, so that the browser's page search finds the event instead of the option.
  const option = (name: string): VNode => (
    <option key={name} value={`kind:${name}`} label={name} selected={choice === `kind:${name}`} />
  );
  return (
    <>
      {GROUPS.map(({ choice: group, title }) => (
        <option key={group} value={group} selected={choice === group}>
          {title}
        </option>
      ))}
      {kinds.own.length > 0 && <optgroup label="The call">{kinds.own.map(option)}</optgroup>}
      {kinds.wire.length > 0 && <optgroup label="The wire">{kinds.wire.map(option)}</optgroup>}
    </>
  );
});
