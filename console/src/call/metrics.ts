/** What is measured and checked about messages: guardrails, delays, what was used. */
import type { CallState, Check, Measures, Usage } from "./call-state";
import type { GuardrailChecked, Tokens, TurnLatency, UsageUpdated } from "../transport/log-events";

const NOTHING: Measures = { checks: [], turn: null, usage: null };
const KINDS = ["input_text", "input_audio", "cached_text", "cached_audio", "output_text", "output_audio"] as const;

/**
 * A guardrail's word on a message. A guardrail that looks at a message sentence by sentence speaks more than once;
 * what did not pass is not made good by a sentence that does.
 */
export function withCheck(state: CallState, event: GuardrailChecked): CallState {
  const before = state.measures.get(event.item_id) ?? NOTHING;
  const known = before.checks.find((check) => check.guardrail === event.guardrail);
  if (known?.status === "fail" || (known?.status === "error" && event.status !== "fail")) return state;
  const check: Check = {
    guardrail: event.guardrail,
    status: event.status,
    category: event.category ?? null,
    rationale: event.rationale ?? null,
    text: event.text ?? null,
    durationMs: event.duration_ms ?? null,
  };
  const checks = known ? before.checks.map((other) => (other === known ? check : other)) : [...before.checks, check];
  return measured(state, event.item_id, { ...before, checks });
}

export function withTurn(state: CallState, event: TurnLatency): CallState {
  const before = state.measures.get(event.item_id) ?? NOTHING;
  const turn = {
    totalMs: event.total_ms,
    parts: event.parts,
    after: event.after,
    toolMs: event.tool_ms ?? 0,
    guardrailMs: event.guardrail_ms ?? 0,
  };
  const delays = event.after === "greeting" ? state.delays : [...state.delays, event.total_ms];
  return measured({ ...state, delays }, event.item_id, { ...before, turn });
}

export function withUsage(state: CallState, event: UsageUpdated): CallState {
  const total: Usage = { tokens: event.total, seconds: event.total_seconds ?? 0, cost: event.total_cost ?? null };
  if (event.item_id === undefined) return { ...state, usage: total };
  const before = state.measures.get(event.item_id) ?? NOTHING;
  const one: Usage = { tokens: event.tokens, seconds: event.seconds ?? 0, cost: event.cost ?? null };
  return measured({ ...state, usage: total }, event.item_id, { ...before, usage: before.usage ? sum(before.usage, one) : one });
}

/** All tokens in and out. The cached ones are part of the input. */
export function tokenCount({ input_text = 0, input_audio = 0, output_text = 0, output_audio = 0 }: Tokens): number {
  return input_text + input_audio + output_text + output_audio;
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function sum(a: Usage, b: Usage): Usage {
  const tokens: Tokens = {};
  for (const kind of KINDS) {
    const count = (a.tokens[kind] ?? 0) + (b.tokens[kind] ?? 0);
    if (count > 0) tokens[kind] = count;
  }
  return { tokens, seconds: a.seconds + b.seconds, cost: a.cost === null || b.cost === null ? null : a.cost + b.cost };
}

function measured(state: CallState, itemId: string, measures: Measures): CallState {
  return { ...state, measures: new Map(state.measures).set(itemId, measures) };
}
