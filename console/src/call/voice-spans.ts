/** Spans of speech in time, from the log. The caller's speech, typed text, agents' audio and fillers. */

import type { LogFrame } from "../transport/frames";
import type { CallState, VoiceSpan } from "./call-state";

/** Apply an event to the spans of a call. */
export function trackVoices(state: CallState, frame: LogFrame): CallState {
  const { at_ms: atMs, seq } = frame;
  const begin = (who: VoiceSpan["who"], itemId: string, more: Partial<VoiceSpan> = {}): CallState => {
    const span = {
      who,
      itemId,
      agent: null,
      seq,
      startMs: atMs,
      endMs: null,
      heldMs: null,
      playedMs: 0,
      cut: false,
      ...more,
    };
    return { ...state, voices: [...state.voices, span] };
  };
  switch (frame.kind) {
    case "speech.started":
      return begin("caller", frame.item_id);
    case "speech.stopped":
      return changeLast(state, isOpenSpeech(frame.item_id), () => ({ endMs: atMs }));
    case "turn.waiting": {
      // The service reports the end of the speech after the silence that it needs to be sure.
      const silence = frame.endpointing_ms;
      if (silence === undefined) return state;
      return changeLast(state, isSpeech, ({ startMs }) => ({ endMs: Math.max(startMs, atMs - silence) }));
    }
    case "message.added":
      return frame.role === "user" && !frame.spoken && !frame.hidden
        ? begin("typed", frame.item_id, { endMs: atMs })
        : state;
    case "audio.started": {
      const before = state.voices.findLast(({ who }) => who === "agent");
      // On the relay, audio arrives while the audio before it still plays.
      const heardMs = atMs + (frame.delay_ms ?? 0);
      const startMs = before?.endMs != null && !before.cut ? Math.max(heardMs, before.endMs) : heardMs;
      return begin("agent", frame.item_id, { startMs, agent: speakerOf(state, frame.item_id) });
    }
    case "audio.done":
      return changeLast(
        state,
        ({ who, itemId, cut }) => who === "agent" && itemId === frame.item_id && !cut,
        ({ startMs, playedMs }) => ({ endMs: startMs + frame.ms - playedMs }),
      );
    case "audio.ducked":
      return changeLast(state, isPlaying(atMs), () => ({ heldMs: atMs }));
    case "audio.resumed":
      return resume(state, frame);
    case "audio.interrupted":
      return changeLast(
        state,
        ({ heldMs }) => heldMs !== null,
        ({ heldMs }) => ({ endMs: heldMs, heldMs: null, cut: true }),
      );
    case "audio.cleared":
      return changeLast(
        state,
        (span) => isPlaying(atMs)(span) && (frame.item_id ?? span.itemId) === span.itemId,
        ({ startMs, heldMs }) => ({ endMs: Math.max(startMs, heldMs ?? atMs), heldMs: null, cut: true }),
      );
    case "message.truncated":
      return changeLast(
        state,
        ({ who, itemId }) => who === "agent" && itemId === frame.item_id,
        ({ startMs, endMs, playedMs, cut }) => {
          const heardUntilMs = Math.max(startMs, startMs + frame.heard_ms - playedMs);
          return {
            endMs: Math.min(endMs ?? Number.POSITIVE_INFINITY, heardUntilMs),
            cut: cut || (endMs !== null && heardUntilMs < endMs),
          };
        },
      );
    case "filler.started":
      return begin("filler", frame.filler_id, { endMs: atMs + frame.ms });
    case "filler.done":
      return changeLast(
        state,
        ({ who, itemId }) => who === "filler" && itemId === frame.filler_id,
        ({ startMs }) => ({ endMs: startMs + frame.ms, cut: frame.interrupted ?? false }),
      );
    case "call.ended": {
      const voices = state.voices.map((span) => ({ ...span, endMs: Math.min(endOf(span, atMs), atMs), heldMs: null }));
      return { ...state, voices };
    }
    default:
      return state;
  }
}

/** Return the end of a span as far as it is known at `nowMs`. */
export function endOf({ endMs, heldMs }: VoiceSpan, nowMs: number): number {
  return Math.min(heldMs ?? nowMs, endMs ?? nowMs, nowMs);
}

/** Continue held audio in a span of its own. */
function resume(state: CallState, { at_ms: atMs, seq }: LogFrame): CallState {
  const index = state.voices.findLastIndex(({ heldMs }) => heldMs !== null);
  const held = state.voices[index];
  if (held?.heldMs == null) return state;
  const { heldMs, startMs, endMs } = held;
  const rest: VoiceSpan = {
    ...held,
    seq,
    startMs: atMs,
    endMs: endMs === null ? null : atMs + Math.max(0, endMs - heldMs),
    heldMs: null,
    playedMs: held.playedMs + heldMs - startMs,
  };
  return { ...state, voices: [...state.voices.with(index, { ...held, endMs: heldMs, heldMs: null }), rest] };
}

/** Time in ms at which both the caller and an agent spoke. */
export interface Overlap {
  startMs: number;
  endMs: number;
}

/** Return the overlaps of the caller's speech with the agents' audio, up to `nowMs`. */
export function overlapsOf(voices: readonly VoiceSpan[], nowMs: number): Overlap[] {
  const found: Overlap[] = [];
  const agents = voices.filter(({ who }) => who === "agent" || who === "filler");
  for (const caller of voices) {
    if (caller.who !== "caller") continue;
    for (const agent of agents) {
      const startMs = Math.max(caller.startMs, agent.startMs);
      const endMs = Math.min(endOf(caller, nowMs), endOf(agent, nowMs));
      if (endMs > startMs) found.push({ startMs, endMs });
    }
  }
  return found;
}

function isPlaying(atMs: number): (span: VoiceSpan) => boolean {
  return ({ who, endMs }) => who === "agent" && (endMs === null || endMs > atMs);
}

function isSpeech({ who }: VoiceSpan): boolean {
  return who === "caller";
}

function isOpenSpeech(id: string): (span: VoiceSpan) => boolean {
  return ({ who, itemId, endMs }) => who === "caller" && itemId === id && endMs === null;
}

function speakerOf(state: CallState, id: string): string | null {
  const message = state.entries.findLast((entry) => entry.type === "message" && entry.itemId === id);
  return (message?.type === "message" ? message.agent : null) ?? state.agent;
}

/** Change the last span that matches, if any. */
function changeLast(
  state: CallState,
  matches: (span: VoiceSpan) => boolean,
  change: (span: VoiceSpan) => Partial<VoiceSpan>,
): CallState {
  const index = state.voices.findLastIndex(matches);
  const span = state.voices[index];
  return span ? { ...state, voices: state.voices.with(index, { ...span, ...change(span) }) } : state;
}
