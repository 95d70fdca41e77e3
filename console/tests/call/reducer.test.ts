import { describe, expect, it } from "vitest";
import { type CallState, emptyCall, type Message } from "../../src/call/call-state";
import { reduce } from "../../src/call/reducer";
import type { LogFrame } from "../../src/transport/frames";
import type { LogEvent } from "../../src/transport/log-events";

/** Return the state after these events, numbered from 1 and 10 ms apart. */
function stateAfter(...events: LogEvent[]): CallState {
  return events.map(frame).reduce(reduce, emptyCall());
}

function frame(event: LogEvent, index: number): LogFrame {
  return { seq: index + 1, at_ms: index * 10, ...event };
}

const started: LogEvent = {
  kind: "call.started",
  call_id: "call_1",
  scenario: "shop",
  agent: "clerk",
  transport: "websocket",
  provider: "local",
  model: "shop",
  started_at: "2026-05-01T10:00:00.250Z",
};
const said = (item_id: string, previous_item_id?: string): LogEvent => ({
  kind: "message.added",
  item_id,
  role: item_id.startsWith("u") ? "user" : "assistant",
  ...(previous_item_id !== undefined && { previous_item_id }),
});
const order = (state: CallState): string[] =>
  state.entries.map((entry) =>
    entry.type === "message" ? entry.itemId : entry.type === "tool" ? entry.name : entry.type,
  );
function message(state: CallState, itemId: string): Message {
  const found = state.entries.find((entry) => entry.type === "message" && entry.itemId === itemId);
  if (found?.type !== "message") throw new Error(`The transcript has no message ${itemId}.`);
  return found;
}

describe("a call", () => {
  it("has its facts and its start time", () => {
    const state = stateAfter(started);
    expect(state).toMatchObject({
      callId: "call_1",
      scenario: "shop",
      agent: "clerk",
      provider: "local",
      endReason: null,
    });
    expect(state.startedAt).toBe(Date.UTC(2026, 4, 1, 10, 0, 0, 250));
  });

  it("waits for one thing at a time, and for nothing after its end", () => {
    const waits: LogEvent[] = [
      { kind: "turn.waiting", for: "model" },
      { kind: "turn.waiting", for: "tools", tools: ["weather"] },
    ];
    expect(stateAfter(started, ...waits).waiting).toMatchObject({ for: "tools", tools: ["weather"] });
    expect(stateAfter(started, ...waits, { kind: "call.ended", reason: "done" }).waiting).toBeNull();
  });

  it("changes its agent on handoffs", () => {
    const state = stateAfter(
      started,
      { kind: "agent.changed", agent: "clerk" },
      { kind: "agent.changed", agent: "returns", previous: "clerk" },
    );
    expect(state.agent).toBe("returns");
    expect(state.entries.at(-1)).toMatchObject({ type: "agent", agent: "returns", previous: "clerk" });
  });

  it("tracks the loss and return of the connection to the model", () => {
    const lost = stateAfter(started, { kind: "link.up", model: "m" }, { kind: "link.lost", reason: "1006" });
    expect(lost.link).toBe("lost");
    expect(reduce(lost, frame({ kind: "link.restored", attempts: 1, lost_for_ms: 400 }, 3)).link).toBe("up");
  });

  it("notes a link that ends with the page over WebRTC, without a warning", () => {
    const gone: LogEvent[] = [
      { kind: "leg.lost", leg_id: "l", reason: "the page's connection closed", waiting_ms: 30_000 },
      { kind: "link.lost", reason: "the caller has gone" },
      { kind: "leg.reoffer_requested", reason: "the caller has gone" },
    ];
    const tones = (...events: LogEvent[]) =>
      stateAfter(...events).entries.flatMap((entry) => (entry.type === "note" ? [entry.tone] : []));
    const joined = (transport: "webrtc" | "websocket"): LogEvent => ({ kind: "leg.joined", leg_id: "l", transport });
    expect(tones(joined("webrtc"), ...gone)).toEqual(["plain"]);
    expect(tones(joined("websocket"), ...gone)).toEqual(["warning"]);
    expect(tones(joined("webrtc"), ...gone.slice(0, 1), joined("webrtc"), ...gone.slice(1))).toEqual([
      "warning",
      "warning",
    ]);
  });

  it("stays readable after its end, without streaming messages", () => {
    const state = stateAfter(
      started,
      said("a1"),
      { kind: "message.delta", item_id: "a1", text: "Hel" },
      { kind: "call.ended", reason: "hung up" },
    );
    expect(state.endReason).toBe("hung up");
    expect(message(state, "a1")).toMatchObject({ text: "Hel", status: "interrupted" });
  });

  it("ignores repeated events, and keeps unknown kinds for the event log only", () => {
    const state = stateAfter(started, said("a1"), { kind: "message.delta", item_id: "a1", text: "Hello" });
    expect(reduce(state, frame({ kind: "message.delta", item_id: "a1", text: "Hello" }, 2))).toBe(state);
    const newer = reduce(state, { seq: 4, at_ms: 40, kind: "moon.risen" } as unknown as LogFrame);
    expect(newer.entries).toBe(state.entries);
    expect(newer.events.length).toBe(4);
  });

  it("does not change earlier states", () => {
    const before = stateAfter(started, said("a1"));
    reduce(before, frame({ kind: "message.delta", item_id: "a1", text: "late" }, 2));
    const other = reduce(before, frame({ kind: "message.delta", item_id: "a1", text: "other" }, 2));
    expect(message(before, "a1").text).toBe("");
    expect(before.events.length).toBe(2);
    expect(other.events.at(2)).toMatchObject({ text: "other" });
  });
});

describe("a message", () => {
  it("grows with its deltas and ends with the final text", () => {
    const streaming = stateAfter(
      said("a1"),
      { kind: "message.delta", item_id: "a1", text: "Hel" },
      { kind: "message.delta", item_id: "a1", text: "lo" },
    );
    expect(message(streaming, "a1")).toMatchObject({ text: "Hello", status: "streaming" });
    const done = reduce(
      streaming,
      frame({ kind: "message.done", item_id: "a1", role: "assistant", text: "Hello!" }, 3),
    );
    expect(message(done, "a1")).toMatchObject({ text: "Hello!", status: "completed" });
  });

  it("keeps its heard part after an interruption, in either order of events", () => {
    const done: LogEvent = {
      kind: "message.done",
      item_id: "a1",
      role: "assistant",
      text: "One two three",
      status: "interrupted",
    };
    const cut: LogEvent = { kind: "message.truncated", item_id: "a1", heard_ms: 700, text: "One two" };
    for (const state of [stateAfter(said("a1"), done, cut), stateAfter(said("a1"), cut, done)]) {
      expect(message(state, "a1")).toMatchObject({
        text: "One two three",
        status: "interrupted",
        heard: { ms: 700, text: "One two" },
      });
    }
  });

  it("can be hidden and still precede other messages", () => {
    const state = stateAfter({ kind: "message.added", item_id: "u1", role: "user", hidden: true }, said("a1", "u1"));
    expect(message(state, "u1").hidden).toBe(true);
    expect(order(state)).toEqual(["u1", "a1"]);
  });
});

describe("the transcript's order", () => {
  it("puts late caller text before the reply in progress", () => {
    expect(order(stateAfter(said("a1"), said("a2"), said("u1", "a1")))).toEqual(["a1", "u1", "a2"]);
  });

  it("appends a successor of the newest message behind the notes in between", () => {
    expect(order(stateAfter(said("a1"), { kind: "breadcrumb", title: "x" }, said("u1", "a1")))).toEqual([
      "a1",
      "note",
      "u1",
    ]);
  });

  it("appends a message whose predecessor is not a message", () => {
    expect(order(stateAfter(said("u1"), said("a1", "function_output")))).toEqual(["u1", "a1"]);
  });

  it("places late speech without a known predecessor by its end", () => {
    const state = stateAfter(
      said("a1"),
      { kind: "speech.started", item_id: "u1" },
      { kind: "speech.stopped", item_id: "u1" },
      said("a2"),
      said("u1", "function_output"),
    );
    expect(order(state)).toEqual(["a1", "u1", "a2"]);
  });

  it("keeps a tool run after the speech behind it", () => {
    const tool: LogEvent = { kind: "tool.started", call_id: "c", name: "look", arguments: {}, agent: "clerk" };
    const state = stateAfter(
      said("a1"),
      { kind: "speech.started", item_id: "u1" },
      { kind: "speech.stopped", item_id: "u1" },
      tool,
      said("a2"),
      said("u1", "a1"),
    );
    expect(order(state)).toEqual(["a1", "u1", "look", "a2"]);
  });

  it("adds a message once", () => {
    expect(order(stateAfter(said("a1"), said("a1")))).toEqual(["a1"]);
  });
});

describe("a tool", () => {
  const start = (call_id: string): LogEvent => ({
    kind: "tool.started",
    call_id,
    name: "lookup",
    arguments: { n: 1 },
    agent: "clerk",
  });

  it("is one entry from its start to its end", () => {
    const state = stateAfter(start("c1"), start("c2"), {
      kind: "tool.done",
      call_id: "c1",
      name: "lookup",
      duration_ms: 12,
      result: [1],
    });
    expect(state.entries).toHaveLength(2);
    expect(state.entries[0]).toMatchObject({
      toolCallId: "c1",
      args: { n: 1 },
      outcome: { durationMs: 12, result: [1] },
    });
    expect(state.entries[1]).toMatchObject({ toolCallId: "c2", outcome: null });
  });

  it("may fail", () => {
    const state = stateAfter(start("c1"), {
      kind: "tool.done",
      call_id: "c1",
      name: "lookup",
      duration_ms: 3,
      error: "no such order",
    });
    expect(state.entries[0]).toMatchObject({ outcome: { error: "no such order" } });
  });

  it("shows its end without its start", () => {
    const state = stateAfter({ kind: "tool.done", call_id: "c1", name: "lookup", duration_ms: 3 });
    expect(state.entries[0]).toMatchObject({ type: "tool", name: "lookup", outcome: { durationMs: 3, result: null } });
  });
});

describe("a call on another server", () => {
  const takenOver: LogEvent = { kind: "call.taken_over", call_id: "c", agent: "clerk", reason: "" };

  it("has a warning if its server was lost, and a note after a hand-over", () => {
    const title = "Another server continues the call";
    expect(stateAfter(takenOver).entries[0]).toMatchObject({ title, tone: "warning" });
    expect(stateAfter({ ...takenOver, cause: "handed_over" }).entries[0]).toMatchObject({ title, tone: "plain" });
  });
});

describe("a transport change", () => {
  const chosen: LogEvent = { kind: "link.lost", reason: "the caller changed the audio connection" };
  const joined = (transport: "webrtc" | "websocket"): LogEvent => ({ kind: "leg.joined", leg_id: "l", transport });
  const titles = (state: CallState) => state.entries.map((entry) => entry.type === "note" && entry.title);

  it("adds the transport to its note once the leg has joined", () => {
    const onItsWay = stateAfter(joined("webrtc"), chosen);
    expect(titles(onItsWay)).toEqual(["Changing the audio transport"]);
    const there = reduce(onItsWay, frame(joined("websocket"), 3));
    expect(titles(there)).toEqual(["Audio transport changed: WebSocket, uncompressed"]);
    expect(titles(reduce(there, frame(joined("webrtc"), 4)))).toEqual(titles(there));
  });

  it("adds the codec if the log has it", () => {
    const telephone: LogEvent = { kind: "call.settings", codec: "pcmu" };
    expect(titles(stateAfter(joined("webrtc"), telephone, chosen, joined("websocket")))).toEqual([
      "Codec PCMU",
      "Audio transport changed: WebSocket, PCMU",
    ]);
    expect(titles(stateAfter(joined("websocket"), chosen, joined("webrtc")))).toEqual([
      "Audio transport changed: WebRTC",
    ]);
  });

  it("can keep the same transport", () => {
    expect(titles(stateAfter(joined("webrtc"), chosen, joined("webrtc")))).toEqual(["Audio reconnected: WebRTC"]);
  });
});

describe("errors", () => {
  it("are shown with their hints", () => {
    const state = stateAfter({ kind: "error", message: "Not deployed.", hint: "Deploy it.", source: "provider" });
    expect(state.entries[0]).toMatchObject({
      type: "note",
      tone: "error",
      title: "Not deployed.",
      detail: "Deploy it.",
    });
  });
});

describe("speech over the agent", () => {
  const notes = (state: CallState): string[] =>
    state.entries.flatMap((entry) => (entry.type === "note" ? [entry.title] : []));

  it.each<[LogEvent, string]>([
    [
      { kind: "audio.resumed", item_id: "u1", reason: "backchannel", words: "Mm-hmm." },
      "The agent continues: “Mm-hmm.” (backchannel)",
    ],
    [{ kind: "audio.resumed", item_id: "u1", reason: "no_words" }, "The agent continues: no words"],
    [
      { kind: "audio.interrupted", item_id: "u1", reason: "stop_word", words: "Wait!" },
      "The agent stops: “Wait!” (stop word)",
    ],
  ])("is explained with its words", (event, title) => {
    expect(notes(stateAfter({ kind: "audio.ducked", item_id: "u1" }, event))).toEqual([title]);
  });

  it("is not explained if the caller typed or pressed a button", () => {
    expect(notes(stateAfter({ kind: "audio.interrupted", item_id: "u1", reason: "caller_acted" }))).toEqual([]);
  });

  it("is hidden as a message if it was a backchannel", () => {
    const state = stateAfter(said("u1"), {
      kind: "message.done",
      item_id: "u1",
      role: "user",
      text: "Mm-hmm.",
      status: "ignored",
    });
    expect(message(state, "u1").hidden).toBe(true);
  });
});

describe("a message of the caller with an image", () => {
  it("has the image, and an answer has its phase", () => {
    const state = stateAfter(
      { kind: "message.added", item_id: "u1", role: "user", images: ["data:image/jpeg;base64,AAAA"] },
      { kind: "message.added", item_id: "a1", role: "assistant", agent: "host", phase: "commentary" },
    );
    expect(message(state, "u1").images).toEqual(["data:image/jpeg;base64,AAAA"]);
    expect(message(state, "a1").phase).toBe("commentary");
  });
});

describe("an MCP server", () => {
  it("is explained when it is up, lost and not reached", () => {
    const server = { kind: "mcp.server" as const, agent: "host", server: "shop" };
    const state = stateAfter(
      { ...server, status: "up", tools: ["price"] },
      { ...server, status: "lost", problem: "closed" },
      { ...server, status: "failed", problem: "refused" },
    );
    expect(state.entries.map((entry) => (entry.type === "note" ? entry.title : entry.type))).toEqual([
      "MCP server shop is up",
      "MCP server shop was lost; reconnecting",
      "MCP server shop cannot be reached; trying again",
    ]);
  });
});
