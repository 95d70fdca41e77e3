import { describe, expect, it } from "vitest";
import { HoldBuffer } from "../../src/audio/hold-buffer";

const RATE = 1000;
const BLOCK = 100;

/** Play blocks of a constant level each, and return the first sample of each block of the output. */
function play(buffer: HoldBuffer, levels: number[]): number[] {
  return levels.map((level) => {
    const output = new Float32Array(BLOCK);
    buffer.process(new Float32Array(BLOCK).fill(level), output);
    return Math.round((output.at(-1) ?? 0) * 10) / 10;
  });
}

describe("HoldBuffer", () => {
  it("passes the stream unchanged without a hold", () => {
    expect(play(new HoldBuffer(RATE), [0.1, 0.2, 0, 0.3])).toEqual([0.1, 0.2, 0, 0.3]);
  });

  it("is silent during a hold and plays on from where it was", () => {
    const buffer = new HoldBuffer(RATE);
    play(buffer, [0.1]);
    buffer.hold(true);
    expect(play(buffer, [0.2, 0.3])).toEqual([0, 0]);
    buffer.hold(false);
    expect(play(buffer, [0.4, 0.5, 0.6])).toEqual([0.2, 0.3, 0.4]);
    expect(buffer.lateS).toBeCloseTo(0.2);
  });

  it("makes up for the hold in the stream's silences beyond 200 ms", () => {
    const buffer = new HoldBuffer(RATE);
    buffer.hold(true);
    play(buffer, [0.1, 0.2]);
    buffer.hold(false);
    expect(play(buffer, [0, 0, 0, 0, 0.5])).toEqual([0.1, 0.2, 0, 0, 0.5]);
    expect(buffer.lateS).toBe(0);
  });

  it("drops the kept audio when it is cleared", () => {
    const buffer = new HoldBuffer(RATE);
    buffer.hold(true);
    play(buffer, [0.1, 0.2]);
    buffer.clear();
    buffer.hold(false);
    expect(play(buffer, [0.3])).toEqual([0.3]);
  });

  it("fades out at the start of a hold, since a jump to silence would click", () => {
    const buffer = new HoldBuffer(RATE);
    play(buffer, [0.8]);
    buffer.hold(true);
    const output = new Float32Array(BLOCK);
    buffer.process(new Float32Array(BLOCK).fill(0.8), output);
    expect(output[0]).toBeCloseTo(0.76);
    expect(output.at(-1)).toBeLessThan(0.01);
  });

  it("keeps at most ten seconds", () => {
    const buffer = new HoldBuffer(RATE);
    buffer.hold(true);
    play(
      buffer,
      Array.from({ length: 200 }, () => 0.5),
    );
    expect(buffer.lateS).toBeLessThan(10.3);
  });
});
