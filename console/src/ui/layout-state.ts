/** What of the page is shown, remembered in the browser where it is a choice that lasts. */
import { type ReadonlySignal, signal } from "@preact/signals";

/** On a phone one of these at a time. */
export type Tab = "transcript" | "agents" | "events";

const LOGS = "trunkline.logs";
const logs = signal(recall(LOGS) !== "off");

export const tab = signal<Tab>("transcript");
/** Whether the event log is shown. */
export const logsShown: ReadonlySignal<boolean> = logs;

export function showLogs(shown: boolean): void {
  logs.value = shown;
  if (!shown && tab.peek() === "events") tab.value = "transcript";
  remember(LOGS, shown ? "on" : "off");
}

function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // Storage may be switched off.
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it lasts until the page is closed.
  }
}
