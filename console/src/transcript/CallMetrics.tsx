/** Latency and cost of the whole call; expanded, the breakdown by kind. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import type { CallState } from "../call/call-state";
import { median, replyLatencies, tokenCount } from "../call/metrics";
import { LatencyChart } from "../timeline/LatencyChart";
import { count, dollars } from "../ui/numbers";
import { duration } from "../ui/time";
import { TokenTable } from "./TokenTable";

export function CallMetrics({ call }: { call: CallState }): VNode | null {
  const open = useSignal(false);
  const waits = replyLatencies(call.turns);
  const wait = median(waits);
  if (wait === null && call.usage === null) return null;
  return (
    <details
      class="call-metrics"
      onKeyDown={closeOnEscape}
      onToggle={(event) => (open.value = event.currentTarget.open)}
    >
      <summary title="The call in figures">
        <span class="visually-hidden">The call in figures:</span>
        {wait !== null && <span>{duration(wait)}</span>}
        {call.usage && (
          <span>
            {call.usage.cost === null ? `${count(tokenCount(call.usage.tokens))} tokens` : dollars(call.usage.cost)}
          </span>
        )}
      </summary>
      {/* A long call has hundreds of columns, which change with each turn. */}
      {open.value && <MetricsPanel call={call} waits={waits} />}
    </details>
  );
}

function MetricsPanel({ call, waits }: { call: CallState; waits: readonly number[] }): VNode {
  const wait = median(waits);
  return (
    <div class="call-metrics-panel">
      <LatencyChart call={call} />
      <dl class="metrics-list">
        <dt>Replies to the caller</dt>
        <dd>{waits.length}</dd>
        {wait !== null && (
          <>
            <dt>Wait for the first audio, median</dt>
            <dd>{duration(wait)}</dd>
            <dt>maximum</dt>
            <dd>{duration(Math.max(...waits))}</dd>
          </>
        )}
        <dt>Call duration</dt>
        <dd>{duration(call.lastAtMs)}</dd>
      </dl>
      {call.usage && <TokenTable usage={call.usage} />}
    </div>
  );
}

function closeOnEscape(event: KeyboardEvent & { currentTarget: HTMLDetailsElement }): void {
  if (event.key !== "Escape" || !event.currentTarget.open) return;
  event.stopPropagation();
  event.currentTarget.open = false;
  event.currentTarget.querySelector("summary")?.focus();
}
