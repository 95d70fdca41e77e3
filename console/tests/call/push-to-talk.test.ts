import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as preferences from "../../src/call/preferences";
import { PushToTalk } from "../../src/call/push-to-talk";
import type { Command } from "../../src/transport/call-socket";
import type { Leg } from "../../src/transport/leg";

let sent: string[];
let standby: boolean;
let muted: boolean;
let connected: boolean;

function legOver(transport: "webrtc" | "websocket"): Leg {
  return {
    transport,
    microphone: { mute: (on: boolean) => (muted = on), setStandby: (on: boolean) => (standby = on) },
    interruptPlayback: () => sent.push("interrupt"),
  } as unknown as Leg;
}

function pushToTalkOver(transport: "webrtc" | "websocket", settings = signal({ pushToTalk: false })): PushToTalk {
  return new PushToTalk(
    signal<Leg | null>(legOver(transport)),
    settings,
    (command: Command) => connected && sent.push("on" in command ? `${command.type} ${command.on}` : command.type) > 0,
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  connected = true;
  preferences.pushToTalk.save(true);
});

afterEach(() => {
  vi.useRealTimers();
  preferences.pushToTalk.save(false);
});

it("keeps the microphone in standby except while the button is pressed", () => {
  const talk = pushToTalkOver("webrtc");
  expect(standby).toBe(true);
  talk.press();
  expect(standby).toBe(false);
  expect(sent).toEqual(["interrupt", "press"]);
});

it("sends the release at once over WebRTC and keeps the microphone open for the tail", () => {
  const talk = pushToTalkOver("webrtc");
  talk.press();
  talk.release();
  expect(sent.at(-1)).toBe("release");
  vi.advanceTimersByTime(199);
  expect(standby).toBe(false);
  vi.advanceTimersByTime(1);
  expect(standby).toBe(true);
});

it("sends the release after the last audio on the relay", () => {
  const talk = pushToTalkOver("websocket");
  talk.press();
  talk.release();
  expect(sent).not.toContain("release");
  vi.advanceTimersByTime(120);
  expect(sent.filter((one) => one === "release")).toHaveLength(1);
  expect(standby).toBe(true);
});

it("treats repeated presses and releases as one", () => {
  const talk = pushToTalkOver("websocket");
  talk.press();
  talk.press();
  talk.release();
  talk.release();
  vi.runAllTimers();
  expect(sent).toEqual(["interrupt", "press", "release"]);
});

it("continues the turn after a short release", () => {
  const talk = pushToTalkOver("websocket");
  talk.press();
  talk.release();
  vi.advanceTimersByTime(60);
  talk.press();
  vi.runAllTimers();
  expect(standby).toBe(false);
  expect(sent.filter((one) => one === "press")).toHaveLength(1);
});

it("does nothing without push-to-talk, and follows the call's setting", () => {
  preferences.pushToTalk.save(false);
  const settings = signal({ pushToTalk: false });
  const talk = pushToTalkOver("webrtc", settings);
  talk.press();
  expect([sent, standby]).toEqual([[], false]);
  settings.value = { pushToTalk: true };
  expect(standby).toBe(true);
});

it("keeps a muted microphone muted until the button is pressed", () => {
  const talk = pushToTalkOver("webrtc");
  talk.mute(true);
  expect(muted).toBe(true);
  talk.press();
  expect(muted).toBe(false);
});

it("cancels the turn when the connection is lost", () => {
  const talk = pushToTalkOver("websocket");
  talk.press();
  talk.cancel();
  vi.runAllTimers();
  expect([talk.pressed.value, standby]).toEqual([false, true]);
  expect(sent).not.toContain("release");
});

describe("the choice of push-to-talk", () => {
  it("counts at once, before the call's log answers", () => {
    const settings = signal({ pushToTalk: true });
    const talk = pushToTalkOver("webrtc", settings);
    talk.setEnabled(false);
    expect([talk.enabled.value, standby, sent]).toEqual([false, false, ["push_to_talk false"]]);
    settings.value = { pushToTalk: false };
    expect(talk.enabled.value).toBe(false);
  });

  it("is corrected by the log of a scenario that needs push-to-talk", () => {
    const settings = signal({ pushToTalk: true });
    const talk = pushToTalkOver("webrtc", settings);
    talk.setEnabled(false);
    settings.value = { pushToTalk: true };
    expect([talk.enabled.value, standby]).toEqual([true, true]);
  });

  it("is corrected by the log when the service refuses push-to-talk", () => {
    preferences.pushToTalk.save(false);
    const settings = signal({ pushToTalk: false });
    const talk = pushToTalkOver("webrtc", settings);
    talk.setEnabled(true);
    settings.value = { pushToTalk: true };
    expect([talk.enabled.value, standby]).toEqual([true, true]);
    settings.value = { pushToTalk: false };
    expect([talk.enabled.value, standby]).toEqual([false, false]);
  });

  it("of an earlier call holds until the log of the next call answers", () => {
    const leg = signal<Leg | null>(legOver("webrtc"));
    const settings = signal({ pushToTalk: false });
    const talk = new PushToTalk(leg, settings, () => true);
    talk.onCallerRole();
    settings.value = { pushToTalk: false };
    expect(talk.enabled.value).toBe(false);
    leg.value = null;
    expect(talk.enabled.value).toBe(true);
  });

  it("that was made without a connection is sent after the reconnect", () => {
    const settings = signal({ pushToTalk: true });
    const talk = pushToTalkOver("webrtc", settings);
    connected = false;
    talk.setEnabled(false);
    expect([talk.enabled.value, sent]).toEqual([false, []]);
    connected = true;
    talk.onCallerRole();
    expect(sent).toEqual(["push_to_talk false"]);
  });
});
