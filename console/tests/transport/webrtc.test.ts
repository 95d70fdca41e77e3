import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CallSocket, Command } from "../../src/transport/call-socket";
import type { LogFrame } from "../../src/transport/frames";
import { TIMEOUT_MS } from "../../src/transport/liveness";
import { WebRtcLeg } from "../../src/transport/webrtc";

const fakes = vi.hoisted(() => ({
  track: null as unknown as { value: unknown },
  audible: null as unknown as { value: boolean },
  muted: false,
  held: false,
  measured: false,
  cleared: 0,
  closed: [] as string[],
}));

vi.mock("../../src/audio/microphone", async () => {
  const signals = await import("@preact/signals");
  return {
    Microphone: class {
      readonly track = signals.signal<unknown>(null);
      constructor() {
        fakes.track = this.track;
      }
      async open(): Promise<void> {}
      close(): void {
        fakes.closed.push("microphone");
      }
    },
  };
});
vi.mock("../../src/audio/remote-audio", async () => {
  const signals = await import("@preact/signals");
  return {
    RemoteAudio: class {
      readonly audible = signals.signal(false);
      readonly level = signals.signal(0);
      readonly outputMs = 10;
      readonly silentMs = 400;
      get measured(): boolean {
        return fakes.measured;
      }
      constructor() {
        fakes.audible = this.audible;
      }
      async play(): Promise<void> {}
      mute(): void {
        fakes.muted = true;
      }
      unmute(): void {
        fakes.muted = false;
      }
      hold(held: boolean): void {
        fakes.held = held;
      }
      close(): void {
        fakes.closed.push("remote audio");
      }
    },
  };
});
vi.mock("../../src/audio/filler-playout", async () => {
  const signals = await import("@preact/signals");
  return {
    FillerPlayout: class {
      readonly audible = signals.signal(false);
      onLogFrame(): void {}
      clear(): void {
        fakes.cleared += 1;
      }
      close(): void {}
    },
  };
});

vi.mock("../../src/transport/ice-servers", () => ({ iceServers: async () => [TURN] }));
const TURN = { urls: "turn:turn.example", username: "caller", credential: "word" };

class FakePeer {
  static newest: FakePeer;
  configured: RTCConfiguration | null = null;
  connectionState = "new";
  iceGatheringState = "new";
  localDescription: { sdp: string } | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ontrack: unknown = null;
  received = 0;
  sent = 0;
  refusesAnswer = false;
  codecs: string[] | null = null;
  readonly replaced: unknown[] = [];
  readonly channels: string[] = [];
  private gathering: (() => void) | null = null;

  constructor() {
    FakePeer.newest = this;
  }
  addTransceiver(): unknown {
    return {
      sender: { replaceTrack: async (track: unknown) => void this.replaced.push(track) },
      setCodecPreferences: (codecs: { mimeType: string }[]) => {
        this.codecs = codecs.map(({ mimeType }) => mimeType);
      },
    };
  }
  setConfiguration(configuration: RTCConfiguration): void {
    this.configured = configuration;
  }
  createDataChannel(name: string): void {
    this.channels.push(name);
  }
  async setLocalDescription(): Promise<void> {
    this.localDescription = { sdp: "offer" };
  }
  async setRemoteDescription(): Promise<void> {
    if (this.refusesAnswer) throw new Error("bad line");
  }
  addEventListener(_type: string, listener: () => void): void {
    this.gathering = listener;
  }
  gather(sdp: string): void {
    this.localDescription = { sdp };
    this.iceGatheringState = "complete";
    this.gathering?.();
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  async getStats(): Promise<Map<string, unknown>> {
    return new Map([
      ["a", { type: "inbound-rtp", packetsReceived: this.received }],
      ["b", { type: "outbound-rtp", packetsSent: this.sent }],
    ]);
  }
  close(): void {
    fakes.closed.push("peer");
  }
}

let sent: Command[];
let failures: [string, boolean][];
let socketIsOpen: boolean;
let leg: WebRtcLeg;

function createLeg(codec: "opus" | "pcmu" = "opus", timeoutMs = 3000): FakePeer {
  const socket = { send: (command: Command) => socketIsOpen && sent.push(command) > 0 } as unknown as CallSocket;
  leg = new WebRtcLeg(
    codec,
    timeoutMs,
    () => socket,
    true,
    (reason, wasUp) => failures.push([reason, wasUp]),
  );
  return FakePeer.newest;
}

const log = (kind: string): void => leg.onLogFrame({ seq: 1, at_ms: 0, kind, item_id: "a" } as unknown as LogFrame);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("RTCRtpReceiver", {
    getCapabilities: () => ({ codecs: [{ mimeType: "audio/opus" }, { mimeType: "audio/PCMU" }] }),
  });
  Object.assign(fakes, { muted: false, measured: false, cleared: 0, closed: [] });
  sent = [];
  failures = [];
  socketIsOpen = true;
});

afterEach(() => {
  leg.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the offer", () => {
  it("waits for the candidates", async () => {
    const peer = createLeg();
    const offer = leg.offer();
    await vi.advanceTimersByTimeAsync(10);
    peer.gather("offer with candidates");
    expect(await offer).toBe("offer with candidates");
  });

  it("does not wait longer than a second for them", async () => {
    createLeg();
    const offer = leg.offer();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await offer).toBe("offer");
  });

  it("is made with the server's STUN and TURN servers", async () => {
    const peer = createLeg();
    const offer = leg.offer();
    await vi.advanceTimersByTimeAsync(1000);
    await offer;
    expect(peer.configured).toEqual({ iceServers: [TURN] });
  });

  it("contains every codec for Opus, and else only the chosen one", () => {
    expect(createLeg("opus").codecs).toBeNull();
    leg.close();
    expect(createLeg("pcmu").codecs).toEqual(["audio/PCMU"]);
  });

  it("precedes the microphone's permission: its track follows", () => {
    const peer = createLeg();
    const track = {};
    fakes.track.value = track;
    expect(peer.replaced).toEqual([null, track]);
    expect(peer.channels).toEqual(["oai-events"]);
  });
});

describe("a connection", () => {
  it("is reported to the server once it is up", () => {
    const peer = createLeg();
    leg.onSocketReady();
    expect(sent).toEqual([]);
    peer.become("connected");
    expect(sent).toEqual([{ type: "media_ready" }]);
  });

  it("is reported when the socket opens later, and again after a reconnect", () => {
    const peer = createLeg();
    socketIsOpen = false;
    peer.become("connected");
    expect(sent).toEqual([]);
    socketIsOpen = true;
    leg.onSocketReady();
    leg.onSocketReady();
    expect(sent).toHaveLength(2);
  });

  it("fails if it does not open in time", async () => {
    createLeg("opus", 3000);
    void leg.offer();
    await vi.advanceTimersByTimeAsync(2999);
    expect(failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(failures).toEqual([["no connection within 3 s", false]]);
  });

  it("has no deadline any more once it is up", async () => {
    const peer = createLeg();
    void leg.offer();
    peer.become("connected");
    await vi.advanceTimersByTimeAsync(4000);
    expect(failures).toEqual([]);
  });

  it("fails if the answer cannot be used", async () => {
    const peer = createLeg();
    peer.refusesAnswer = true;
    await leg.answer("nonsense");
    expect(failures).toEqual([["the answer could not be used (bad line)", false]]);
  });

  it("may be interrupted for four seconds", async () => {
    const peer = createLeg();
    peer.become("connected");
    peer.become("disconnected");
    await vi.advanceTimersByTimeAsync(3900);
    peer.become("connected");
    peer.received += 50;
    await vi.advanceTimersByTimeAsync(1000);
    expect(failures).toEqual([]);
    peer.become("disconnected");
    await vi.advanceTimersByTimeAsync(4000);
    expect(failures).toEqual([["the connection was lost", true]]);
  });

  it("is lost when no packets arrive any more, and reports that once", async () => {
    const peer = createLeg();
    peer.become("connected");
    for (let second = 0; second < 5; second += 1) {
      peer.received += 50;
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS + 1000);
    peer.become("failed");
    expect(failures).toEqual([["no packets arrive any more", true]]);
  });

  it("reports nothing after it was closed", async () => {
    const peer = createLeg();
    void leg.offer();
    leg.close();
    peer.become("failed");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(failures).toEqual([]);
    expect(fakes.closed).toEqual(["microphone", "remote audio", "peer"]);
  });
});

describe("the agent's audio", () => {
  it("counts as audible from the log's start of an utterance to its end", () => {
    createLeg();
    log("audio.started");
    expect(leg.audible.value).toBe(true);
    log("audio.done");
    expect(leg.audible.value).toBe(false);
  });

  it("counts as audible while it can be measured", () => {
    createLeg();
    fakes.audible.value = true;
    expect(leg.audible.value).toBe(true);
  });

  it.each(["audio.cleared", "call.ended"])("is muted by %s until the next utterance", (kind) => {
    createLeg();
    log("audio.started");
    log(kind);
    expect([fakes.muted, leg.audible.value]).toEqual([true, false]);
    log("audio.started");
    expect(fakes.muted).toBe(false);
  });

  it.each(["audio.resumed", "audio.interrupted"])("is held from audio.ducked until %s", (kind) => {
    createLeg();
    log("audio.started");
    log("audio.ducked");
    expect(fakes.held).toBe(true);
    log(kind);
    expect([fakes.held, fakes.muted]).toEqual([false, false]);
  });

  it("does not count as audible after a gap in which its end may have been lost", () => {
    createLeg();
    log("audio.started");
    log("link.restored");
    expect(leg.audible.value).toBe(false);
  });
});

describe("a report to the server", () => {
  const report = (audible: boolean): Command => ({ type: "agent_audio", audible, since_ms: audible ? 0 : 400 });

  it("says when the agent becomes audible and silent", () => {
    fakes.measured = true;
    createLeg().become("connected");
    fakes.audible.value = true;
    fakes.audible.value = false;
    expect(sent).toEqual([{ type: "media_ready" }, report(false), report(true), report(false)]);
  });

  it("is repeated after a reconnect of the socket, and missing without it", () => {
    fakes.measured = true;
    createLeg().become("connected");
    socketIsOpen = false;
    fakes.audible.value = true;
    sent = [];
    socketIsOpen = true;
    leg.onSocketReady();
    expect(sent).toEqual([{ type: "media_ready" }, report(true)]);
  });

  it("is left out where the browser cannot measure the audio", () => {
    createLeg().become("connected");
    fakes.audible.value = true;
    expect(sent).toEqual([{ type: "media_ready" }]);
  });

  it("says when the caller's audio stops and flows again", async () => {
    const peer = createLeg();
    peer.become("connected");
    const speak = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 500) {
        peer.sent += 25;
        peer.received += 25;
        await vi.advanceTimersByTimeAsync(500);
      }
    };
    await speak(3000);
    await vi.advanceTimersByTimeAsync(2000);
    await speak(1000);
    const reports = sent.filter(({ type }) => type === "caller_audio");
    expect(reports).toEqual([
      { type: "caller_audio", flows: true, since_ms: 0 },
      { type: "caller_audio", flows: false, since_ms: 1000 },
      { type: "caller_audio", flows: true, since_ms: 0 },
    ]);
  });
});

describe("a filler", () => {
  it("stops when the answer continues", () => {
    createLeg();
    const before = fakes.cleared;
    fakes.audible.value = true;
    expect(fakes.cleared).toBe(before + 1);
  });
});
