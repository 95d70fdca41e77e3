// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, describe, expect, it } from "vitest";
import { EventLog } from "../../src/event-log/EventLog";
import { EventFolds, indexOfSeq } from "../../src/event-log/event-folds";
import { EventKinds, type KindFilter, matchesKind } from "../../src/event-log/event-kinds";
import { lineOf } from "../../src/event-log/event-lines";
import { EventList } from "../../src/event-log/event-list";
import { EventPairs } from "../../src/event-log/event-pairs";
import { EventSelection } from "../../src/event-log/event-selection";
import type { LogFrame } from "../../src/transport/frames";
import type { LogEvent } from "../../src/transport/log-events";

afterEach(cleanup);

const frames = (...events: LogEvent[]): LogFrame[] =>
  events.map((event, index) => ({ seq: index + 1, at_ms: index * 10, ...event }));
const list = (...events: LogEvent[]): EventList =>
  frames(...events).reduce((all, frame) => all.with(frame), EventList.empty());

const started: LogEvent = { kind: "tool.started", call_id: "c1", name: "look", arguments: { q: 1 }, agent: "clerk" };
const done: LogEvent = { kind: "tool.done", call_id: "c1", name: "look", duration_ms: 8, result: "found" };
const delta: LogEvent = { kind: "message.delta", item_id: "a", text: "Hello" };
const asked: LogEvent = {
  kind: "wire.received",
  event: { type: "response.function_call_arguments.done", call_id: "w1" },
};
const answered: LogEvent = {
  kind: "wire.sent",
  event: { type: "conversation.item.create", item: { type: "function_call_output", call_id: "w1" } },
};
const broken: LogEvent = { kind: "error", message: "No." };

describe("kinds", () => {
  it("are listed once each, separately for call and wire, and the list is stable until a new kind arrives", () => {
    const kinds = new EventKinds();
    const events = list(delta, asked, started, delta);
    const first = kinds.update(events);
    expect(first).toEqual({ own: ["message.delta", "tool.started"], wire: ["response.function_call_arguments.done"] });
    expect(kinds.update(events.with({ seq: 5, at_ms: 1, ...delta }))).toBe(first);
    expect(kinds.update(list(broken))).toEqual({ own: ["error"], wire: [] });
  });

  it.each<[KindFilter, number]>([
    ["all", 6],
    ["conversation", 4],
    ["wire", 2],
    ["tools", 2],
    ["errors", 1],
    ["kind:message.delta", 1],
    ["kind:conversation.item.create", 1],
  ])("%s passes %i of these events", (choice, count) => {
    expect(
      frames(started, delta, asked, answered, done, broken).filter((frame) => matchesKind(frame, choice)),
    ).toHaveLength(count);
  });

  it("combine with a word filter", () => {
    const selection = new EventSelection();
    const events = list(started, done, delta, broken);
    expect(selection.update(events, "found", "tools").length).toBe(1);
    expect(selection.update(events, "hello", "tools").length).toBe(0);
    expect(selection.update(events, "", "tools").length).toBe(2);
  });
});

describe("an event's one-line summary", () => {
  it("shows the progress of a tool", () => {
    const progress: LogEvent = { kind: "tool.progress", call_id: "c1", message: "Reading the policy", fraction: 0.4 };
    expect(lineOf({ seq: 1, at_ms: 0, ...progress }).summary).toBe("Reading the policy · 40%");
  });

  it("shows seconds for transcription that is billed by duration", () => {
    const used: LogEvent = {
      kind: "usage.updated",
      source: "transcription",
      model: "m",
      tokens: {},
      total: {},
      seconds: 30,
      cost: 0.0085,
    };
    expect(lineOf({ seq: 1, at_ms: 0, ...used }).summary).toBe("transcription · 30.0 s of audio · $0.0085");
  });
});

describe("pairs", () => {
  it("connect a tool call with its result, in the log and on the wire", () => {
    const pairs = new EventPairs();
    const events = list(started, asked, delta, answered, done);
    pairs.update(events);
    expect(pairs.of(1)).toBe(pairs.of(5));
    expect(pairs.of(1)).toMatchObject({ begin: { seq: 1 }, end: { seq: 5 } });
    expect(pairs.of(2)).toMatchObject({ begin: { seq: 2 }, end: { seq: 4 } });
    expect(pairs.of(3)).toBeUndefined();
    pairs.update(list(delta));
    expect(pairs.of(1)).toBeUndefined();
  });
});

it("finds a displayed event by its seq", () => {
  const all = list(started, delta, done, delta, broken);
  const shown = new EventSelection().update(all, "", "kind:message.delta");
  const rows = new EventFolds(false).update(shown);
  expect([1, 2, 3, 4, 5].map((seq) => indexOfSeq(rows, seq))).toEqual([0, 0, 1, 1, 2]);
});

describe("a run of deltas", () => {
  const described = (folds: EventFolds, events: EventList): string[] => {
    const rows = folds.update(events);
    return Array.from({ length: rows.length }, (_, index) => {
      const row = rows.at(index);
      if (row?.type === "run") return `${row.count} deltas`;
      return `${row?.nested ? "  " : ""}${row?.event.kind}`;
    });
  };

  it("folds into one row, with the deltas of call and wire", () => {
    const wire: LogEvent = { kind: "wire.received", event: { type: "response.output_text.delta" } };
    const events = list(started, wire, delta, wire, delta, done, delta);
    expect(described(new EventFolds(), events)).toEqual(["tool.started", "4 deltas", "tool.done", "message.delta"]);
  });

  it("grows while the message is spoken", () => {
    const folds = new EventFolds();
    const events = list(started, delta);
    expect(described(folds, events)).toEqual(["tool.started", "message.delta"]);
    const two = events.with({ seq: 3, at_ms: 1, ...delta });
    expect(described(folds, two)).toEqual(["tool.started", "2 deltas"]);
    expect(described(folds, two.with({ seq: 4, at_ms: 1, ...delta }))).toEqual(["tool.started", "3 deltas"]);
  });

  it("can be opened and folded again, and grows while it is open", () => {
    const folds = new EventFolds();
    const events = list(delta, delta, done);
    folds.update(events);
    folds.toggle(-1);
    expect(described(folds, events)).toEqual(["2 deltas", "  message.delta", "  message.delta", "tool.done"]);
    const rows = folds.update(events);
    expect([1, 2, 3].map((seq) => indexOfSeq(rows, seq))).toEqual([1, 2, 3]);
    folds.toggle(-1);
    expect(described(folds, events)).toEqual(["2 deltas", "tool.done"]);
  });

  it("is found by its first event, and does not hide the events after it", () => {
    const rows = new EventFolds().update(list(started, delta, delta, done));
    expect([1, 2, 4].map((seq) => indexOfSeq(rows, seq))).toEqual([0, 1, 2]);
  });
});

it("shows guardrails that did not pass as errors", () => {
  const checked = (status: "pass" | "fail"): LogFrame => ({
    seq: 1,
    at_ms: 0,
    kind: "guardrail.checked",
    item_id: "a",
    guardrail: "moderation",
    status,
  });
  expect(lineOf(checked("fail"))).toMatchObject({ tone: "error", summary: "moderation · fail" });
  expect(lineOf(checked("pass")).tone).toBe("plain");
});

describe("the event log", () => {
  const rows = (): string[] =>
    screen.queryAllByRole("treeitem").map((row) => row.querySelector(".row-name")?.textContent ?? "");

  it("has a search, a kind filter and a text for no matches", () => {
    render(<EventLog events={list(started, delta, done)} callId="c1" startedAt={0} ended={false} />);
    expect(rows()).toEqual(["tool.started", "message.delta", "tool.done"]);
    fireEvent.change(screen.getByRole("combobox", { name: "Kind" }), { target: { value: "tools" } });
    expect(rows()).toEqual(["tool.started", "tool.done"]);
    fireEvent.input(screen.getByRole("searchbox", { name: "Filter events" }), { target: { value: "nothing like it" } });
    expect(rows()).toEqual([]);
    expect(screen.getByText("No event matches the filter.")).toBeTruthy();
  });

  it("expands an event with its paired event, by mouse and by keyboard", () => {
    render(<EventLog events={list(started, delta, done)} callId="c1" startedAt={0} ended={false} />);
    const row = screen.getAllByRole("treeitem")[0] as HTMLElement;
    fireEvent.click(within(row).getByText("tool.started"));
    expect(row.getAttribute("aria-expanded")).toBe("true");
    expect(row.textContent).toContain("Ended by tool.done, 20 ms later:");
    const tree = screen.getByRole("tree");
    fireEvent.keyDown(tree, { key: "ArrowLeft" });
    expect(row.getAttribute("aria-expanded")).toBe("false");
    fireEvent.keyDown(tree, { key: "ArrowDown" });
    fireEvent.keyDown(tree, { key: "Enter" });
    const second = screen.getAllByRole("treeitem")[1] as HTMLElement;
    expect(second.getAttribute("aria-expanded")).toBe("true");
    expect(tree.getAttribute("aria-activedescendant")).toBe(second.id);
  });

  it("does not change while paused", () => {
    const events = list(started);
    const { rerender } = render(<EventLog events={events} callId="c1" startedAt={0} ended={false} />);
    fireEvent.click(screen.getByRole("button", { name: "Pause" }));
    rerender(<EventLog events={events.with({ seq: 2, at_ms: 5, ...delta })} callId="c1" startedAt={0} ended={false} />);
    expect(rows()).toEqual(["tool.started"]);
    fireEvent.click(screen.getByRole("button", { name: "Go on showing events" }));
    expect(rows()).toEqual(["tool.started", "message.delta"]);
  });

  it("hides the wire until the reader chooses it", () => {
    render(<EventLog events={list(started, asked, done)} callId="c1" startedAt={0} ended={false} />);
    expect(rows()).toEqual(["tool.started", "tool.done"]);
    fireEvent.change(screen.getByRole("combobox", { name: "Kind" }), { target: { value: "all" } });
    expect(rows()).toEqual(["tool.started", "response.function_call_arguments.done", "tool.done"]);
  });

  it("folds deltas, opens them by a click, and shows each of them to a search", () => {
    render(<EventLog events={list(started, delta, delta, delta, done)} callId="c1" startedAt={0} ended={false} />);
    expect(rows()).toEqual(["tool.started", "3 deltas", "tool.done"]);
    fireEvent.click(screen.getByText("3 deltas"));
    expect(rows()).toEqual([
      "tool.started",
      "3 deltas",
      "message.delta",
      "message.delta",
      "message.delta",
      "tool.done",
    ]);
    fireEvent.input(screen.getByRole("searchbox", { name: "Filter events" }), { target: { value: "hello" } });
    expect(rows()).toEqual(["message.delta", "message.delta", "message.delta"]);
  });

  it("renders few of many rows", () => {
    const many = list(...Array.from({ length: 10_000 }, () => started));
    render(<EventLog events={many} callId="c1" startedAt={0} ended={false} />);
    expect(screen.getAllByRole("treeitem").length).toBeLessThan(100);
  });
});
