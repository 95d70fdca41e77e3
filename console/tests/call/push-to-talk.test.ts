import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Command } from "../../src/transport/call-socket";
import * as choices from "../../src/call/preferences";
import type { Leg } from "../../src/transport/leg";
import { Talk } from "../../src/call/push-to-talk";

let told: string[];
let shut: boolean;
let muted: boolean;

function legBy(transport: "webrtc" | "websocket"): Leg {
  return {
    transport,
    microphone: { mute: (on: boolean) => (muted = on), shutOff: (off: boolean) => (shut = off) },
    silence: () => told.push("silence"),
  } as unknown as Leg;
}

function talkBy(transport: "webrtc" | "websocket", ordered = signal(false)): Talk {
  return new Talk(signal<Leg | null>(legBy(transport)), ordered, (command: Command) => told.push(command.type) > 0);
}

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  choices.pushToTalk.choose(true);
});

afterEach(() => {
  vi.useRealTimers();
  choices.pushToTalk.choose(false);
});

it("keeps the microphone shut but while one presses", () => {
  const talk = talkBy("webrtc");
  expect(shut).toBe(true);
  talk.press();
  expect(shut).toBe(false);
  expect(told).toEqual(["silence", "press"]);
});

it("over WebRTC tells the end at once, and listens on for the sound that is still on its way", () => {
  const talk = talkBy("webrtc");
  talk.press();
  talk.release();
  expect(told.at(-1)).toBe("release");
  vi.advanceTimersByTime(199);
  expect(shut).toBe(false);
  vi.advanceTimersByTime(1);
  expect(shut).toBe(true);
});

it("on the relay tells the end after the last sound", () => {
  const talk = talkBy("websocket");
  talk.press();
  talk.release();
  expect(told).not.toContain("release");
  vi.advanceTimersByTime(120);
  expect(told.filter((one) => one === "release")).toHaveLength(1);
  expect(shut).toBe(true);
});

it("takes two presses and two releases for one", () => {
  const talk = talkBy("websocket");
  talk.press();
  talk.press();
  talk.release();
  talk.release();
  vi.runAllTimers();
  expect(told).toEqual(["silence", "press", "release"]);
});

it("goes on with the turn after a slip of the finger", () => {
  const talk = talkBy("websocket");
  talk.press();
  talk.release();
  vi.advanceTimersByTime(60);
  talk.press();
  vi.runAllTimers();
  expect(shut).toBe(false);
  expect(told.filter((one) => one === "press")).toHaveLength(1);
});

it("does nothing where the caller is always heard, and follows the call's own order to push", () => {
  choices.pushToTalk.choose(false);
  const ordered = signal(false);
  const talk = talkBy("webrtc", ordered);
  talk.press();
  expect([told, shut]).toEqual([[], false]);
  ordered.value = true;
  expect(shut).toBe(true);
});

it("keeps a muted microphone muted, until one presses to talk", () => {
  const talk = talkBy("webrtc");
  talk.mute(true);
  expect(muted).toBe(true);
  talk.press();
  expect(muted).toBe(false);
});

it("lets go when the connection does", () => {
  const talk = talkBy("websocket");
  talk.press();
  talk.letGo();
  vi.runAllTimers();
  expect([talk.held.value, shut]).toEqual([false, true]);
  expect(told).not.toContain("release");
});
