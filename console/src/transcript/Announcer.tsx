/** Live region that announces each complete message once: screen readers would repeat streaming text. */
import type { VNode } from "preact";
import type { TranscriptEntry } from "../call/call-state";

const MAX_ANNOUNCEMENTS = 3;

export function Announcer({ entries }: { entries: readonly TranscriptEntry[] }): VNode {
  const announcements: { key: string; text: string }[] = [];
  for (let index = entries.length - 1; index >= 0 && announcements.length < MAX_ANNOUNCEMENTS; index -= 1) {
    const entry = entries[index];
    const text = entry && announcementFor(entry);
    if (text) announcements.unshift({ key: entry.key, text });
  }
  return (
    <div class="visually-hidden" role="log" aria-label="Messages" aria-relevant="additions">
      {announcements.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  );
}

function announcementFor(entry: TranscriptEntry): string | null {
  if (entry.type === "message") {
    if (entry.hidden || entry.status === "streaming" || entry.text === "") return null;
    return `${entry.role === "assistant" ? (entry.agent ?? "Agent") : "You"}: ${entry.text}`;
  }
  if (entry.type === "agent") return entry.previous === null ? null : `${entry.agent} takes over`;
  return entry.type === "note" && entry.tone !== "plain" ? entry.title : null;
}
