import { describe, expect, it } from "vitest";
import { PlayQueue, RATE } from "../../src/audio/playout-queue";

const QUANTUM = 128;

/** `ms` of samples, all of one value that tells them apart. */
function sound(ms: number, value: number): Int16Array {
  return new Int16Array((RATE / 1000) * ms).fill(value);
}

function render(queue: PlayQueue, samples: number): { out: number[]; ended: string[] } {
  const out: number[] = [];
  const ended: string[] = [];
  for (let left = samples; left > 0; left -= QUANTUM) {
    const block = new Float32Array(Math.min(QUANTUM, left));
    ended.push(...queue.render(block).map((position) => `${position.itemId} ${position.ms}`));
    out.push(...block);
  }
  return { out, ended };
}

describe("the play queue", () => {
  it("plays frames of any length without a gap", () => {
    const queue = new PlayQueue(RATE);
    const ramp = Int16Array.from({ length: 1000 }, (_, index) => index + 1);
    queue.push("a", ramp.slice(0, 7));
    queue.push("a", ramp.slice(7, 500));
    queue.push("a", ramp.slice(500));
    expect(render(queue, 1000).out.map((sample) => Math.round(sample * 32_768))).toEqual([...ramp]);
  });

  it("counts what was played, not what was queued", () => {
    const queue = new PlayQueue(RATE);
    queue.push("a", sound(1000, 1000));
    expect(queue.current()).toBeNull();
    render(queue, RATE / 4);
    expect(queue.current()).toEqual({ itemId: "a", ms: 250, ended: false });
  });

  it("does not count the silence while more is on its way", () => {
    const queue = new PlayQueue(RATE);
    queue.push("a", sound(20, 1000));
    expect(render(queue, RATE).ended).toEqual([]);
    queue.push("a", sound(20, 1000));
    queue.complete("a");
    expect(render(queue, RATE).ended).toEqual(["a 40"]);
  });

  it("says that a message has ended when its completion comes after its last sample", () => {
    const queue = new PlayQueue(RATE);
    queue.push("a", sound(20, 1000));
    render(queue, RATE / 10);
    queue.complete("a");
    expect(render(queue, QUANTUM).ended).toEqual(["a 20"]);
  });

  it("plays one message after the other and counts each by itself", () => {
    const queue = new PlayQueue(RATE);
    queue.push("a", sound(10, 1000));
    queue.complete("a");
    queue.push("b", sound(10, 2000));
    const { out, ended } = render(queue, 360);
    expect(ended).toEqual(["a 10"]);
    expect(new Set(out.slice(0, 240))).toEqual(new Set([1000 / 32_768]));
    expect(new Set(out.slice(240))).toEqual(new Set([2000 / 32_768]));
    expect(queue.current()).toMatchObject({ itemId: "b", ms: 5 });
  });

  it("goes silent at once when cleared, and tells how far each message was", () => {
    const queue = new PlayQueue(RATE);
    queue.push("a", sound(1000, 8000));
    queue.push("b", sound(1000, 9000));
    render(queue, RATE / 2);
    expect(queue.clear()).toEqual([
      { itemId: "a", ms: 500, ended: false },
      { itemId: "b", ms: 0, ended: false },
    ]);
    const { out } = render(queue, 480);
    expect(queue.sounding).toBe(false);
    expect(Math.max(...out.slice(240))).toBe(0);
    // A fade of a few ms instead of a click.
    expect(out[0]).toBeGreaterThan(0.9 * (8000 / 32_768));
    expect(out[100]).toBeLessThan(0.01);
  });

  it("keeps time at another output rate", () => {
    const queue = new PlayQueue(48_000);
    queue.push("a", sound(500, 1000));
    queue.complete("a");
    render(queue, 12_000);
    expect(queue.current()?.ms).toBe(250);
    expect(render(queue, 13_000).ended).toEqual(["a 500"]);
  });

  it("holds five minutes and no more", () => {
    const queue = new PlayQueue(RATE);
    for (let second = 0; second < 400; second += 1) queue.push("a", sound(1000, 1));
    queue.complete("a");
    let ended: string[] = [];
    for (let second = 0; second < 301 && ended.length === 0; second += 1) ended = render(queue, RATE).ended;
    expect(ended).toEqual(["a 300000"]);
  });
});
