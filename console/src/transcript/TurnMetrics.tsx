/** Beside a bubble: how long the caller waited for it, and what it cost. Opened, the parts of both. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import type { Measures, Turn } from "../call/call-state";
import { tokenCount } from "../call/metrics";
import { count, dollars } from "../ui/numbers";
import { duration } from "../ui/time";
import { TokenTable } from "./TokenTable";

export interface MeasuredParts {
  button: VNode;
  panel: VNode | null;
}

/** The button for the bubble's head, and what it opens below. */
export function useMeasured(measures: Measures | undefined): MeasuredParts | null {
  const open = useSignal(false);
  const id = useId();
  const { turn = null } = measures ?? {};
  // Recognisers that cost nothing have nothing to show.
  const usage = measures?.usage && (tokenCount(measures.usage.tokens) > 0 || measures.usage.cost) ? measures.usage : null;
  if (turn === null && usage === null) return null;
  const used = usage && (usage.cost === null ? `${count(tokenCount(usage.tokens))} tokens` : dollars(usage.cost));
  const words = [turn && `Wait ${duration(turn.totalMs)}`, used && `used ${used}`].filter(Boolean).join(", ");
  const button = (
    <button
      type="button"
      class="measured"
      aria-expanded={open.value}
      aria-controls={open.value ? id : undefined}
      aria-label={words}
      title={turn ? "From the end of your turn to the first sound" : "What this turn used"}
      onClick={() => (open.value = !open.value)}
    >
      {turn && <span>{duration(turn.totalMs)}</span>}
      {used && <span>{used}</span>}
    </button>
  );
  const panel = (
    <div class="measured-panel" id={id}>
      {turn && <Delay turn={turn} />}
      {usage && <TokenTable usage={usage} />}
    </div>
  );
  return { button, panel: open.value ? panel : null };
}

const AFTER: Record<Turn["after"], string> = {
  speech: "From the end of your speech to the first sound",
  text: "From your message to the first sound",
  greeting: "From the start of the call to the first sound",
};

function Delay({ turn }: { turn: Turn }): VNode {
  const total = Math.max(1, turn.totalMs);
  return (
    <>
      <p class="muted">{AFTER[turn.after]}</p>
      <div class="delay-bar" aria-hidden="true">
        {turn.parts.map((part, index) => (
          <span key={part.name} class={`part-${index % 6}`} style={{ width: `${(100 * part.ms) / total}%` }} />
        ))}
      </div>
      <dl class="figures-list">
        {turn.parts.map((part, index) => [
          <dt key={`${part.name}-name`} class={`part-name part-${index % 6}`}>
            {part.name.replaceAll("_", " ")}
          </dt>,
          <dd key={part.name}>{duration(part.ms)}</dd>,
        ])}
        <dt>In all</dt>
        <dd>{duration(turn.totalMs)}</dd>
        {turn.toolMs > 0 && (
          <>
            <dt>of it tools</dt>
            <dd>{duration(turn.toolMs)}</dd>
          </>
        )}
        {turn.guardrailMs > 0 && (
          <>
            <dt>of it guardrails</dt>
            <dd>{duration(turn.guardrailMs)}</dd>
          </>
        )}
      </dl>
    </>
  );
}
