/** Notices above the conversation. A new notice replaces the one with the same key. */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface Notice {
  key: string;
  tone: "info" | "warning" | "error";
  text: string;
  action?: { label: string; run: () => void };
}

const shown = signal<readonly Notice[]>([]);

export const notices: ReadonlySignal<readonly Notice[]> = shown;

export function notify(notice: Notice): void {
  const others = shown.peek().filter((other) => other.key !== notice.key);
  shown.value = [...others, notice];
}

export function dismiss(key: string): void {
  if (shown.peek().some((notice) => notice.key === key))
    shown.value = shown.peek().filter((notice) => notice.key !== key);
}
