/** Metrics of messages and the call: guardrail checks, latency and usage. */

import type { LogFrame } from "../transport/frames";
import type { GuardrailChecked, Tokens, TurnLatency, UsageUpdated } from "../transport/log-events";
import type { CallState, GuardrailCheck, MessageMetrics, TurnWait, Usage } from "./call-state";

const EMPTY: MessageMetrics = { checks: [], latency: null, usage: null };
const KINDS = ["input_text", "input_audio", "cached_text", "cached_audio", "output_text", "output_audio"] as const;

/**
 * Add a guardrail result to a message. A guardrail that checks a message by sentences reports several results; a later
 * pass does not replace a failure.
 */
export function withCheck(state: CallState, event: GuardrailChecked): CallState {
  const before = state.metrics.get(event.item_id) ?? EMPTY;
  const known = before.checks.find((check) => check.guardrail === event.guardrail);
  if (known?.status === "fail" || (known?.status === "error" && event.status !== "fail")) return state;
  const check: GuardrailCheck = {
    guardrail: event.guardrail,
    status: event.status,
    category: event.category ?? null,
    rationale: event.rationale ?? null,
    text: event.text ?? null,
    durationMs: event.duration_ms ?? null,
  };
  const checks = known ? before.checks.map((other) => (other === known ? check : other)) : [...before.checks, check];
  return withMetrics(state, event.item_id, { ...before, checks });
}

export function withLatency(state: CallState, event: LogFrame & TurnLatency): CallState {
  const before = state.metrics.get(event.item_id) ?? EMPTY;
  const latency = {
    totalMs: event.total_ms,
    parts: event.parts,
    after: event.after,
    toolMs: event.tool_ms ?? 0,
    guardrailMs: event.guardrail_ms ?? 0,
  };
  const turn: TurnWait = { ...latency, itemId: event.item_id, seq: event.seq, atMs: event.at_ms };
  return withMetrics({ ...state, turns: [...state.turns, turn] }, event.item_id, { ...before, latency });
}

/** Return the latencies of the replies to the caller in ms: all turns but the greeting. */
export function replyLatencies(turns: readonly TurnWait[]): number[] {
  return turns.filter(({ after }) => after !== "greeting").map(({ totalMs }) => totalMs);
}

export function withUsage(state: CallState, event: UsageUpdated): CallState {
  const total: Usage = { tokens: event.total, seconds: event.total_seconds ?? 0, cost: event.total_cost ?? null };
  if (event.item_id === undefined) return { ...state, usage: total };
  const before = state.metrics.get(event.item_id) ?? EMPTY;
  const one: Usage = { tokens: event.tokens, seconds: event.seconds ?? 0, cost: event.cost ?? null };
  return withMetrics({ ...state, usage: total }, event.item_id, {
    ...before,
    usage: before.usage ? sumUsage(before.usage, one) : one,
  });
}

/** Return the number of input and output tokens. Cached tokens are part of the input. */
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

function sumUsage(a: Usage, b: Usage): Usage {
  const tokens: Tokens = {};
  for (const kind of KINDS) {
    const count = (a.tokens[kind] ?? 0) + (b.tokens[kind] ?? 0);
    if (count > 0) tokens[kind] = count;
  }
  return { tokens, seconds: a.seconds + b.seconds, cost: a.cost === null || b.cost === null ? null : a.cost + b.cost };
}

function withMetrics(state: CallState, itemId: string, metrics: MessageMetrics): CallState {
  return { ...state, metrics: new Map(state.metrics).set(itemId, metrics) };
}
