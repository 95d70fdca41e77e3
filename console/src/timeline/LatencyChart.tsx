/** Waits of the caller as a chart: a column for each turn, with its parts stacked. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import type { CallState, TurnWait } from "../call/call-state";
import { median, replyLatencies } from "../call/metrics";
import { duration } from "../ui/time";
import { onRovingKey } from "./roving-focus";
import { useShowMoment } from "./show-moment";
import { describeWait, partName } from "./wait-words";

export function LatencyChart({ call }: { call: CallState }): VNode | null {
  const { turns } = call;
  const showMoment = useShowMoment(call);
  const pointed = useSignal<TurnWait | null>(null);
  const highest = Math.max(...turns.map(({ totalMs }) => totalMs));
  if (turns.length === 0 || highest <= 0) return null;
  const middle = median(replyLatencies(turns));
  const names = [...new Set(turns.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  const shown = turns.includes(pointed.value as TurnWait) ? pointed.value : null;
  return (
    <section class="latency" aria-label="Latency by turn">
      <p class="latency-highest" aria-hidden="true">
        {duration(highest)}
      </p>
      <div class="latency-plot">
        {middle !== null && (
          <span class="latency-median" style={{ bottom: `${(100 * middle) / highest}%` }} aria-hidden="true" />
        )}
        <ol class="latency-turns" onKeyDown={onRovingKey}>
          {turns.map((turn, index) => (
            <li key={turn.seq}>
              <button
                type="button"
                class={`latency-turn latency-after-${turn.after}`}
                tabIndex={index === turns.length - 1 ? 0 : -1}
                data-at={index}
                aria-label={describeWait(turn)}
                onClick={() => showMoment(turn.atMs, turn)}
                onFocus={() => (pointed.value = turn)}
                onBlur={() => (pointed.value = null)}
                onPointerEnter={() => (pointed.value = turn)}
                onPointerLeave={() => (pointed.value = null)}
              >
                <span class="latency-column" style={{ height: `${(100 * turn.totalMs) / highest}%` }}>
                  {turn.parts.map(({ name, ms }) => (
                    <span key={name} class={`part part-${name}`} style={{ flexGrow: ms }} />
                  ))}
                </span>
              </button>
            </li>
          ))}
        </ol>
      </div>
      <p class="latency-words" aria-hidden="true">
        {shown ? describeWait(shown) : "Each column is a turn; the line is the median."}
      </p>
      <ul class="latency-legend" aria-hidden="true">
        {names.map((name) => (
          <li key={name} class={`part-name part-${name}`}>
            {partName(name)}
          </li>
        ))}
      </ul>
    </section>
  );
}
