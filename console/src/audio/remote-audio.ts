/** The agent's voice as a remote track: heard through the page's desk, where it can be muted at once and measured. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import * as choices from "../call/preferences";
import { type Desk, openOutput } from "./audio-graph";
import { Hush } from "./mute-gate";

const LOOK_EVERY_MS = 50;
/** Samples looked at each time: more than passed since the last time, so that none goes unseen. */
const WINDOW = 2048;
const AUDIBLE = 0.01;
/** A speaker's pauses for breath do not count as silence. */
const BREATH_MS = 400;

export class RemoteVoice {
  private readonly levelNow = signal(0);
  private readonly heardNow = signal(false);
  private readonly hush = new Hush();
  private element: HTMLAudioElement | null = null;
  private gain: GainNode | null = null;
  private nodes: AudioNode[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private stopFollowing: () => void = () => undefined;
  private audibleAt = -Infinity;
  private closed = false;

  /** Its peak, 0 to 1; 0 while it is muted. */
  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** Whether it can be heard now. */
  get heard(): ReadonlySignal<boolean> {
    return this.heardNow;
  }

  async play(track: MediaStreamTrack): Promise<void> {
    const stream = new MediaStream([track]);
    // Chromium only lets a remote track flow into a context while an element plays it too.
    this.element = new Audio();
    this.element.muted = true;
    this.element.srcObject = stream;
    void this.element.play().catch(() => undefined);
    const desk = await openOutput();
    if (this.closed) return;
    if (desk === null) this.playPlainly(this.element);
    else this.playThrough(desk, stream);
  }

  /** Silences what is being said, until the next answer or until what was being said has ended. */
  mute(): void {
    this.hush.begin(performance.now());
    this.apply();
  }

  unmute(): void {
    this.hush.end();
    this.apply();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.stopFollowing();
    for (const node of this.nodes) node.disconnect();
    this.nodes = [];
    if (this.element) this.element.srcObject = null;
    this.levelNow.value = 0;
    this.heardNow.value = false;
  }

  private playThrough({ context, agent }: Desk, stream: MediaStream): void {
    const source = context.createMediaStreamSource(stream);
    const gain = new GainNode(context);
    const meter = new AnalyserNode(context, { fftSize: WINDOW });
    source.connect(gain).connect(agent);
    source.connect(meter);
    this.gain = gain;
    this.nodes = [source, gain, meter];
    const samples = new Float32Array(WINDOW);
    this.timer = setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      this.look(samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
    }, LOOK_EVERY_MS);
    this.apply();
  }

  /** Without audio worklets there is no desk; the element alone will do. */
  private playPlainly(element: HTMLAudioElement): void {
    this.stopFollowing = effect(() => {
      element.muted = !choices.playback.value;
    });
  }

  private look(peak: number): void {
    const now = performance.now();
    if (this.hush.hears(peak, now)) this.apply();
    this.levelNow.value = this.hush.on ? 0 : peak;
    if (this.levelNow.value > AUDIBLE) this.audibleAt = now;
    this.heardNow.value = now - this.audibleAt < BREATH_MS;
  }

  private apply(): void {
    if (this.gain) this.gain.gain.value = this.hush.on ? 0 : 1;
    else if (this.element) this.element.volume = this.hush.on ? 0 : 1;
    if (!this.hush.on) return;
    this.audibleAt = -Infinity;
    this.heardNow.value = false;
    this.levelNow.value = 0;
  }
}
