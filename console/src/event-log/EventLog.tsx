/** Every event of the call, raw ones too: searched, chosen by kind, paused, taken along. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Choice, EventKinds, GROUPS, type Kinds } from "./event-kinds";
import type { EventList } from "./event-list";
import { EventPairs } from "./event-pairs";
import { EventSelection, type Selection } from "./event-selection";
import { toClipboard } from "../ui/export";
import { EventRows } from "./EventRows";
import { Icon } from "../ui/icons";
import { unchanging } from "../ui/memo";

export function EventLog({ events, startedAt }: { events: EventList; startedAt: number | null }): VNode {
  const filter = useSignal("");
  const choice = useSignal<Choice>("all");
  const sought = useSignal<number | null>(null);
  const paused = useSignal<EventList | null>(null);
  const selection = useRef(new EventSelection());
  const kinds = useRef(new EventKinds());
  const pairs = useRef(new EventPairs());
  const shown = paused.value ?? events;
  const chosen = selection.current.update(shown, filter.value, choice.value);
  pairs.current.update(shown);
  const isNew = events.length < (paused.value?.length ?? 0);
  useEffect(() => {
    if (isNew) paused.value = null;
  }, [isNew]);
  const goTo = useRef((seq: number): void => {
    filter.value = "";
    choice.value = "all";
    sought.value = seq;
  });
  const waiting = paused.value === null ? 0 : events.length - paused.value.length;
  return (
    <section class="event-log" aria-label="Event log">
      <header class="pane-head event-head">
        <h2>Event log</h2>
        <span class="count">{chosen.length < shown.length ? `${chosen.length} of ${shown.length}` : shown.length}</span>
        <div class="pane-actions">
          <JsonButton events={chosen} />
          <button
            type="button"
            class="icon-button"
            aria-label={paused.value ? "Go on showing events" : "Pause"}
            title={paused.value ? `Go on (${waiting} new)` : "Pause"}
            aria-pressed={paused.value !== null}
            onClick={() => (paused.value = paused.value ? null : events)}
          >
            <Icon name={paused.value ? "play" : "pause"} />
          </button>
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
          <KindSelect kinds={kinds.current.update(shown)} choice={choice.value} choose={(next: Choice) => (choice.value = next)} />
        </div>
      </header>
      {chosen.length === 0 && <p class="event-none muted">{shown.length === 0 ? "What happens in a call is listed here." : "No event is like that."}</p>}
      <EventRows
        key={`${choice.value} ${filter.value}`}
        events={chosen}
        pairs={pairs.current}
        startedAt={startedAt}
        sought={sought.value}
        found={() => (sought.value = null)}
        goTo={goTo.current}
      />
    </section>
  );
}

function JsonButton({ events }: { events: Selection }): VNode {
  const done = useSignal(false);
  const copy = async (): Promise<void> => {
    const frames = Array.from({ length: events.length }, (_, index) => events.at(index));
    done.value = await toClipboard(JSON.stringify(frames, null, 2));
    setTimeout(() => (done.value = false), 1600);
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
      <Icon name={done.value ? "done" : "copy"} />
      {done.value ? "Copied!" : "Events as JSON"}
    </button>
  );
}

interface KindSelectProps {
  kinds: Kinds;
  choice: Choice;
  choose: (choice: Choice) => void;
}

/** Drawn anew only when a new kind has come: events come many times a second. */
function KindSelect({ kinds, choice, choose }: KindSelectProps): VNode {
  return (
    <select aria-label="Kind" value={choice} onChange={(event) => choose(event.currentTarget.value as Choice)}>
      <KindOptions kinds={kinds} choice={choice} />
    </select>
  );
}

const KindOptions = unchanging(({ kinds, choice }: { kinds: Kinds; choice: Choice }): VNode => {
  // A label and no text, so that a search in the page finds the event and not the option.
  const option = (name: string): VNode => <option key={name} value={`kind:${name}`} label={name} selected={choice === `kind:${name}`} />;
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
