import { describe, expect, it } from "vitest";
import {
  initialPlayhead,
  type Move,
  movePlayhead,
  type PlayheadInput,
  type PlayheadState,
} from "../../src/calls/playhead";

const SILENCES = [{ startMs: 2000, endMs: 6000 }];

function moves(inputs: readonly PlayheadInput[], state = initialPlayhead(10_000, SILENCES, true)): Move {
  return inputs.reduce<Move>(([before], input) => movePlayhead(before, input), [state, []]);
}

const frame = (audioMs: number, elapsedMs = 16): PlayheadInput => ({ type: "frame", elapsedMs, audioMs });
const seek = (ms: number): PlayheadInput => ({ type: "seek", ms });
const PLAY = { type: "play" } as const;
const positionAfter = (...inputs: PlayheadInput[]): PlayheadState["positionMs"] => moves(inputs)[0].positionMs;

describe("the playhead", () => {
  it("shows the whole call at first, and plays it from the start", () => {
    expect(moves([])[0]).toMatchObject({ positionMs: null, playing: false });
    const [state, effects] = moves([PLAY]);
    expect(state).toMatchObject({ positionMs: 0, playing: true });
    expect(effects).toEqual([{ type: "seek-audio", ms: 0 }, { type: "play-audio" }]);
  });

  it("follows the audio, whose clock differs from the page's", () => {
    expect(positionAfter(PLAY, frame(900, 5000))).toBe(900);
  });

  it("stands still while it is paused, and continues from there", () => {
    expect(positionAfter(PLAY, frame(900), { type: "pause" }, frame(2000))).toBe(900);
    const [, effects] = moves([PLAY, frame(900), { type: "pause" }, PLAY]);
    expect(effects).toEqual([{ type: "play-audio" }]);
  });

  it("continues by the page's clock after the end of the audio, up to the end of the log", () => {
    const over: PlayheadInput[] = [PLAY, frame(9000), { type: "audio-over" }];
    expect(positionAfter(...over, frame(9000, 400))).toBe(9400);
    expect(moves([...over, frame(9000, 2000)])[0]).toMatchObject({ positionMs: 10_000, playing: false });
  });

  it("does not play audio that is shorter than the moment", () => {
    const [state, effects] = moves([{ type: "audio-loaded", durationMs: 8000 }, PLAY, seek(8500)]);
    expect(state).toMatchObject({ audio: "over", playing: true });
    expect(effects).toEqual([{ type: "pause-audio" }]);
    expect(moves([seek(1000)], state)[1]).toEqual([{ type: "seek-audio", ms: 1000 }, { type: "play-audio" }]);
  });

  it("plays a call without audio at the chosen speed", () => {
    const silent = initialPlayhead(10_000, [], false);
    const [state] = moves([{ type: "speed", speed: 2 }, PLAY, frame(0, 500)], silent);
    expect(state.positionMs).toBe(1000);
  });

  it("continues without audio that cannot be played", () => {
    const [state] = moves([PLAY, frame(100), { type: "audio-failed" }, frame(0, 300)]);
    expect(state).toMatchObject({ positionMs: 400, playing: true, audio: "none" });
  });

  it("jumps over silence only if asked to", () => {
    expect(positionAfter(PLAY, frame(2500))).toBe(2500);
    const [state, effects] = moves([{ type: "skip-silence", on: true }, PLAY, frame(2500)]);
    expect(state.positionMs).toBe(6000);
    expect(effects[0]).toEqual({ type: "seek-audio", ms: 6000 });
  });

  it("stays inside the call", () => {
    expect(positionAfter(seek(-5))).toBe(0);
    expect(positionAfter(seek(99_000))).toBe(10_000);
    expect(positionAfter(seek(9000), { type: "skip", ms: 5000 })).toBe(10_000);
    expect(positionAfter({ type: "skip", ms: -4000 })).toBe(6000);
  });

  it("stops at the end, and plays again from the start", () => {
    const [ended] = moves([PLAY, frame(10_000)]);
    expect(ended).toMatchObject({ positionMs: 10_000, playing: false });
    expect(moves([PLAY], ended)[0]).toMatchObject({ positionMs: 0, playing: true });
  });

  it("returns to the whole call", () => {
    const [state, effects] = moves([PLAY, frame(700), { type: "whole" }]);
    expect(state).toMatchObject({ positionMs: null, playing: false });
    expect(effects).toEqual([{ type: "pause-audio" }]);
  });

  it("changes the speed of the audio", () => {
    expect(moves([{ type: "speed", speed: 1.5 }])[1]).toEqual([{ type: "set-rate", speed: 1.5 }]);
  });
});
