/** Show a moment of a call in its transcript, and in the event log if that is visible. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { useContext } from "preact/hooks";
import type { CallState, TranscriptEntry } from "../call/call-state";
import { lastBy } from "../event-log/event-list";
import { showEvent } from "../event-log/event-target";
import { logsShown } from "../ui/layout-state";
import { PlaybackContext } from "./playback";

const entry = signal<number | null>(null);

/** The seq of the transcript entry to scroll to; null after the transcript has shown it. */
export const entryTarget: ReadonlySignal<number | null> = entry;

/** A place in the log that a moment belongs to. */
interface Place {
  seq: number;
  itemId: string;
}

/** Return the function that shows a time of a call in ms. In a stored call it moves the playhead. */
export function useShowMoment(call: CallState): (atMs: number, at?: Place) => void {
  const playback = useContext(PlaybackContext);
  return playback === null ? (atMs, at) => showMoment(call, atMs, at) : (atMs) => playback.seek(atMs);
}

/** Show the time `atMs` of a call: at an event and its message if given, else at the last ones before that time. */
export function showMoment(call: CallState, atMs: number, at?: Place): void {
  const message = call.entries.find((one) => one.type === "message" && one.itemId === at?.itemId);
  entry.value = (message ?? lastEntry(call, atMs))?.seq ?? null;
  const seq = at?.seq ?? lastBy(call.events, atMs)?.seq;
  if (seq !== undefined && logsShown.peek()) showEvent(seq);
}

function lastEntry({ entries }: CallState, atMs: number): TranscriptEntry | null {
  return entries.reduce<TranscriptEntry | null>(
    (best, one) => (one.atMs <= atMs && (best === null || one.atMs >= best.atMs) ? one : best),
    null,
  );
}

export function onEntryShown(): void {
  entry.value = null;
}
