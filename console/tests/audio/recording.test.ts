import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Recording } from "../../src/audio/recording";
import type { FromRecorder } from "../../src/audio/worklets/recorder";

const RATE = 1000;
const graph = vi.hoisted(() => ({ resolve: (_supported: boolean): void => undefined, connections: [] as string[] }));

vi.mock("../../src/audio/audio-graph", () => {
  const voice = (name: string) => ({
    connect: (_node: unknown, _output: number, input: number) => graph.connections.push(`${name} to ${input}`),
    disconnect: () => graph.connections.push(`${name} off`),
  });
  return {
    openAudioGraph: () =>
      new Promise((resolve) => {
        graph.resolve = (supported) =>
          resolve(supported ? { context: { sampleRate: 1000 }, caller: voice("caller"), agent: voice("agent") } : null);
      }),
  };
});

class FakeRecorderNode {
  static newest: FakeRecorderNode;
  readonly asked: unknown[] = [];
  readonly port = {
    onmessage: null as ((event: { data: FromRecorder }) => void) | null,
    postMessage: (message: unknown) => this.asked.push(message),
  };
  constructor(
    _context: unknown,
    readonly name: string,
    readonly options: { processorOptions: { startedAt: number } },
  ) {
    FakeRecorderNode.newest = this;
  }
  emit(message: FromRecorder): void {
    this.port.onmessage?.({ data: message });
  }
}

/** Start a recording whose audio is allowed at once. */
async function started(): Promise<[Recording, FakeRecorderNode]> {
  const recording = new Recording();
  graph.resolve(true);
  await vi.advanceTimersByTimeAsync(0);
  return [recording, FakeRecorderNode.newest];
}

const stereo = (...samples: number[]): { stereo: Int16Array<ArrayBuffer> } => ({ stereo: new Int16Array(samples) });
const samplesOf = async (recording: Recording): Promise<number[]> => [
  ...new Int16Array((await recording.wav().arrayBuffer()).slice(44)),
];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal("AudioWorkletNode", FakeRecorderNode);
  graph.connections = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("records the caller left and the agent right, from the time at which it was created", async () => {
  const recording = new Recording();
  vi.setSystemTime(1_004_000);
  graph.resolve(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(FakeRecorderNode.newest.options.processorOptions.startedAt).toBe(1_000_000);
  expect(recording.startedAt).toBe(1_000_000);
  expect(graph.connections).toEqual(["caller to 0", "agent to 1"]);
});

it("returns audio and silence in order, as a WAV file with two channels", async () => {
  const [recording, node] = await started();
  node.emit({ silentFrames: 2 });
  node.emit(stereo(1, 2, 3, 4));
  node.emit({ silentFrames: 1 });
  const header = new DataView(await recording.wav().arrayBuffer());
  expect([header.getUint16(22, true), header.getUint32(24, true), header.getUint32(40, true)]).toEqual([2, RATE, 20]);
  expect(await samplesOf(recording)).toEqual([0, 0, 0, 0, 1, 2, 3, 4, 0, 0]);
});

it("counts its whole seconds", async () => {
  const [recording, node] = await started();
  node.emit({ silentFrames: RATE * 2 - 1 });
  expect(recording.seconds.value).toBe(1);
  node.emit({ silentFrames: 1 });
  expect(recording.seconds.value).toBe(2);
});

it("drops the oldest audio after an hour", async () => {
  const [recording, node] = await started();
  node.emit(stereo(7, 7));
  node.emit({ silentFrames: RATE * 3600 });
  expect(recording.seconds.value).toBe(3600);
  expect(recording.wav().size).toBe(44 + RATE * 3600 * 4);
});

it("waits at its end for the last second of the audio thread", async () => {
  const [recording, node] = await started();
  let finished = false;
  void recording.finish().then(() => (finished = true));
  expect(node.asked).toEqual(["finish"]);
  node.emit(stereo(5, 6));
  await vi.advanceTimersByTimeAsync(0);
  expect(finished).toBe(false);
  node.emit({ done: true });
  await vi.advanceTimersByTimeAsync(0);
  expect(finished).toBe(true);
  expect(await samplesOf(recording)).toEqual([5, 6]);
  expect(graph.connections.slice(2)).toEqual(["caller off", "agent off"]);
});

it("ends without an answer of a suspended audio thread", async () => {
  const [recording] = await started();
  let finished = false;
  void recording.finish().then(() => (finished = true));
  await vi.advanceTimersByTimeAsync(999);
  expect(finished).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(finished).toBe(true);
});

it("records nothing if it has ended before audio was allowed, or without the audio graph", async () => {
  const ended = new Recording();
  await ended.finish();
  graph.resolve(true);
  const unsupported = new Recording();
  graph.resolve(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(graph.connections).toEqual([]);
  expect([ended.wav().size, unsupported.wav().size]).toEqual([44, 44]);
});
