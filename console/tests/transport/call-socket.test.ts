// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CallSocket, type CallSocketHandlers } from "../../src/transport/call-socket";

/** A fake socket that the test opens, feeds and closes. */
class FakeWebSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 3;
  static made: FakeWebSocket[] = [];
  readyState = FakeWebSocket.CONNECTING;
  bufferedAmount = 0;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly url: string) {
    FakeWebSocket.made.push(this);
  }
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(): void {
    this.readyState = FakeWebSocket.CLOSED;
  }
  open(): void {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen?.();
  }
  event(seq: number): void {
    this.onmessage?.({ data: JSON.stringify({ seq, at_ms: seq, kind: "breadcrumb", title: `${seq}` }) });
  }
  lose(code: number, reason = ""): void {
    this.readyState = FakeWebSocket.CLOSED;
    this.onclose?.({ code, reason });
  }
}

const newest = (): FakeWebSocket => FakeWebSocket.made.at(-1) as FakeWebSocket;
const query = (socket: FakeWebSocket): Record<string, string> => Object.fromEntries(new URL(socket.url).searchParams);

let seen: string[];
let socket: CallSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  FakeWebSocket.made = [];
  seen = [];
  const events: CallSocketHandlers = {
    onFrame: (frame) => seen.push(`#${frame.seq}`),
    onAudio: (pcm) => seen.push(`sound ${pcm.byteLength}`),
    onOpen: () => seen.push("opened"),
    onLost: () => seen.push("lost"),
    onClosed: (why, reason) => seen.push(why + reason),
  };
  socket = new CallSocket("c 1", "leg_1", 0, events);
});

afterEach(() => {
  socket.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("a call's socket", () => {
  it("requests the call from its start, as the caller", () => {
    expect(newest().url).toMatch(/^wss?:.*\/api\/calls\/c%201\?/);
    expect(query(newest())).toEqual({ after: "0", leg: "leg_1" });
  });

  it("passes on events and audio in order, each event once", () => {
    newest().open();
    newest().event(1);
    newest().onmessage?.({ data: new ArrayBuffer(960) });
    newest().event(1);
    newest().event(2);
    expect(seen).toEqual(["opened", "#1", "sound 960", "#2"]);
  });

  it("reconnects after its last event", () => {
    newest().open();
    newest().event(1);
    newest().event(2);
    newest().lose(1006);
    vi.advanceTimersByTime(300);
    expect(FakeWebSocket.made).toHaveLength(2);
    expect(query(newest())).toEqual({ after: "2", leg: "leg_1" });
    newest().open();
    newest().event(3);
    expect(seen).toEqual(["opened", "#1", "#2", "lost", "opened", "#3"]);
  });

  it.each([
    [0, [300, 600, 1200, 2400, 4800, 5000, 5000]],
    [1, [150, 300, 600, 1200, 2400, 2500, 2500]],
  ])("waits longer each time, up to five seconds, less a random part (%s)", (random, expected) => {
    vi.spyOn(Math, "random").mockReturnValue(random);
    newest().open();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const before = FakeWebSocket.made.length;
      newest().lose(1006);
      let waited = 0;
      for (; FakeWebSocket.made.length === before; waited += 50) vi.advanceTimersByTime(50);
      waits.push(waited);
    }
    expect(waits).toEqual(expected);
  });

  it("reconnects at once when the network returns", () => {
    newest().open();
    newest().lose(1006);
    dispatchEvent(new Event("online"));
    expect(FakeWebSocket.made).toHaveLength(2);
  });

  it.each([
    [1000, "over"],
    [4404, "unknown"],
    [4409, "taken-over"],
    [4429, "refused"],
  ])("stays closed after code %i: %s", (code, why) => {
    newest().open();
    newest().lose(code);
    vi.advanceTimersByTime(60_000);
    expect(seen.at(-1)).toBe(why);
    expect(FakeWebSocket.made).toHaveLength(1);
  });

  it("passes on the server's reason for a rejection", () => {
    newest().lose(4429, ": 20 pages");
    expect(seen).toEqual(["refused: 20 pages"]);
  });

  it("drops audio on a slow network, but never commands", () => {
    newest().open();
    newest().bufferedAmount = 100_000;
    socket.sendAudio(new ArrayBuffer(960));
    expect(socket.send({ type: "interrupt" })).toBe(true);
    expect(newest().sent).toEqual(['{"type":"interrupt"}']);
  });

  it("returns false for a command without a connection", () => {
    expect(socket.send({ type: "say", text: "hello" })).toBe(false);
  });
});
