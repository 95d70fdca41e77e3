import { expect, it } from "vitest";
import { Hush } from "../../src/audio/mute-gate";

it("lasts while what was cut off still comes, and ends with the first real silence", () => {
  const hush = new Hush();
  hush.begin(1000);
  for (let now = 1000; now < 1500; now += 50) expect(hush.hears(0.3, now)).toBe(false);
  for (let now = 1500; now < 2000; now += 50) expect(hush.hears(0, now)).toBe(false);
  expect(hush.on).toBe(true);
  expect(hush.hears(0, 2050)).toBe(true);
  expect(hush.on).toBe(false);
});

it("does not take a pause between two sentences for silence", () => {
  const hush = new Hush();
  hush.begin(0);
  for (let now = 0; now < 6000; now += 50) hush.hears(now % 1000 < 500 ? 0.2 : 0, now);
  expect(hush.on).toBe(true);
});

it("ends when the next answer begins", () => {
  const hush = new Hush();
  hush.begin(0);
  hush.end();
  expect(hush.on).toBe(false);
  expect(hush.hears(0.2, 50)).toBe(false);
});
