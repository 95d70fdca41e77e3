// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventLog } from "../../src/event-log/EventLog";
import { EventList, findBySeq, lastBy } from "../../src/event-log/event-list";
import {
  eventAddress,
  eventTarget,
  followHash,
  onEventShown,
  seqOfHash,
  showEvent,
} from "../../src/event-log/event-target";
import type { LogEvent } from "../../src/transport/log-events";
import { logsShown, showLogs, tab } from "../../src/ui/layout-state";
import { dismiss, notices } from "../../src/ui/notices";

const list = (first: number, ...events: LogEvent[]): EventList =>
  events.reduce(
    (all, event, index) => all.with({ seq: first + index, at_ms: 100 * index, ...event }),
    EventList.empty(),
  );
const started: LogEvent = { kind: "tool.started", call_id: "c", name: "look", arguments: {}, agent: "clerk" };
const delta: LogEvent = { kind: "message.delta", item_id: "a", text: "Hello" };
const wire: LogEvent = { kind: "wire.sent", event: { type: "response.create" } };
const EVENTS = list(1, started, delta, delta, delta, wire, started);

beforeEach(() => {
  onEventShown();
  dismiss("event");
});
afterEach(cleanup);

const draw = (events = EVENTS, ended = false): void => {
  render(<EventLog events={events} callId="c1" startedAt={0} ended={ended} />);
};
const active = (): string | undefined => document.querySelector(".row-active .row-name")?.textContent ?? undefined;
const noticeTexts = (): string[] => notices.value.map(({ text }) => text);

describe("a linked event", () => {
  it("is named by the hash of an address", () => {
    expect(["#42", "#0", "#x", "#4x", "", "#00012"].map(seqOfHash)).toEqual([42, null, null, null, null, null]);
    expect(eventAddress("http://host/console/?call=old&codec=pcmu#3", "c 1", 42)).toBe(
      "http://host/console/?call=c+1#42",
    );
  });

  it("opens the event log, now and when the hash changes", () => {
    showLogs(false);
    history.replaceState(null, "", "/#6");
    followHash();
    expect([eventTarget.value, logsShown.value, tab.value]).toEqual([
      { seq: 6, open: true, focus: true },
      true,
      "events",
    ]);
    history.replaceState(null, "", "/#2");
    dispatchEvent(new Event("hashchange"));
    expect(eventTarget.value?.seq).toBe(2);
    history.replaceState(null, "", "/");
  });

  it("is selected, expanded and focused", () => {
    showEvent(6, { open: true, focus: true });
    draw();
    expect(active()).toBe("tool.started");
    expect(document.querySelector(".row-active")?.getAttribute("aria-expanded")).toBe("true");
    expect(document.activeElement).toBe(screen.getByRole("tree"));
    expect(eventTarget.value).toBeNull();
  });

  it("is shown although a filter hides it", () => {
    draw();
    showEvent(5);
    cleanup();
    draw();
    expect(active()).toBe("response.create");
    expect((screen.getByRole("combobox", { name: "Kind" }) as HTMLSelectElement).value).toBe("all");
  });

  it("is shown although it is within a run of deltas", () => {
    showEvent(3);
    draw();
    expect(active()).toBe("message.delta");
    expect(screen.getByText("3 deltas")).toBeTruthy();
  });

  it("is awaited until the log has it", () => {
    showEvent(6, { open: true });
    const { rerender } = render(<EventLog events={list(1, started, delta)} callId="c1" startedAt={0} ended={false} />);
    expect(active()).toBeUndefined();
    rerender(<EventLog events={EVENTS} callId="c1" startedAt={0} ended={false} />);
    expect(active()).toBe("tool.started");
  });

  it("gets a notice if the log has lost it, or never had it", () => {
    showEvent(3);
    draw(list(20, started));
    expect(noticeTexts()).toEqual(["The log of this call does not have the event 3."]);
    cleanup();
    showEvent(99);
    draw(EVENTS, true);
    expect(noticeTexts()).toEqual(["The log of this call does not have the event 99."]);
  });

  it("has a button that copies its address", async () => {
    const copied: string[] = [];
    vi.stubGlobal("navigator", { clipboard: { writeText: async (text: string) => void copied.push(text) } });
    draw();
    fireEvent.click(screen.getAllByText("tool.started")[0] as HTMLElement);
    fireEvent.click(screen.getByRole("button", { name: "Copy link" }));
    await vi.waitFor(() => expect(screen.getByRole("button", { name: "Copy link" }).textContent).toBe("Copied!"));
    expect(copied).toEqual([eventAddress(location.href, "c1", 1)]);
    vi.unstubAllGlobals();
  });
});

it("finds events by seq and by time", () => {
  const events = list(10, started, delta, wire);
  expect([9, 10, 12, 13].map((seq) => findBySeq(events, seq)?.seq)).toEqual([undefined, 10, 12, undefined]);
  expect([-1, 0, 150, 900].map((ms) => lastBy(events, ms)?.seq)).toEqual([undefined, 10, 11, 12]);
});
