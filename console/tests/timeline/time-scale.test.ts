import { describe, expect, it } from "vitest";
import { timeScale } from "../../src/timeline/time-scale";

describe("the scale of the timeline", () => {
  it("fits a short call into the view, and keeps still while the call grows", () => {
    const [a, b] = [timeScale(3000, 600, false), timeScale(14_000, 600, false)];
    expect([a.width, a.x(15_000)]).toEqual([600, 600]);
    expect(b.x(3000)).toBe(a.x(3000));
  });

  it("spreads an ended call over the whole view", () => {
    expect(timeScale(20_000, 600, true).x(20_000)).toBe(600);
  });

  it("gives a long call its width, with room at its end", () => {
    const scale = timeScale(600_000, 600, false);
    expect(scale.width).toBe(605 * 8);
    expect(scale.ms(scale.x(1234))).toBeCloseTo(1234);
  });

  it.each([5000, 40_000, 300_000, 3_600_000])("labels a call of %i ms without overlap", (durationMs) => {
    const { ticks, x, width } = timeScale(durationMs, 600, false);
    expect(ticks[0]).toBe(0);
    for (const [index, tick] of ticks.slice(1).entries())
      expect(x(tick) - x(ticks[index] ?? 0)).toBeGreaterThanOrEqual(72);
    expect(x(ticks.at(-1) ?? 0)).toBeLessThan(width);
  });
});
