/** The agent's remote track, played through the page's audio graph, which can mute and measure it. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import * as preferences from "../call/preferences";
import { type AudioGraph, openAudioGraph } from "./audio-graph";
import { MuteGate } from "./mute-gate";
import { outputLatencyMs } from "./output-latency";
import type { ToHolder } from "./worklets/holder";

const UPDATE_EVERY_MS = 50;
/** Samples for each measurement: more than one interval, so that none is missed. */
const WINDOW = 2048;
const AUDIBLE_PEAK = 0.01;
/** Shorter pauses, as for breath, do not count as silence. */
const PAUSE_MS = 400;

export class RemoteAudio {
  private readonly levelNow = signal(0);
  private readonly audibleNow = signal(false);
  private readonly muteGate = new MuteGate();
  private element: HTMLAudioElement | null = null;
  private context: AudioContext | null = null;
  private gain: GainNode | null = null;
  private holder: AudioWorkletNode | null = null;
  private held = false;
  private nodes: AudioNode[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private disposePlaybackEffect: () => void = () => undefined;
  private audibleAt = -Infinity;
  private closed = false;

  /** Peak, 0 to 1; 0 while muted. */
  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** True while the agent is audible. */
  get audible(): ReadonlySignal<boolean> {
    return this.audibleNow;
  }

  /** True once the audio is measured; not every browser supports it. */
  get measured(): boolean {
    return this.timer !== undefined;
  }

  /** Time for which the agent has not been audible, in ms; 0 before they were. */
  get silentMs(): number {
    return Number.isFinite(this.audibleAt) ? Math.round(performance.now() - this.audibleAt) : 0;
  }

  async play(track: MediaStreamTrack): Promise<void> {
    const stream = new MediaStream([track]);
    // Chromium feeds a remote track into a context only while an element plays it too.
    this.element = new Audio();
    this.element.muted = true;
    this.element.srcObject = stream;
    void this.element.play().catch(() => undefined);
    const graph = await openAudioGraph();
    if (this.closed) return;
    if (graph === null) this.playThroughElement(this.element);
    else this.playThroughGraph(graph, stream);
  }

  /** Mute the present utterance, until it ends or the next one begins. */
  mute(): void {
    this.muteGate.mute(performance.now());
    this.tellHolder({ type: "clear" });
    this.applyMute();
  }

  /** Keep the audio instead of playing it, or continue at the same place. */
  hold(held: boolean): void {
    this.held = held;
    this.tellHolder({ type: "hold", held });
    this.applyMute();
  }

  unmute(): void {
    this.muteGate.unmute();
    this.applyMute();
  }

  /** The time in ms from the point where `mute` acts to the loudspeaker. */
  get outputMs(): number {
    return this.context === null ? 0 : outputLatencyMs(this.context);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.disposePlaybackEffect();
    for (const node of this.nodes) node.disconnect();
    this.nodes = [];
    if (this.element) this.element.srcObject = null;
    this.levelNow.value = 0;
    this.audibleNow.value = false;
  }

  private playThroughGraph({ context, agent }: AudioGraph, stream: MediaStream): void {
    const source = context.createMediaStreamSource(stream);
    const gain = new GainNode(context);
    const meter = new AnalyserNode(context, { fftSize: WINDOW });
    const holder = new AudioWorkletNode(context, "holder", {
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: "explicit",
    });
    source.connect(holder).connect(gain).connect(agent);
    holder.connect(meter);
    this.context = context;
    this.gain = gain;
    this.holder = holder;
    this.nodes = [source, holder, gain, meter];
    if (this.held) this.tellHolder({ type: "hold", held: true });
    const samples = new Float32Array(WINDOW);
    this.timer = setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      this.update(samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
    }, UPDATE_EVERY_MS);
    this.applyMute();
  }

  /** Play through the element alone, where the browser does not support the audio graph. */
  private playThroughElement(element: HTMLAudioElement): void {
    this.disposePlaybackEffect = effect(() => {
      element.muted = !preferences.playbackEnabled.value;
    });
  }

  private update(peak: number): void {
    const now = performance.now();
    if (this.muteGate.update(peak, now)) this.applyMute();
    this.levelNow.value = this.muteGate.muted ? 0 : peak;
    if (this.levelNow.value > AUDIBLE_PEAK) this.audibleAt = now;
    this.audibleNow.value = now - this.audibleAt < PAUSE_MS;
  }

  private tellHolder(message: ToHolder): void {
    this.holder?.port.postMessage(message);
  }

  private applyMute(): void {
    if (this.gain) this.gain.gain.value = this.muteGate.muted ? 0 : 1;
    else if (this.element) this.element.volume = this.muteGate.muted || this.held ? 0 : 1; // it cannot hold
    if (!this.muteGate.muted) return;
    this.audibleAt = -Infinity;
    this.audibleNow.value = false;
    this.levelNow.value = 0;
  }
}
