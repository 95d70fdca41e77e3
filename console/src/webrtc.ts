/** The leg over WebRTC: sound straight between this page and the model; commands and the log by the call's socket. */
import { type ReadonlySignal, effect, signal } from "@preact/signals";
import type { CallSocket } from "./call-socket";
import type { LogFrame } from "./frames";
import type { Leg } from "./leg";
import { Microphone } from "./sound/microphone";
import { openOutput } from "./sound/output";

/** How long candidates are gathered for the offer; what is found by then is enough on all but odd networks. */
const GATHERING_MS = 1000;
/** How long a connection may take, from the offer on, before the relay is taken instead. */
const CONNECTING_MS = 3000;
/** How long a connection that was up may be silent before it is made anew. */
const LOST_MS = 4000;
const LEVEL_EVERY_MS = 100;

export class WebRtcLeg implements Leg {
  readonly transport = "webrtc";
  readonly microphone: Microphone;
  private readonly soundingNow = signal(false);
  private readonly levelNow = signal(0);
  private readonly peer = new RTCPeerConnection({ iceServers: [] });
  private readonly voice = new Voice(this.levelNow);
  private readonly stopFollowing: () => void;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private up = false;
  private told = false;

  /**
   * @param socket the call's socket of the moment.
   * @param failed is called once, with the reason, when the connection does not come or is gone.
   */
  constructor(
    private readonly socket: () => CallSocket | null,
    private readonly failed: (reason: string, wasUp: boolean) => void,
  ) {
    this.microphone = new Microphone(() => undefined);
    // The line is offered before the reader has allowed the microphone, whose track then takes its place.
    const { sender } = this.peer.addTransceiver("audio", { direction: "sendrecv" });
    this.peer.createDataChannel("oai-events");
    this.peer.ontrack = ({ track }) => void this.voice.play(track);
    this.peer.onconnectionstatechange = () => this.changed();
    this.stopFollowing = effect(() => {
      const track = this.microphone.track.value;
      void sender.replaceTrack(track).catch(() => undefined);
    });
    void this.microphone.open();
  }

  get sounding(): ReadonlySignal<boolean> {
    return this.soundingNow;
  }

  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** The offer, with the candidates that were found in a moment. */
  async offer(): Promise<string> {
    this.deadline = setTimeout(() => this.fail("no connection within 3 s"), CONNECTING_MS);
    await this.peer.setLocalDescription();
    await gathered(this.peer);
    return this.peer.localDescription?.sdp ?? "";
  }

  async answer(sdp: string): Promise<void> {
    try {
      await this.peer.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      this.fail(`the answer could not be used (${error instanceof Error ? error.message : String(error)})`);
    }
  }

  /** The call's socket is open: the server hears as soon as sound flows, and again after the socket was lost. */
  announce(): void {
    this.told = this.up && (this.socket()?.send({ type: "media_ready" }) ?? false);
  }

  follow(frame: LogFrame): void {
    switch (frame.kind) {
      case "audio.started":
        this.voice.unmute();
        this.soundingNow.value = true;
        break;
      case "audio.done":
        this.soundingNow.value = false;
        break;
      case "audio.cleared":
      case "call.ended":
        this.silence();
        break;
    }
  }

  receive(): void {
    // Binary frames belong to the relay.
  }

  silence(): void {
    this.voice.mute();
    this.soundingNow.value = false;
  }

  close(): void {
    clearTimeout(this.deadline);
    this.peer.onconnectionstatechange = null;
    this.stopFollowing();
    this.microphone.close();
    this.voice.close();
    this.peer.close();
  }

  private changed(): void {
    switch (this.peer.connectionState) {
      case "connected":
        clearTimeout(this.deadline);
        this.up = true;
        if (!this.told) this.announce();
        break;
      case "disconnected": // It may come back by itself.
        clearTimeout(this.deadline);
        this.deadline = setTimeout(() => this.fail("the connection was lost"), LOST_MS);
        break;
      case "failed":
        this.fail("the connection failed");
        break;
    }
  }

  private fail(reason: string): void {
    clearTimeout(this.deadline);
    this.peer.onconnectionstatechange = null;
    this.failed(reason, this.up);
  }
}

/** The agent's voice: through the page's one audio context, where it can be muted at once and measured. */
class Voice {
  private element: HTMLAudioElement | null = null;
  private gain: GainNode | null = null;
  private nodes: AudioNode[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private closed = false;
  private muted = false;

  constructor(private readonly level: { value: number }) {}

  async play(track: MediaStreamTrack): Promise<void> {
    const stream = new MediaStream([track]);
    // Chromium only lets a remote track flow into a context while an element plays it too.
    this.element = new Audio();
    this.element.muted = true;
    this.element.srcObject = stream;
    void this.element.play().catch(() => undefined);
    const context = await openOutput();
    if (context === null || this.closed) return this.playPlainly();
    const source = context.createMediaStreamSource(stream);
    const gain = new GainNode(context, { gain: this.muted ? 0 : 1 });
    const meter = new AnalyserNode(context, { fftSize: 512 });
    source.connect(gain).connect(context.destination);
    gain.connect(meter);
    this.gain = gain;
    this.nodes = [source, gain, meter];
    const samples = new Float32Array(meter.fftSize);
    this.timer = setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      this.level.value = samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
    }, LEVEL_EVERY_MS);
  }

  mute(): void {
    this.muted = true;
    if (this.gain) this.gain.gain.value = 0;
    else if (this.element) this.element.volume = 0;
  }

  unmute(): void {
    this.muted = false;
    if (this.gain) this.gain.gain.value = 1;
    else if (this.element) this.element.volume = 1;
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    for (const node of this.nodes) node.disconnect();
    this.nodes = [];
    if (this.element) this.element.srcObject = null;
    this.level.value = 0;
  }

  /** Without audio worklets there is no context of ours; the element alone will do. */
  private playPlainly(): void {
    if (this.element && !this.closed) this.element.muted = false;
  }
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
