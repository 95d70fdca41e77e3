import { describe, expect, it } from "vitest";
import { type CallState, emptyCall, type ToolRun } from "../../src/call/call-state";
import { median, replyLatencies, tokenCount } from "../../src/call/metrics";
import { reduce } from "../../src/call/reducer";
import type { LogFrame } from "../../src/transport/frames";
import type { GuardrailChecked, LogEvent } from "../../src/transport/log-events";

function stateAfter(...events: LogEvent[]): CallState {
  return events
    .map((event, index): LogFrame => ({ seq: index + 1, at_ms: index * 10, ...event }))
    .reduce(reduce, emptyCall());
}

const check = (status: GuardrailChecked["status"], more: Partial<GuardrailChecked> = {}): LogEvent => ({
  kind: "guardrail.checked",
  item_id: "a1",
  guardrail: "moderation",
  status,
  ...more,
});
const checks = (state: CallState) => state.metrics.get("a1")?.checks;

describe("a guardrail", () => {
  it("is pending until it has a result", () => {
    expect(checks(stateAfter(check("pending")))).toMatchObject([{ status: "pending" }]);
    expect(checks(stateAfter(check("pending"), check("pass", { duration_ms: 80 })))).toMatchObject([
      { status: "pass", durationMs: 80 },
    ]);
    expect(checks(stateAfter(check("pending"), check("error", { rationale: "no model" })))).toMatchObject([
      { status: "error", rationale: "no model" },
    ]);
  });

  it("adds a note with the offending text when it trips", () => {
    const state = stateAfter(
      check("pending"),
      check("fail", { category: "OFFENSIVE", rationale: "Rude.", text: "You fool" }),
    );
    expect(checks(state)).toMatchObject([
      { status: "fail", category: "OFFENSIVE", rationale: "Rude.", text: "You fool" },
    ]);
    expect(state.entries).toMatchObject([
      { type: "note", tone: "error", title: "Guardrail moderation tripped: OFFENSIVE", detail: { text: "You fool" } },
    ]);
  });

  it("stays failed after a later pass", () => {
    const state = stateAfter(check("fail", { category: "VIOLENCE" }), check("pending"), check("pass"), check("fail"));
    expect(checks(state)).toMatchObject([{ status: "fail", category: "VIOLENCE" }]);
    expect(state.entries).toHaveLength(1);
    expect(checks(stateAfter(check("error"), check("pass")))).toMatchObject([{ status: "error" }]);
    expect(checks(stateAfter(check("error"), check("fail")))).toMatchObject([{ status: "fail" }]);
  });

  it("is separate from other guardrails of the same message", () => {
    const state = stateAfter(check("pass"), check("pending", { guardrail: "length" }));
    expect(checks(state)).toMatchObject([
      { guardrail: "moderation", status: "pass" },
      { guardrail: "length", status: "pending" },
    ]);
  });
});

describe("metrics", () => {
  it("contain a message's latency with its parts, and the call's latencies without the greeting", () => {
    const turn = (item_id: string, total_ms: number, answered: "speech" | "greeting"): LogEvent => ({
      kind: "turn.latency",
      item_id,
      total_ms,
      parts: [{ name: "model", ms: total_ms }],
      after: answered,
      tool_ms: 5,
    });
    const state = stateAfter(turn("a1", 900, "greeting"), turn("a2", 300, "speech"), turn("a3", 500, "speech"));
    expect(state.metrics.get("a2")?.latency).toEqual({
      totalMs: 300,
      parts: [{ name: "model", ms: 300 }],
      after: "speech",
      toolMs: 5,
      guardrailMs: 0,
    });
    expect(state.turns.map(({ itemId, seq, totalMs }) => [itemId, seq, totalMs])).toEqual([
      ["a1", 1, 900],
      ["a2", 2, 300],
      ["a3", 3, 500],
    ]);
    expect(replyLatencies(state.turns)).toEqual([300, 500]);
    expect(median(replyLatencies(state.turns))).toBe(400);
    expect(median([])).toBeNull();
  });

  it("add up the usage of a message and contain the total of the call", () => {
    const used = (cost: number | undefined, total_cost: number, item_id?: string): LogEvent => ({
      kind: "usage.updated",
      source: "response",
      model: "m",
      tokens: { input_text: 100, cached_text: 40, output_audio: 20 },
      total: { input_text: 300 },
      total_cost,
      ...(cost !== undefined && { cost }),
      ...(item_id !== undefined && { item_id }),
    });
    const state = stateAfter(used(0.25, 0.25, "a1"), used(0.5, 0.75, "a1"), used(undefined, 0.75));
    expect(state.metrics.get("a1")?.usage).toEqual({
      tokens: { input_text: 200, cached_text: 80, output_audio: 40 },
      seconds: 0,
      cost: 0.75,
    });
    expect(state.usage).toEqual({ tokens: { input_text: 300 }, seconds: 0, cost: 0.75 });
    expect(tokenCount({ input_text: 200, cached_text: 80, output_audio: 40 })).toBe(240);
    expect(stateAfter(used(0.25, 0.25, "a1"), used(undefined, 0.25, "a1")).metrics.get("a1")?.usage?.cost).toBeNull();
  });

  it("count seconds of audio that are billed by duration", () => {
    const heard = (seconds: number, total_seconds: number): LogEvent => ({
      kind: "usage.updated",
      source: "transcription",
      model: "m",
      tokens: {},
      total: {},
      item_id: "u1",
      seconds,
      total_seconds,
    });
    const state = stateAfter(heard(2, 2), heard(1.5, 3.5));
    expect(state.metrics.get("u1")?.usage?.seconds).toBe(3.5);
    expect(state.usage?.seconds).toBe(3.5);
  });
});

describe("a long tool run", () => {
  const start = (call_id: string, parent?: string): LogEvent => ({
    kind: "tool.started",
    call_id,
    name: call_id,
    arguments: { n: 1 },
    agent: "clerk",
    ...(parent !== undefined && { parent }),
  });
  const run = (state: CallState, callId: string): ToolRun | undefined =>
    state.entries.find((entry): entry is ToolRun => entry.type === "tool" && entry.toolCallId === callId);

  it("shows its progress", () => {
    const state = stateAfter(
      start("t"),
      { kind: "tool.progress", call_id: "t", message: "Half", fraction: 0.5 },
      { kind: "tool.progress", call_id: "t", message: "Nearly" },
    );
    expect(run(state, "t")?.progress).toEqual([
      { atMs: 10, message: "Half", fraction: 0.5 },
      { atMs: 20, message: "Nearly", fraction: null },
    ]);
  });

  it("has its nested runs below it in order, also when other runs start meanwhile", () => {
    const state = stateAfter(
      start("t"),
      start("other"),
      start("t1", "t"),
      start("t2", "t"),
      start("t1a", "t1"),
      start("orphan", "gone"),
    );
    expect(state.entries.map((entry) => (entry.type === "tool" ? [entry.toolCallId, entry.depth] : null))).toEqual([
      ["t", 0],
      ["t1", 1],
      ["t1a", 2],
      ["t2", 1],
      ["other", 0],
      ["orphan", 0],
    ]);
  });

  it.each([
    ["before it starts", ["ask", "start"]],
    ["after its start", ["start", "ask"]],
  ])("may need the caller's approval %s", (_when, order) => {
    const ask: LogEvent = { kind: "approval.needed", call_id: "t", name: "t", arguments: { n: 1 }, agent: "clerk" };
    const events = order.map((name) => (name === "ask" ? ask : start("t")));
    const asked = stateAfter(...events);
    expect(asked.pendingApprovals).toEqual(["t"]);
    expect(asked.entries).toHaveLength(1);
    expect(run(asked, "t")).toMatchObject({ agent: "clerk", args: { n: 1 }, approval: { state: "pending" } });
    const refused = stateAfter(...events, {
      kind: "approval.resolved",
      call_id: "t",
      approved: false,
      reason: "no answer",
    });
    expect(refused.pendingApprovals).toEqual([]);
    expect(run(refused, "t")?.approval).toEqual({ state: "refused", reason: "no answer" });
  });

  it("waits for approval no longer after the call's end", () => {
    const state = stateAfter(
      { kind: "approval.needed", call_id: "t", name: "t", arguments: {}, agent: "clerk" },
      { kind: "call.ended", reason: "x" },
    );
    expect(state.pendingApprovals).toEqual([]);
  });
});

describe("settings", () => {
  it("are stored, and changes add a note", () => {
    const state = stateAfter(
      { kind: "call.settings" },
      { kind: "call.settings", push_to_talk: true, codec: "pcmu" },
      { kind: "call.settings", codec: "pcmu" },
    );
    expect(state.settings).toEqual({ pushToTalk: false, codec: "pcmu", voice: null, speed: null });
    expect(state.entries.map((entry) => entry.type === "note" && entry.title)).toEqual([
      "Push-to-talk on, Codec PCMU",
      "Push-to-talk off",
    ]);
  });
});

it("adds notes for notices and new connections to the model", () => {
  const state = stateAfter(
    { kind: "notice", message: "Ten minutes left.", code: "limit", hint: "Say goodbye." },
    { kind: "link.rolled_over", reason: "60 min" },
  );
  expect(state.entries).toMatchObject([
    { tone: "plain", title: "Ten minutes left.", detail: "Say goodbye." },
    { tone: "plain", title: "A new connection to the model: 60 min", detail: { replayed: 0 } },
  ]);
});

it("records handoffs", () => {
  const state = stateAfter({ kind: "agent.changed", agent: "a" }, { kind: "agent.changed", agent: "b", previous: "a" });
  expect(state.handoffs).toEqual([{ from: "a", to: "b", seq: 2 }]);
});
