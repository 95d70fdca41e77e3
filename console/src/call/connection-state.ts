/** State of the page's connection to a call, the inputs that change it, and the effects that follow from them. */
import type { Transport } from "../transport/api";
import type { CloseReason, Command } from "../transport/call-socket";
import type { Role } from "../transport/frames";
import type { Notice } from "../ui/notices";
import type { TransportPreference } from "./preferences";

/** A scenario and its first agent; null for the scenario's own first agent. */
export interface Start {
  scenario: string;
  agent: string | null;
}

/** A request to join a call with a new leg; `waiting` while no server can be reached, until the next attempt. */
export interface Join {
  takeOver: boolean;
  status: "requested" | "waiting";
  /** The number of attempts that have failed. */
  failures?: number;
}

/** The page's part in a call. */
export type CallLink =
  | { phase: "idle" }
  /** The server has not started the call yet. With `rejoin`, the requested leg is outdated: join again at once. */
  | { phase: "starting"; start: Start; rejoin: boolean }
  /** The page returns to a call, and does not know its role yet. */
  | { phase: "joining"; callId: string; join: Join }
  /** The page is in the call. `socket` is `opening` until it was open once. `join` replaces the leg meanwhile. */
  | { phase: "live"; callId: string; role: Role; socket: "opening" | "open" | "lost"; join: Join | null }
  /** The caller has hung up; the socket stays open for the last events of the call. */
  | { phase: "ending"; callId: string }
  | { phase: "ended" };

export interface State {
  link: CallLink;
  /** Transport of the caller's leg; null without a leg. */
  leg: Transport | null;
  /** Recording of both voices: `pending` until the page is the caller, since a viewer's recording would be empty. */
  recording: "none" | "pending" | "active" | "finished";
  /** The reason why the relay replaces WebRTC; null while WebRTC may be tried. */
  relayReason: string | null;
  preference: TransportPreference;
  webRtcSupported: boolean;
  /** True if the page may become the caller of its call. */
  mayTakeOver: boolean;
  /** The last call that this page started. */
  lastStart: Start | null;
  /** The scenario of the log that the page shows; null without a log. */
  shownScenario: string | null;
}

export type TimerName = "retry" | "reoffer";

export type Input =
  | ({ type: "connect" } & Start)
  | { type: "resume"; callId: string }
  /** Show a running call as a viewer, on the page of stored calls. */
  | { type: "watch"; callId: string }
  | { type: "take-over" }
  | { type: "disconnect" }
  | { type: "transport-chosen"; preference: TransportPreference }
  | { type: "codec-chosen" }
  /** The server has started the call; its leg's id proves that this page is the caller. */
  | { type: "started"; callId: string; legId: string }
  /** The server has accepted the page, without a leg as a viewer. */
  | { type: "joined"; legId: string | null; mayTakeOver: boolean }
  /** The request failed with an HTTP status; 0 if the server could not be reached. */
  | { type: "request-failed"; status: number; message: string }
  /** The WebRTC connection failed, or was lost if it `wasUp`. */
  | { type: "leg-failed"; reason: string; wasUp: boolean }
  | { type: "socket-opened" }
  | { type: "socket-lost" }
  /** `reloads` is true if the server restarts with each saved file, for the author of the scenario. */
  | { type: "socket-closed"; reason: CloseReason; message: string; reloads?: boolean }
  | { type: "role-assigned"; role: Role }
  /** Events of the call's log. */
  | { type: "call-started"; scenario: string }
  | { type: "leg-joined" }
  | { type: "reoffer-requested" }
  | { type: "call-ended" }
  | { type: "timer-fired"; timer: TimerName };

export type CallRequest = ({ type: "start" } & Start) | { type: "join"; callId: string; takeOver: boolean };

export type Effect =
  /** Replace the leg, and send a request with its offer. A newer request, or `leave`, cancels it. */
  | { type: "request"; transport: Transport; relayReason: string | null; request: CallRequest }
  /** Open the call's socket at the log's end; it replaces the present one. */
  | { type: "open-socket"; callId: string; legId: string | null }
  /** Cancel the request and the timers. */
  | { type: "cancel" }
  /** Close the socket. */
  | { type: "close-socket" }
  | { type: "close-leg" }
  /** Let the leg and push-to-talk send their state: this page has become the caller. */
  | { type: "caller-ready" }
  | { type: "hang-up"; callId: string }
  | { type: "send"; command: Command }
  | { type: "clear-log" }
  | { type: "start-recording" }
  | { type: "finish-recording" }
  | { type: "drop-recording" }
  /** With `jitter` the time is shorter by up to a half, so that pages of one server do not come back all at once. */
  | { type: "set-timer"; timer: TimerName; ms: number; jitter?: boolean }
  | { type: "clear-timer"; timer: TimerName }
  | { type: "remember-leg"; callId: string; legId: string }
  /** Write the call into the page's address; null removes it. */
  | { type: "show-address"; callId: string | null; start: Start | null }
  | { type: "reload-catalogue" }
  /** Send any request: a rejected socket has no reason, but a rejected request leads to the sign-in page. */
  | { type: "check-sign-in" }
  /** Show a notice. With `resume` it offers to try that call again; with `stored`, to open it from the store. */
  | { type: "notify"; notice: Omit<Notice, "action">; resume?: string; stored?: string }
  | { type: "dismiss"; keys: readonly string[] };

/** `connecting` until the call's log arrives; `reconnecting` while its socket is lost; an `ended` call stays readable. */
export type Phase = "idle" | "connecting" | "connected" | "reconnecting" | "ended";

export function initialState(preference: TransportPreference, webRtcSupported: boolean): State {
  return {
    link: { phase: "idle" },
    leg: null,
    recording: "none",
    relayReason: null,
    preference,
    webRtcSupported,
    mayTakeOver: true,
    lastStart: null,
    shownScenario: null,
  };
}

/** Return the phase that the page shows. */
export function phaseOf({ link }: State): Phase {
  switch (link.phase) {
    case "idle":
      return "idle";
    case "starting":
      return "connecting";
    case "joining":
      return link.join.status === "waiting" ? "reconnecting" : "connecting";
    case "live":
      if (link.join?.status === "waiting" || link.socket === "lost") return "reconnecting";
      return link.socket === "open" ? "connected" : "connecting";
    case "ending":
    case "ended":
      return "ended";
  }
}

/** Return the page's role; the caller's before it has joined a call. */
export function roleOf({ link }: State): Role {
  return link.phase === "live" ? link.role : "caller";
}

/** Return the transport that the next leg uses. */
export function wantedTransport({ preference, relayReason, webRtcSupported }: State): Transport {
  return preference !== "websocket" && relayReason === null && webRtcSupported ? "webrtc" : "websocket";
}
