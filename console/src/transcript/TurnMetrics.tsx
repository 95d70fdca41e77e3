/** Latency and cost beside a message; expanded, the breakdown of both. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import type { MessageLatency, MessageMetrics } from "../call/call-state";
import { tokenCount } from "../call/metrics";
import { count, dollars } from "../ui/numbers";
import { duration } from "../ui/time";
import { TokenTable } from "./TokenTable";

export interface TurnMetricsParts {
  button: VNode;
  panel: VNode | null;
}

/** Return the button for the message's header and the panel that it expands; null without metrics. */
export function useTurnMetrics(metrics: MessageMetrics | undefined): TurnMetricsParts | null {
  const open = useSignal(false);
  const id = useId();
  const { latency = null } = metrics ?? {};
  // Local transcription has neither tokens nor a cost.
  const usage = metrics?.usage && (tokenCount(metrics.usage.tokens) > 0 || metrics.usage.cost) ? metrics.usage : null;
  if (latency === null && usage === null) return null;
  const used = usage && (usage.cost === null ? `${count(tokenCount(usage.tokens))} tokens` : dollars(usage.cost));
  const button = (
    <button
      type="button"
      class="turn-metrics"
      aria-expanded={open.value}
      aria-controls={open.value ? id : undefined}
      title={latency ? "From the end of the caller's turn to the first audio" : "Tokens and cost of this turn"}
      onClick={() => (open.value = !open.value)}
    >
      {latency && (
        <span>
          <span class="visually-hidden">Wait </span>
          {duration(latency.totalMs)}
        </span>
      )}
      {used && (
        <span>
          <span class="visually-hidden">{latency ? " used " : "used "}</span>
          {used}
        </span>
      )}
    </button>
  );
  const panel = (
    <div class="turn-metrics-panel" id={id}>
      {latency && <LatencyBreakdown latency={latency} />}
      {usage && <TokenTable usage={usage} />}
    </div>
  );
  return { button, panel: open.value ? panel : null };
}

const AFTER: Record<MessageLatency["after"], string> = {
  speech: "From the end of the caller's speech to the first audio",
  text: "From the caller's message to the first audio",
  greeting: "From the start of the call to the first audio",
};

function LatencyBreakdown({ latency }: { latency: MessageLatency }): VNode {
  const total = Math.max(1, latency.totalMs);
  return (
    <>
      <p class="muted">{AFTER[latency.after]}</p>
      <div class="latency-bar" aria-hidden="true">
        {latency.parts.map((part) => (
          <span key={part.name} class={`part part-${part.name}`} style={{ width: `${(100 * part.ms) / total}%` }} />
        ))}
      </div>
      <dl class="metrics-list">
        {latency.parts.map((part) => [
          <dt key={`${part.name}-name`} class={`part-name part-${part.name}`}>
            {part.name.replaceAll("_", " ")}
          </dt>,
          <dd key={part.name}>{duration(part.ms)}</dd>,
        ])}
        <dt>Total</dt>
        <dd>{duration(latency.totalMs)}</dd>
        {latency.toolMs > 0 && (
          <>
            <dt>of which tools</dt>
            <dd>{duration(latency.toolMs)}</dd>
          </>
        )}
        {latency.guardrailMs > 0 && (
          <>
            <dt>of which guardrails</dt>
            <dd>{duration(latency.guardrailMs)}</dd>
          </>
        )}
      </dl>
    </>
  );
}
