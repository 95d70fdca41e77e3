/** Words for a stored call: its day, its outcome and its path of agents. */
import type { CallStatus, CallSummary } from "./calls-api";

export const STATUS_NAMES: Record<CallStatus, string> = {
  running: "Live",
  ended: "Ended",
  interrupted: "Interrupted",
  failed: "Failed",
};

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** Return the day of a call in words, and its time of day. */
export function whenOf(startedAt: string, now: Date): { day: string; time: string; title: string } {
  const start = new Date(startedAt);
  if (Number.isNaN(start.getTime())) return { day: "–", time: "", title: startedAt };
  return { day: dayName(start, now), time: time.format(start), title: full.format(start) };
}

function dayName(start: Date, now: Date): string {
  const days = Math.round((midnight(now) - midnight(start)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return (days > 0 && days < 300 ? day : dayOfYear).format(start);
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Return the outcome of a call in a few words. */
export function outcomeOf({ status, end_reason }: CallSummary): string {
  if (status === "interrupted") return end_reason ?? "the server stopped during the call";
  return end_reason ?? "";
}

const MAX_PATH = 5;

/** Return the path of agents, its middle cut if it is long. */
export function pathOf(agents: readonly string[]): string {
  if (agents.length <= MAX_PATH) return agents.join(" → ");
  return [...agents.slice(0, 2), `… ${agents.length - 4} more …`, ...agents.slice(-2)].join(" → ");
}

/** Return the duration of a running call in ms. */
export function runningMs({ started_at, duration_ms }: CallSummary, now: number): number {
  const start = Date.parse(started_at);
  return Number.isNaN(start) ? (duration_ms ?? 0) : Math.max(duration_ms ?? 0, now - start);
}
