/** The caller's microphone: PCM16 frames of 20 ms at 24 kHz, or clear words why there are none. */
import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import * as choices from "../call/preferences";
import { notify } from "../ui/notices";
import { lookForDevices } from "./devices";
import { captureContext, openOutput } from "./audio-graph";
import type { FromCapture } from "./worklets/capture";

/** `standby`: shut until the caller presses to talk. */
export type MicrophoneState = "off" | "asking" | "on" | "standby" | "muted" | "unavailable";

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
  private muted = false;
  private shut = false;
  private readonly stopFollowing: () => void;

  /** @param send gets each frame; none while the microphone is shut. */
  constructor(private readonly send: (pcm: ArrayBuffer) => void) {
    let first = true;
    this.stopFollowing = effect(() => {
      choices.microphone.value;
      if (!first) untracked(() => void this.change());
      first = false;
    });
  }

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
      void lookForDevices();
    } catch (error) {
      if (generation === this.generation) this.fail(wordsFor(error));
    }
  }

  /** Mutes or unmutes. Muted, it sends silence, so that turn-taking still hears time pass. */
  mute(muted: boolean): void {
    this.muted = muted;
    this.apply();
  }

  /** Shuts it, or opens it again. Shut, nothing leaves it, and the device is off as far as browsers can do that. */
  shutOff(shut: boolean): void {
    this.shut = shut;
    this.apply();
  }

  close(): void {
    this.generation += 1;
    this.stopFollowing();
    this.release();
    this.stateNow.value = "off";
    this.problemNow.value = null;
  }

  /** Another device was chosen. */
  private async change(): Promise<void> {
    if (this.stateNow.peek() === "off") return;
    this.release();
    this.stateNow.value = "off";
    await this.open();
  }

  /** The device is gone: another one, if there is one, takes its place. */
  private async lost(name: string): Promise<void> {
    await this.change();
    const other = this.trackNow.peek()?.label;
    if (other) notify({ key: "microphone-lost", tone: "info", text: `The microphone “${name}” is gone; now it is “${other}”.` });
  }

  private apply(): void {
    if (this.stream === null) return;
    for (const track of this.stream.getAudioTracks()) track.enabled = !this.muted && !this.shut;
    this.stateNow.value = this.muted ? "muted" : this.shut ? "standby" : "on";
    if (this.muted || this.shut) this.levelNow.value = 0;
  }

  private async connect(stream: MediaStream, generation: number): Promise<void> {
    this.stream = stream;
    // From the first sample on: what is not to be heard must not slip out while the rest is set up.
    for (const track of stream.getAudioTracks()) track.enabled = !this.muted && !this.shut;
    const source = await this.sourceOf(stream);
    if (generation !== this.generation) {
      source.disconnect();
      return stop(stream);
    }
    const capture = new AudioWorkletNode(source.context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    capture.port.onmessage = ({ data }: MessageEvent<FromCapture>) => {
      if (generation !== this.generation || this.shut) return;
      this.levelNow.value = data.peak;
      this.send(data.pcm);
    };
    source.connect(capture);
    this.nodes = [source, capture];
    for (const track of stream.getAudioTracks()) track.onended = () => void this.lost(track.label);
    this.trackNow.value = stream.getAudioTracks()[0] ?? null;
    this.apply();
  }

  private async sourceOf(stream: MediaStream): Promise<MediaStreamAudioSourceNode> {
    const desk = await openOutput();
    if (desk === null) throw new DOMException("no audio worklets", "NotSupportedError");
    try {
      const source = desk.context.createMediaStreamSource(stream);
      source.connect(desk.caller);
      return source;
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

/** The device that was chosen, else whichever there is. */
async function ask(): Promise<MediaStream> {
  if (!isSecureContext) throw new DOMException("insecure", "SecurityError");
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("missing", "NotSupportedError");
  const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const chosen = choices.microphone.peek();
  if (chosen === "") return navigator.mediaDevices.getUserMedia({ audio });
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, deviceId: { exact: chosen } } });
  } catch (error) {
    if (!["OverconstrainedError", "NotFoundError"].includes(nameOf(error))) throw error;
    return navigator.mediaDevices.getUserMedia({ audio }); // It is not plugged in; the choice is kept for when it is.
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

function wordsFor(error: unknown): string {
  const typing = "You can still type and listen.";
  switch (nameOf(error)) {
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

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}
