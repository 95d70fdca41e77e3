/** Rules of the page's connection to a call: `step(state, input) -> [state, effects]`. They are pure. */
import type { CloseReason } from "../transport/call-socket";
import type { Role } from "../transport/frames";
import { type Effect, type Input, type Join, type Start, type State, wantedTransport } from "./connection-state";

const RETRY_MS = 1500;
const MAX_RETRY_MS = 6000;
/** Statuses of a server that cannot be reached, or does not know yet which server runs the call. */
const UNREACHABLE = [0, 503];
/** In a replayed log, a later event has already answered the server's request for a new offer. */
const REOFFER_DELAY_MS = 50;
/** Statuses by which the server refuses an SDP offer: the relay may still work. */
const OFFER_REFUSED = [400, 422, 502];
const SERVER_RESTARTED = "The server was restarted, which ended the call. Connect to start a new one.";
const CALL_GONE = "This call has ended, and the server has deleted it. Connect to start a new one.";

export type Step = readonly [State, readonly Effect[]];

/** Return the state after an input, and the effects to carry out in order. */
export function step(state: State, input: Input): Step {
  const transition = new Transition(state);
  transition.apply(input);
  return [transition.state, transition.effects];
}

class Transition {
  readonly effects: Effect[] = [];

  constructor(public state: State) {}

  apply(input: Input): void {
    switch (input.type) {
      case "connect":
        this.hangUp();
        this.start({ scenario: input.scenario, agent: input.agent });
        return;
      case "resume":
        this.resume(input.callId);
        return;
      case "watch":
        this.watch(input.callId);
        return;
      case "take-over":
        this.takeOver();
        return;
      case "disconnect":
        this.disconnect();
        return;
      case "transport-chosen":
        this.set({ preference: input.preference, relayReason: null });
        this.emit({ type: "dismiss", keys: ["transport"] });
        if (this.state.leg !== null && this.state.leg !== wantedTransport(this.state)) this.replaceLeg();
        return;
      case "codec-chosen":
        if (this.state.leg !== null) this.replaceLeg();
        return;
      case "started":
        this.onStarted(input.callId, input.legId);
        return;
      case "joined":
        this.onJoined(input.legId, input.mayTakeOver);
        return;
      case "request-failed":
        this.onRequestFailed(input.status, input.message);
        return;
      case "leg-failed":
        this.onLegFailed(input.reason, input.wasUp);
        return;
      case "socket-opened":
        this.onSocketOpened();
        return;
      case "socket-lost":
        if (this.state.link.phase === "live") this.set({ link: { ...this.state.link, socket: "lost" } });
        this.emit({ type: "check-sign-in" });
        return;
      case "socket-closed":
        this.onSocketClosed(input.reason, input.message, input.reloads === true);
        return;
      case "role-assigned":
        this.onRole(input.role);
        return;
      case "call-started":
        this.set({ shownScenario: input.scenario });
        return;
      case "leg-joined":
        this.emit({ type: "clear-timer", timer: "reoffer" });
        return;
      case "reoffer-requested":
        this.emit({ type: "set-timer", timer: "reoffer", ms: REOFFER_DELAY_MS });
        return;
      case "call-ended":
        this.end();
        return;
      case "timer-fired":
        if (input.timer === "retry") this.retry();
        else if (this.state.leg === "webrtc") this.replaceLeg();
        return;
      default:
        input satisfies never;
    }
  }

  // The reader's orders ---------------------------------------------------------------------------------------------
  private start(start: Start): void {
    this.leave();
    this.emit({ type: "dismiss", keys: ["call", "viewer", "microphone"] }, { type: "clear-log" });
    this.set({ link: { phase: "starting", start, rejoin: false }, lastStart: start, shownScenario: null });
    this.request();
  }

  private resume(callId: string): void {
    this.hangUp();
    this.leave();
    this.emit({ type: "clear-log" });
    this.set({ link: { phase: "joining", callId, join: { takeOver: false, status: "requested" } } });
    this.set({ shownScenario: null });
    this.request();
  }

  private watch(callId: string): void {
    this.leave();
    this.emit({ type: "clear-log" });
    this.set({ mayTakeOver: false, shownScenario: null });
    this.openSocket(callId, null);
  }

  private takeOver(): void {
    const { link } = this.state;
    if (link.phase !== "live") return;
    this.set({ link: { ...link, join: { takeOver: true, status: "requested" } } });
    this.request();
  }

  private disconnect(): void {
    const { link } = this.state;
    if (link.phase === "idle") return;
    const hasBegun = link.phase !== "starting" && link.phase !== "joining" && !isFirstOpening(this.state);
    this.hangUp();
    if (link.phase === "live" && link.role === "caller" && hasBegun) {
      this.emit({ type: "cancel" });
      this.closeLeg();
      this.finishRecording();
      this.set({ link: { phase: "ending", callId: link.callId } });
    } else {
      this.leave();
      this.set({ link: { phase: hasBegun ? "ended" : "idle" } });
    }
  }

  // Requests ----------------------------------------------------------------------------------------------------------
  /** Request what the state waits for, with a new leg. */
  private request(): void {
    const { link, relayReason } = this.state;
    if (this.state.recording === "none" || this.state.recording === "finished") {
      this.emit({ type: "start-recording" });
      this.set({ recording: "pending" });
    }
    const transport = wantedTransport(this.state);
    this.set({ leg: transport });
    if (relayReason !== null) {
      const text = `Audio uses the WebSocket relay, because WebRTC failed: ${relayReason}.`;
      this.emit({ type: "notify", notice: { key: "transport", tone: "info", text } });
    }
    if (link.phase === "starting") {
      this.emit({ type: "request", transport, relayReason, request: { type: "start", ...link.start } });
    } else if ((link.phase === "joining" || link.phase === "live") && link.join !== null) {
      const { callId, join } = link;
      const request = { type: "join", callId, takeOver: join.takeOver } as const;
      this.emit({ type: "clear-timer", timer: "retry" }, { type: "request", transport, relayReason, request });
    }
  }

  /** Join the call again with a new leg; the log continues at its position. */
  private replaceLeg(): void {
    const { link } = this.state;
    switch (link.phase) {
      case "starting":
        this.set({ link: { ...link, rejoin: true } });
        return;
      case "joining":
        this.set({ link: { ...link, join: { ...link.join, status: "requested" } } });
        this.request();
        return;
      case "live":
        this.set({ link: { ...link, join: { takeOver: false, status: "requested" } } });
        this.request();
        return;
      default:
        return;
    }
  }

  private retry(): void {
    const { link } = this.state;
    const join = waitingJoin(this.state);
    if ((link.phase !== "joining" && link.phase !== "live") || join === null) return;
    this.set({ link: { ...link, join: { ...join, status: "requested" } } });
    this.request();
  }

  private onStarted(callId: string, legId: string): void {
    const { link } = this.state;
    if (link.phase !== "starting") return;
    this.emit({ type: "remember-leg", callId, legId }, { type: "show-address", callId, start: link.start });
    this.set({
      link: { phase: "live", callId, role: "caller", socket: "opening", join: null },
      mayTakeOver: true,
    });
    if (link.rejoin) this.replaceLeg();
    else this.openSocket(callId, legId);
  }

  private onJoined(legId: string | null, mayTakeOver: boolean): void {
    const { link } = this.state;
    if (link.phase !== "joining" && link.phase !== "live") return;
    this.set({ mayTakeOver });
    if (legId !== null) this.emit({ type: "remember-leg", callId: link.callId, legId });
    this.openSocket(link.callId, legId);
  }

  private onRequestFailed(status: number, message: string): void {
    const { link, leg, preference } = this.state;
    if (leg === "webrtc" && preference === "auto" && OFFER_REFUSED.includes(status)) {
      this.set({ relayReason: message });
      this.request();
      return;
    }
    if (link.phase === "starting") {
      this.fail(message);
      return;
    }
    if ((link.phase !== "joining" && link.phase !== "live") || link.join === null) return;
    // A call that has ended cannot be joined, but its log is available.
    if (status === 410) this.openSocket(link.callId, null);
    else if (status === 404) this.forget();
    else if (UNREACHABLE.includes(status)) {
      const { failures = 0 } = link.join;
      this.set({ link: { ...link, join: { ...link.join, status: "waiting", failures: failures + 1 } } });
      const ms = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** failures);
      this.emit({ type: "set-timer", timer: "retry", ms, jitter: true });
    } else this.fail(message);
  }

  /** Reconnect a WebRTC connection that was up, else use the relay. */
  private onLegFailed(reason: string, wasUp: boolean): void {
    if (this.state.leg !== "webrtc") return;
    if (!wasUp && this.state.preference === "webrtc") {
      const text = `WebRTC failed: ${reason}. Set the transport to “Automatic” to use the WebSocket relay.`;
      this.emit({ type: "notify", notice: { key: "transport", tone: "error", text } });
      return;
    }
    if (!wasUp) this.set({ relayReason: reason });
    this.replaceLeg();
  }

  // The call's socket -------------------------------------------------------------------------------------------------
  private openSocket(callId: string, legId: string | null): void {
    const wasOpen = this.state.link.phase === "live" && !isFirstOpening(this.state);
    this.emit({ type: "open-socket", callId, legId });
    if (legId === null) this.closeLeg();
    if (this.state.recording === "pending" && legId !== null) this.set({ recording: "active" });
    else if (this.state.recording === "pending") this.finishRecording();
    const role = legId === null ? "viewer" : "caller";
    // Until the new socket is open, no command could be sent.
    this.set({ link: { phase: "live", callId, role, socket: wasOpen ? "lost" : "opening", join: null } });
  }

  private onSocketOpened(): void {
    const { link } = this.state;
    if (link.phase === "live") this.set({ link: { ...link, socket: "open" } });
    // The caller hung up while the server could not be reached.
    else if (link.phase === "ending") this.emit({ type: "send", command: { type: "hang_up" } });
  }

  private onSocketClosed(reason: CloseReason, message: string, reloads: boolean): void {
    const { link } = this.state;
    if (reason === "over" || link.phase === "ending") {
      this.end();
      return;
    }
    if (link.phase !== "live") return;
    if (reason === "taken-over") this.openSocket(link.callId, null);
    else if (reason === "refused") this.onRefused(link.callId, message);
    else this.onUnknownCall(link.role, reloads);
  }

  private onRole(role: Role): void {
    const { link } = this.state;
    if (link.phase !== "live") return;
    this.set({ link: { ...link, role } });
    if (role === "viewer") this.closeLeg();
    else this.emit({ type: "caller-ready" });
  }

  /** Handle a rejected page. The call continues without it, so it is not hung up; the reader can try again. */
  private onRefused(callId: string, reason: string): void {
    this.leave();
    this.settle();
    const advice = "This page cannot join the call. Close another page that shows it, then try again.";
    const text = `${reason} ${advice}`.trimStart();
    this.emit({ type: "notify", notice: { key: "call", tone: "error", text }, resume: callId });
  }

  /**
   * End the call after the server has restarted and no longer knows it. The reader decides about a new call, except
   * where the server restarts with each saved file: its author wants to hear the change.
   */
  private onUnknownCall(role: Role, reloads: boolean): void {
    if (role !== "caller") {
      this.forget(CALL_GONE);
      return;
    }
    this.emit({ type: "reload-catalogue" }); // the restart may have changed it
    const scenario = this.state.shownScenario ?? this.state.lastStart?.scenario;
    if (!reloads || scenario === undefined) {
      this.forget(SERVER_RESTARTED);
      return;
    }
    this.start({ scenario, agent: this.state.lastStart?.agent ?? null });
    const text = "The server was restarted, so this is a new call.";
    this.emit({ type: "notify", notice: { key: "call", tone: "info", text } });
  }

  // The end -----------------------------------------------------------------------------------------------------------
  /** Show the call as ended. The socket stays open for the last events. */
  private end(): void {
    const { phase } = this.state.link;
    if (phase !== "live" && phase !== "ending") return;
    this.emit({ type: "cancel" });
    this.closeLeg();
    this.finishRecording();
    this.set({ link: { phase: "ended" } });
  }

  private fail(message: string): void {
    this.hangUp();
    this.leave();
    this.settle();
    this.emit({ type: "notify", notice: { key: "call", tone: "error", text: message } });
  }

  /** Leave a call that the server has deleted. */
  private forget(text = CALL_GONE): void {
    const { link } = this.state;
    const stored = "callId" in link ? { stored: link.callId } : {};
    this.leave();
    this.settle();
    this.emit(
      { type: "show-address", callId: null, start: null },
      { type: "notify", notice: { key: "call", tone: "info", text }, ...stored },
    );
  }

  /** Keep the log on the page, if it has one. */
  private settle(): void {
    this.set({ link: { phase: this.state.shownScenario === null ? "idle" : "ended" } });
  }

  private hangUp(): void {
    const { link } = this.state;
    if (link.phase === "live" && link.role === "caller") this.emit({ type: "hang-up", callId: link.callId });
  }

  private leave(): void {
    this.emit({ type: "cancel" }, { type: "close-socket" });
    this.closeLeg();
    this.finishRecording();
  }

  private closeLeg(): void {
    if (this.state.leg === null) return;
    this.emit({ type: "close-leg" });
    this.set({ leg: null });
  }

  /** End the recording, and drop it if this page was never the caller. */
  private finishRecording(): void {
    if (this.state.recording === "active") {
      this.emit({ type: "finish-recording" });
      this.set({ recording: "finished" });
    } else if (this.state.recording === "pending") {
      this.emit({ type: "drop-recording" });
      this.set({ recording: "none" });
    }
  }

  private set(changes: Partial<State>): void {
    this.state = { ...this.state, ...changes };
  }

  private emit(...effects: Effect[]): void {
    this.effects.push(...effects);
  }
}

function isFirstOpening({ link }: State): boolean {
  return link.phase === "live" && link.socket === "opening";
}

function waitingJoin({ link }: State): Join | null {
  const join = link.phase === "joining" || link.phase === "live" ? link.join : null;
  return join?.status === "waiting" ? join : null;
}
