// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { emptyCall } from "../../src/call/call-state";
import { reduce } from "../../src/call/reducer";
import { addressOfMoment, marksOf, momentOf, turnFrom } from "../../src/calls/moments";
import { commandOf, KEYS, usesKey } from "../../src/calls/playback-keys";
import type { LogFrame } from "../../src/transport/frames";

describe("the moment in an address", () => {
  it.each([
    ["", "#42", { seq: 42 }],
    ["?t=62.5", "", { ms: 62_500 }],
    ["?t=1:02.5", "", { ms: 62_500 }],
    ["?t=1:00:01", "", { ms: 3_601_000 }],
    ["?t=soon", "#", null],
    ["", "", null],
  ])("is read from %s%s", (search, hash, moment) => {
    expect(momentOf({ search, hash })).toEqual(moment);
  });

  it("is written so that it can be read again", () => {
    const address = new URL(addressOfMoment("http://localhost/voice/calls/call_1#7", 62_540));
    expect(address.href).toBe("http://localhost/voice/calls/call_1?t=62.5");
    expect(momentOf(address)).toEqual({ ms: 62_500 });
  });
});

describe("turns", () => {
  const call = [1000, 5000, 9000]
    .flatMap((at_ms, index): LogFrame[] => [
      { seq: 2 * index + 1, at_ms, kind: "speech.started", item_id: `u${index}` },
      { seq: 2 * index + 2, at_ms: at_ms + 2000, kind: "speech.stopped", item_id: `u${index}` },
    ])
    .reduce(reduce, emptyCall());

  it("are reached one after another, forwards and backwards", () => {
    expect([-1, 1000, 5000, 9000].map((ms) => turnFrom(call, ms, 1))).toEqual([1000, 5000, 9000, null]);
    expect([9900, 5000, 1000].map((ms) => turnFrom(call, ms, -1))).toEqual([5000, 1000, 0]);
  });

  it("begin again if the playhead is well inside one", () => {
    expect(turnFrom(call, 6900, -1)).toBe(5000);
  });
});

it("marks handoffs, errors and failed guardrails", () => {
  const frames: LogFrame[] = [
    { seq: 1, at_ms: 10, kind: "agent.changed", agent: "clerk" },
    { seq: 2, at_ms: 20, kind: "agent.changed", agent: "sales", previous: "clerk" },
    { seq: 3, at_ms: 30, kind: "error", message: "The model is busy." },
    { seq: 4, at_ms: 40, kind: "guardrail.checked", item_id: "a", guardrail: "moderation", status: "pass" },
    { seq: 5, at_ms: 50, kind: "guardrail.checked", item_id: "a", guardrail: "moderation", status: "fail" },
    { seq: 6, at_ms: 60, kind: "tool.done", call_id: "t", name: "pay", duration_ms: 3, error: "no card" },
  ];
  expect(marksOf(frames).map(({ kind, atMs }) => [kind, atMs])).toEqual([
    ["handoff", 20],
    ["error", 30],
    ["trip", 50],
    ["error", 60],
  ]);
});

describe("keys", () => {
  it.each([
    [" ", { type: "toggle" }],
    ["k", { type: "toggle" }],
    ["J", { type: "skip", ms: -10_000 }],
    ["l", { type: "skip", ms: 10_000 }],
    ["ArrowLeft", { type: "skip", ms: -5000 }],
    ["]", { type: "turn", direction: 1 }],
    [">", { type: "faster" }],
    ["Escape", { type: "whole" }],
    ["x", null],
  ])("%s is a command", (key, command) => {
    expect(commandOf({ key })).toEqual(command);
  });

  it("move by a second with Shift", () => {
    expect(commandOf({ key: "ArrowRight", shiftKey: true })).toEqual({ type: "skip", ms: 1000 });
  });

  it("are left to the element that needs them", () => {
    const element = (html: string): Element => {
      document.body.innerHTML = html;
      return document.body.querySelector("[data-it]") ?? document.body;
    };
    expect(usesKey(element("<input data-it type=text>"), "k")).toBe(true);
    expect(usesKey(element("<input data-it type=range>"), "ArrowLeft")).toBe(false);
    expect(usesKey(element("<button data-it></button>"), " ")).toBe(true);
    expect(usesKey(element("<button data-it></button>"), "k")).toBe(false);
    expect(usesKey(element("<div role=tree><p data-it></p></div>"), "ArrowLeft")).toBe(true);
    expect(usesKey(element("<div role=tree><p data-it></p></div>"), "j")).toBe(false);
    expect(usesKey(element("<dialog><button data-it></button></dialog>"), "Escape")).toBe(true);
    expect(usesKey(document.body, " ")).toBe(false);
  });

  it("are all in the list that the page shows", () => {
    expect(KEYS.length).toBeGreaterThan(5);
    const named = KEYS.map(({ keys }) => keys).join(" ");
    for (const key of ["K", "J", "L", "S", "N", "[", "]", "<", ">"]) expect(named).toContain(key);
  });
});
