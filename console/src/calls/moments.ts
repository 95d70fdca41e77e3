/** Moments of a call to jump to: its turns, the moment in its address, and its marks on the timeline. */
import type { CallState } from "../call/call-state";
import { seqOfHash } from "../event-log/event-target";
import type { LogFrame } from "../transport/frames";

/** A turn that began within this time in ms before the playhead is the present one. */
const TURN_TOLERANCE_MS = 1200;

/** Return the start in ms of the turn before or after a time; null without one. */
export function turnFrom(call: CallState, ms: number, direction: 1 | -1): number | null {
  const starts = call.voices.filter(({ who }) => who !== "filler").map(({ startMs }) => startMs);
  const found =
    direction > 0 ? starts.filter((start) => start > ms + 1) : starts.filter((start) => start < ms - TURN_TOLERANCE_MS);
  if (found.length === 0) return direction > 0 ? null : 0;
  return direction > 0 ? Math.min(...found) : Math.max(...found);
}

/** A moment in an address: an event's seq, or a time in ms. */
export type AddressedMoment = { seq: number } | { ms: number };

/** Return the moment of an address, `#42` or `?t=62.5` or `?t=1:02.5`; null without one. */
export function momentOf({ search, hash }: { search: string; hash: string }): AddressedMoment | null {
  const seq = seqOfHash(hash);
  if (seq !== null) return { seq };
  const time = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,3})?)$/.exec(
    new URLSearchParams(search).get("t") ?? "",
  );
  if (time === null) return null;
  const [, hours = "0", minutes = "0", seconds = "0"] = time;
  return { ms: Math.round(1000 * (3600 * Number(hours) + 60 * Number(minutes) + Number(seconds))) };
}

/** Return the address of a time of the call that a page shows. */
export function addressOfMoment(page: string, ms: number): string {
  const address = new URL(page);
  address.search = `?t=${(Math.round(ms / 100) / 10).toFixed(1)}`;
  address.hash = "";
  return address.href;
}

/** A mark above the timeline. */
export interface Mark {
  kind: "handoff" | "error" | "trip";
  atMs: number;
  title: string;
}

/** Return the handoffs, errors and failed guardrails of a log. */
export function marksOf(frames: readonly LogFrame[]): Mark[] {
  return frames.flatMap((frame): Mark[] => {
    const mark = (kind: Mark["kind"], title: string): Mark[] => [{ kind, atMs: frame.at_ms, title }];
    if (frame.kind === "agent.changed" && frame.previous !== undefined)
      return mark("handoff", `${frame.previous} → ${frame.agent}`);
    if (frame.kind === "error") return mark("error", frame.message || "An error");
    if (frame.kind === "tool.done" && frame.error !== undefined) return mark("error", `${frame.name} failed`);
    if (frame.kind === "guardrail.checked" && frame.status === "fail")
      return mark("trip", `Guardrail ${frame.guardrail} tripped`);
    return [];
  });
}
