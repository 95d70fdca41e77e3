import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LevelHistory } from "../../src/audio/level-history";
import type { LogFrame } from "../../src/transport/frames";

const frameAt = (at_ms: number): LogFrame => ({ seq: 1, at_ms, kind: "link.up", model: "m" });
const caller = signal(0);
const agent = signal(0);
let now = 0;
let history: LevelHistory;

beforeEach(() => {
  vi.useFakeTimers();
  now = 5000;
  history = new LevelHistory(
    () => ({ caller, agent }),
    () => now,
  );
});
afterEach(() => {
  history.measure(false);
  vi.useRealTimers();
});

const pass = (ms: number): void => {
  for (let passed = 0; passed < ms; passed += 100) {
    now += 100;
    vi.advanceTimersByTime(100);
  }
};

it("has the levels of both voices by the call's clock", () => {
  history.onLogFrame(frameAt(1000));
  history.measure(true);
  caller.value = 0.5;
  pass(300);
  [caller.value, agent.value] = [0, 0.25];
  pass(200);
  expect(history.between("caller", 1000, 1500)).toEqual([0.5, 0.5, 0.5, 0, 0]);
  expect(history.between("agent", 1400, 1500)).toEqual([0.25, 0.25]);
  expect(history.between("agent", 2000, 3000)).toEqual([]);
});

it("learns the clock from the event that came soonest", () => {
  history.measure(true);
  history.onLogFrame(frameAt(100)); // replayed: it is older than it seems
  caller.value = 1;
  pass(100);
  history.onLogFrame(frameAt(1000));
  expect(history.between("caller", 950, 1050)).toEqual([1]);
  expect(history.between("caller", 150, 250)).toEqual([]);
});

it("is empty in a new call, and without an event", () => {
  history.measure(true);
  pass(200);
  expect(history.between("caller", 0, 10_000)).toEqual([]);
  history.onLogFrame(frameAt(200));
  expect(history.between("caller", 0, 10_000)).toHaveLength(2);
  history.clear();
  history.onLogFrame(frameAt(0));
  expect(history.between("caller", 0, 10_000)).toEqual([]);
});
