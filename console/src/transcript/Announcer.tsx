/** Reads messages out to screen readers, once each and when they are complete: growing text would be repeated. */
import type { VNode } from "preact";
import type { Entry } from "../call/reducer";

const KEPT = 3;

export function Announcer({ entries }: { entries: readonly Entry[] }): VNode {
  const words: { key: string; text: string }[] = [];
  for (let index = entries.length - 1; index >= 0 && words.length < KEPT; index -= 1) {
    const entry = entries[index];
    const text = entry && spoken(entry);
    if (text) words.unshift({ key: entry.key, text });
  }
  return (
    <div class="visually-hidden" role="log" aria-label="Messages" aria-relevant="additions">
      {words.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  );
}

function spoken(entry: Entry): string | null {
  if (entry.type === "message") {
    if (entry.hidden || entry.status === "growing" || entry.text === "") return null;
    return `${entry.role === "assistant" ? (entry.agent ?? "Agent") : "You"}: ${entry.text}`;
  }
  if (entry.type === "agent") return entry.previous === null ? null : `${entry.agent} takes over`;
  return entry.type === "note" && entry.tone !== "plain" ? entry.title : null;
}
