/** Lifecycle of a call on the page: start, resume, take-over and end. */
import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { Recording } from "../audio/recording";
import * as api from "../transport/api";
import { CallSocket, type CloseReason } from "../transport/call-socket";
import { FrameBatcher } from "../transport/frame-batcher";
import { type Frame, isPageFrame, type LogFrame, type PageFrame, type Role } from "../transport/frames";
import type { Leg } from "../transport/leg";
import { RelayLeg } from "../transport/relay";
import { WebRtcLeg } from "../transport/webrtc";
import { dismiss, notify } from "../ui/notices";
import { recallLeg, rememberLeg, rewriteAddress, scenarioParameters } from "./address";
import { type CallState, emptyCall } from "./call-state";
import { catalogue, loadCatalogue } from "./catalogue";
import * as preferences from "./preferences";
import { PushToTalk } from "./push-to-talk";
import { reduce } from "./reducer";
import { lockLeg } from "./tab-lock";

/** `connecting` until the call's log arrives; `reconnecting` while its socket is lost; an `ended` call stays readable. */
export type Phase = "idle" | "connecting" | "connected" | "reconnecting" | "ended";

/** Time for WebRTC to connect before the relay replaces it, and without a fallback. */
const AUTO_TIMEOUT_MS = 3000;
const WEBRTC_TIMEOUT_MS = 15_000;

export class Connection {
  private readonly phaseNow = signal<Phase>("idle");
  private readonly roleNow = signal<Role>("caller");
  private readonly callNow = signal<CallState>(emptyCall());
  private readonly legNow = signal<Leg | null>(null);
  private readonly recordingNow = signal<Recording | null>(null);
  private readonly frames = new FrameBatcher<LogFrame>((frames) => {
    this.callNow.value = frames.reduce(reduce, this.callNow.peek());
  });
  private socket: CallSocket | null = null;
  private callId: string | null = null;
  private scenario: string | null = null;
  private firstAgent: string | null = null;
  /** Why the relay replaces WebRTC; null while WebRTC may be tried. */
  private relayReason: string | null = null;
  private reofferPending = false;
  /** Counter of the page's requests; answers to older requests are dropped. */
  private generation = 0;
  /** True if this page has been the caller since its recording began; a viewer's recording would be empty. */
  private recordsCall = false;
  /** True if the recording belongs to a call that has ended. */
  private recordingEnded = false;
  /** Push-to-talk and mute of the caller. */
  readonly pushToTalk = new PushToTalk(
    this.legNow,
    computed(() => this.callNow.value.settings.pushToTalk),
    (command) => this.canCommand() && (this.socket?.send(command) ?? false),
  );

  constructor() {
    this.reopenLegWhenChanged();
    effect(() => {
      if (this.phaseNow.value !== "connected" || this.roleNow.value !== "caller") this.pushToTalk.cancel();
    });
  }

  get phase(): ReadonlySignal<Phase> {
    return this.phaseNow;
  }
  get role(): ReadonlySignal<Role> {
    return this.roleNow;
  }
  get call(): ReadonlySignal<CallState> {
    return this.callNow;
  }
  /** The caller's audio connection; null for a viewer and between calls. */
  get leg(): ReadonlySignal<Leg | null> {
    return this.legNow;
  }

  /** The recording of the displayed call; null before the first call. */
  get recording(): ReadonlySignal<Recording | null> {
    return this.recordingNow;
  }

  /** Start a new call, and hang up the present one. */
  async connect(scenario: string, agent: string | null): Promise<void> {
    const generation = this.leaveCall();
    this.scenario = scenario;
    this.firstAgent = agent;
    for (const key of ["call", "viewer", "microphone"]) dismiss(key);
    batch(() => {
      this.phaseNow.value = "connecting";
      this.roleNow.value = "caller";
      this.callNow.value = emptyCall();
    });
    try {
      const call = await this.openLeg(
        (line) => api.startCall({ scenario, ...withCodec(line), ...(agent !== null && { agent }) }),
        generation,
      );
      if (call === null) return;
      if (generation !== this.generation) return void api.hangUp(call.call_id).catch(() => undefined);
      this.remember(call.call_id, call.leg_id);
      rewriteAddress({ call: call.call_id, ...scenarioParameters(scenario, agent) });
      if (this.relayReason !== null && this.legNow.peek()?.transport === "webrtc") {
        // The leg failed before the call existed, so that it could not rejoin.
        this.callId = call.call_id;
        await this.rejoin();
      } else {
        this.openSocket(call.call_id, call.leg_id, 0);
      }
    } catch (error) {
      if (generation === this.generation) this.onFailure(error);
    }
  }

  /** Return to a call, after a reload or from another tab. */
  async resume(callId: string): Promise<void> {
    const generation = this.leaveCall();
    this.phaseNow.value = "connecting";
    this.callNow.value = emptyCall();
    await this.join(callId, generation, false);
  }

  /** Make this page the caller; the previous caller becomes a viewer. */
  async takeOver(): Promise<void> {
    if (this.callId === null || this.phaseNow.peek() === "ended") return;
    this.generation += 1;
    await this.join(this.callId, this.generation, true);
  }

  /** Hang up. The transcript stays on the page. */
  disconnect(): void {
    const callId = this.callId;
    const live = this.phaseNow.peek() !== "ended" && this.roleNow.peek() === "caller";
    if (this.phaseNow.peek() === "connecting") {
      this.leaveCall();
      this.phaseNow.value = "idle";
    }
    this.dropLeg();
    if (callId === null || this.phaseNow.peek() === "idle") return;
    this.phaseNow.value = "ended";
    this.endRecording();
    // The socket stays open for the call's last events; the server closes it.
    if (live) void api.hangUp(callId).catch(() => this.socket?.send({ type: "hang_up" }));
    else this.leaveCall();
  }

  /** Send a typed message; false without a connection. */
  say(text: string): boolean {
    if (!this.canCommand() || !this.socket?.isOpen) return false;
    this.legNow.peek()?.interruptPlayback();
    return this.socket.send({ type: "say", text });
  }

  /** Interrupt the agent. */
  interrupt(): void {
    this.legNow.peek()?.interruptPlayback();
    this.socket?.send({ type: "interrupt" });
  }

  /** Allow or refuse a tool run. */
  approve(callId: string, approved: boolean): boolean {
    return this.socket?.send({ type: "approve", call_id: callId, approved }) ?? false;
  }

  /** The scenario and first agent of the last call that this page started. */
  get lastStarted(): { scenario: string | null; agent: string | null } {
    return { scenario: this.scenario, agent: this.firstAgent };
  }

  private async join(callId: string, generation: number, takeOver: boolean, after = 0): Promise<void> {
    const legId = await lockOwnLeg(callId);
    if (generation !== this.generation) return;
    try {
      const joined = await this.openLeg(
        (line) =>
          api.joinCall(callId, {
            ...withCodec(line),
            ...(legId !== null && { leg_id: legId }),
            ...(takeOver && { take_over: true }),
          }),
        generation,
      );
      if (joined === null || generation !== this.generation) return;
      if (joined.leg_id !== null) this.remember(callId, joined.leg_id);
      this.openSocket(callId, joined.leg_id, takeOver ? (this.socket?.seq ?? 0) : after);
    } catch (error) {
      if (generation !== this.generation) return;
      const status = error instanceof api.ApiError ? error.status : 0;
      if (status === 410)
        this.openSocket(callId, null, 0); // The call has ended, but its log is available.
      else if (status === 404)
        this.onCallGone("This call has ended, and the server has deleted it. Connect to start a new one.");
      else if (status === 0) this.retryJoin(callId, generation, takeOver, after);
      else this.onFailure(error);
    }
  }

  private remember(callId: string, legId: string): void {
    rememberLeg(callId, legId);
    void lockLeg(legId);
  }

  /**
   * Open a leg and send the request with its offer: over WebRTC if it is preferred and works, else over the relay.
   * Return null if a newer request has replaced this one.
   */
  private async openLeg<Answer extends { sdp?: string }>(
    request: (line: api.MediaOffer) => Promise<Answer>,
    generation: number,
  ): Promise<Answer | null> {
    const preference = preferences.transport.peek();
    if (preference !== "websocket" && this.relayReason === null && typeof RTCPeerConnection !== "undefined") {
      const leg = new WebRtcLeg(
        preferences.codec.peek(),
        preference === "webrtc" ? WEBRTC_TIMEOUT_MS : AUTO_TIMEOUT_MS,
        () => this.socket,
        (reason, wasUp) => void this.onLegFailed(leg, reason, wasUp),
      );
      this.replaceLeg(leg);
      try {
        const sdp = await leg.offer();
        if (generation !== this.generation) return null;
        const answer = await request({ transport: "webrtc", sdp });
        if (generation === this.generation && answer.sdp !== undefined) await leg.answer(answer.sdp);
        return answer;
      } catch (error) {
        if (generation !== this.generation) return null;
        if (preference === "webrtc" || !(error instanceof api.ApiError) || ![400, 422, 502].includes(error.status))
          throw error;
        this.relayReason = error.message;
      }
    }
    // The microphone's permission prompt and the audio graph need not wait for the server.
    this.replaceLeg(new RelayLeg(() => this.socket));
    if (this.relayReason !== null) notifyRelay(this.relayReason);
    return request({ transport: "websocket", ...(this.relayReason !== null && { reason: this.relayReason }) });
  }

  /** Handle a failed WebRTC connection: reconnect one that was up, else use the relay. */
  private async onLegFailed(leg: WebRtcLeg, reason: string, wasUp: boolean): Promise<void> {
    if (this.legNow.peek() !== leg || this.phaseNow.peek() === "ended") return;
    if (!wasUp) {
      if (preferences.transport.peek() === "webrtc") {
        notify({
          key: "transport",
          tone: "error",
          text: `WebRTC failed: ${reason}. Set the transport to “Automatic” to use the WebSocket relay.`,
        });
        return;
      }
      this.relayReason = reason;
    }
    await this.rejoin();
  }

  /** Join the call again with a new leg; the log continues at its position. */
  private async rejoin(): Promise<void> {
    if (this.callId === null) return;
    this.generation += 1;
    await this.join(this.callId, this.generation, false, this.socket?.seq ?? 0);
  }

  /** Continue the call over a new leg when the reader chooses another transport or codec. */
  private reopenLegWhenChanged(): void {
    onChange(preferences.transport, (preference) => {
      this.relayReason = null;
      dismiss("transport");
      const current = this.legNow.peek()?.transport;
      if (current !== (preference === "auto" ? "webrtc" : preference)) this.reopenLeg();
    });
    onChange(preferences.codec, () => this.reopenLeg());
  }

  private reopenLeg(): void {
    if (this.legNow.peek() !== null) void this.rejoin();
  }

  private replaceLeg(leg: Leg): void {
    if (this.recordingNow.peek() === null || this.recordingEnded) {
      this.recordingNow.value = new Recording();
      this.recordsCall = false;
    }
    this.recordingEnded = false;
    this.legNow.peek()?.close();
    this.legNow.value = leg;
  }

  private canCommand(): boolean {
    return this.roleNow.peek() === "caller" && this.phaseNow.peek() === "connected";
  }

  private retryJoin(callId: string, generation: number, takeOver: boolean, after: number): void {
    this.phaseNow.value = "reconnecting";
    setTimeout(() => generation === this.generation && void this.join(callId, generation, takeOver, after), 1500);
  }

  private openSocket(callId: string, legId: string | null, after: number): void {
    this.socket?.close();
    this.callId = callId;
    this.roleNow.value = legId === null ? "viewer" : "caller";
    if (legId === null) this.dropLeg();
    if (legId !== null) this.recordsCall = true;
    else if (!this.recordsCall) this.dropRecording();
    // Until the new socket is open, no command could be sent.
    if (this.phaseNow.peek() === "connected") this.phaseNow.value = "reconnecting";
    this.socket = new CallSocket(callId, legId, after, {
      onFrame: (frame) => this.onFrame(frame),
      onAudio: (pcm) => this.legNow.peek()?.onAudio(pcm),
      onOpen: () => {
        if (this.phaseNow.peek() !== "ended") this.phaseNow.value = "connected";
        // The caller hung up while the server could not be reached: send it now.
        else if (this.callNow.peek().endReason === null) this.socket?.send({ type: "hang_up" });
      },
      onLost: () => {
        if (this.phaseNow.peek() !== "ended") this.phaseNow.value = "reconnecting";
        // A rejected socket gets no reason. A request gets one, and leads to the sign-in page.
        if (catalogue.peek()?.health.signed_in) void api.problems().catch(() => undefined);
      },
      onClosed: (why, reason) => this.onSocketClosed(why, reason),
    });
  }

  private onFrame(frame: Frame): void {
    if (isPageFrame(frame)) {
      this.onPageFrame(frame);
      return;
    }
    // Audio must not wait for the next animation frame.
    this.legNow.peek()?.onLogFrame(frame);
    this.frames.push(frame);
    if (frame.kind === "call.ended") this.onCallEnded();
    else if (frame.kind === "leg.joined") this.reofferPending = false;
    else if (frame.kind === "leg.reoffer_requested") {
      this.reofferPending = true;
      // In a replayed log, a later event has already answered the request.
      setTimeout(() => this.reofferPending && this.legNow.peek()?.transport === "webrtc" && void this.rejoin(), 50);
    }
  }

  private onPageFrame(frame: PageFrame): void {
    if (frame.kind === "error") {
      notify({ key: "command", tone: "error", text: frame.message });
    } else if (frame.kind === "leg.role") {
      this.roleNow.value = frame.role;
      if (frame.role === "viewer") {
        this.dropLeg();
      } else {
        this.legNow.peek()?.onSocketReady();
        this.pushToTalk.onCallerRole();
      }
    }
  }

  private onSocketClosed(reason: CloseReason, message: string): void {
    if (reason === "over") this.onCallEnded();
    else if (reason === "refused") this.onRefused(message);
    else if (reason === "taken-over" && this.callId !== null) this.openSocket(this.callId, null, this.socket?.seq ?? 0);
    else this.onUnknownCall();
  }

  private onCallEnded(): void {
    this.dropLeg();
    this.endRecording();
    this.phaseNow.value = "ended";
  }

  /** Handle a rejected page. The call continues without it, so it is not hung up; the reader can try again. */
  private onRefused(reason: string): void {
    const { callId } = this;
    this.roleNow.value = "viewer";
    this.leaveCall();
    this.phaseNow.value = this.callNow.peek().lastSeq > 0 ? "ended" : "idle";
    const retry = (): void => {
      dismiss("call");
      if (callId !== null) void this.resume(callId);
    };
    const text =
      `${reason} This page cannot join the call. Close another page that shows it, then try again.`.trimStart();
    notify({ key: "call", tone: "error", text, action: { label: "Try again", run: retry } });
  }

  /** Start a new call after the server has restarted and no longer knows the present one. */
  private onUnknownCall(): void {
    const state = this.callNow.peek();
    const scenario = state.scenario ?? this.scenario;
    if (this.phaseNow.peek() === "ended") return;
    if (scenario === null || this.roleNow.peek() !== "caller") {
      this.onCallGone("This call has ended, and the server has deleted it. Connect to start a new one.");
      return;
    }
    void loadCatalogue(); // the restart may have changed it
    void this.connect(scenario, this.firstAgent);
    notify({ key: "call", tone: "info", text: "The server was restarted, so this is a new call." });
  }

  private onCallGone(text: string): void {
    this.leaveCall();
    this.phaseNow.value = this.callNow.peek().lastSeq > 0 ? "ended" : "idle";
    rewriteAddress({ call: null });
    notify({ key: "call", tone: "info", text });
  }

  private onFailure(error: unknown): void {
    this.leaveCall();
    this.phaseNow.value = this.callNow.peek().lastSeq > 0 ? "ended" : "idle";
    notify({ key: "call", tone: "error", text: error instanceof Error ? error.message : String(error) });
  }

  /** Leave the present call, and return the generation for the next request. */
  private leaveCall(): number {
    this.generation += 1;
    const { callId } = this;
    const live = this.phaseNow.peek() !== "idle" && this.phaseNow.peek() !== "ended";
    if (callId !== null && live && this.roleNow.peek() === "caller") void api.hangUp(callId).catch(() => undefined);
    this.socket?.close();
    this.socket = null;
    this.callId = null;
    this.frames.flush();
    this.dropLeg();
    this.endRecording();
    return this.generation;
  }

  private endRecording(): void {
    this.recordingEnded = true;
    void this.recordingNow.peek()?.finish();
  }

  private dropRecording(): void {
    this.endRecording();
    this.recordingNow.value = null;
  }

  private dropLeg(): void {
    this.legNow.peek()?.close();
    this.legNow.value = null;
  }
}

/** Return the leg id that proves that this page is the caller; null if another tab is, or none. */
async function lockOwnLeg(callId: string): Promise<string | null> {
  const legId = recallLeg(callId);
  return legId !== null && (await lockLeg(legId)) ? legId : null;
}

/** Add the codec to an offer for the relay, on which page and server always exchange PCM16. */
function withCodec(offer: api.MediaOffer): api.MediaOffer {
  const codec = preferences.codec.peek();
  return offer.transport === "websocket" ? { ...offer, codec: codec === "opus" ? "pcm16" : codec } : offer;
}

function onChange<Value>(source: ReadonlySignal<Value>, handler: (value: Value) => void): void {
  let first = true;
  effect(() => {
    const value = source.value;
    if (!first) untracked(() => handler(value));
    first = false;
  });
}

function notifyRelay(reason: string): void {
  notify({
    key: "transport",
    tone: "info",
    text: `Audio uses the WebSocket relay, because WebRTC failed: ${reason}.`,
  });
}
