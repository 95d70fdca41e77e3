import { expect, it } from "vitest";
import { MuteGate } from "../../src/audio/mute-gate";

it("mutes the rest of an interrupted utterance and ends with the first real silence", () => {
  const hush = new MuteGate();
  hush.mute(1000);
  for (let now = 1000; now < 1500; now += 50) expect(hush.update(0.3, now)).toBe(false);
  for (let now = 1500; now < 2000; now += 50) expect(hush.update(0, now)).toBe(false);
  expect(hush.muted).toBe(true);
  expect(hush.update(0, 2050)).toBe(true);
  expect(hush.muted).toBe(false);
});

it("does not end in a pause between two sentences", () => {
  const hush = new MuteGate();
  hush.mute(0);
  for (let now = 0; now < 6000; now += 50) hush.update(now % 1000 < 500 ? 0.2 : 0, now);
  expect(hush.muted).toBe(true);
});

it("ends when the next utterance begins", () => {
  const hush = new MuteGate();
  hush.mute(0);
  hush.unmute();
  expect(hush.muted).toBe(false);
  expect(hush.update(0.2, 50)).toBe(false);
});
