/** Formats of times in the browser's language. */

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const minutes = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  timeZoneName: "short",
});

/** Format the time of day, to the millisecond, `atMs` after the call's start `startedAt` (Unix ms). */
export function timeOfDay(startedAt: number | null, atMs: number): string {
  return startedAt === null ? sinceStart(atMs) : clock.format(startedAt + atMs);
}

/** Format a Unix time in ms as a time of day to the minute. */
export function clockTime(ms: number): string {
  return minutes.format(ms);
}

/** Return the time with its date for titles, and in ISO 8601. */
export function fullTime(startedAt: number | null, atMs: number): { title: string; iso: string | undefined } {
  if (startedAt === null) return { title: `${sinceStart(atMs)} after the start`, iso: undefined };
  const time = new Date(startedAt + atMs);
  return {
    title: `${dayAndClock.format(time)}, ${sinceStart(atMs)} after the start`,
    iso: time.toISOString(),
  };
}

/** Format the time since the call's start to the second: `1:02`. */
export function callTime(atMs: number): string {
  return sinceStart(Math.floor(Math.max(0, atMs) / 1000) * 1000).slice(0, -4);
}

/** Format the time since the call's start: `1:02.345`. */
export function sinceStart(atMs: number): string {
  const ms = Math.max(0, Math.round(atMs));
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.floor((ms % 60_000) / 1000);
  return `${minutes}:${String(seconds).padStart(2, "0")}.${String(ms % 1000).padStart(3, "0")}`;
}

/** Format a duration briefly: `85 ms`, `1.2 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${tenths.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
