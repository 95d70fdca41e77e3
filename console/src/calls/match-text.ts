/** The words of a search in the text that was found. */

export interface TextPart {
  text: string;
  hit: boolean;
}

const CONTEXT_CHARACTERS = 60;
const MAX_CHARACTERS = 160;

/** Return a text in parts, with the words of the search marked, cut to the part around the first one. */
export function markWords(text: string, query: string): TextPart[] {
  const words = query
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
  const hits = words.length === 0 ? [] : [...text.matchAll(new RegExp(words.map(escaped).join("|"), "giu"))];
  const firstAt = hits[0]?.index ?? 0;
  const from = text.length <= MAX_CHARACTERS ? 0 : wordStart(text, firstAt - CONTEXT_CHARACTERS);
  const to = Math.min(text.length, from + MAX_CHARACTERS);
  const parts: TextPart[] = [];
  let at = from;
  for (const hit of hits) {
    const end = hit.index + hit[0].length;
    if (hit.index < at || end > to) continue;
    if (hit.index > at) parts.push({ text: text.slice(at, hit.index), hit: false });
    parts.push({ text: hit[0], hit: true });
    at = end;
  }
  if (at < to) parts.push({ text: text.slice(at, to), hit: false });
  if (from > 0) parts.unshift({ text: "… ", hit: false });
  if (to < text.length) parts.push({ text: " …", hit: false });
  return parts;
}

function wordStart(text: string, at: number): number {
  if (at <= 0) return 0;
  const space = text.indexOf(" ", at);
  return space === -1 || space > at + CONTEXT_CHARACTERS / 2 ? at : space + 1;
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
