// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadCatalogue } from "../../src/call/catalogue";
import { Connection } from "../../src/call/connection";
import * as preferences from "../../src/call/preferences";
import { ApiError } from "../../src/transport/api";
import type { CallSocketHandlers, Command } from "../../src/transport/call-socket";
import type { Frame } from "../../src/transport/frames";
import { dismiss, notices } from "../../src/ui/notices";

interface Answer {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const fakes = vi.hoisted(() => ({
  requests: [] as { name: string; body: Record<string, unknown>; answer: Answer }[],
  legs: [] as { transport: string; log: string[] }[],
  sockets: [] as { callId: string; leg: string | null; after: number; handlers: CallSocketHandlers; sent: Command[] }[],
}));

vi.mock("../../src/transport/api", () => {
  const ask = (name: string, body: Record<string, unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => fakes.requests.push({ name, body, answer: { resolve, reject } }));
  return {
    ApiError: class extends Error {
      constructor(
        message: string,
        readonly status: number,
      ) {
        super(message);
      }
    },
    startCall: (body: Record<string, unknown>) => ask("start", body),
    joinCall: (callId: string, body: Record<string, unknown>) => ask("join", { callId, ...body }),
    hangUp: (callId: string, leg: string | null) => ask("hang up", { callId, leg }),
    problems: async () => [],
    scenarios: async () => [],
    health: async () => ({ status: "ok", version: "1", provider: "local", stores_calls: true }),
    iceServers: async () => [],
  };
});
vi.mock("../../src/transport/relay", async () => {
  const { signal } = await import("@preact/signals");
  return {
    RelayLeg: class {
      readonly transport = "websocket";
      readonly log: string[] = [];
      readonly microphone = { mute: () => undefined, setStandby: () => undefined, level: signal(0) };
      readonly level = signal(0);
      readonly audible = signal(false);
      constructor() {
        fakes.legs.push(this);
      }
      onLogFrame({ kind }: Frame): void {
        this.log.push(kind);
      }
      onAudio(): void {}
      onSocketReady(): void {
        this.log.push("ready");
      }
      interruptPlayback(): void {
        this.log.push("interrupted");
      }
      close(): void {
        this.log.push("closed");
      }
    },
  };
});
vi.mock("../../src/transport/call-socket", () => ({
  CallSocket: class {
    readonly sent: Command[] = [];
    isOpen = true;
    constructor(
      readonly callId: string,
      readonly leg: string | null,
      readonly after: number,
      readonly handlers: CallSocketHandlers,
    ) {
      fakes.sockets.push(this);
    }
    get seq(): number {
      return 7;
    }
    send(command: Command): boolean {
      this.sent.push(command);
      return true;
    }
    close(): void {}
  },
}));
vi.mock("../../src/call/tab-lock", () => ({ lockLeg: async () => true }));
vi.mock("../../src/audio/recording", () => ({
  Recording: class {
    async finish(): Promise<void> {}
  },
}));

let connection: Connection;
const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);
const newest = <Item>(items: readonly Item[]): Item => items.at(-1) as Item;
const names = (): string[] => fakes.requests.map(({ name }) => name);

async function answer(value: unknown): Promise<void> {
  newest(fakes.requests).answer.resolve(value);
  await settle();
}

function receive(frame: Record<string, unknown>): void {
  newest(fakes.sockets).handlers.onFrame({ at_ms: 0, ...frame } as unknown as Frame);
}

/** Start a call over the relay, up to its open socket. */
async function startCall(): Promise<void> {
  connection.connect("shop", null);
  await settle();
  await answer({ call_id: "c1", leg_id: "l1", transport: "websocket" });
  newest(fakes.sockets).handlers.onOpen();
  receive({ seq: 0, kind: "leg.role", role: "caller" });
}

beforeEach(() => {
  vi.useFakeTimers();
  history.replaceState(null, "", "/");
  Object.assign(fakes, { requests: [], legs: [], sockets: [] });
  preferences.transport.save("websocket");
  connection = new Connection();
});

afterEach(() => {
  connection.disconnect();
  for (const key of ["call", "command", "transport"]) dismiss(key);
  preferences.pushToTalk.save(false);
  preferences.codec.save("opus");
  sessionStorage.clear();
  vi.useRealTimers();
});

describe("a call", () => {
  it("starts with the relay's codec, its address and its leg's id", async () => {
    await startCall();
    expect(fakes.requests[0]?.body).toEqual({ scenario: "shop", transport: "websocket", codec: "pcm16" });
    expect(newest(fakes.sockets)).toMatchObject({ callId: "c1", leg: "l1", after: 0 });
    expect(location.search).toContain("call=c1");
    expect(connection.phase.value).toBe("connected");
    expect(fakes.legs[0]?.log).toEqual(["ready"]);
  });

  it("shows the log's events, which the leg gets first", async () => {
    await startCall();
    receive({ seq: 1, kind: "audio.started", item_id: "a" });
    expect(newest(fakes.legs).log).toContain("audio.started");
    await vi.advanceTimersByTimeAsync(100);
    expect(connection.call.value.lastSeq).toBe(1);
  });

  it("sends commands only while the page is the connected caller", async () => {
    expect(connection.say("hello")).toBe(false);
    await startCall();
    expect(connection.say("hello")).toBe(true);
    expect(newest(fakes.sockets).sent).toEqual([{ type: "say", text: "hello" }]);
    expect(newest(fakes.legs).log).toContain("interrupted");
    newest(fakes.sockets).handlers.onLost();
    expect([connection.phase.value, connection.say("again")]).toEqual(["reconnecting", false]);
  });

  it("that the server starts too late is hung up", async () => {
    connection.connect("shop", null);
    await settle();
    connection.disconnect();
    await answer({ call_id: "c9", leg_id: "l9", transport: "websocket" });
    expect(newest(fakes.requests)).toMatchObject({ name: "hang up", body: { callId: "c9", leg: "l9" } });
    expect([fakes.sockets.length, connection.phase.value]).toEqual([0, "idle"]);
  });

  it("ends with the caller's order, and its leg is closed", async () => {
    await startCall();
    connection.disconnect();
    expect([connection.phase.value, newest(names()), connection.leg.value]).toEqual(["ended", "hang up", null]);
    expect(newest(fakes.legs).log).toContain("closed");
  });

  it("is hung up over its socket if the request fails", async () => {
    await startCall();
    connection.disconnect();
    newest(fakes.requests).answer.reject(new Error("unreachable"));
    await settle();
    expect(newest(fakes.sockets).sent.at(-1)).toEqual({ type: "hang_up" });
  });
});

describe("joining", () => {
  it("again continues the log at its position, with the leg's id", async () => {
    await startCall();
    preferences.codec.save("pcmu");
    await settle();
    expect(newest(fakes.requests)).toMatchObject({ name: "join", body: { callId: "c1", leg_id: "l1", codec: "pcmu" } });
    await answer({ leg_id: "l1", role: "caller", grants: ["read", "speak", "end"], transport: "websocket" });
    expect(newest(fakes.sockets).after).toBe(7);
  });

  it("retries while the server cannot be reached", async () => {
    connection.resume("c1");
    await settle();
    newest(fakes.requests).answer.reject(new Error("unreachable"));
    await settle();
    expect(connection.phase.value).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(1500);
    expect(names()).toEqual(["join", "join"]);
  });

  it("leads to the stored call if the server has deleted it", async () => {
    await loadCatalogue();
    connection.resume("c1");
    await settle();
    newest(fakes.requests).answer.reject(new ApiError("unknown call", 404, "unknown_call"));
    await settle();
    const assign = vi.spyOn(location, "assign").mockImplementation(() => undefined);
    const { action } = newest(notices.value);
    expect(action?.label).toBe("Open the stored call");
    action?.run();
    expect(new URL(String(assign.mock.calls[0]?.[0])).pathname).toBe("/calls/c1");
  });

  it("is dropped for a newer order", async () => {
    connection.resume("c1");
    await settle();
    const old = newest(fakes.requests);
    connection.connect("shop", null);
    await settle();
    old.answer.resolve({ leg_id: "l1", role: "caller", grants: ["read", "speak", "end"], transport: "websocket" });
    await settle();
    expect([fakes.sockets.length, connection.phase.value]).toEqual([0, "connecting"]);
  });

  it("can be tried again after a rejection, from its notice", async () => {
    await startCall();
    newest(fakes.sockets).handlers.onClosed("refused", "Full.");
    const notice = notices.value.find(({ key }) => key === "call");
    expect(notice?.text).toMatch(/^Full\./);
    notice?.action?.run();
    await settle();
    expect(newest(fakes.requests)).toMatchObject({ name: "join", body: { callId: "c1" } });
    expect(notices.value.some(({ key }) => key === "call")).toBe(false);
  });
});

describe("a former conversation", () => {
  const speak = async (): Promise<void> => {
    receive({ seq: 1, kind: "call.started", call_id: "c1", scenario: "shop", agent: "a", started_at: "" });
    receive({ seq: 2, kind: "message.added", item_id: "u", role: "user" });
    receive({ seq: 3, kind: "message.done", item_id: "u", role: "user", text: "Hello." });
    await vi.advanceTimersByTimeAsync(100);
  };

  it("stays on the page when a new call starts", async () => {
    await startCall();
    await speak();
    connection.connect("shop", "b");
    expect(connection.call.value.entries).toEqual([]);
    expect(connection.earlier.value.map(({ callId }) => callId)).toEqual(["c1"]);
  });

  it("does not stay if the caller said nothing", async () => {
    await startCall();
    receive({ seq: 1, kind: "call.started", call_id: "c1", scenario: "shop", agent: "a", started_at: "" });
    await vi.advanceTimersByTimeAsync(100);
    connection.connect("shop", "b");
    expect(connection.earlier.value).toEqual([]);
  });

  it("makes room for newer ones after three", async () => {
    for (let number = 0; number < 5; number += 1) {
      await startCall();
      await speak();
    }
    connection.connect("shop", null);
    expect(connection.earlier.value).toHaveLength(3);
  });
});

it("shows the error of a command as a notice", async () => {
  await startCall();
  receive({ seq: 0, kind: "error", message: "The text is too long." });
  expect(notices.value.map(({ text }) => text)).toContain("The text is too long.");
});

it("sends the caller's push-to-talk once the page is the caller", async () => {
  preferences.pushToTalk.save(true);
  await startCall();
  expect(newest(fakes.sockets).sent).toEqual([{ type: "push_to_talk", on: true }]);
});
