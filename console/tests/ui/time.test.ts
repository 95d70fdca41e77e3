import { describe, expect, it } from "vitest";
import { duration, fullTime, sinceStart, timeOfDay } from "../../src/ui/time";

describe("times", () => {
  it("are of the day, to the millisecond, from the call's start", () => {
    const start = new Date(2026, 4, 1, 10, 0, 59, 900).getTime();
    expect(timeOfDay(start, 107)).toMatch(/01[.:]00[.,]007|10:01:00[.,]007/);
    expect(fullTime(start, 107).iso).toBe(new Date(start + 107).toISOString());
  });

  it("count from the start while that is not known", () => {
    expect(timeOfDay(null, 61_234)).toBe("1:01.234");
    expect(sinceStart(-5)).toBe("0:00.000");
  });
});

it.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1000, "1.0 s"],
  [59_940, "59.9 s"],
  [59_990, "1 min 0 s"],
  [125_000, "2 min 5 s"],
])("a duration of %i ms reads %s", (ms, words) => {
  expect(duration(ms)).toBe(words);
});
