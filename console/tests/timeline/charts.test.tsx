// @vitest-environment happy-dom
import { signal } from "@preact/signals";
import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LevelHistory } from "../../src/audio/level-history";
import { type CallState, emptyCall } from "../../src/call/call-state";
import { reduce } from "../../src/call/reducer";
import { eventTarget, onEventShown } from "../../src/event-log/event-target";
import { LatencyChart } from "../../src/timeline/LatencyChart";
import { type Playback, PlaybackContext } from "../../src/timeline/playback";
import { entryTarget, onEntryShown } from "../../src/timeline/show-moment";
import { VoiceTimeline } from "../../src/timeline/VoiceTimeline";
import type { LogFrame } from "../../src/transport/frames";
import type { LogEvent, TurnLatency } from "../../src/transport/log-events";
import { showLogs } from "../../src/ui/layout-state";

beforeEach(() => {
  showLogs(true);
  onEventShown();
  onEntryShown();
});
afterEach(cleanup);

function callAfter(...events: [number, LogEvent][]): CallState {
  return events
    .map(([at_ms, event], index): LogFrame => ({ seq: index + 1, at_ms, ...event }))
    .reduce(reduce, emptyCall());
}

const latency = (item_id: string, answered: TurnLatency["after"], parts: Record<string, number>): LogEvent => ({
  kind: "turn.latency",
  item_id,
  total_ms: Object.values(parts).reduce((sum, ms) => sum + ms, 0),
  parts: Object.entries(parts).map(([name, ms]) => ({ name, ms })),
  after: answered,
});

const TALK = callAfter(
  [0, { kind: "message.added", item_id: "a1", role: "assistant", agent: "clerk" }],
  [100, { kind: "audio.started", item_id: "a1" }],
  [110, latency("a1", "greeting", { model: 100 })],
  [200, { kind: "audio.done", item_id: "a1", ms: 1900 }],
  [1500, { kind: "speech.started", item_id: "u1" }],
  [1500, { kind: "audio.cleared", item_id: "a1" }],
  [3500, { kind: "speech.stopped", item_id: "u1" }],
  [3600, { kind: "message.added", item_id: "a2", role: "assistant", agent: "clerk" }],
  [4100, { kind: "audio.started", item_id: "a2" }],
  [4110, latency("a2", "speech", { endpointing: 500, tools: 300 })],
  [9000, { kind: "message.added", item_id: "u2", role: "user" }],
);

describe("the timeline", () => {
  const draw = (call: CallState): HTMLElement => {
    render(<VoiceTimeline id="t" call={call} agents={["clerk"]} levels={new LevelHistory(() => null)} />);
    return screen.getByRole("region", { name: "Timeline" });
  };
  const names = (list: string): (string | null)[] =>
    within(screen.getByRole("list", { name: list }))
      .getAllByRole("button")
      .map((button) => button.getAttribute("aria-label"));

  it("says in words who spoke when, and what was interrupted", () => {
    draw(TALK);
    expect(names("You")).toEqual(["You at 0:01, for 2.0 s", "You typed at 0:09"]);
    expect(names("Agent")).toEqual(["clerk at 0:00, for 1.4 s, interrupted", "clerk at 0:04, for 4.9 s"]);
  });

  it("calls the caller by name on the page of a stored call", () => {
    const playback: Playback = { positionMs: signal(null), playing: signal(false), seeks: signal(0), seek: () => {} };
    render(
      <PlaybackContext.Provider value={playback}>
        <VoiceTimeline id="t" call={TALK} agents={["clerk"]} levels={new LevelHistory(() => null)} />
      </PlaybackContext.Provider>,
    );
    expect(names("Caller")).toEqual(["Caller at 0:01, for 2.0 s", "Caller typed at 0:09"]);
  });

  it("places speech and waits by their times", () => {
    const region = draw(
      callAfter([0, { kind: "speech.started", item_id: "u" }], [7500, { kind: "link.up", model: "m" }]),
    );
    const speech = within(region).getByRole("button");
    expect([speech.style.left, speech.style.width]).toEqual(["0px", "300px"]);
    cleanup();
    const [greeting, reply] = draw(TALK).querySelectorAll<HTMLElement>(".voices-wait");
    expect(greeting?.title).toBe("100 ms for the greeting: model 100 ms");
    expect([reply?.style.left, reply?.style.width]).toEqual(["132.4px", "32px"]);
    cleanup();
    const late = callAfter(
      [9900, latency("a", "speech", { model: 400, playout: 100 })],
      [15_000, { kind: "link.up", model: "m" }],
    );
    const [wait] = draw(late).querySelectorAll<HTMLElement>(".voices-wait");
    expect([wait?.style.left, wait?.style.width], "until the caller hears the answer").toEqual(["380px", "20px"]);
  });

  it("marks the time in which both spoke", () => {
    const call = callAfter(
      [0, { kind: "audio.started", item_id: "a" }],
      [10, { kind: "audio.done", item_id: "a", ms: 3000 }],
      [2000, { kind: "speech.started", item_id: "u" }],
      [5000, { kind: "speech.stopped", item_id: "u" }],
    );
    expect(draw(call).querySelectorAll(".voices-overlap")).toHaveLength(1);
  });

  it("shows the event and the message of a span by a click", () => {
    draw(TALK);
    fireEvent.click(screen.getByRole("button", { name: /^clerk at 0:04/ }));
    expect([eventTarget.value, entryTarget.value]).toEqual([{ seq: 9, open: false, focus: false }, 8]);
  });

  it("shows the last event before any other moment by a click", () => {
    const view = draw(TALK).querySelector(".voices-view") as Element;
    fireEvent.click(view, { clientX: 154 }); // 3.85 s
    expect([eventTarget.value?.seq, entryTarget.value]).toEqual([8, 8]);
  });

  it("leaves a hidden event log alone", () => {
    showLogs(false);
    draw(TALK);
    fireEvent.click(screen.getByRole("button", { name: "You typed at 0:09" }));
    expect([eventTarget.value, entryTarget.value]).toEqual([null, 11]);
  });

  it("is one stop for Tab; arrows move in the order of time", () => {
    const region = draw(TALK);
    const buttons = within(region).getAllByRole("button");
    expect(buttons.filter((button) => button.tabIndex === 0).map((one) => one.getAttribute("aria-label"))).toEqual([
      "You typed at 0:09",
    ]);
    const press = (key: string): string | null => {
      fireEvent.keyDown(document.activeElement as Element, { key });
      return (document.activeElement as Element).getAttribute("aria-label");
    };
    screen.getByRole("button", { name: "You typed at 0:09" }).focus();
    expect(press("ArrowLeft")).toMatch(/^clerk at 0:04/);
    expect(press("ArrowLeft")).toMatch(/^You at 0:01/);
    expect(press("Home")).toMatch(/^clerk at 0:00/);
    expect(press("End")).toBe("You typed at 0:09");
  });

  it("draws the levels that the page has measured", () => {
    const levels = new LevelHistory(() => null);
    levels.between = () => [0.1, 0.9, 0.1];
    render(<VoiceTimeline id="t" call={TALK} agents={["clerk"]} levels={levels} />);
    expect(document.querySelectorAll(".voice polygon")).toHaveLength(3);
  });

  it("says so if nobody has spoken", () => {
    expect(draw(emptyCall()).textContent).toContain("Nobody has spoken yet.");
  });
});

describe("the latency chart", () => {
  it("has a column for each turn with its parts in proportion, and in words", () => {
    render(<LatencyChart call={TALK} />);
    const columns = screen.getAllByRole("button");
    expect(columns.map((column) => column.getAttribute("aria-label"))).toEqual([
      "100 ms for the greeting: model 100 ms",
      "800 ms after the caller's speech: endpointing 500 ms, tools 300 ms",
    ]);
    const heights = columns.map((column) => column.querySelector<HTMLElement>(".latency-column")?.style.height);
    expect(heights).toEqual(["12.5%", "100%"]);
    const parts = [...(columns[1]?.querySelectorAll<HTMLElement>(".part") ?? [])];
    expect(parts.map((part) => [part.className, part.style.flexGrow])).toEqual([
      ["part part-endpointing", "500"],
      ["part part-tools", "300"],
    ]);
  });

  it("shows a turn's parts while its column has the focus, and its events by a click", () => {
    const { container } = render(<LatencyChart call={TALK} />);
    const column = screen.getAllByRole("button")[1] as HTMLElement;
    fireEvent.focus(column);
    expect(container.querySelector(".latency-words")?.textContent).toMatch(/^800 ms after the caller's speech/);
    fireEvent.click(column);
    expect([eventTarget.value?.seq, entryTarget.value]).toEqual([10, 8]);
  });

  it("is absent without a turn", () => {
    expect(render(<LatencyChart call={emptyCall()} />).container.textContent).toBe("");
  });
});
