/** Text frames of a call's socket: log events with position and time, and frames for this page alone. */
import type { CallError, LogEvent } from "./log-events";

/** A log event as a frame: numbered from 1 without gaps, timed in ms since the call's start. */
export type LogFrame = { seq: number; at_ms: number } & LogEvent;

/** A frame with `seq` 0 is for this page alone and not in the log. */
export type PageFrame = { seq: 0; at_ms: number } & (
  | { kind: "leg.role"; role: Role; records?: boolean; audio_position?: number }
  | { kind: "audio.acknowledged"; position: number }
  | CallError
);

/** The caller speaks and sends commands; a viewer only reads. */
export type Role = "caller" | "viewer";

export type Frame = LogFrame | PageFrame;

export function isPageFrame(frame: Frame): frame is PageFrame {
  return frame.seq === 0;
}

/** Parse a text message; null for other messages, which a newer server may send. */
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
