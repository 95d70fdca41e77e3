/** Recording of a call in the page: both voices, aligned to the sample, over every transport. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { type AudioGraph, openAudioGraph } from "./audio-graph";
import { wavHeader } from "./wav";
import type { FromRecorder, ToRecorder } from "./worklets/recorder";

/** Capacity; the oldest audio is dropped first. The browser may keep blobs on disk. */
const MAX_SECONDS = 3600;
const FRAME_BYTES = 4;
const FINISH_TIMEOUT_MS = 1000;

interface Part {
  frames: number;
  /** Null for silence. */
  pcm: Blob | null;
}

export class Recording {
  /** Unix time in ms. */
  readonly startedAt = Date.now();
  private parts: Part[] = [];
  private frames = 0;
  private rate = 24_000;
  private node: AudioWorkletNode | null = null;
  private graph: AudioGraph | null = null;
  private ended = false;
  private readonly secondsNow = signal(0);
  private finishing: Promise<void> | null = null;
  private finished: () => void = () => undefined;

  /** Start at once, or as soon as the browser allows audio; the time until then is recorded as silence. */
  constructor() {
    const { startedAt } = this;
    void openAudioGraph().then((graph) => {
      if (graph && !this.ended) this.attach(graph, startedAt);
    });
  }

  /** Length of the recording in s. */
  get seconds(): ReadonlySignal<number> {
    return this.secondsNow;
  }

  /** Return the recording as a WAV file with two channels: the caller left, the agent right. */
  wav(): Blob {
    const silence = new Uint8Array(this.rate * FRAME_BYTES);
    const pcmParts = this.parts.flatMap((part): BlobPart[] =>
      part.pcm ? [part.pcm] : silenceOf(part.frames, silence),
    );
    return new Blob([wavHeader(this.rate, 2, this.frames * FRAME_BYTES), ...pcmParts], { type: "audio/wav" });
  }

  /** End the recording, which remains available for download. */
  finish(): Promise<void> {
    this.ended = true;
    this.finishing ??= this.node === null ? Promise.resolve() : this.requestFinish(this.node);
    return this.finishing;
  }

  private attach(graph: AudioGraph, startedAt: number): void {
    this.graph = graph;
    this.rate = graph.context.sampleRate;
    this.node = new AudioWorkletNode(graph.context, "recorder", {
      numberOfInputs: 2,
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { startedAt },
    });
    this.node.port.onmessage = ({ data }: MessageEvent<FromRecorder>) => this.receive(data);
    graph.caller.connect(this.node, 0, 0);
    graph.agent.connect(this.node, 0, 1);
  }

  /** Fetch the last second from the audio thread, with a timeout for a suspended thread. */
  private requestFinish(node: AudioWorkletNode): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.finished(), FINISH_TIMEOUT_MS);
      this.finished = () => {
        clearTimeout(timer);
        this.detach();
        resolve();
      };
      node.port.postMessage("finish" satisfies ToRecorder);
    });
  }

  private detach(): void {
    if (!this.node || !this.graph) return;
    this.graph.caller.disconnect(this.node);
    this.graph.agent.disconnect(this.node);
    this.node.port.onmessage = null;
    this.node = null;
  }

  private receive(message: FromRecorder): void {
    if ("done" in message) this.finished();
    else if ("stereo" in message) this.add({ frames: message.stereo.length / 2, pcm: new Blob([message.stereo]) });
    else this.add({ frames: message.silentFrames, pcm: null });
  }

  private add(part: Part): void {
    const last = this.parts.at(-1);
    if (last && !last.pcm && !part.pcm) last.frames += part.frames;
    else this.parts.push(part);
    this.frames += part.frames;
    while (this.frames > MAX_SECONDS * this.rate) this.frames -= this.parts.shift()?.frames ?? 0;
    this.secondsNow.value = Math.floor(this.frames / this.rate);
  }
}

function silenceOf(frames: number, second: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const bytes = frames * FRAME_BYTES;
  const whole = Array.from({ length: Math.floor(bytes / second.length) }, () => second);
  return [...whole, second.subarray(0, bytes % second.length)];
}
