/** Layout state of the page: the visible tab, and the panes to show, which the browser stores. */
import { type ReadonlySignal, signal } from "@preact/signals";

/** The pane that a phone shows. */
export type Tab = "transcript" | "agents" | "events";

const LOGS_KEY = "trunkline.logs";
const TIMELINE_KEY = "trunkline.timeline";
const logs = signal(load(LOGS_KEY) !== "off");
const timeline = signal(load(TIMELINE_KEY) === "on");

export const tab = signal<Tab>("transcript");
/** Visibility of the event log. */
export const logsShown: ReadonlySignal<boolean> = logs;

/** Visibility of the timeline above the transcript. */
export const timelineShown: ReadonlySignal<boolean> = timeline;

export function showTimeline(shown: boolean): void {
  timeline.value = shown;
  store(TIMELINE_KEY, shown ? "on" : "off");
}

export function showLogs(shown: boolean): void {
  logs.value = shown;
  if (!shown && tab.peek() === "events") tab.value = "transcript";
  store(LOGS_KEY, shown ? "on" : "off");
}

function load(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // Storage may be disabled.
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then the value lasts until the page is closed.
  }
}
