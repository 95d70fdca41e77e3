/** Rules of the playhead: `movePlayhead(state, input) -> [state, effects]`. They are pure. */
import type { Silence } from "./silences";

export const SPEEDS = [1, 1.25, 1.5, 2] as const;
export type Speed = (typeof SPEEDS)[number];

export interface PlayheadState {
  /** The playhead in ms; null while the whole call is shown. */
  positionMs: number | null;
  playing: boolean;
  speed: Speed;
  skipsSilence: boolean;
  /** `playing` follows the audio's clock, and every other value the page's: the log may be longer than the audio. */
  audio: "none" | "ready" | "over";
  /** Duration of the audio in ms; null until it is known. */
  audioMs: number | null;
  durationMs: number;
  silences: readonly Silence[];
}

export type PlayheadInput =
  | { type: "play" }
  | { type: "pause" }
  | { type: "toggle" }
  /** Move to a time in ms. */
  | { type: "seek"; ms: number }
  /** Move by a time in ms. */
  | { type: "skip"; ms: number }
  /** Show the whole call. */
  | { type: "whole" }
  | { type: "speed"; speed: Speed }
  | { type: "skip-silence"; on: boolean }
  /** An animation frame, `elapsedMs` after the last one; `audioMs` is the audio's position. */
  | { type: "frame"; elapsedMs: number; audioMs: number }
  | { type: "audio-loaded"; durationMs: number }
  /** The audio has played to its end, which may be before the log's. */
  | { type: "audio-over" }
  /** The audio cannot be played. */
  | { type: "audio-failed" };

export type PlayheadEffect =
  | { type: "seek-audio"; ms: number }
  | { type: "play-audio" }
  | { type: "pause-audio" }
  | { type: "set-rate"; speed: Speed };

export type Move = readonly [PlayheadState, readonly PlayheadEffect[]];

export function initialPlayhead(durationMs: number, silences: readonly Silence[], hasAudio: boolean): PlayheadState {
  return {
    positionMs: null,
    playing: false,
    speed: 1,
    skipsSilence: false,
    audio: hasAudio ? "ready" : "none",
    audioMs: null,
    durationMs,
    silences,
  };
}

/** Return the state after an input, and the effects on the audio in order. */
export function movePlayhead(state: PlayheadState, input: PlayheadInput): Move {
  switch (input.type) {
    case "play":
      return play(state);
    case "pause":
      return [{ ...state, playing: false }, pauseAudio(state)];
    case "toggle":
      return movePlayhead(state, { type: state.playing ? "pause" : "play" });
    case "seek":
      return seek(state, input.ms);
    case "skip":
      return seek(state, (state.positionMs ?? (input.ms < 0 ? state.durationMs : 0)) + input.ms);
    case "whole":
      return [{ ...state, positionMs: null, playing: false }, pauseAudio(state)];
    case "speed":
      return [
        { ...state, speed: input.speed },
        state.audio === "none" ? [] : [{ type: "set-rate", speed: input.speed }],
      ];
    case "skip-silence":
      return [{ ...state, skipsSilence: input.on }, []];
    case "frame":
      return onFrame(state, input.elapsedMs, input.audioMs);
    case "audio-loaded":
      return [{ ...state, audioMs: input.durationMs }, []];
    case "audio-over":
      return [{ ...state, audio: "over" }, []];
    case "audio-failed":
      return [{ ...state, audio: "none" }, []];
  }
}

function play(state: PlayheadState): Move {
  if (state.playing) return [state, []];
  const { positionMs, durationMs } = state;
  // At the end, and from the whole call, playback begins at the start.
  if (positionMs === null || positionMs >= durationMs) return seek({ ...state, playing: true }, 0);
  return [{ ...state, playing: true }, state.audio === "ready" ? [{ type: "play-audio" }] : []];
}

function seek(state: PlayheadState, ms: number): Move {
  const positionMs = Math.max(0, Math.min(state.durationMs, ms));
  const playing = state.playing && positionMs < state.durationMs;
  if (state.audio === "none") return [{ ...state, positionMs, playing }, []];
  // An element that plays at its end would begin again at its start.
  if (state.audioMs !== null && positionMs >= state.audioMs)
    return [{ ...state, positionMs, playing, audio: "over" }, [{ type: "pause-audio" }]];
  const effects: PlayheadEffect[] = [{ type: "seek-audio", ms: positionMs }];
  if (playing) effects.push({ type: "play-audio" });
  else if (state.playing) effects.push({ type: "pause-audio" });
  return [{ ...state, positionMs, playing, audio: "ready" }, effects];
}

function onFrame(state: PlayheadState, elapsedMs: number, audioMs: number): Move {
  if (!state.playing || state.positionMs === null) return [state, []];
  const nowMs = state.audio === "ready" ? audioMs : state.positionMs + elapsedMs * state.speed;
  if (nowMs >= state.durationMs) return [{ ...state, positionMs: state.durationMs, playing: false }, pauseAudio(state)];
  const silence = state.skipsSilence
    ? state.silences.find(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs)
    : undefined;
  if (silence !== undefined) return seek(state, silence.endMs);
  return [{ ...state, positionMs: nowMs }, []];
}

function pauseAudio(state: PlayheadState): PlayheadEffect[] {
  return state.audio === "none" ? [] : [{ type: "pause-audio" }];
}
