/** Connection of the page to a call: it carries out the effects of `step`, and turns what happens into inputs. */
import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { LevelHistory } from "../audio/level-history";
import { Recording } from "../audio/recording";
import { CallClock, RecordingUpload } from "../audio/recording-upload";
import * as api from "../transport/api";
import { CallSocket } from "../transport/call-socket";
import { FrameBatcher } from "../transport/frame-batcher";
import { type Frame, isPageFrame, type LogFrame, type PageFrame, type Role } from "../transport/frames";
import type { Leg } from "../transport/leg";
import { RelayLeg } from "../transport/relay";
import { WebRtcLeg } from "../transport/webrtc";
import { dismiss, notify } from "../ui/notices";
import { urlOf } from "../ui/page-address";
import { recallLeg, rememberLeg, rewriteAddress, scenarioParameters } from "./address";
import { type CallState, emptyCall } from "./call-state";
import { catalogue, isCallerView, loadCatalogue } from "./catalogue";
import { type Effect, type Input, initialState, type Phase, phaseOf, roleOf, type TimerName } from "./connection-state";
import { step } from "./connection-step";
import { requestLeg } from "./leg-request";
import * as preferences from "./preferences";
import { PushToTalk } from "./push-to-talk";
import { reduce } from "./reducer";
import { lockLeg } from "./tab-lock";

/** Time for WebRTC to connect before the relay replaces it, and without a fallback. */
const AUTO_TIMEOUT_MS = 3000;
const WEBRTC_TIMEOUT_MS = 15_000;
const JITTER = 0.5;
/** Number of former conversations that stay on the page. */
const MAX_EARLIER = 3;

export class Connection {
  private readonly state = signal(initialState(preferences.transport.peek(), typeof RTCPeerConnection !== "undefined"));
  private readonly callNow = signal<CallState>(emptyCall());
  private readonly earlierNow = signal<readonly CallState[]>([]);
  private readonly legNow = signal<Leg | null>(null);
  private readonly recordingNow = signal<Recording | null>(null);
  private readonly frames = new FrameBatcher<LogFrame>((frames) => {
    this.callNow.value = frames.reduce(reduce, this.callNow.peek());
  });
  private readonly timers = new Map<TimerName, ReturnType<typeof setTimeout>>();
  private socket: CallSocket | null = null;
  private callClock = new CallClock();
  /** The recording for the server, if it asks for one. */
  private upload: RecordingUpload | null = null;
  private request: AbortController | null = null;

  /** The phase of the connection, as the page shows it. */
  readonly phase: ReadonlySignal<Phase> = computed(() => phaseOf(this.state.value));
  readonly role: ReadonlySignal<Role> = computed(() => roleOf(this.state.value));
  /** True if this page may become the caller; the call's address alone lets a page only watch. */
  readonly mayTakeOver: ReadonlySignal<boolean> = computed(() => this.state.value.mayTakeOver);
  /** The displayed call, as its log describes it. */
  readonly call: ReadonlySignal<CallState> = this.callNow;
  /** Former calls of this page that were more than a greeting, oldest first. */
  readonly earlier: ReadonlySignal<readonly CallState[]> = this.earlierNow;
  /** The caller's audio connection; null for a viewer and between calls. */
  readonly leg: ReadonlySignal<Leg | null> = this.legNow;
  /** The recording of the displayed call; null before the first call, and for a viewer. */
  readonly recording: ReadonlySignal<Recording | null> = this.recordingNow;
  /** Levels of both voices in the displayed call, as this page hears them. */
  readonly levels = new LevelHistory(() => {
    const leg = this.legNow.peek();
    return leg && { caller: leg.microphone.level, agent: leg.level };
  });
  /** Push-to-talk and mute of the caller. */
  readonly pushToTalk = new PushToTalk(
    this.legNow,
    computed(() => this.callNow.value.settings),
    (command) => this.canCommand() && (this.socket?.send(command) ?? false),
  );

  constructor() {
    onChange(preferences.transport, (preference) => this.dispatch({ type: "transport-chosen", preference }));
    onChange(preferences.codec, () => this.dispatch({ type: "codec-chosen" }));
    effect(() => this.levels.measure(this.legNow.value !== null));
    effect(() => {
      if (this.phase.value !== "connected" || this.role.value !== "caller") this.pushToTalk.cancel();
    });
  }

  /** Start a new call, and hang up the present one. */
  connect(scenario: string, agent: string | null): void {
    this.dispatch({ type: "connect", scenario, agent });
  }

  /** Return to a call, after a reload or from another tab. */
  resume(callId: string): void {
    this.dispatch({ type: "resume", callId });
  }

  /** Show a running call as a viewer that cannot become the caller. */
  watch(callId: string): void {
    this.dispatch({ type: "watch", callId });
  }

  /** Make this page the caller; the previous caller becomes a viewer. */
  takeOver(): void {
    this.dispatch({ type: "take-over" });
  }

  /** Hang up. The transcript stays on the page. */
  disconnect(): void {
    this.dispatch({ type: "disconnect" });
  }

  /** Send a typed message; false without a connection. */
  say(text: string): boolean {
    if (!this.canCommand() || !this.socket?.isOpen) return false;
    this.legNow.peek()?.interruptPlayback();
    return this.socket.send({ type: "say", text });
  }

  /** Show the agent an image, a data URL, with an optional text; false without a connection. */
  showImage(imageUrl: string, text: string): boolean {
    if (!this.canCommand() || !this.socket?.isOpen) return false;
    this.legNow.peek()?.interruptPlayback();
    return this.socket.send({ type: "show_image", image_url: imageUrl, text });
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

  private canCommand(): boolean {
    return this.role.peek() === "caller" && this.phase.peek() === "connected";
  }

  private dispatch(input: Input): void {
    batch(() => {
      const [state, effects] = step(this.state.peek(), input);
      this.state.value = state;
      for (const effect of effects) this.run(effect);
    });
  }

  private run(effect: Effect): void {
    switch (effect.type) {
      case "request":
        this.sendRequest(effect);
        return;
      case "open-socket":
        this.openSocket(effect.callId, effect.legId);
        return;
      case "cancel":
        this.request?.abort();
        for (const timer of this.timers.values()) clearTimeout(timer);
        this.timers.clear();
        return;
      case "close-socket":
        this.socket?.close();
        this.socket = null;
        this.frames.flush();
        return;
      case "close-leg":
        this.record(false);
        this.legNow.peek()?.close();
        this.legNow.value = null;
        return;
      case "caller-ready":
        this.legNow.peek()?.onSocketReady();
        this.pushToTalk.onCallerRole();
        return;
      case "hang-up":
        void api.hangUp(effect.callId, recallLeg(effect.callId)).catch(() => this.socket?.send({ type: "hang_up" }));
        return;
      case "send":
        void this.socket?.send(effect.command);
        return;
      case "clear-log":
        this.keepEarlier(this.callNow.peek());
        this.callNow.value = emptyCall();
        this.levels.clear();
        this.callClock = new CallClock();
        return;
      case "start-recording":
        this.recordingNow.value = new Recording();
        return;
      case "finish-recording":
        void this.recordingNow.peek()?.finish();
        return;
      case "drop-recording":
        void this.recordingNow.peek()?.finish();
        this.recordingNow.value = null;
        return;
      case "set-timer":
        this.setTimer(effect.timer, effect.jitter ? effect.ms * (1 - JITTER * Math.random()) : effect.ms);
        return;
      case "clear-timer":
        clearTimeout(this.timers.get(effect.timer));
        void this.timers.delete(effect.timer);
        return;
      case "remember-leg":
        rememberLeg(effect.callId, effect.legId);
        return void lockLeg(effect.legId);
      case "show-address": {
        const { callId, start } = effect;
        rewriteAddress({ call: callId, ...(start && scenarioParameters(start.scenario, start.agent)) });
        return;
      }
      case "reload-catalogue":
        return void loadCatalogue();
      case "check-sign-in":
        if (catalogue.peek()?.health.signed_in) void api.problems().catch(() => undefined);
        return;
      case "notify":
        this.notify(effect);
        return;
      case "dismiss":
        effect.keys.forEach(dismiss);
        return;
      default:
        effect satisfies never;
    }
  }

  /** Keep a conversation in which the caller has spoken. */
  private keepEarlier(call: CallState): void {
    const talked = call.entries.some((entry) => entry.type === "message" && entry.role === "user" && !entry.hidden);
    if (call.callId !== null && talked) this.earlierNow.value = [...this.earlierNow.peek(), call].slice(-MAX_EARLIER);
  }

  /** Replace the leg, and send a request with its offer. */
  private sendRequest({ transport, relayReason, request }: Effect & { type: "request" }): void {
    this.request?.abort();
    this.request = new AbortController();
    const webRtc = transport === "webrtc" ? this.createWebRtcLeg() : null;
    this.legNow.peek()?.close();
    // The microphone's permission prompt and the audio graph need not wait for the server.
    this.legNow.value = webRtc ?? new RelayLeg(() => this.socket);
    const { signal } = this.request;
    void requestLeg({ request, leg: webRtc, relayReason, after: this.socket?.seq ?? 0, signal }).then((outcome) => {
      if (outcome !== null) this.dispatch(outcome);
    });
  }

  private createWebRtcLeg(): WebRtcLeg {
    const leg = new WebRtcLeg(
      preferences.codec.peek(),
      preferences.transport.peek() === "webrtc" ? WEBRTC_TIMEOUT_MS : AUTO_TIMEOUT_MS,
      () => this.socket,
      !isCallerView.peek(),
      (reason, wasUp) => this.legNow.peek() === leg && this.dispatch({ type: "leg-failed", reason, wasUp }),
    );
    return leg;
  }

  private openSocket(callId: string, legId: string | null): void {
    const after = this.socket?.seq ?? 0;
    this.socket?.close();
    this.socket = new CallSocket(callId, legId, after, {
      onFrame: (frame) => this.onFrame(frame),
      onAudio: (pcm) => this.legNow.peek()?.onAudio(pcm),
      onOpen: () => this.dispatch({ type: "socket-opened" }),
      onLost: () => this.dispatch({ type: "socket-lost" }),
      onClosed: (reason, message) => {
        const reloads = catalogue.peek()?.health.reloads === true;
        this.dispatch({ type: "socket-closed", reason, message, reloads });
      },
    });
  }

  private onFrame(frame: Frame): void {
    this.callClock.note(frame.at_ms, Date.now());
    if (isPageFrame(frame)) {
      this.onPageFrame(frame);
      return;
    }
    this.levels.onLogFrame(frame);
    // Audio must not wait for the next animation frame.
    this.legNow.peek()?.onLogFrame(frame);
    this.frames.push(frame);
    if (frame.kind === "call.started") this.dispatch({ type: "call-started", scenario: frame.scenario });
    else if (frame.kind === "call.ended") this.dispatch({ type: "call-ended" });
    else if (frame.kind === "leg.joined") this.dispatch({ type: "leg-joined" });
    else if (frame.kind === "leg.reoffer_requested") this.dispatch({ type: "reoffer-requested" });
  }

  private onPageFrame(frame: PageFrame): void {
    if (frame.kind === "error") notify({ key: "command", tone: "error", text: frame.message });
    else if (frame.kind === "leg.role") {
      this.record(frame.records === true);
      this.dispatch({ type: "role-assigned", role: frame.role });
    }
  }

  /** Record both voices for the server, or stop. */
  private record(wanted: boolean): void {
    if (wanted === (this.upload !== null)) return;
    this.upload?.close();
    this.upload = wanted
      ? new RecordingUpload(this.callClock, (chunk) => this.socket?.sendRecording(chunk) ?? false)
      : null;
  }

  private setTimer(timer: TimerName, ms: number): void {
    clearTimeout(this.timers.get(timer));
    this.timers.set(
      timer,
      setTimeout(() => {
        this.timers.delete(timer);
        this.dispatch({ type: "timer-fired", timer });
      }, ms),
    );
  }

  private notify({ notice, resume: callId, stored }: Effect & { type: "notify" }): void {
    if (stored !== undefined && catalogue.peek()?.health.stores_calls) {
      const { href } = urlOf(`calls/${encodeURIComponent(stored)}`);
      notify({ ...notice, action: { label: "Open the stored call", run: () => location.assign(href) } });
      return;
    }
    if (callId === undefined) {
      notify(notice);
      return;
    }
    const run = (): void => {
      dismiss(notice.key);
      this.resume(callId);
    };
    notify({ ...notice, action: { label: "Try again", run } });
  }
}

function onChange<Value>(source: ReadonlySignal<Value>, handler: (value: Value) => void): void {
  let first = true;
  effect(() => {
    const value = source.value;
    if (!first) untracked(() => handler(value));
    first = false;
  });
}
