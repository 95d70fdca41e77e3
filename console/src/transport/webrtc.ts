/** The leg over WebRTC: sound straight between this page and the model; commands and the log by the call's socket. */
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { CodecName } from "../call/address";
import type { CallSocket } from "./call-socket";
import type { LogFrame } from "./frames";
import type { Leg } from "./leg";
import { arrivals, Liveness } from "./liveness";
import { Microphone } from "../audio/microphone";
import { RemoteVoice } from "../audio/remote-audio";

/** How long candidates are gathered for the offer; what is found by then is enough on all but odd networks. */
const GATHERING_MS = 1000;
/** How long a connection that was up may be disconnected before it is made anew. */
const LOST_MS = 4000;
const LOOK_EVERY_MS = 500;

export class WebRtcLeg implements Leg {
  readonly transport = "webrtc";
  readonly microphone: Microphone;
  readonly sounding: ReadonlySignal<boolean>;
  /** What the log says; what is heard comes first, where it can be measured. */
  private readonly saysSomething = signal(false);
  private readonly peer = new RTCPeerConnection({ iceServers: [] });
  private readonly voice = new RemoteVoice();
  private readonly liveness = new Liveness();
  private watch: ReturnType<typeof setInterval> | undefined;
  private readonly stopFollowing: () => void;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private up = false;
  private told = false;

  /**
   * @param codec what the sound is to be coded with; another one than Opus is the only one offered.
   * @param patienceMs how long the connection may take, from the offer on.
   * @param socket the call's socket of the moment.
   * @param failed is called once, with the reason, when the connection does not come or is gone.
   */
  constructor(
    codec: CodecName,
    private readonly patienceMs: number,
    private readonly socket: () => CallSocket | null,
    private readonly failed: (reason: string, wasUp: boolean) => void,
  ) {
    this.microphone = new Microphone(() => undefined);
    // The line is offered before the reader has allowed the microphone, whose track then takes its place.
    const transceiver = this.peer.addTransceiver("audio", { direction: "sendrecv" });
    if (codec !== "opus") offerOnly(transceiver, codec);
    const { sender } = transceiver;
    this.peer.createDataChannel("oai-events");
    this.peer.ontrack = ({ track }) => void this.voice.play(track);
    this.peer.onconnectionstatechange = () => this.changed();
    this.stopFollowing = effect(() => {
      const track = this.microphone.track.value;
      void sender.replaceTrack(track).catch(() => undefined);
    });
    this.sounding = computed(() => this.saysSomething.value || this.voice.heard.value);
    void this.microphone.open();
  }

  get level(): ReadonlySignal<number> {
    return this.voice.level;
  }

  /** The offer, with the candidates that were found in a moment. */
  async offer(): Promise<string> {
    this.deadline = setTimeout(() => this.fail(`no connection within ${this.patienceMs / 1000} s`), this.patienceMs);
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
        this.saysSomething.value = true;
        break;
      case "audio.done":
      case "link.restored": // Its end may have been missed.
        this.saysSomething.value = false;
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
    this.saysSomething.value = false;
  }

  close(): void {
    this.stopWatching();
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
        this.watch ??= setInterval(() => void this.look(), LOOK_EVERY_MS);
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

  /** The browser takes its time to tell of a dead network. */
  private async look(): Promise<void> {
    const arrived = arrivals(await this.peer.getStats());
    const dead = this.liveness.isDead(arrived, !this.sounding.peek(), performance.now());
    if (dead && this.watch !== undefined) this.fail("nothing arrives any more");
  }

  private fail(reason: string): void {
    this.stopWatching();
    this.failed(reason, this.up);
  }

  private stopWatching(): void {
    clearTimeout(this.deadline);
    clearInterval(this.watch);
    this.watch = undefined;
    this.peer.onconnectionstatechange = null;
  }
}

/** A service picks from what is offered, not always the first: so nothing else is. */
function offerOnly(transceiver: RTCRtpTransceiver, codec: CodecName): void {
  const known = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const wanted = known.filter(({ mimeType }) => mimeType.toLowerCase() === `audio/${codec}`);
  if (wanted.length > 0) transceiver.setCodecPreferences?.(wanted);
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
