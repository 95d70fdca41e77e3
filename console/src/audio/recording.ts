/** A call's sound, kept in the page: both voices, aligned to the sample, whatever way they travelled. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { type Desk, openOutput } from "./audio-graph";
import { wavHeader } from "./wav";
import type { FromRecorder, ToRecorder } from "./worklets/recorder";

/** Sound kept in all; the oldest goes first. The browser may keep blobs on its disk. */
const MOST_SECONDS = 3600;
const FRAME_BYTES = 4;
const FINISH_MS = 1000;

interface Part {
  frames: number;
  /** Null for silence. */
  sound: Blob | null;
}

export class Recording {
  /** Unix time in ms. */
  readonly startedAt = Date.now();
  private parts: Part[] = [];
  private frames = 0;
  private rate = 24_000;
  private node: AudioWorkletNode | null = null;
  private desk: Desk | null = null;
  private ended = false;
  private readonly secondsNow = signal(0);
  private finishing: Promise<void> | null = null;
  private finished: () => void = () => undefined;

  /** Begins at once, or as soon as the browser lets sound flow; the time until then is silence in it. */
  constructor() {
    const { startedAt } = this;
    void openOutput().then((desk) => {
      if (desk && !this.ended) this.attach(desk, startedAt);
    });
  }

  /** How much there is to download. */
  get seconds(): ReadonlySignal<number> {
    return this.secondsNow;
  }

  /** Both voices so far as a WAV file of two channels: the caller on the left, the agent on the right. */
  wav(): Blob {
    const silence = new Uint8Array(this.rate * FRAME_BYTES);
    const sound = this.parts.flatMap((part): BlobPart[] => (part.sound ? [part.sound] : silenceOf(part.frames, silence)));
    return new Blob([wavHeader(this.rate, 2, this.frames * FRAME_BYTES), ...sound], { type: "audio/wav" });
  }

  /** Ends the recording, which stays to be downloaded. */
  finish(): Promise<void> {
    this.ended = true;
    this.finishing ??= this.node === null ? Promise.resolve() : this.ask(this.node);
    return this.finishing;
  }

  private attach(desk: Desk, startedAt: number): void {
    this.desk = desk;
    this.rate = desk.context.sampleRate;
    this.node = new AudioWorkletNode(desk.context, "recorder", {
      numberOfInputs: 2,
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { startedAt },
    });
    this.node.port.onmessage = ({ data }: MessageEvent<FromRecorder>) => this.receive(data);
    desk.caller.connect(this.node, 0, 0);
    desk.agent.connect(this.node, 0, 1);
  }

  /** The audio thread has the last second; it is no use to wait for one that has been halted. */
  private ask(node: AudioWorkletNode): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.finished(), FINISH_MS);
      this.finished = () => {
        clearTimeout(timer);
        this.detach();
        resolve();
      };
      node.port.postMessage("finish" satisfies ToRecorder);
    });
  }

  private detach(): void {
    if (!this.node || !this.desk) return;
    this.desk.caller.disconnect(this.node);
    this.desk.agent.disconnect(this.node);
    this.node.port.onmessage = null;
    this.node = null;
  }

  private receive(message: FromRecorder): void {
    if ("done" in message) return this.finished();
    if ("stereo" in message) this.add({ frames: message.stereo.length / 2, sound: new Blob([message.stereo]) });
    else this.add({ frames: message.silentFrames, sound: null });
  }

  private add(part: Part): void {
    const last = this.parts.at(-1);
    if (last && !last.sound && !part.sound) last.frames += part.frames;
    else this.parts.push(part);
    this.frames += part.frames;
    while (this.frames > MOST_SECONDS * this.rate) this.frames -= this.parts.shift()?.frames ?? 0;
    this.secondsNow.value = Math.floor(this.frames / this.rate);
  }
}

function silenceOf(frames: number, second: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const bytes = frames * FRAME_BYTES;
  const whole = Array.from({ length: Math.floor(bytes / second.length) }, () => second);
  return [...whole, second.subarray(0, bytes % second.length)];
}
