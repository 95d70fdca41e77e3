/** Leg over WebRTC: audio flows directly between page and model; commands and log use the call's socket. */
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { AudioReports } from "../audio/audio-report";
import { FillerPlayout } from "../audio/filler-playout";
import { Microphone } from "../audio/microphone";
import { RemoteAudio } from "../audio/remote-audio";
import type { CodecName } from "../call/address";
import type { CallSocket } from "./call-socket";
import type { LogFrame } from "./frames";
import { iceServers } from "./ice-servers";
import type { Leg } from "./leg";
import { countArrivals, Liveness } from "./liveness";
import { countSent, OutgoingAudio } from "./outgoing-audio";
import { ReceiveDelay } from "./receive-delay";

/** Time for gathering ICE candidates; on nearly all networks the candidates found by then suffice. */
const GATHERING_TIMEOUT_MS = 1000;
/** Time for which an established connection may be disconnected before it is replaced. */
const DISCONNECTED_TIMEOUT_MS = 4000;
const STATS_EVERY_MS = 500;

export class WebRtcLeg implements Leg {
  readonly transport = "webrtc";
  readonly microphone: Microphone;
  readonly audible: ReadonlySignal<boolean>;
  /** True while the log has an utterance in progress; used where the remote audio cannot be measured. */
  private readonly agentSpeaks = signal(false);
  private readonly peer = new RTCPeerConnection();
  private readonly remoteAudio = new RemoteAudio();
  private readonly fillers = new FillerPlayout();
  private readonly liveness = new Liveness();
  private readonly receiveDelay = new ReceiveDelay();
  private readonly reports = new AudioReports((command) => this.socket()?.send(command) ?? false);
  private readonly outgoingAudio = new OutgoingAudio();
  private statsTimer: ReturnType<typeof setInterval> | undefined;
  private readonly disposeEffects: (() => void)[];
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private up = false;
  private mediaReadySent = false;

  /**
   * @param codec the audio codec; the offer contains only this codec unless it is Opus.
   * @param timeoutMs the time for connecting, from the offer on.
   * @param socket returns the call's present socket.
   * @param dataChannel false offers audio alone; a data channel would show the model's events.
   * @param onFailed is called once, with the reason, when the connection fails or is lost.
   */
  constructor(
    codec: CodecName,
    private readonly timeoutMs: number,
    private readonly socket: () => CallSocket | null,
    dataChannel: boolean,
    private readonly onFailed: (reason: string, wasUp: boolean) => void,
  ) {
    this.microphone = new Microphone(
      () => undefined,
      (ms) => this.socket()?.send({ type: "voice_ended", ms }),
    );
    // The offer precedes the microphone's permission; `replaceTrack` then adds the track.
    const transceiver = this.peer.addTransceiver("audio", { direction: "sendrecv" });
    if (codec !== "opus") offerOnly(transceiver, codec);
    const { sender } = transceiver;
    if (dataChannel) this.peer.createDataChannel("oai-events");
    this.peer.ontrack = ({ track }) => void this.remoteAudio.play(track);
    this.peer.onconnectionstatechange = () => this.onConnectionState();
    this.disposeEffects = [
      effect(() => {
        const track = this.microphone.track.value;
        void sender.replaceTrack(track).catch(() => undefined);
      }),
      effect(() => {
        if (this.remoteAudio.audible.value) this.fillers.clear(); // the answer continues
        this.reportAgentAudio(this.remoteAudio.audible.value);
      }),
    ];
    this.audible = computed(
      () => this.agentSpeaks.value || this.remoteAudio.audible.value || this.fillers.audible.value,
    );
    void this.microphone.open();
  }

  get level(): ReadonlySignal<number> {
    return this.remoteAudio.level;
  }

  /** Create the offer with the ICE candidates that were found in time. */
  async offer(): Promise<string> {
    this.deadline = setTimeout(() => this.fail(`no connection within ${this.timeoutMs / 1000} s`), this.timeoutMs);
    this.peer.setConfiguration({ iceServers: await iceServers() }); // gathering has not begun yet
    await this.peer.setLocalDescription();
    await gatherCandidates(this.peer);
    return this.peer.localDescription?.sdp ?? "";
  }

  async answer(sdp: string): Promise<void> {
    try {
      await this.peer.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      this.fail(`the answer could not be used (${error instanceof Error ? error.message : String(error)})`);
    }
  }

  /** Report flowing audio to the server, at the start and after each reconnect of the socket. */
  onSocketReady(): void {
    this.reports.reset();
    this.mediaReadySent = this.up && (this.socket()?.send({ type: "media_ready" }) ?? false);
    this.reportAgentAudio(this.remoteAudio.audible.peek());
    this.outgoingAudio.repeat();
  }

  /** Report whether the agent is audible, so that the server knows of a pause in an answer. */
  private reportAgentAudio(audible: boolean): void {
    if (!this.mediaReadySent || !this.remoteAudio.measured) return;
    this.socket()?.send({ type: "agent_audio", audible, since_ms: audible ? 0 : this.remoteAudio.silentMs });
  }

  onLogFrame(frame: LogFrame): void {
    this.fillers.onLogFrame(frame);
    switch (frame.kind) {
      case "audio.started":
        this.remoteAudio.unmute();
        this.agentSpeaks.value = true;
        break;
      case "audio.done":
      case "link.restored": // The utterance's end may have been lost.
        this.agentSpeaks.value = false;
        break;
      case "audio.ducked":
        this.remoteAudio.hold(true);
        break;
      case "audio.resumed":
      case "audio.interrupted":
        this.remoteAudio.hold(false);
        break;
      case "audio.cleared":
      case "call.ended":
        this.interruptPlayback();
        break;
    }
  }

  onAudio(pcm: ArrayBuffer): void {
    this.fillers.play(pcm); // the agent's audio flows over WebRTC
  }

  interruptPlayback(): void {
    this.remoteAudio.mute();
    this.fillers.clear();
    this.agentSpeaks.value = false;
  }

  close(): void {
    this.stopMonitoring();
    for (const dispose of this.disposeEffects) dispose();
    this.microphone.close();
    this.remoteAudio.close();
    this.fillers.close();
    this.peer.close();
  }

  private onConnectionState(): void {
    switch (this.peer.connectionState) {
      case "connected":
        clearTimeout(this.deadline);
        this.up = true;
        this.statsTimer ??= setInterval(() => void this.readStats(), STATS_EVERY_MS);
        if (!this.mediaReadySent) this.onSocketReady();
        break;
      case "disconnected": // The browser may reconnect by itself.
        clearTimeout(this.deadline);
        this.deadline = setTimeout(() => this.fail("the connection was lost"), DISCONNECTED_TIMEOUT_MS);
        break;
      case "failed":
        this.fail("the connection failed");
        break;
    }
  }

  /** Report the audio's delay and a caller's audio that stops, and check for a dead network, which the browser reports late. */
  private async readStats(): Promise<void> {
    const stats = await this.peer.getStats();
    if (this.statsTimer === undefined) return;
    this.reports.update({
      bufferMs: this.receiveDelay.read(stats),
      outputMs: this.remoteAudio.outputMs,
      microphone: this.microphone.track.peek(),
    });
    const now = performance.now();
    const caller = this.outgoingAudio.check(countSent(stats), now);
    if (caller) this.socket()?.send({ type: "caller_audio", flows: caller.flows, since_ms: caller.sinceMs });
    const agentIsQuiet = !this.agentSpeaks.peek() && !this.remoteAudio.audible.peek();
    if (this.liveness.isDead(countArrivals(stats), agentIsQuiet, now)) this.fail("no packets arrive any more");
  }

  private fail(reason: string): void {
    this.stopMonitoring();
    this.onFailed(reason, this.up);
  }

  private stopMonitoring(): void {
    clearTimeout(this.deadline);
    clearInterval(this.statsTimer);
    this.statsTimer = undefined;
    this.peer.onconnectionstatechange = null;
  }
}

/** Offer only one codec, since services may pick any offered codec. */
function offerOnly(transceiver: RTCRtpTransceiver, codec: CodecName): void {
  const known = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const wanted = known.filter(({ mimeType }) => mimeType.toLowerCase() === `audio/${codec}`);
  if (wanted.length > 0) transceiver.setCodecPreferences?.(wanted);
}

function gatherCandidates(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_TIMEOUT_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
