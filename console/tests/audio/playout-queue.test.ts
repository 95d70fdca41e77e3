import { describe, expect, it } from "vitest";
import { PlayoutQueue, SAMPLE_RATE } from "../../src/audio/playout-queue";

const QUANTUM = 128;

/** Return `ms` of samples, all of one identifying value. */
function sound(ms: number, value: number): Int16Array {
  return new Int16Array((SAMPLE_RATE / 1000) * ms).fill(value);
}

function render(queue: PlayoutQueue, samples: number): { out: number[]; ended: string[] } {
  const out: number[] = [];
  const ended: string[] = [];
  for (let left = samples; left > 0; left -= QUANTUM) {
    const block = new Float32Array(Math.min(QUANTUM, left));
    ended.push(...queue.render(block).map((position) => `${position.itemId} ${position.ms}`));
    out.push(...block);
  }
  return { out, ended };
}

describe("the playout queue", () => {
  it("plays frames of any length without a gap", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    const ramp = Int16Array.from({ length: 1000 }, (_, index) => index + 1);
    queue.push("a", ramp.slice(0, 7));
    queue.push("a", ramp.slice(7, 500));
    queue.push("a", ramp.slice(500));
    expect(render(queue, 1000).out.map((sample) => Math.round(sample * 32_768))).toEqual([...ramp]);
  });

  it("counts played audio, not queued audio", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    queue.push("a", sound(1000, 1000));
    expect(queue.current()).toBeNull();
    render(queue, SAMPLE_RATE / 4);
    expect(queue.current()).toEqual({ itemId: "a", ms: 250, ended: false });
  });

  it("does not count silence between two chunks of a message", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    queue.push("a", sound(20, 1000));
    expect(render(queue, SAMPLE_RATE).ended).toEqual([]);
    queue.push("a", sound(20, 1000));
    queue.complete("a");
    expect(render(queue, SAMPLE_RATE).ended).toEqual(["a 40"]);
  });

  it("ends a message that completes after its last sample", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    queue.push("a", sound(20, 1000));
    render(queue, SAMPLE_RATE / 10);
    queue.complete("a");
    expect(render(queue, QUANTUM).ended).toEqual(["a 20"]);
  });

  it("plays messages in order and counts each separately", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    queue.push("a", sound(10, 1000));
    queue.complete("a");
    queue.push("b", sound(10, 2000));
    const { out, ended } = render(queue, 360);
    expect(ended).toEqual(["a 10"]);
    expect(new Set(out.slice(0, 240))).toEqual(new Set([1000 / 32_768]));
    expect(new Set(out.slice(240))).toEqual(new Set([2000 / 32_768]));
    expect(queue.current()).toMatchObject({ itemId: "b", ms: 5 });
  });

  it("stops at once when cleared and returns the position of each message", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    queue.push("a", sound(1000, 8000));
    queue.push("b", sound(1000, 9000));
    render(queue, SAMPLE_RATE / 2);
    expect(queue.clear()).toEqual([
      { itemId: "a", ms: 500, ended: false },
      { itemId: "b", ms: 0, ended: false },
    ]);
    const { out } = render(queue, 480);
    expect(queue.hasAudio).toBe(false);
    expect(Math.max(...out.slice(240))).toBe(0);
    // A fade of a few ms instead of a click.
    expect(out[0]).toBeGreaterThan(0.9 * (8000 / 32_768));
    expect(out[100]).toBeLessThan(0.01);
  });

  it("counts correctly at another output rate", () => {
    const queue = new PlayoutQueue(48_000);
    queue.push("a", sound(500, 1000));
    queue.complete("a");
    render(queue, 12_000);
    expect(queue.current()?.ms).toBe(250);
    expect(render(queue, 13_000).ended).toEqual(["a 500"]);
  });

  it("holds at most five minutes", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    for (let second = 0; second < 400; second += 1) queue.push("a", sound(1000, 1));
    queue.complete("a");
    let ended: string[] = [];
    for (let second = 0; second < 301 && ended.length === 0; second += 1) ended = render(queue, SAMPLE_RATE).ended;
    expect(ended).toEqual(["a 300000"]);
  });

  it("keeps its audio during a hold, and plays on from where it was", () => {
    const queue = new PlayoutQueue(SAMPLE_RATE);
    queue.push("a", sound(10, 1000));
    queue.push("a", sound(10, 2000));
    render(queue, 240);
    queue.held = true;
    expect(render(queue, 480).out.at(-1)).toBe(0);
    expect(queue.current()).toEqual({ itemId: "a", ms: 10, ended: false });
    queue.held = false;
    expect(Math.round((render(queue, 1).out[0] ?? 0) * 32_768)).toBe(2000);
  });
});
