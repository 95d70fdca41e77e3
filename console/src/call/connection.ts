/** A call's life as the page sees it: starting, coming back, being taken over, ending. */
import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { choice, recallLeg, rememberLeg, rewriteAddress } from "./address";
import * as api from "../transport/api";
import { CallSocket, type Why } from "../transport/call-socket";
import { catalogue, loadCatalogue } from "./catalogue";
import * as choices from "./preferences";
import { FrameBuffer } from "../transport/frame-batcher";
import { type Frame, isOwn, type LogFrame, type OwnFrame, type Role } from "../transport/frames";
import type { Leg } from "../transport/leg";
import { claimLeg } from "./tab-lock";
import { dismiss, notify } from "../ui/notices";
import { type CallState, emptyCall, reduce } from "./reducer";
import { RelayLeg } from "../transport/relay";
import { Recording } from "../audio/recording";
import { Talk } from "./push-to-talk";
import { WebRtcLeg } from "../transport/webrtc";

/** `connecting` until the call's log comes; `reconnecting` while its socket is lost; `ended` stays readable. */
export type Phase = "idle" | "connecting" | "connected" | "reconnecting" | "ended";

/** How long WebRTC is tried before the relay is taken, and how long where nothing else is wanted. */
const TRIED_MS = 3000;
const WANTED_MS = 15_000;

export class Connection {
  private readonly phaseNow = signal<Phase>("idle");
  private readonly roleNow = signal<Role>("caller");
  private readonly callNow = signal<CallState>(emptyCall());
  private readonly legNow = signal<Leg | null>(null);
  private readonly recordingNow = signal<Recording | null>(null);
  private readonly frames = new FrameBuffer<LogFrame>((frames) => {
    this.callNow.value = frames.reduce(reduce, this.callNow.peek());
  });
  private socket: CallSocket | null = null;
  private callId: string | null = null;
  private scenario: string | null = null;
  private firstAgent: string | null = null;
  /** Why the relay is used though WebRTC was wanted; null while it may be tried. */
  private relayReason: string | null = null;
  private legNeeded = false;
  /** Counts what was asked of this page; an answer to an older request is dropped. */
  private generation = 0;
  /** Whether this page has been the caller since its recording began; a viewer's would be empty. */
  private recordsCall = false;
  /** Whether what is recorded belongs to a call that has ended. */
  private recordingIsOver = false;
  /** When the caller is heard. */
  readonly talk = new Talk(
    this.legNow,
    computed(() => this.callNow.value.settings.pushToTalk),
    (command) => this.mayCommand() && (this.socket?.send(command) ?? false),
  );

  constructor() {
    this.redialWhenChosen();
    effect(() => {
      if (this.phaseNow.value !== "connected" || this.roleNow.value !== "caller") this.talk.letGo();
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
  /** The caller's sound; null for a viewer and between calls. */
  get leg(): ReadonlySignal<Leg | null> {
    return this.legNow;
  }

  /** The sound of the call that is shown; null before the first. */
  get recording(): ReadonlySignal<Recording | null> {
    return this.recordingNow;
  }

  /** Starts a new call; one that is under way is hung up. */
  async connect(scenario: string, agent: string | null): Promise<void> {
    const generation = this.leave();
    this.scenario = scenario;
    this.firstAgent = agent;
    for (const key of ["call", "viewer", "microphone"]) dismiss(key);
    batch(() => {
      this.phaseNow.value = "connecting";
      this.roleNow.value = "caller";
      this.callNow.value = emptyCall();
    });
    try {
      const call = await this.dial((line) => api.startCall({ scenario, ...coded(line), ...(agent !== null && { agent }) }), generation);
      if (call === null) return;
      if (generation !== this.generation) return void api.hangUp(call.call_id).catch(() => undefined);
      this.remember(call.call_id, call.leg_id);
      rewriteAddress({ call: call.call_id, ...choice(scenario, agent) });
      if (this.relayReason !== null && this.legNow.peek()?.transport === "webrtc") {
        // The leg has failed before there was a call to join again.
        this.callId = call.call_id;
        await this.rejoin();
      } else {
        this.open(call.call_id, call.leg_id, 0);
      }
    } catch (error) {
      if (generation === this.generation) this.failed(error);
    }
  }

  /** Comes back to a call: after a reload, or from another tab. */
  async resume(callId: string): Promise<void> {
    const generation = this.leave();
    this.phaseNow.value = "connecting";
    this.callNow.value = emptyCall();
    await this.join(callId, generation, false);
  }

  /** Makes this page the caller; the one that was becomes a viewer. */
  async takeOver(): Promise<void> {
    if (this.callId === null || this.phaseNow.peek() === "ended") return;
    this.generation += 1;
    await this.join(this.callId, this.generation, true);
  }

  /** Hangs up. What was said stays on the page. */
  disconnect(): void {
    const callId = this.callId;
    const live = this.phaseNow.peek() !== "ended" && this.roleNow.peek() === "caller";
    if (this.phaseNow.peek() === "connecting") {
      this.leave();
      this.phaseNow.value = "idle";
    }
    this.dropLeg();
    if (callId === null || this.phaseNow.peek() === "idle") return;
    this.phaseNow.value = "ended";
    this.endRecording();
    // The socket stays, to show how the call ended; the server closes it.
    if (live) void api.hangUp(callId).catch(() => this.socket?.send({ type: "hang_up" }));
    else this.leave();
  }

  /** Says a typed text; false if there is no connection to say it on. */
  say(text: string): boolean {
    if (!this.mayCommand() || !this.socket?.isOpen) return false;
    this.legNow.peek()?.silence();
    return this.socket.send({ type: "say", text });
  }

  /** Stops the agent. */
  interrupt(): void {
    this.legNow.peek()?.silence();
    this.socket?.send({ type: "interrupt" });
  }

  /** Allows a tool to run, or does not. */
  approve(callId: string, approved: boolean): boolean {
    return this.socket?.send({ type: "approve", call_id: callId, approved }) ?? false;
  }

  /** The scenario and first agent of the last call that this page made. */
  get last(): { scenario: string | null; agent: string | null } {
    return { scenario: this.scenario, agent: this.firstAgent };
  }

  private async join(callId: string, generation: number, takeOver: boolean, after = 0): Promise<void> {
    const legId = await ownLeg(callId);
    if (generation !== this.generation) return;
    try {
      const joined = await this.dial(
        (line) =>
          api.joinCall(callId, { ...coded(line), ...(legId !== null && { leg_id: legId }), ...(takeOver && { take_over: true }) }),
        generation,
      );
      if (joined === null || generation !== this.generation) return;
      if (joined.leg_id !== null) this.remember(callId, joined.leg_id);
      this.open(callId, joined.leg_id, takeOver ? (this.socket?.seq ?? 0) : after);
    } catch (error) {
      if (generation !== this.generation) return;
      const status = error instanceof api.ApiError ? error.status : 0;
      if (status === 410) this.open(callId, null, 0); // Over, and still to be read.
      else if (status === 404) this.gone("This call is over, and the server no longer keeps it.");
      else if (status === 0) this.retryJoin(callId, generation, takeOver, after);
      else this.failed(error);
    }
  }

  private remember(callId: string, legId: string): void {
    rememberLeg(callId, legId);
    void claimLeg(legId);
  }

  /**
   * Makes a leg and asks the server with it: over WebRTC where that is wanted and can be had, else over the relay.
   * Null if the page wants something else by now.
   */
  private async dial<Answer extends { sdp?: string }>(
    ask: (line: api.Line) => Promise<Answer>,
    generation: number,
  ): Promise<Answer | null> {
    const wish = choices.transport.peek();
    if (wish !== "websocket" && this.relayReason === null && typeof RTCPeerConnection !== "undefined") {
      const leg = new WebRtcLeg(
        choices.codec.peek(),
        wish === "webrtc" ? WANTED_MS : TRIED_MS,
        () => this.socket,
        (reason, wasUp) => void this.legFailed(leg, reason, wasUp),
      );
      this.take(leg);
      try {
        const sdp = await leg.offer();
        if (generation !== this.generation) return null;
        const answer = await ask({ transport: "webrtc", sdp });
        if (generation === this.generation && answer.sdp !== undefined) await leg.answer(answer.sdp);
        return answer;
      } catch (error) {
        if (generation !== this.generation) return null;
        if (wish === "webrtc" || !(error instanceof api.ApiError) || ![400, 422, 502].includes(error.status)) throw error;
        this.relayReason = error.message;
      }
    }
    // The microphone's question and the sound need not wait for the server.
    this.take(new RelayLeg(() => this.socket));
    if (this.relayReason !== null) tellRelay(this.relayReason);
    return ask({ transport: "websocket", ...(this.relayReason !== null && { reason: this.relayReason }) });
  }

  /** A WebRTC connection did not come, or is gone. One that was up is made anew; else the relay takes over. */
  private async legFailed(leg: WebRtcLeg, reason: string, wasUp: boolean): Promise<void> {
    if (this.legNow.peek() !== leg || this.phaseNow.peek() === "ended") return;
    if (!wasUp) {
      if (choices.transport.peek() === "webrtc") {
        notify({ key: "transport", tone: "error", text: `WebRTC: ${reason}. With the transport “Automatic” the relay would be used.` });
        return;
      }
      this.relayReason = reason;
    }
    await this.rejoin();
  }

  /** Joins the call again with a new leg; the log goes on where it is. */
  private async rejoin(): Promise<void> {
    if (this.callId === null) return;
    this.generation += 1;
    await this.join(this.callId, this.generation, false, this.socket?.seq ?? 0);
  }

  /** Another transport or codec: the same call goes on over a new leg. */
  private redialWhenChosen(): void {
    whenChanged(choices.transport, (wish) => {
      this.relayReason = null;
      dismiss("transport");
      const way = this.legNow.peek()?.transport;
      if (way !== (wish === "auto" ? "webrtc" : wish)) this.redial();
    });
    whenChanged(choices.codec, () => this.redial());
  }

  private redial(): void {
    if (this.legNow.peek() !== null) void this.rejoin();
  }

  private take(leg: Leg): void {
    if (this.recordingNow.peek() === null || this.recordingIsOver) {
      this.recordingNow.value = new Recording();
      this.recordsCall = false;
    }
    this.recordingIsOver = false;
    this.legNow.peek()?.close();
    this.legNow.value = leg;
  }

  private mayCommand(): boolean {
    return this.roleNow.peek() === "caller" && this.phaseNow.peek() === "connected";
  }

  private retryJoin(callId: string, generation: number, takeOver: boolean, after: number): void {
    this.phaseNow.value = "reconnecting";
    setTimeout(() => generation === this.generation && void this.join(callId, generation, takeOver, after), 1500);
  }

  private open(callId: string, legId: string | null, after: number): void {
    this.socket?.close();
    this.callId = callId;
    this.roleNow.value = legId === null ? "viewer" : "caller";
    if (legId === null) this.dropLeg();
    if (legId !== null) this.recordsCall = true;
    else if (!this.recordsCall) this.dropRecording();
    // Until the new socket is open, nothing typed would arrive.
    if (this.phaseNow.peek() === "connected") this.phaseNow.value = "reconnecting";
    this.socket = new CallSocket(callId, legId, after, {
      frame: (frame) => this.receive(frame),
      sound: (pcm) => this.legNow.peek()?.receive(pcm),
      opened: () => {
        if (this.phaseNow.peek() !== "ended") this.phaseNow.value = "connected";
        // Who hung up while the server could not be reached has hung up.
        else if (this.callNow.peek().endReason === null) this.socket?.send({ type: "hang_up" });
      },
      lost: () => {
        if (this.phaseNow.peek() !== "ended") this.phaseNow.value = "reconnecting";
        // A socket is not told why it is not let in; a request is, and leads to where one signs in again.
        if (catalogue.peek()?.health.signed_in) void api.problems().catch(() => undefined);
      },
      closed: (why, reason) => this.closed(why, reason),
    });
  }

  private receive(frame: Frame): void {
    if (isOwn(frame)) {
      this.told(frame);
      return;
    }
    // Sound cannot wait for the screen.
    this.legNow.peek()?.follow(frame);
    this.frames.push(frame);
    if (frame.kind === "call.ended") this.end();
    else if (frame.kind === "leg.joined") this.legNeeded = false;
    else if (frame.kind === "leg.reoffer_requested") {
      this.legNeeded = true;
      // In a log that is read again, what was needed has been given long since.
      setTimeout(() => this.legNeeded && this.legNow.peek()?.transport === "webrtc" && void this.rejoin(), 50);
    }
  }

  private told(frame: OwnFrame): void {
    if (frame.kind === "error") {
      notify({ key: "command", tone: "error", text: frame.message });
    } else if (frame.kind === "leg.role") {
      this.roleNow.value = frame.role;
      if (frame.role === "viewer") {
        this.dropLeg();
      } else {
        this.legNow.peek()?.announce();
        this.talk.announce();
      }
    }
  }

  private closed(why: Why, reason: string): void {
    if (why === "over") this.end();
    else if (why === "refused") this.refused(reason);
    else if (why === "taken-over" && this.callId !== null) this.open(this.callId, null, this.socket?.seq ?? 0);
    else this.restart();
  }

  private end(): void {
    this.dropLeg();
    this.endRecording();
    this.phaseNow.value = "ended";
  }

  /** The server does not let this page in. The call goes on without it, so it is not hung up; to come back is the reader's. */
  private refused(reason: string): void {
    const { callId } = this;
    this.roleNow.value = "viewer";
    this.leave();
    this.phaseNow.value = this.callNow.peek().lastSeq > 0 ? "ended" : "idle";
    const again = (): void => {
      dismiss("call");
      if (callId !== null) void this.resume(callId);
    };
    const text = `${reason} This page was not let in: close another one that shows the call, then try again.`.trimStart();
    notify({ key: "call", tone: "error", text, action: { label: "Try again", run: again } });
  }

  /** The server does not know the call that this page was in: it was started anew. So is the call. */
  private restart(): void {
    const state = this.callNow.peek();
    const scenario = state.scenario ?? this.scenario;
    if (this.phaseNow.peek() === "ended") return;
    if (scenario === null || this.roleNow.peek() !== "caller") {
      this.gone("This call is over, and the server no longer keeps it.");
      return;
    }
    void loadCatalogue(); // what it has may have changed with it
    void this.connect(scenario, this.firstAgent);
    notify({ key: "call", tone: "info", text: "The server was restarted, so this is a new call." });
  }

  private gone(text: string): void {
    this.leave();
    this.phaseNow.value = this.callNow.peek().lastSeq > 0 ? "ended" : "idle";
    rewriteAddress({ call: null });
    notify({ key: "call", tone: "info", text });
  }

  private failed(error: unknown): void {
    this.leave();
    this.phaseNow.value = this.callNow.peek().lastSeq > 0 ? "ended" : "idle";
    notify({ key: "call", tone: "error", text: error instanceof Error ? error.message : String(error) });
  }

  /** Lets go of the call under way; returns the generation of what comes next. */
  private leave(): number {
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
    this.recordingIsOver = true;
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

/** What proves that this page is the caller of a call; null if it is not, or if another tab is. */
async function ownLeg(callId: string): Promise<string | null> {
  const legId = recallLeg(callId);
  return legId !== null && (await claimLeg(legId)) ? legId : null;
}

/** On the relay the server is told the codec: between page and server the sound is PCM16 in any case. */
function coded(line: api.Line): api.Line {
  const codec = choices.codec.peek();
  return line.transport === "websocket" ? { ...line, codec: codec === "opus" ? "pcm16" : codec } : line;
}

function whenChanged<Value>(source: ReadonlySignal<Value>, changed: (value: Value) => void): void {
  let first = true;
  effect(() => {
    const value = source.value;
    if (!first) untracked(() => changed(value));
    first = false;
  });
}

function tellRelay(reason: string): void {
  notify({ key: "transport", tone: "info", text: `The sound goes over the WebSocket relay, because WebRTC could not be had: ${reason}.` });
}
