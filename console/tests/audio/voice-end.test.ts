import { expect, it } from "vitest";
import { VoiceEnd } from "../../src/audio/voice-end";

/** Feed frames of 20 ms, and return the frames at which an end was reported. */
function ends(peaks: readonly number[]): number[] {
  const voiceEnd = new VoiceEnd();
  return peaks.flatMap((peak, index) => (voiceEnd.add(peak) === null ? [] : [index]));
}

const frames = (count: number, peak: number): number[] => new Array<number>(count).fill(peak);
/** A room whose noise varies between half of the level and the level. */
const room = (count: number, level: number): number[] =>
  frames(count, 0).map((_, index) => level * (0.5 + 0.5 * Math.abs(Math.sin(index * 2.7))));

it("reports a voice once, 160 ms after its end", () => {
  expect(ends([...frames(25, 0), ...frames(50, 0.4), ...frames(60, 0)])).toEqual([25 + 50 + 7]);
});

it("reports each of two voices", () => {
  expect(ends([...frames(50, 0.4), ...frames(60, 0), ...frames(50, 0.3), ...frames(60, 0)])).toEqual([57, 167]);
});

it("ignores a pause within words", () => {
  expect(ends([...frames(50, 0.4), ...frames(6, 0), ...frames(20, 0.4), ...frames(7, 0)])).toEqual([]);
});

it("ignores a click and silence", () => {
  expect(ends([...frames(25, 0), ...frames(2, 0.6), ...frames(100, 0)])).toEqual([]);
});

it("hears the end of a voice above the noise of a room", () => {
  expect(ends([...room(150, 0.02), ...frames(50, 0.4), ...room(60, 0.02)])).toEqual([150 + 50 + 7]);
});

it("does not take the noise of a room for a voice", () => {
  expect(ends(room(500, 0.02))).toEqual([]);
});
