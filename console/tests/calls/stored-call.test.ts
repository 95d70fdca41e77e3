import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pathOf, whenOf } from "../../src/calls/call-words";
import type { StoredCall } from "../../src/calls/calls-api";
import * as api from "../../src/calls/calls-api";
import { entriesAt } from "../../src/calls/StoredTranscript";
import { scenarioOf } from "../../src/calls/scenario-of";
import { gapsOf, loadedCall, StoredCallModel } from "../../src/calls/stored-call";
import type { ScenarioInfo } from "../../src/transport/api";
import type { LogFrame } from "../../src/transport/frames";
import { longCall } from "./long-call";
import { summary } from "./summary";

const stored = (changes: Partial<StoredCall> = {}): StoredCall => ({ ...summary("c1"), notes: [], ...changes });

describe("missing parts of a stored call", () => {
  it("are none in a complete one", () => {
    expect(gapsOf(stored(), true)).toEqual([]);
  });

  it("are told apart", () => {
    const gaps = (changes: Partial<StoredCall>, complete = true): string => gapsOf(stored(changes), complete).join();
    expect(gaps({ status: "interrupted" })).toContain("server stopped");
    expect(gaps({ lost_events: 12 })).toContain("12 of the call's events");
    expect(gaps({ mode: "metadata" })).toContain("metadata");
    expect(gaps({ mode: "redacted" })).toContain("redacted");
    expect(gaps({}, false)).toContain("end of the log is missing");
  });

  it("are named in the transcript where the words were not stored", () => {
    const frames: LogFrame[] = [
      { seq: 1, at_ms: 10, kind: "message.added", item_id: "a1", role: "assistant", agent: "clerk" },
      { seq: 2, at_ms: 20, kind: "message.done", item_id: "a1", role: "assistant", text: "" },
    ];
    const text = (mode: StoredCall["mode"]): unknown =>
      loadedCall(stored({ mode }), frames, true).replay.whole.entries.map((entry) => "text" in entry && entry.text);
    expect(text("metadata")).toEqual(["[words not stored]"]);
    expect(text("full")).toEqual([""]);
  });
});

it("shows entries before the playhead as they were seen, and later ones whole", () => {
  const frames = longCall(120);
  const { replay } = loadedCall(stored(), frames, true);
  const streaming = frames.find((frame) => frame.kind === "message.delta");
  const seen = replay.at(streaming?.at_ms ?? 0);
  const entries = entriesAt(replay.whole, seen);
  const messages = entries.filter((entry) => entry.type === "message" && entry.role === "assistant");
  expect(messages[0]).toMatchObject({ status: "streaming", text: "the " });
  expect(messages[1]).toMatchObject({ status: "completed" });
  expect(entriesAt(replay.whole, replay.whole)).toHaveLength(entries.length);
});

describe("the graph of a stored call", () => {
  const { whole } = loadedCall(stored(), longCall(900), true).replay;
  const shop = (...names: string[]): ScenarioInfo => ({
    name: "shop",
    title: "The shop",
    description: "",
    voice: null,
    things_to_say: [],
    guardrails: [],
    agents: names.map((name) => ({
      name,
      handoff_description: null,
      handoffs: [],
      tools: [],
      tool_details: [],
      guardrails: [],
      instructions: null,
    })),
  });

  it("is the scenario's if that has the agents of the call", () => {
    const known = shop("clerk", "returns", "sales", "manager");
    expect(scenarioOf(whole, [known])).toBe(known);
  });

  it("has the call's own handoffs if the scenario was changed or removed", () => {
    const found = scenarioOf(whole, [shop("clerk")]);
    expect(found.title).toBe("The shop");
    expect(found.agents.map(({ name, handoffs }) => [name, handoffs])).toEqual([
      ["clerk", ["returns"]],
      ["returns", ["sales"]],
      ["sales", ["clerk"]],
    ]);
    expect(scenarioOf(whole, []).title).toBe("shop");
    expect(scenarioOf(whole, []).description).toContain("any more");
  });

  it("says nothing about the scenario before the server has answered", () => {
    expect(scenarioOf(whole, undefined).description).toBe("");
  });
});

it("names the day of a call", () => {
  const now = new Date(2026, 4, 10, 12);
  const day = (at: Date): string => whenOf(at.toISOString(), now).day;
  expect(day(new Date(2026, 4, 10, 0, 5))).toBe("Today");
  expect(day(new Date(2026, 4, 9, 23, 55))).toBe("Yesterday");
  expect(day(new Date(2025, 4, 9))).toContain("2025");
  expect(whenOf("never", now).day).toBe("–");
});

it("cuts the middle of a long path of agents", () => {
  expect(pathOf(["a", "b"])).toBe("a → b");
  expect(pathOf(["a", "b", "c", "d", "e", "f", "g"])).toBe("a → b → … 3 more … → f → g");
});

describe("a call that was watched to its end", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("opens as a stored one as soon as the store knows its end", async () => {
    const running = stored({ live: true, status: "running" });
    vi.spyOn(api, "getCall").mockResolvedValueOnce(running).mockResolvedValueOnce(running).mockResolvedValue(stored());
    const readLog = vi.spyOn(api, "readLog").mockResolvedValue({ frames: longCall(3), complete: true });
    const model = new StoredCallModel("c1");
    const loaded = model.load({ ended: true });
    await vi.runAllTimersAsync();
    await loaded;
    expect(model.phase.value.name).toBe("ready");
    expect(readLog).toHaveBeenCalledOnce();
  });

  it("is watched again if it continues", async () => {
    vi.spyOn(api, "getCall").mockResolvedValue(stored({ live: true, status: "running" }));
    const model = new StoredCallModel("c1");
    const loaded = model.load({ ended: true });
    await vi.runAllTimersAsync();
    await loaded;
    expect(model.phase.value.name).toBe("live");
  });
});
