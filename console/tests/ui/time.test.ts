import { describe, expect, it } from "vitest";
import { callTime, duration, fullTime, sinceStart, timeOfDay } from "../../src/ui/time";

describe("time formats", () => {
  it("show the time of day to the millisecond", () => {
    const start = new Date(2026, 4, 1, 10, 0, 59, 900).getTime();
    expect(timeOfDay(start, 107)).toMatch(/01[.:]00[.,]007|10:01:00[.,]007/);
    expect(fullTime(start, 107).iso).toBe(new Date(start + 107).toISOString());
  });

  it("show the time since the start while the start is unknown", () => {
    expect(timeOfDay(null, 61_234)).toBe("1:01.234");
    expect(sinceStart(-5)).toBe("0:00.000");
  });
});

it("shows the time since the start to the second", () => {
  expect([0, 999, 61_999].map(callTime)).toEqual(["0:00", "0:00", "1:01"]);
});

it("shows the milliseconds in titles", () => {
  expect(fullTime(0, 1234).title).toContain("0:01.234 after the start");
});

it.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1000, "1.0 s"],
  [59_940, "59.9 s"],
  [59_990, "1 min 0 s"],
  [125_000, "2 min 5 s"],
])("formats %i ms as %s", (ms, words) => {
  expect(duration(ms)).toBe(words);
});
