/** Row of the list of calls. */
import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { VNode } from "preact";
import { scenarioTitle } from "../call/catalogue";
import { Icon } from "../ui/icons";
import { memo } from "../ui/memo";
import { dollars } from "../ui/numbers";
import { storedCallUrl } from "../ui/page-address";
import { callTime, duration } from "../ui/time";
import { outcomeOf, pathOf, runningMs, STATUS_NAMES, whenOf } from "./call-words";
import { type CallSummary, exportUrl } from "./calls-api";
import { markWords } from "./match-text";

interface CallRowProps {
  call: CallSummary;
  /** The words of the search. */
  query: string;
  /** Unix time in ms, which grows each second. */
  now: ReadonlySignal<number>;
  onDelete: (call: CallSummary) => void;
}

export const CallRow = memo((props: CallRowProps): VNode => <CallRowCells {...props} />);

function CallRowCells({ call, query, now, onDelete }: CallRowProps): VNode {
  const when = whenOf(call.started_at, new Date(now.peek()));
  const title = scenarioTitle(call.scenario);
  return (
    <tr class={`call-row call-${call.status}`} data-call={call.call_id}>
      <td class="call-when" title={when.title}>
        <a href={storedCallUrl(call.call_id)} aria-label={`${title}, ${when.day} ${when.time}`}>
          <span>{when.day}</span> <span class="call-time">{when.time}</span>
        </a>
      </td>
      <td class="call-what">
        <span class="call-title" dir="auto">
          {title}
        </span>
        <span class="call-path" title={call.agents.join(" → ")}>
          {pathOf(call.agents)}
        </span>
        {call.match && <Match call={call} query={query} />}
      </td>
      <td class="call-number call-duration" data-label="Duration">
        {call.live ? (
          <RunningTime call={call} now={now} />
        ) : call.duration_ms === null ? (
          "–"
        ) : (
          duration(call.duration_ms)
        )}
      </td>
      <td class="call-number" data-label="Turns">
        {call.turns}
      </td>
      <td class="call-outcome">
        <span class={`call-status call-status-${call.status}`}>{STATUS_NAMES[call.status]}</span>
        <span class="call-reason" title={outcomeOf(call)}>
          {outcomeOf(call)}
        </span>
      </td>
      <td class="call-number" data-label="Cost">
        {call.cost === null ? "–" : dollars(call.cost)}
      </td>
      <td class="call-number" data-label="Slowest turn">
        {call.slowest_turn_ms === null ? "–" : duration(call.slowest_turn_ms)}
      </td>
      <td class={`call-number${call.trips > 0 ? " call-bad" : ""}`} data-label="Trips">
        {call.trips}
      </td>
      <td class={`call-number${call.errors > 0 ? " call-bad" : ""}`} data-label="Errors">
        {call.errors}
      </td>
      <td class="call-actions">
        {call.audio && !call.live && (
          <span class="call-audio" title="With audio">
            <Icon name="audio" />
            <span class="visually-hidden">With audio</span>
          </span>
        )}
        {!call.live && (
          <>
            <a
              class="icon-button"
              href={exportUrl(call.call_id)}
              download
              aria-label={`Export ${title}, ${when.day} ${when.time}`}
              title="Export"
            >
              <Icon name="download" />
            </a>
            <button
              type="button"
              class="icon-button"
              aria-label={`Delete ${title}, ${when.day} ${when.time}`}
              title="Delete"
              onClick={() => onDelete(call)}
            >
              <Icon name="bin" />
            </button>
          </>
        )}
      </td>
    </tr>
  );
}

function RunningTime({ call, now }: { call: CallSummary; now: ReadonlySignal<number> }): VNode {
  const words = useComputed(() => callTime(runningMs(call, now.value)));
  return <>{words}</>;
}

function Match({ call, query }: { call: CallSummary; query: string }): VNode | null {
  const { match } = call;
  if (match === null) return null;
  return (
    <a class="call-match" href={storedCallUrl(call.call_id, match.seq)}>
      <span class="call-match-time">{callTime(match.at_ms)}</span>
      <q dir="auto">
        {markWords(match.text, query).map(({ text, hit }, index) => (hit ? <mark key={index}>{text}</mark> : text))}
      </q>
    </a>
  );
}
