/** Position of messages in the transcript: a caller's text often arrives after the reply has begun. */
import type { TranscriptEntry } from "../call/call-state";

/**
 * Return the index at which to insert the message `itemId`.
 *
 * A message goes behind its predecessor and the notes after it. Without a known predecessor, speech goes before the
 * first message that was added after the speech had ended. Every other message goes to the end.
 */
export function insertionIndex(
  entries: readonly TranscriptEntry[],
  itemId: string,
  previousItemId: string | null,
  speech: ReadonlyMap<string, { began: number; ended: number | null }>,
): number {
  const speechTimes = speech.get(itemId);
  const previousIndex =
    previousItemId === null ? -1 : entries.findLastIndex((e) => e.type === "message" && e.itemId === previousItemId);
  let index = -1;
  if (previousIndex !== -1) {
    index = entries.findIndex((entry, index) => index > previousIndex && entry.type === "message");
  } else if (speechTimes?.ended != null) {
    const ended = speechTimes.ended;
    index = entries.findIndex((entry) => entry.type === "message" && entry.seq > ended);
  }
  if (index === -1) return entries.length;
  // The message is inserted among older entries: notes that are newer than its speech stay behind it.
  while (speechTimes && index > 0) {
    const previous = entries[index - 1];
    if (previous === undefined || previous.type === "message" || previous.seq < speechTimes.began) break;
    index -= 1;
  }
  return index;
}
