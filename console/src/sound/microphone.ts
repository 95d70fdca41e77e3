/** The caller's microphone: PCM16 frames of 20 ms at 24 kHz, or clear words why there are none. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { captureContext, openOutput } from "./output";
import type { FromCapture } from "./worklets/capture";

export type MicrophoneState = "off" | "asking" | "on" | "muted" | "unavailable";

export class Microphone {
  private readonly stateNow = signal<MicrophoneState>("off");
  private readonly problemNow = signal<string | null>(null);
  private readonly levelNow = signal(0);
  private readonly trackNow = signal<MediaStreamTrack | null>(null);
  private stream: MediaStream | null = null;
  private nodes: AudioNode[] = [];
  private ownContext: AudioContext | null = null;
  /** Counts openings and closings, so that an answer to an old question is known as such. */
  private generation = 0;

  /** @param send gets each frame. */
  constructor(private readonly send: (pcm: ArrayBuffer) => void) {}

  get state(): ReadonlySignal<MicrophoneState> {
    return this.stateNow;
  }

  /** Why the microphone cannot be used, and what to do about it; null while it can. */
  get problem(): ReadonlySignal<string | null> {
    return this.problemNow;
  }

  /** The input's peak, 0 to 1. */
  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** The microphone's own track, for a leg that sends it as it is; null while there is none. */
  get track(): ReadonlySignal<MediaStreamTrack | null> {
    return this.trackNow;
  }

  /** Asks for the microphone and starts sending. Does not throw: see `problem`. */
  async open(): Promise<void> {
    if (this.stateNow.peek() !== "off" && this.stateNow.peek() !== "unavailable") return;
    this.generation += 1;
    const generation = this.generation;
    this.stateNow.value = "asking";
    this.problemNow.value = null;
    try {
      const stream = await ask();
      if (generation === this.generation) await this.connect(stream, generation);
      else stop(stream);
    } catch (error) {
      if (generation === this.generation) this.fail(wordsFor(error));
    }
  }

  /** Mutes or unmutes. Muted, it sends silence, so that turn-taking still hears time pass. */
  mute(muted: boolean): void {
    if (this.stream === null) return;
    for (const track of this.stream.getAudioTracks()) track.enabled = !muted;
    this.stateNow.value = muted ? "muted" : "on";
  }

  close(): void {
    this.generation += 1;
    this.release();
    this.stateNow.value = "off";
    this.problemNow.value = null;
  }

  private async connect(stream: MediaStream, generation: number): Promise<void> {
    this.stream = stream;
    const source = await this.sourceOf(stream);
    if (generation !== this.generation) return this.release();
    const capture = new AudioWorkletNode(source.context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    capture.port.onmessage = ({ data }: MessageEvent<FromCapture>) => {
      if (generation !== this.generation) return;
      this.levelNow.value = data.peak;
      this.send(data.pcm);
    };
    source.connect(capture);
    this.nodes = [source, capture];
    for (const track of stream.getAudioTracks()) {
      track.onended = () => this.fail("The microphone is gone. Plug it in and connect again to speak; typing works.");
    }
    this.trackNow.value = stream.getAudioTracks()[0] ?? null;
    this.stateNow.value = "on";
  }

  private async sourceOf(stream: MediaStream): Promise<MediaStreamAudioSourceNode> {
    const context = await openOutput();
    if (context === null) throw new DOMException("no audio worklets", "NotSupportedError");
    try {
      return context.createMediaStreamSource(stream);
    } catch {
      // Some browsers only take a microphone into a context of its own rate; the worklet then resamples.
      this.ownContext = await captureContext();
      return this.ownContext.createMediaStreamSource(stream);
    }
  }

  private fail(words: string): void {
    this.generation += 1;
    this.release();
    this.problemNow.value = words;
    this.stateNow.value = "unavailable";
  }

  private release(): void {
    for (const node of this.nodes) node.disconnect();
    this.nodes = [];
    this.trackNow.value = null;
    if (this.stream) stop(this.stream);
    this.stream = null;
    void this.ownContext?.close();
    this.ownContext = null;
    this.levelNow.value = 0;
  }
}

function ask(): Promise<MediaStream> {
  if (!isSecureContext) return Promise.reject(new DOMException("insecure", "SecurityError"));
  if (!navigator.mediaDevices?.getUserMedia) return Promise.reject(new DOMException("missing", "NotSupportedError"));
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

function wordsFor(error: unknown): string {
  const typing = "You can still type and listen.";
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return `The browser was not allowed to use the microphone. Allow it in the address bar, then connect again. ${typing}`;
    case "NotFoundError":
      return `No microphone was found. ${typing}`;
    case "NotReadableError":
      return `The microphone is in use by another program. ${typing}`;
    case "SecurityError":
      return `Browsers give the microphone only to pages on HTTPS or on this machine (localhost). ${typing}`;
    case "NotSupportedError":
      return `This browser cannot capture sound here. ${typing}`;
    default:
      return `The microphone could not be opened${error instanceof Error ? `: ${error.message}` : ""}. ${typing}`;
  }
}
