/** The caller's microphone: PCM16 frames of 20 ms at 24 kHz, or a text about the problem. */
import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import * as preferences from "../call/preferences";
import { notify } from "../ui/notices";
import { captureContext, openAudioGraph } from "./audio-graph";
import { refreshDevices } from "./devices";
import { VoiceEnd } from "./voice-end";
import type { CapturedFrame } from "./worklets/capture";

/** `standby`: closed until the caller presses to talk. */
export type MicrophoneState = "off" | "asking" | "on" | "standby" | "muted" | "unavailable";

export class Microphone {
  private readonly stateNow = signal<MicrophoneState>("off");
  private readonly problemNow = signal<string | null>(null);
  private readonly levelNow = signal(0);
  private readonly trackNow = signal<MediaStreamTrack | null>(null);
  private stream: MediaStream | null = null;
  private nodes: AudioNode[] = [];
  private ownContext: AudioContext | null = null;
  /** Aborted when the microphone is closed: answers to earlier permission prompts are dropped. */
  private session = new AbortController();
  private muted = false;
  private standby = false;
  private readonly disposeDeviceEffect: () => void;

  /**
   * @param send receives each frame; in standby it is not called.
   * @param onVoiceEnded receives the time in ms since the caller's voice has ended, 160 ms after each end.
   */
  constructor(
    private readonly send: (pcm: ArrayBuffer) => void,
    private readonly onVoiceEnded: (ms: number) => void,
  ) {
    let first = true;
    this.disposeDeviceEffect = effect(() => {
      preferences.microphone.value;
      if (!first) untracked(() => void this.reopen());
      first = false;
    });
  }

  get state(): ReadonlySignal<MicrophoneState> {
    return this.stateNow;
  }

  /** The problem of the microphone and its fix; null without a problem. */
  get problem(): ReadonlySignal<string | null> {
    return this.problemNow;
  }

  /** Peak of the input, 0 to 1. */
  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** The microphone's track, for a leg that sends it unchanged; null while closed. */
  get track(): ReadonlySignal<MediaStreamTrack | null> {
    return this.trackNow;
  }

  /** Ask for permission and start sending. Errors are reported in `problem`. */
  async open(): Promise<void> {
    if (this.stateNow.peek() !== "off" && this.stateNow.peek() !== "unavailable") return;
    this.session = new AbortController();
    const { signal: closed } = this.session;
    this.stateNow.value = "asking";
    this.problemNow.value = null;
    try {
      const stream = await requestStream();
      if (closed.aborted) stop(stream);
      else await this.connect(stream, closed);
      void refreshDevices();
    } catch (error) {
      if (!closed.aborted) this.fail(describeError(error));
    }
  }

  /** Mute or unmute. A muted microphone sends silence, since endpointing needs a continuous stream. */
  mute(muted: boolean): void {
    this.muted = muted;
    this.applyState();
  }

  /** Enter or leave standby. In standby the microphone sends nothing, and the track is disabled. */
  setStandby(standby: boolean): void {
    this.standby = standby;
    this.applyState();
  }

  close(): void {
    this.disposeDeviceEffect();
    this.release();
    this.stateNow.value = "off";
    this.problemNow.value = null;
  }

  /** Open the microphone again, on the chosen device. */
  private async reopen(): Promise<void> {
    if (this.stateNow.peek() === "off") return;
    this.release();
    this.stateNow.value = "off";
    await this.open();
  }

  /** Replace a disconnected device by another one, if possible. */
  private async onDeviceLost(name: string): Promise<void> {
    await this.reopen();
    const other = this.trackNow.peek()?.label;
    if (other)
      notify({
        key: "microphone-lost",
        tone: "info",
        text: `The microphone “${name}” was disconnected. The page now uses “${other}”.`,
      });
  }

  private applyState(): void {
    if (this.stream === null) return;
    for (const track of this.stream.getAudioTracks()) track.enabled = !this.muted && !this.standby;
    this.stateNow.value = this.muted ? "muted" : this.standby ? "standby" : "on";
    if (this.muted || this.standby) this.levelNow.value = 0;
  }

  private async connect(stream: MediaStream, closed: AbortSignal): Promise<void> {
    this.stream = stream;
    // Before the first sample: a muted microphone must not send audio during the setup.
    for (const track of stream.getAudioTracks()) track.enabled = !this.muted && !this.standby;
    const source = await this.sourceOf(stream);
    if (closed.aborted) {
      source.disconnect();
      return stop(stream);
    }
    const capture = new AudioWorkletNode(source.context, "capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const voiceEnd = new VoiceEnd();
    capture.port.onmessage = ({ data }: MessageEvent<CapturedFrame>) => {
      if (closed.aborted || this.standby) return;
      this.levelNow.value = data.peak;
      this.send(data.pcm);
      const endedMs = voiceEnd.add(data.peak);
      if (endedMs !== null) this.onVoiceEnded(endedMs);
    };
    source.connect(capture);
    this.nodes = [source, capture];
    for (const track of stream.getAudioTracks()) track.onended = () => void this.onDeviceLost(track.label);
    this.trackNow.value = stream.getAudioTracks()[0] ?? null;
    this.applyState();
  }

  private async sourceOf(stream: MediaStream): Promise<MediaStreamAudioSourceNode> {
    const graph = await openAudioGraph();
    if (graph === null) throw new DOMException("no audio worklets", "NotSupportedError");
    try {
      const source = graph.context.createMediaStreamSource(stream);
      source.connect(graph.caller);
      return source;
    } catch {
      // Some browsers accept a microphone only in a context of its own rate; the worklet then resamples.
      this.ownContext = await captureContext();
      return this.ownContext.createMediaStreamSource(stream);
    }
  }

  private fail(problem: string): void {
    this.release();
    this.problemNow.value = problem;
    this.stateNow.value = "unavailable";
  }

  private release(): void {
    this.session.abort();
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

/** Request the chosen device, else the browser's default. */
async function requestStream(): Promise<MediaStream> {
  if (!isSecureContext) throw new DOMException("insecure", "SecurityError");
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("missing", "NotSupportedError");
  const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const chosen = preferences.microphone.peek();
  if (chosen === "") return navigator.mediaDevices.getUserMedia({ audio });
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, deviceId: { exact: chosen } } });
  } catch (error) {
    if (!["OverconstrainedError", "NotFoundError"].includes(nameOf(error))) throw error;
    return navigator.mediaDevices.getUserMedia({ audio }); // The device is not connected; the preference stays.
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

function describeError(error: unknown): string {
  const typing = "You can still type and listen.";
  switch (nameOf(error)) {
    case "NotAllowedError":
      return `The browser may not use the microphone. Allow it in the address bar, then connect again. ${typing}`;
    case "NotFoundError":
      return `No microphone was found. Connect one, then try again. ${typing}`;
    case "NotReadableError":
      return `Another program uses the microphone. Close it, then try again. ${typing}`;
    case "SecurityError":
      return `The microphone works only on HTTPS or localhost. Open this page there. ${typing}`;
    case "NotSupportedError":
      return `This browser cannot capture audio. Use a current browser. ${typing}`;
    default:
      return `The microphone could not be opened${error instanceof Error ? `: ${error.message}` : ""}. ${typing}`;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}
