/** Summary of a stored call, for tests. */
import type { CallSummary } from "../../src/calls/calls-api";

export function summary(call_id: string, changes: Partial<CallSummary> = {}): CallSummary {
  return {
    call_id,
    started_at: `2026-05-01T10:00:0${call_id.slice(-1)}.000Z`,
    ended_at: "2026-05-01T10:05:00.000Z",
    scenario: "shop",
    transport: "webrtc",
    provider: "local",
    model: "shop",
    status: "ended",
    end_reason: "the caller hung up",
    duration_ms: 60_000,
    turns: 3,
    agents: ["clerk"],
    cost: null,
    slowest_turn_ms: 900,
    trips: 0,
    errors: 0,
    audio: true,
    live: false,
    mode: "full",
    match: null,
    ...changes,
  };
}
