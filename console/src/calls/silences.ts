/** Times of a call in which nobody speaks. */
import type { CallState } from "../call/call-state";
import { endOf } from "../call/voice-spans";

export interface Silence {
  /** Times in ms between which playback may jump. */
  startMs: number;
  endMs: number;
}

/** A pause up to this duration in ms is a part of the conversation. */
const MIN_SILENCE_MS = 1500;
/** The part of a silence in ms that stays before and after it, so that the words are not cut. */
const KEPT_BEFORE_MS = 500;
const KEPT_AFTER_MS = 250;

/** Return the silences of a call, in order. */
export function silencesOf(call: CallState): Silence[] {
  const found: Silence[] = [];
  const add = (startMs: number, endMs: number): void => {
    if (endMs - startMs > MIN_SILENCE_MS)
      found.push({ startMs: startMs === 0 ? 0 : startMs + KEPT_BEFORE_MS, endMs: endMs - KEPT_AFTER_MS });
  };
  let quietFromMs = 0;
  for (const span of call.voices.toSorted((a, b) => a.startMs - b.startMs)) {
    add(quietFromMs, span.startMs);
    quietFromMs = Math.max(quietFromMs, endOf(span, call.lastAtMs));
  }
  add(quietFromMs, call.lastAtMs);
  return found;
}
