import { describe, expect, it } from "vitest";
import { emptyCall } from "../../src/call/call-state";
import { reduce } from "../../src/call/reducer";
import { CallReplay } from "../../src/calls/call-replay";
import { silencesOf } from "../../src/calls/silences";
import type { LogFrame } from "../../src/transport/frames";
import { longCall } from "./long-call";

const FRAMES = longCall(1200);

/** The call up to a time, reduced from its start. */
function reducedTo(ms: number) {
  return FRAMES.filter((frame) => frame.at_ms <= ms).reduce(reduce, emptyCall());
}

function seen(replay: CallReplay, ms: number) {
  const { events, ...state } = replay.at(ms);
  return { state, events: Array.from({ length: events.length }, (_, index) => events.at(index)?.seq) };
}

function expected(ms: number) {
  const { events, ...state } = reducedTo(ms);
  return { state, events: Array.from({ length: events.length }, (_, index) => events.at(index)?.seq) };
}

describe("the replay of a call", () => {
  it("is at each time the call that a page saw live, in any order of the times", () => {
    const replay = new CallReplay(FRAMES);
    const last = FRAMES.at(-1)?.at_ms ?? 0;
    for (const share of [0.5, 0.1, 0.9, 0.9001, 0, 1, 0.499, 0.7]) {
      const ms = Math.round(share * last);
      expect(seen(replay, ms)).toEqual(expected(ms));
    }
  });

  it("is empty before the first event, and whole after the last", () => {
    const replay = new CallReplay(FRAMES);
    expect(replay.at(-1).lastSeq).toBe(0);
    expect(replay.at(replay.durationMs + 1)).toBe(replay.whole);
  });

  it("returns the same state between two events, so that the page is not rendered again", () => {
    const frames = [0, 100, 200].map(
      (at_ms, index): LogFrame => ({
        seq: index + 1,
        at_ms,
        kind: "breadcrumb",
        title: `${index}`,
      }),
    );
    const replay = new CallReplay(frames);
    expect(replay.at(110)).toBe(replay.at(190));
    expect(replay.at(110)).not.toBe(replay.at(90));
  });

  it("knows the time of an event, also of one that was not stored", () => {
    const frames = FRAMES.filter(({ seq }) => seq !== 100);
    const replay = new CallReplay(frames);
    expect(replay.timeOf(99)).toBe(FRAMES[98]?.at_ms);
    expect(replay.timeOf(100)).toBe(FRAMES[98]?.at_ms);
    expect(replay.timeOf(0)).toBeNull();
  });

  it("reduces fewer than 500 events for a seek in a call of 20,000", () => {
    const frames = longCall(20_000);
    let reads = 0;
    const counted = new Proxy(frames, {
      get(target, name, receiver) {
        if (typeof name === "string" && /^\d+$/.test(name)) reads += 1;
        return Reflect.get(target, name, receiver);
      },
    });
    const replay = new CallReplay(counted);
    reads = 0;
    replay.at(0.93 * replay.durationMs);
    replay.at(0.11 * replay.durationMs);
    expect(reads).toBeLessThan(2 * 500);
  });
});

describe("silence", () => {
  const speech = (item_id: string, from: number, to: number): LogFrame[] => [
    { seq: from, at_ms: from, kind: "speech.started", item_id },
    { seq: to, at_ms: to, kind: "speech.stopped", item_id },
  ];
  const silences = (...frames: LogFrame[]) => silencesOf(frames.reduce(reduce, emptyCall()));

  it("is a pause of both voices, with a part of it kept on each side", () => {
    expect(silences(...speech("u1", 1000, 2000), ...speech("u2", 6000, 7000))).toEqual([
      { startMs: 2500, endMs: 5750 },
    ]);
  });

  it("is no short pause, and no speech of the other voice", () => {
    expect(silences(...speech("u1", 1000, 2000), ...speech("u2", 3000, 7000))).toEqual([]);
    const agent: LogFrame[] = [
      { seq: 2500, at_ms: 2500, kind: "audio.started", item_id: "a1" },
      { seq: 2501, at_ms: 2501, kind: "audio.done", item_id: "a1", ms: 3000 },
    ];
    expect(silences(...speech("u1", 1000, 2000), ...agent, ...speech("u2", 6000, 7000))).toEqual([]);
  });

  it("is also the time before the first word and after the last one", () => {
    const frames: LogFrame[] = [...speech("u1", 4000, 5000), { seq: 9000, at_ms: 9000, kind: "link.up", model: "m" }];
    expect(silences(...frames)).toEqual([
      { startMs: 0, endMs: 3750 },
      { startMs: 5500, endMs: 8750 },
    ]);
  });
});
