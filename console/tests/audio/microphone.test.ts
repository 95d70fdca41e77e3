import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Microphone } from "../../src/audio/microphone";
import * as preferences from "../../src/call/preferences";
import { dismiss, notices } from "../../src/ui/notices";

const graph = vi.hoisted(() => ({ supported: true, sampleRateRefused: false, sources: [] as FakeNode[] }));

interface FakeNode {
  stream: FakeStream;
  connected: number;
  disconnect(): void;
}

vi.mock("../../src/audio/audio-graph", () => {
  const contextOf = (refuses: () => boolean) => ({
    closed: false,
    close(): void {
      this.closed = true;
    },
    createMediaStreamSource(stream: FakeStream): FakeNode {
      if (refuses()) throw new DOMException("rates differ", "NotSupportedError");
      const source = {
        stream,
        context: this,
        connected: 0,
        connect(): void {
          this.connected += 1;
        },
        disconnect(): void {
          this.connected = 0;
        },
      };
      graph.sources.push(source);
      return source;
    },
  });
  return {
    openAudioGraph: async () =>
      graph.supported ? { context: contextOf(() => graph.sampleRateRefused), caller: {}, agent: {} } : null,
    captureContext: async () => contextOf(() => false),
  };
});

class FakeTrack {
  enabled = true;
  stopped = false;
  onended: (() => void) | null = null;
  constructor(readonly label: string) {}
  stop(): void {
    this.stopped = true;
  }
}

class FakeStream {
  readonly track: FakeTrack;
  constructor(label: string) {
    this.track = new FakeTrack(label);
  }
  getTracks(): FakeTrack[] {
    return [this.track];
  }
  getAudioTracks(): FakeTrack[] {
    return [this.track];
  }
}

class FakeWorkletNode {
  static made: FakeWorkletNode[] = [];
  readonly port: { onmessage: ((event: { data: unknown }) => void) | null } = { onmessage: null };
  constructor() {
    FakeWorkletNode.made.push(this);
  }
  disconnect(): void {}
}

/** The pending permission prompts, in order; each waits for `allow` or `deny`. */
let prompts: { constraints: MediaStreamConstraints; allow(stream: FakeStream): void; deny(error: Error): void }[];
let sent: ArrayBuffer[];
let ends: number[];
let microphone: Microphone;

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

async function open(label = "desk"): Promise<FakeStream> {
  void microphone.open();
  await settle();
  const stream = new FakeStream(label);
  prompts.at(-1)?.allow(stream);
  await settle();
  return stream;
}

/** Let the newest worklet capture a frame of this peak. */
function capture(peak: number, pcm = new ArrayBuffer(960)): void {
  FakeWorkletNode.made.at(-1)?.port.onmessage?.({ data: { pcm, peak } });
}

beforeEach(() => {
  Object.assign(graph, { supported: true, sampleRateRefused: false, sources: [] });
  FakeWorkletNode.made = [];
  prompts = [];
  sent = [];
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("AudioWorkletNode", FakeWorkletNode);
  vi.stubGlobal("navigator", {
    mediaDevices: {
      getUserMedia: (constraints: MediaStreamConstraints) =>
        new Promise((resolve, reject) => {
          prompts.push({ constraints, allow: (stream) => resolve(stream), deny: (error) => reject(error) });
        }),
      enumerateDevices: async () => [],
    },
  });
  ends = [];
  microphone = new Microphone(
    (pcm) => sent.push(pcm),
    (ms) => ends.push(ms),
  );
});

afterEach(() => {
  microphone.close();
  preferences.microphone.save("");
  dismiss("microphone-lost");
  vi.unstubAllGlobals();
});

describe("an open microphone", () => {
  it("asks for permission, and then sends frames and shows their level", async () => {
    void microphone.open();
    expect(microphone.state.value).toBe("asking");
    await settle();
    prompts[0]?.allow(new FakeStream("desk"));
    await settle();
    capture(0.5);
    expect([microphone.state.value, microphone.level.value, sent.length]).toEqual(["on", 0.5, 1]);
    expect(microphone.track.value?.label).toBe("desk");
  });

  it("reports the end of the caller's voice", async () => {
    void microphone.open();
    await settle();
    prompts[0]?.allow(new FakeStream("desk"));
    await settle();
    for (const peak of [0.3, 0.5, 0.4, 0.5]) capture(peak);
    for (let frame = 0; frame < 7; frame += 1) capture(0);
    expect(ends).toEqual([]);
    capture(0);
    expect(ends).toEqual([160]);
  });

  it("asks once, however often it is opened", async () => {
    await open();
    void microphone.open();
    await settle();
    expect(prompts).toHaveLength(1);
  });

  it("disables its track while it is muted, but still sends frames: endpointing needs them", async () => {
    const stream = await open();
    capture(0.5);
    microphone.mute(true);
    expect([stream.track.enabled, microphone.state.value, microphone.level.value]).toEqual([false, "muted", 0]);
    capture(0);
    expect(sent).toHaveLength(2);
    microphone.mute(false);
    expect([stream.track.enabled, microphone.state.value]).toEqual([true, "on"]);
  });

  it("sends nothing in standby", async () => {
    const stream = await open();
    microphone.setStandby(true);
    capture(0.5);
    expect([stream.track.enabled, microphone.state.value, sent.length]).toEqual([false, "standby", 0]);
  });

  it("is mute from the first sample if it was muted before", async () => {
    microphone.mute(true);
    const stream = await open();
    expect([stream.track.enabled, microphone.state.value]).toEqual([false, "muted"]);
  });

  it("captures in a context of its own if the device's rate differs", async () => {
    graph.sampleRateRefused = true;
    await open();
    capture(0.2);
    expect([microphone.state.value, sent.length]).toEqual(["on", 1]);
  });
});

describe("a closed microphone", () => {
  it("stops its track and sends nothing more", async () => {
    const stream = await open();
    microphone.close();
    capture(0.5);
    expect([stream.track.stopped, sent.length, microphone.state.value]).toEqual([true, 0, "off"]);
    expect(microphone.track.value).toBeNull();
  });

  it("stops a stream that is allowed too late", async () => {
    void microphone.open();
    await settle();
    microphone.close();
    const stream = new FakeStream("late");
    prompts[0]?.allow(stream);
    await settle();
    expect([stream.track.stopped, microphone.state.value]).toEqual([true, "off"]);
  });

  it("reports no problem if the permission is denied too late", async () => {
    void microphone.open();
    await settle();
    microphone.close();
    prompts[0]?.deny(new DOMException("", "NotAllowedError"));
    await settle();
    expect([microphone.problem.value, microphone.state.value]).toEqual([null, "off"]);
  });
});

describe("the devices", () => {
  it("follow the caller's choice, with the old one stopped", async () => {
    const first = await open();
    preferences.microphone.save("usb");
    await settle();
    expect(first.track.stopped).toBe(true);
    expect(prompts[1]?.constraints.audio).toMatchObject({ deviceId: { exact: "usb" } });
  });

  it("fall back to the default if the chosen one is missing", async () => {
    preferences.microphone.save("usb");
    await settle();
    void microphone.open();
    await settle();
    prompts[0]?.deny(new DOMException("", "OverconstrainedError"));
    await settle();
    expect(prompts[1]?.constraints.audio).not.toHaveProperty("deviceId");
    prompts[1]?.allow(new FakeStream("built-in"));
    await settle();
    expect([microphone.state.value, preferences.microphone.value]).toEqual(["on", "usb"]);
  });

  it("are replaced when one is disconnected, and a notice names both", async () => {
    const { track } = await open("headset");
    track.onended?.();
    await settle();
    prompts[1]?.allow(new FakeStream("built-in"));
    await settle();
    const notice = notices.value.find(({ key }) => key === "microphone-lost");
    expect(notice?.text).toMatch(/“headset”.*“built-in”/);
  });
});

describe("a problem", () => {
  it.each([
    ["NotAllowedError", /Allow it in the address bar/],
    ["NotFoundError", /No microphone was found/],
    ["NotReadableError", /Another program uses the microphone/],
    ["AbortError", /could not be opened: broken/],
  ])("%s is explained with its fix", async (name, text) => {
    void microphone.open();
    await settle();
    prompts[0]?.deny(new DOMException("broken", name));
    await settle();
    expect(microphone.state.value).toBe("unavailable");
    expect(microphone.problem.value).toMatch(text);
  });

  it("is an insecure page, or a browser without worklets", async () => {
    vi.stubGlobal("isSecureContext", false);
    await microphone.open();
    expect(microphone.problem.value).toMatch(/HTTPS or localhost/);
    vi.stubGlobal("isSecureContext", true);
    graph.supported = false;
    const stream = await open();
    expect(microphone.problem.value).toMatch(/cannot capture audio/);
    expect(stream.track.stopped).toBe(true);
  });

  it("disappears when the caller tries again", async () => {
    void microphone.open();
    await settle();
    prompts[0]?.deny(new DOMException("", "NotAllowedError"));
    await settle();
    await open();
    expect([microphone.problem.value, microphone.state.value]).toEqual([null, "on"]);
  });
});
