import { describe, expect, it } from "vitest";
import {
  type Effect,
  type Input,
  initialState,
  type Phase,
  phaseOf,
  roleOf,
  type State,
} from "../../src/call/connection-state";
import { step } from "../../src/call/connection-step";
import type { TransportPreference } from "../../src/call/preferences";

const CONNECT = { type: "connect", scenario: "shop", agent: null } as const;
const STARTED = { type: "started", callId: "c1", legId: "l1" } as const;
const JOINED = { type: "joined", legId: "l1", mayTakeOver: true } as const;
const VIEWER = { type: "joined", legId: null, mayTakeOver: true } as const;
const OPENED = { type: "socket-opened" } as const;
const LOG = { type: "call-started", scenario: "shop" } as const;
const LEG_FAILED = { type: "leg-failed", reason: "no connection", wasUp: false } as const;
const LEG_LOST = { type: "leg-failed", reason: "the connection was lost", wasUp: true } as const;
const failed = (status: number): Input => ({ type: "request-failed", status, message: `status ${status}` });
const closed = (reason: "over" | "unknown" | "taken-over" | "refused", message = ""): Input => ({
  type: "socket-closed",
  reason,
  message,
});

interface Run {
  state: State;
  /** The effects of the last input. */
  effects: readonly Effect[];
  phase: Phase;
}

function run(inputs: readonly Input[], preference: TransportPreference = "auto", webRtc = true): Run {
  let state = initialState(preference, webRtc);
  let effects: readonly Effect[] = [];
  for (const input of inputs) [state, effects] = step(state, input);
  return { state, effects, phase: phaseOf(state) };
}

function effectOf<Type extends Effect["type"]>(effects: readonly Effect[], type: Type): Effect & { type: Type } {
  const found = effects.find((effect): effect is Effect & { type: Type } => effect.type === type);
  if (!found) throw new Error(`no ${type} in ${effects.map((effect) => effect.type).join(", ")}`);
  return found;
}

const types = (effects: readonly Effect[]): string[] => effects.map((effect) => effect.type);
const texts = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => (effect.type === "notify" ? [effect.notice.text] : []));
const LIVE = [CONNECT, STARTED, OPENED, LOG] as const;

it("lets a page take over only if the server grants it", () => {
  const watching = { ...VIEWER, mayTakeOver: false };
  const resume = { type: "resume", callId: "c1" } as const;
  expect(run([resume, VIEWER]).state.mayTakeOver).toBe(true);
  expect(run([resume, watching]).state.mayTakeOver).toBe(false);
  expect(run([resume, watching, { type: "disconnect" }, CONNECT, STARTED]).state.mayTakeOver).toBe(true);
});

it("leaves its argument unchanged and gives the same answer twice", () => {
  const state = Object.freeze(run([CONNECT, STARTED]).state);
  Object.freeze(state.link);
  expect(step(state, OPENED)).toEqual(step(state, OPENED));
  expect(phaseOf(state)).toBe("connecting");
});

describe("a new call", () => {
  it("is requested over WebRTC with an empty log and a recording", () => {
    const { effects, phase } = run([CONNECT]);
    expect(phase).toBe("connecting");
    expect(types(effects)).toEqual(["cancel", "close-socket", "dismiss", "clear-log", "start-recording", "request"]);
    expect(effects.at(-1)).toEqual({
      type: "request",
      transport: "webrtc",
      relayReason: null,
      request: { type: "start", scenario: "shop", agent: null },
    });
  });

  it.each([
    ["the reader prefers it", "websocket", true],
    ["the browser lacks WebRTC", "auto", false],
  ] as const)("is requested over the relay if %s", (_, preference, webRtc) => {
    expect(effectOf(run([CONNECT], preference, webRtc).effects, "request").transport).toBe("websocket");
  });

  it("opens its socket, remembers its leg, and shows its address", () => {
    const { effects, state, phase } = run([CONNECT, STARTED]);
    expect(types(effects)).toEqual(["remember-leg", "show-address", "open-socket"]);
    expect([phase, roleOf(state), state.recording]).toEqual(["connecting", "caller", "active"]);
    expect(effectOf(effects, "show-address")).toMatchObject({ callId: "c1", start: { scenario: "shop", agent: null } });
  });

  it("is connected once its socket is open", () => {
    expect(run([CONNECT, STARTED, OPENED]).phase).toBe("connected");
  });

  it("hangs up the present call first", () => {
    const { effects } = run([...LIVE, CONNECT]);
    expect(types(effects).slice(0, 5)).toEqual(["hang-up", "cancel", "close-socket", "close-leg", "finish-recording"]);
    expect(effectOf(effects, "hang-up").callId).toBe("c1");
  });

  it("reports a refusal, and drops the recording of a call that never was", () => {
    const { effects, phase, state } = run([CONNECT, failed(404)]);
    expect([phase, state.leg, state.recording]).toEqual(["idle", null, "none"]);
    expect(types(effects)).toEqual(["cancel", "close-socket", "close-leg", "drop-recording", "notify"]);
  });

  it("is given up by the reader while the server has not answered", () => {
    const { effects, phase } = run([CONNECT, { type: "disconnect" }]);
    expect(phase).toBe("idle");
    expect(types(effects)).not.toContain("hang-up");
    expect(types(effects)).toContain("cancel");
  });

  it("is hung up if the reader gives up before its socket is open", () => {
    const { effects, phase } = run([CONNECT, STARTED, { type: "disconnect" }]);
    expect(phase).toBe("idle");
    expect(effectOf(effects, "hang-up").callId).toBe("c1");
  });
});

describe("the relay as a fallback", () => {
  it.each([400, 422, 502])("replaces an offer that the server refused with %i", (status) => {
    const { effects, phase } = run([CONNECT, failed(status)]);
    expect(phase).toBe("connecting");
    expect(effectOf(effects, "request")).toMatchObject({ transport: "websocket", relayReason: `status ${status}` });
    expect(texts(effects)[0]).toContain("relay");
  });

  it("does not replace an offer if the reader wants WebRTC only", () => {
    expect(run([CONNECT, failed(422)], "webrtc").phase).toBe("idle");
  });

  it("is tried once: a refusal of the relay is final", () => {
    expect(run([CONNECT, failed(422), failed(422)]).phase).toBe("idle");
  });

  it("replaces a WebRTC connection that did not open in time", () => {
    const { effects, state } = run([...LIVE, LEG_FAILED]);
    expect(effectOf(effects, "request")).toMatchObject({
      transport: "websocket",
      relayReason: "no connection",
      request: { type: "join", callId: "c1", takeOver: false },
    });
    expect([state.leg, phaseOf(state)]).toEqual(["websocket", "connected"]);
  });

  it("joins at once if WebRTC failed before the call existed", () => {
    const pending = run([CONNECT, LEG_FAILED]);
    expect(pending.effects).toEqual([]);
    const { effects } = run([CONNECT, LEG_FAILED, STARTED]);
    expect(types(effects)).not.toContain("open-socket");
    expect(effectOf(effects, "request")).toMatchObject({ transport: "websocket", request: { type: "join" } });
  });

  it("replaces WebRTC that failed while the page returned to its call", () => {
    const { effects } = run([{ type: "resume", callId: "c1" }, LEG_FAILED]);
    expect(effectOf(effects, "request")).toMatchObject({ transport: "websocket", request: { callId: "c1" } });
  });

  it("is not used if the reader wants WebRTC only: a notice says so", () => {
    const { effects } = run([...LIVE, LEG_FAILED], "webrtc");
    expect(types(effects)).toEqual(["notify"]);
    expect(texts(effects)[0]).toContain("Automatic");
  });

  it("is forgotten once the reader chooses a transport", () => {
    const { effects } = run([...LIVE, LEG_FAILED, JOINED, { type: "transport-chosen", preference: "auto" }]);
    expect(effectOf(effects, "request")).toMatchObject({ transport: "webrtc", relayReason: null });
    expect(effectOf(effects, "dismiss").keys).toEqual(["transport"]);
  });
});

describe("a leg that is replaced", () => {
  it("reconnects over WebRTC if the connection was up", () => {
    expect(effectOf(run([...LIVE, LEG_LOST]).effects, "request")).toMatchObject({ transport: "webrtc" });
  });

  it("keeps the call until the new socket, and then waits for it", () => {
    expect(run([...LIVE, LEG_LOST]).phase).toBe("connected");
    expect(run([...LIVE, LEG_LOST, JOINED]).phase).toBe("reconnecting");
    expect(run([...LIVE, LEG_LOST, JOINED, OPENED]).phase).toBe("connected");
  });

  it.each([
    ["another transport", { type: "transport-chosen", preference: "websocket" }],
    ["another codec", { type: "codec-chosen" }],
  ] as const)("follows the choice of %s", (_, input) => {
    expect(types(run([...LIVE, input]).effects)).toContain("request");
  });

  it("follows a choice that was made before the call existed", () => {
    expect(types(run([CONNECT, { type: "codec-chosen" }]).effects)).toEqual([]);
    expect(types(run([CONNECT, { type: "codec-chosen" }, STARTED]).effects)).toContain("request");
  });

  it("stays for a choice that changes nothing, and without a call", () => {
    expect(types(run([...LIVE, { type: "transport-chosen", preference: "webrtc" }]).effects)).toEqual(["dismiss"]);
    expect(types(run([{ type: "codec-chosen" }]).effects)).toEqual([]);
  });

  it("keeps the recording", () => {
    const { effects, state } = run([...LIVE, LEG_LOST]);
    expect([state.recording, types(effects).includes("start-recording")]).toEqual(["active", false]);
  });

  it("follows the server's request, unless a later event has answered it", () => {
    expect(effectOf(run([...LIVE, { type: "reoffer-requested" }]).effects, "set-timer").timer).toBe("reoffer");
    expect(types(run([...LIVE, { type: "leg-joined" }]).effects)).toEqual(["clear-timer"]);
    expect(types(run([...LIVE, { type: "timer-fired", timer: "reoffer" }]).effects)).toContain("request");
  });

  it("ignores the server's request for an offer on the relay", () => {
    expect(run([...LIVE, { type: "timer-fired", timer: "reoffer" }], "websocket").effects).toEqual([]);
  });
});

describe("returning to a call", () => {
  const RESUME = { type: "resume", callId: "c1" } as const;

  it("joins with an empty log", () => {
    const { effects, phase } = run([RESUME]);
    expect(phase).toBe("connecting");
    expect(types(effects)).toContain("clear-log");
    expect(effectOf(effects, "request").request).toEqual({ type: "join", callId: "c1", takeOver: false });
  });

  it("makes the page a viewer without a leg or a recording if another tab is the caller", () => {
    const { effects, state } = run([RESUME, VIEWER]);
    expect([roleOf(state), state.leg, state.recording]).toEqual(["viewer", null, "none"]);
    expect(types(effects)).toEqual(["open-socket", "close-leg", "drop-recording"]);
  });

  it("waits for a server that cannot be reached, and tries again", () => {
    const waiting = run([RESUME, failed(0)]);
    expect(waiting.phase).toBe("reconnecting");
    expect(effectOf(waiting.effects, "set-timer")).toEqual({
      type: "set-timer",
      timer: "retry",
      ms: 1500,
      jitter: true,
    });
    const again = run([RESUME, failed(0), { type: "timer-fired", timer: "retry" }]);
    expect(effectOf(again.effects, "request").request).toMatchObject({ callId: "c1" });
    expect(again.phase).toBe("connecting");
  });

  it("tries again after longer pauses, also if the call's server is not known yet", () => {
    const retried = { type: "timer-fired", timer: "retry" } as const;
    const pauses = [1, 2, 3, 4].map((times) => {
      const attempts = Array.from({ length: times }, (_, index) =>
        index > 0 ? [retried, failed(503)] : [failed(503)],
      );
      return effectOf(run([RESUME, ...attempts.flat()]).effects, "set-timer").ms;
    });
    expect(pauses).toEqual([1500, 3000, 6000, 6000]);
  });

  it("stops waiting when the reader gives up", () => {
    const { effects, phase } = run([RESUME, failed(0), { type: "disconnect" }]);
    expect(phase).toBe("idle");
    expect(types(effects)).toContain("cancel");
    expect(run([RESUME, failed(0), { type: "disconnect" }, { type: "timer-fired", timer: "retry" }]).effects).toEqual(
      [],
    );
  });

  it("shows the log of a call that has ended", () => {
    const { effects } = run([RESUME, failed(410)]);
    expect(effectOf(effects, "open-socket")).toEqual({ type: "open-socket", callId: "c1", legId: null });
  });

  it("forgets a call that the server has deleted", () => {
    const { effects, phase } = run([RESUME, failed(404)]);
    expect(phase).toBe("idle");
    expect(effectOf(effects, "show-address").callId).toBeNull();
    expect(texts(effects)[0]).toContain("deleted");
    expect(effectOf(effects, "notify").stored).toBe("c1");
  });

  it("keeps a wish to take over through a retry", () => {
    const { effects } = run([
      RESUME,
      VIEWER,
      OPENED,
      { type: "take-over" },
      failed(0),
      { type: "timer-fired", timer: "retry" },
    ]);
    expect(effectOf(effects, "request").request).toEqual({ type: "join", callId: "c1", takeOver: true });
  });
});

describe("the roles", () => {
  it("change when another page takes over: this one continues as a viewer", () => {
    const { effects, state } = run([...LIVE, closed("taken-over")]);
    expect([roleOf(state), state.leg, state.recording]).toEqual(["viewer", null, "active"]);
    expect(effectOf(effects, "open-socket").legId).toBeNull();
  });

  it("change back when this page takes over", () => {
    const { state } = run([...LIVE, closed("taken-over"), OPENED, { type: "take-over" }, JOINED, OPENED]);
    expect([roleOf(state), phaseOf(state), state.leg]).toEqual(["caller", "connected", "webrtc"]);
  });

  it("are those that the server assigns", () => {
    expect(run([...LIVE, { type: "role-assigned", role: "caller" }]).effects).toEqual([{ type: "caller-ready" }]);
    const { effects, state } = run([...LIVE, { type: "role-assigned", role: "viewer" }]);
    expect([types(effects), roleOf(state)]).toEqual([["close-leg"], "viewer"]);
  });

  it("cannot change without a call", () => {
    expect(run([{ type: "take-over" }]).effects).toEqual([]);
  });
});

describe("a lost socket", () => {
  it("reconnects, and checks the sign-in", () => {
    const lost = run([...LIVE, { type: "socket-lost" }]);
    expect([lost.phase, types(lost.effects)]).toEqual(["reconnecting", ["check-sign-in"]]);
    expect(run([...LIVE, { type: "socket-lost" }, OPENED]).phase).toBe("connected");
  });

  it("keeps the WebRTC connection, and reports it to the server that answers", () => {
    const { effects, state } = run([
      ...LIVE,
      { type: "socket-lost" },
      OPENED,
      { type: "role-assigned", role: "caller" },
    ]);
    expect(state.leg).toBe("webrtc");
    expect(types(effects)).toEqual(["caller-ready"]);
    for (const passed of [
      [...LIVE, { type: "socket-lost" }],
      [...LIVE, { type: "socket-lost" }, OPENED],
    ] as const)
      expect(types(run(passed).effects)).not.toContain("request");
  });

  it("ends the call after the server has restarted, and starts no other", () => {
    const { effects, phase } = run([
      { type: "connect", scenario: "shop", agent: "clerk" },
      STARTED,
      OPENED,
      LOG,
      closed("unknown"),
    ]);
    expect(phase).toBe("ended");
    expect(types(effects)).not.toContain("request");
    expect(types(effects)).not.toContain("hang-up");
    expect(texts(effects)).toEqual(["The server was restarted, which ended the call. Connect to start a new one."]);
  });

  it("leads to a new call if the server restarts with each saved file", () => {
    const { effects, phase } = run([
      { type: "connect", scenario: "shop", agent: "clerk" },
      STARTED,
      OPENED,
      LOG,
      { type: "socket-closed", reason: "unknown", message: "", reloads: true },
    ]);
    expect(phase).toBe("connecting");
    expect(effectOf(effects, "request").request).toEqual({ type: "start", scenario: "shop", agent: "clerk" });
    expect(texts(effects)).toEqual(["The server was restarted, so this is a new call."]);
  });

  it("ends the call for a viewer after a restart, and keeps the log", () => {
    const { effects, phase } = run([{ type: "resume", callId: "c1" }, VIEWER, OPENED, LOG, closed("unknown")]);
    expect([phase, types(effects).includes("request")]).toEqual(["ended", false]);
  });

  it("offers to try again if the call has too many pages, and hangs up nothing", () => {
    const { effects, phase } = run([...LIVE, closed("refused", "The call has 20 pages.")]);
    expect(phase).toBe("ended");
    expect(effectOf(effects, "notify").resume).toBe("c1");
    expect(texts(effects)[0]).toMatch(/^The call has 20 pages\. This page cannot join/);
    expect(types(effects)).not.toContain("hang-up");
  });
});

describe("the end", () => {
  it("comes at once when the caller hangs up; the socket stays for the last events", () => {
    const { effects, phase, state } = run([...LIVE, { type: "disconnect" }]);
    expect([phase, state.leg]).toEqual(["ended", null]);
    expect(types(effects)).toEqual(["hang-up", "cancel", "close-leg", "finish-recording"]);
  });

  it("is sent again if the server could not be reached for it", () => {
    const hungUp = [...LIVE, { type: "disconnect" }] as const;
    expect(run([...hungUp, OPENED]).effects).toEqual([{ type: "send", command: { type: "hang_up" } }]);
    expect(run([...hungUp, { type: "call-ended" }, OPENED]).effects).toEqual([]);
  });

  it("comes with the log's last event or the closed socket", () => {
    for (const input of [{ type: "call-ended" }, closed("over")] as const) {
      const { effects, phase } = run([...LIVE, input]);
      expect(phase).toBe("ended");
      expect(types(effects)).toEqual(["cancel", "close-leg", "finish-recording"]);
    }
  });

  it("is final: no late event brings the call back", () => {
    const ended = [...LIVE, { type: "call-ended" }] as const;
    for (const late of [OPENED, JOINED, LEG_LOST, closed("unknown"), { type: "timer-fired", timer: "retry" }] as const)
      expect(run([...ended, late])).toMatchObject({ phase: "ended", effects: [] });
  });

  it("does not hang up a call that this page only watches", () => {
    const { effects, phase } = run([{ type: "resume", callId: "c1" }, VIEWER, OPENED, { type: "disconnect" }]);
    expect(phase).toBe("ended");
    expect(types(effects)).not.toContain("hang-up");
    expect(types(effects)).toContain("close-socket");
  });

  it("does not change a page that has no call", () => {
    expect(run([{ type: "disconnect" }])).toMatchObject({ phase: "idle", effects: [] });
  });
});

it("watches a running call as a viewer that asks for nothing", () => {
  const { state, effects, phase } = run([{ type: "watch", callId: "c1" }]);
  expect(types(effects)).not.toContain("request");
  expect(effectOf(effects, "open-socket")).toMatchObject({ callId: "c1", legId: null });
  expect([phase, roleOf(state), state.mayTakeOver]).toEqual(["connecting", "viewer", false]);
  expect(run([{ type: "watch", callId: "c1" }, OPENED, { type: "call-ended" }]).phase).toBe("ended");
});
