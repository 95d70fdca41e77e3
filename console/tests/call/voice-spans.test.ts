import { describe, expect, it } from "vitest";
import { type CallState, emptyCall, type VoiceSpan } from "../../src/call/call-state";
import { reduce } from "../../src/call/reducer";
import { endOf, overlapsOf } from "../../src/call/voice-spans";
import type { LogFrame } from "../../src/transport/frames";
import type { LogEvent } from "../../src/transport/log-events";

type Timed = [number, LogEvent];

function callAfter(...events: Timed[]): CallState {
  return events
    .map(([at_ms, event], index): LogFrame => ({ seq: index + 1, at_ms, ...event }))
    .reduce(reduce, emptyCall());
}

const spans = (...events: Timed[]): [VoiceSpan["who"], number, number | null, boolean][] =>
  callAfter(...events).voices.map(({ who, startMs, endMs, cut }) => [who, startMs, endMs, cut]);

const message: LogEvent = { kind: "message.added", item_id: "a1", role: "assistant", agent: "clerk" };
const audio = (item_id = "a1"): LogEvent => ({ kind: "audio.started", item_id });
const done = (ms: number, item_id = "a1"): LogEvent => ({ kind: "audio.done", item_id, ms });

describe("the caller's speech", () => {
  it("lasts until it stops, without the silence that endpointing needs", () => {
    const began: Timed = [1000, { kind: "speech.started", item_id: "u1" }];
    const ended: Timed = [3000, { kind: "speech.stopped", item_id: "u1" }];
    expect(spans(began)).toEqual([["caller", 1000, null, false]]);
    expect(spans(began, ended)).toEqual([["caller", 1000, 3000, false]]);
    const waiting: Timed = [3000, { kind: "turn.waiting", for: "model", endpointing_ms: 500 }];
    expect(spans(began, ended, waiting)).toEqual([["caller", 1000, 2500, false]]);
  });

  it("is a moment if it was typed, and nothing if it is hidden", () => {
    const typed: LogEvent = { kind: "message.added", item_id: "u1", role: "user" };
    expect(spans([700, typed])).toEqual([["typed", 700, 700, false]]);
    expect(spans([700, { ...typed, hidden: true }])).toEqual([]);
    expect(spans([700, { ...typed, spoken: true }])).toEqual([]);
  });
});

describe("an agent's audio", () => {
  it("has the agent of its message, and its length", () => {
    const state = callAfter([0, message], [100, audio()], [400, done(2000)]);
    expect(state.voices).toMatchObject([
      { who: "agent", agent: "clerk", itemId: "a1", seq: 2, startMs: 100, endMs: 2100 },
    ]);
  });

  it("begins when it reaches the caller", () => {
    expect(spans([100, { ...audio(), delay_ms: 80 } as LogEvent], [200, done(1000)])).toEqual([
      ["agent", 180, 1180, false],
    ]);
  });

  it("begins after the audio before it, which still plays", () => {
    expect(spans([100, audio()], [200, done(2000)], [300, audio("a2")], [400, done(500, "a2")])).toEqual([
      ["agent", 100, 2100, false],
      ["agent", 2100, 2600, false],
    ]);
  });

  it("ends where it was interrupted, at what the caller heard", () => {
    const cleared: Timed = [1100, { kind: "audio.cleared", item_id: "a1" }];
    expect(spans([100, audio()], [200, done(5000)], cleared)).toEqual([["agent", 100, 1100, true]]);
    const truncated: Timed = [1300, { kind: "message.truncated", item_id: "a1", heard_ms: 900 }];
    expect(spans([100, audio()], [200, done(5000)], cleared, truncated)).toEqual([["agent", 100, 1000, true]]);
    expect(spans([100, audio()], cleared, [1200, done(5000)])).toEqual([["agent", 100, 1100, true]]);
  });

  it("is silent while the page holds it, and then plays the rest", () => {
    const ducked: Timed = [1100, { kind: "audio.ducked", item_id: "u1" }];
    const resumed: Timed = [1600, { kind: "audio.resumed", item_id: "u1", reason: "backchannel" }];
    const parts = [
      ["agent", 100, 1100, false],
      ["agent", 1600, 2600, false],
    ];
    expect(spans([100, audio()], [200, done(2000)], ducked, resumed)).toEqual(parts);
    expect(spans([100, audio()], ducked, [1200, done(2000)], resumed)).toEqual(parts);
    expect(spans([100, audio()], ducked, resumed, [1700, done(2000)])).toEqual(parts);
    const { voices } = callAfter([100, audio()], [200, done(5000)], ducked);
    expect(voices.map((span) => endOf(span, 3000))).toEqual([1100]);
    const truncated: Timed = [2000, { kind: "message.truncated", item_id: "a1", heard_ms: 1300 }];
    expect(spans([100, audio()], [200, done(2000)], ducked, resumed, truncated).at(-1)).toEqual([
      "agent",
      1600,
      1900,
      true,
    ]);
  });

  it("ends where the page began to hold it, if the caller's words interrupt", () => {
    const ducked: Timed = [1100, { kind: "audio.ducked", item_id: "u1" }];
    const stopped: Timed = [1600, { kind: "audio.interrupted", item_id: "u1", reason: "content", words: "no" }];
    const cleared: Timed = [1610, { kind: "audio.cleared", item_id: "a1" }];
    const cut = [["agent", 100, 1100, true]];
    expect(spans([100, audio()], [200, done(5000)], ducked, stopped, cleared)).toEqual(cut);
    expect(spans([100, audio()], [200, done(5000)], ducked, cleared)).toEqual(cut);
    expect(spans([100, audio()], [200, done(5000)], ducked, [1600, { kind: "call.ended", reason: "" }])).toEqual([
      ["agent", 100, 1100, false],
    ]);
  });

  it("is not interrupted after its end", () => {
    const late: Timed = [4000, { kind: "audio.cleared" }];
    expect(spans([100, audio()], [200, done(2000)], late)).toEqual([["agent", 100, 2100, false]]);
  });

  it("ends with the call", () => {
    const over: Timed = [900, { kind: "call.ended", reason: "hung up" }];
    expect(spans([100, audio()], [200, done(2000)], over)).toEqual([["agent", 100, 900, false]]);
    expect(spans([100, audio()], over)).toEqual([["agent", 100, 900, false]]);
  });
});

it("shows a filler with its played length", () => {
  const filler: Timed = [100, { kind: "filler.started", filler_id: "f1", text: "One moment.", ms: 1500, for: "model" }];
  expect(spans(filler)).toEqual([["filler", 100, 1600, false]]);
  const cut: Timed = [600, { kind: "filler.done", filler_id: "f1", ms: 500, interrupted: true }];
  expect(spans(filler, cut)).toEqual([["filler", 100, 600, true]]);
});

it("finds the time in which both spoke", () => {
  const { voices } = callAfter(
    [0, audio()],
    [10, done(3000)],
    [2000, { kind: "speech.started", item_id: "u1" }],
    [4000, { kind: "speech.stopped", item_id: "u1" }],
    [5000, { kind: "speech.started", item_id: "u2" }],
  );
  expect(overlapsOf(voices, 6000)).toEqual([{ startMs: 2000, endMs: 3000 }]);
});
