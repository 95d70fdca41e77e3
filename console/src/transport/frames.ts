/** What comes down a call's socket as text: log events with their place and time, and words to this page alone. */
import type { CallError, LogEvent } from "./log-events";

/** A log event as it travels: numbered from 1 without gaps, dated in milliseconds since the call began. */
export type LogFrame = { seq: number; at_ms: number } & LogEvent;

/** Frames with `seq` 0 are for this page alone and belong to no log: what it is, and what was wrong with a command. */
export type OwnFrame = { seq: 0; at_ms: number } & ({ kind: "leg.role"; role: Role } | CallError);

/** The caller speaks and commands; a viewer reads. */
export type Role = "caller" | "viewer";

export type Frame = LogFrame | OwnFrame;

export function isOwn(frame: Frame): frame is OwnFrame {
  return frame.seq === 0;
}

/** The frame in a text message; null for what is no frame, which a newer server may send. */
export function parseFrame(text: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { seq, at_ms, kind } = value as Record<string, unknown>;
  if (typeof seq !== "number" || typeof at_ms !== "number" || typeof kind !== "string") return null;
  return value as Frame;
}
