/** Times as people read them, in the browser's language. */

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const minutes = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** The time of day, to the millisecond, of what happened `atMs` after a call began at `startedAt` (Unix ms). */
export function timeOfDay(startedAt: number | null, atMs: number): string {
  return startedAt === null ? sinceStart(atMs) : clock.format(startedAt + atMs);
}

/** A time of day to the minute, of a Unix time in ms. */
export function clockTime(ms: number): string {
  return minutes.format(ms);
}

/** The same moment with its date, for titles; and for machines, ISO 8601. */
export function fullTime(startedAt: number | null, atMs: number): { title: string; iso: string | undefined } {
  if (startedAt === null) return { title: `${sinceStart(atMs)} after the start`, iso: undefined };
  const moment = new Date(startedAt + atMs);
  return { title: dayAndClock.format(moment), iso: moment.toISOString() };
}

/** Time since the call began: `1:02.345`. */
export function sinceStart(atMs: number): string {
  const ms = Math.max(0, Math.round(atMs));
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.floor((ms % 60_000) / 1000);
  return `${minutes}:${String(seconds).padStart(2, "0")}.${String(ms % 1000).padStart(3, "0")}`;
}

/** A length of time, as short as it can be said: `85 ms`, `1.2 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${tenths.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
