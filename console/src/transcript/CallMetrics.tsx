/** The call in figures: how long the caller waits, and what it costs. Opened, by kind. */
import type { VNode } from "preact";
import type { CallState } from "../call/call-state";
import { median, tokenCount } from "../call/metrics";
import { count, dollars } from "../ui/numbers";
import { duration } from "../ui/time";
import { TokenTable } from "./TokenTable";

export function CallFigures({ call }: { call: CallState }): VNode | null {
  const wait = median(call.delays);
  if (wait === null && call.usage === null) return null;
  return (
    <details class="figures" onKeyDown={closeOnEscape}>
      <summary title="The call in figures">
        <span class="visually-hidden">The call in figures:</span>
        {wait !== null && <span>{duration(wait)}</span>}
        {call.usage && <span>{call.usage.cost === null ? `${count(tokenCount(call.usage.tokens))} tokens` : dollars(call.usage.cost)}</span>}
      </summary>
      <div class="figures-panel">
        <dl class="figures-list">
          <dt>Answers to the caller</dt>
          <dd>{call.delays.length}</dd>
          {wait !== null && (
            <>
              <dt>Wait for the first sound, median</dt>
              <dd>{duration(wait)}</dd>
              <dt>longest</dt>
              <dd>{duration(Math.max(...call.delays))}</dd>
            </>
          )}
          <dt>Length of the call</dt>
          <dd>{duration(call.lastAtMs)}</dd>
        </dl>
        {call.usage && <TokenTable usage={call.usage} />}
      </div>
    </details>
  );
}

function closeOnEscape(event: KeyboardEvent & { currentTarget: HTMLDetailsElement }): void {
  if (event.key !== "Escape" || !event.currentTarget.open) return;
  event.stopPropagation();
  event.currentTarget.open = false;
  event.currentTarget.querySelector("summary")?.focus();
}
