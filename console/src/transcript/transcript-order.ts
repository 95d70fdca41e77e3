/** Where a message belongs in the transcript: what a caller said is often known only when the answer already runs. */
import type { Entry } from "../call/reducer";

/**
 * The index at which to insert the message `itemId`.
 *
 * After the message it follows, where that is known, and behind the notes that stand between; else, for speech,
 * before the first message that came after the speech had ended; else at the end.
 */
export function placeOf(
  entries: readonly Entry[],
  itemId: string,
  previousItemId: string | null,
  speech: ReadonlyMap<string, { began: number; ended: number | null }>,
): number {
  const times = speech.get(itemId);
  const after = previousItemId === null ? -1 : entries.findLastIndex((e) => e.type === "message" && e.itemId === previousItemId);
  let place = -1;
  if (after !== -1) {
    place = entries.findIndex((entry, index) => index > after && entry.type === "message");
  } else if (times?.ended != null) {
    const ended = times.ended;
    place = entries.findIndex((entry) => entry.type === "message" && entry.seq > ended);
  }
  if (place === -1) return entries.length;
  // The message is put among earlier things: notes from after it began to be spoken stay behind it.
  while (times && place > 0) {
    const before = entries[place - 1];
    if (before === undefined || before.type === "message" || before.seq < times.began) break;
    place -= 1;
  }
  return place;
}
