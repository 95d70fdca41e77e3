import { describe, expect, it } from "vitest";
import { lineOf } from "../../src/event-log/event-lines";
import { EventList } from "../../src/event-log/event-list";
import { EventSelection } from "../../src/event-log/event-selection";
import { type LogFrame, parseFrame } from "../../src/transport/frames";

const delta = (seq: number, text: string): LogFrame => ({ seq, at_ms: seq, kind: "message.delta", item_id: "a", text });
const list = (...frames: LogFrame[]): EventList =>
  frames.reduce((events, frame) => events.with(frame), EventList.empty());

describe("an event's summary", () => {
  it("shows type and direction of raw events", () => {
    expect(lineOf({ seq: 1, at_ms: 0, kind: "wire.sent", event: { type: "response.create" } })).toMatchObject({
      direction: "up",
      name: "response.create",
    });
    const failed = lineOf({
      seq: 2,
      at_ms: 0,
      kind: "wire.received",
      event: { type: "error", error: { message: "No." } },
    });
    expect(failed).toEqual({ direction: "down", name: "error", summary: "No.", tone: "error" });
  });

  it("shows the main content in one line", () => {
    expect(lineOf(delta(1, "a\n  b")).summary).toBe("a b");
    const done: LogFrame = {
      seq: 1,
      at_ms: 0,
      kind: "tool.done",
      call_id: "c",
      name: "look",
      duration_ms: 5,
      error: "broken",
    };
    expect(lineOf(done)).toMatchObject({ summary: "look · 5 ms · broken", tone: "error" });
    const started: LogFrame = { seq: 2, at_ms: 0, kind: "audio.started", item_id: "item_1" };
    expect(lineOf(started).summary).toBe("");
    expect(lineOf({ ...started, delay_ms: 80 }).summary).toBe("heard after 80 ms");
    expect(lineOf(delta(1, "x".repeat(1000))).summary.length).toBeLessThan(170);
  });

  it("warns of a server that was lost, and not of a hand-over", () => {
    const takenOver: LogFrame = { seq: 1, at_ms: 0, kind: "call.taken_over", call_id: "c", agent: "a", reason: "gone" };
    expect(lineOf(takenOver)).toMatchObject({ summary: "gone", tone: "warning" });
    expect(lineOf({ ...takenOver, cause: "handed_over" }).tone).toBe("plain");
  });

  it("shows unknown kinds", () => {
    expect(lineOf({ seq: 1, at_ms: 0, kind: "moon.risen", phase: "full" } as unknown as LogFrame)).toMatchObject({
      name: "moon.risen",
      summary: '{"phase":"full"}',
    });
  });
});

describe("the filter", () => {
  it("passes events that contain all of its words", () => {
    const selection = new EventSelection();
    const events = list(delta(1, "red apple"), delta(2, "green apple"), delta(3, "red pear"));
    expect(selection.update(events, " Apple RED ").length).toBe(1);
    expect(selection.update(events, "apple").length).toBe(2);
    expect(selection.update(events, "")).toBe(events);
  });

  it("continues with new events and restarts with another log", () => {
    const selection = new EventSelection();
    const first = list(delta(1, "apple"));
    selection.update(first, "apple");
    expect(selection.update(first.with(delta(2, "apple pie")), "apple").length).toBe(2);
    expect(selection.update(list(delta(1, "pear"), delta(2, "apple"), delta(3, "plum")), "apple").length).toBe(1);
  });
});

it("appends to a long log in constant time without changing older views", () => {
  let events = EventList.empty();
  const views: EventList[] = [];
  for (let seq = 1; seq <= 50_000; seq += 1) {
    events = events.with(delta(seq, "x"));
    if (seq % 10_000 === 0) views.push(events);
  }
  expect(views.map((view) => view.length)).toEqual([10_000, 20_000, 30_000, 40_000, 50_000]);
  expect(views[0]?.at(10_000)).toBeUndefined();
  const branch = views[0]?.with(delta(99, "branch"));
  expect(branch?.at(10_000)).toMatchObject({ text: "branch" });
  expect(events.at(10_000)).toMatchObject({ seq: 10_001 });
});

it("parses valid frames only", () => {
  expect(parseFrame('{"seq":1,"at_ms":0,"kind":"speech.started","item_id":"i"}')).toMatchObject({ seq: 1 });
  for (const text of ["", "null", "[]", "{}", '{"seq":"1","at_ms":0,"kind":"x"}', "{"])
    expect(parseFrame(text)).toBeNull();
});
