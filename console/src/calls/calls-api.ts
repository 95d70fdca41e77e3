/** Typed client of the routes of stored calls. */
import { ApiError, errorFrom, parseJson, request, signInUrl } from "../transport/api";
import { type LogFrame, parseFrame } from "../transport/frames";
import { urlOf } from "../ui/page-address";

export type CallStatus = "running" | "ended" | "interrupted" | "failed";

/** The first place at which a search found its words. */
export interface Match {
  seq: number;
  at_ms: number;
  role: string;
  text: string;
}

export interface CallSummary {
  call_id: string;
  /** ISO 8601. */
  started_at: string;
  ended_at: string | null;
  scenario: string;
  transport: string | null;
  provider: string | null;
  model: string | null;
  status: CallStatus;
  end_reason: string | null;
  duration_ms: number | null;
  turns: number;
  /** The agents that had the call, in order. */
  agents: string[];
  /** US dollars; null if a price is unknown. */
  cost: number | null;
  slowest_turn_ms: number | null;
  /** Guardrails that did not pass. */
  trips: number;
  errors: number;
  /** True if the server has the call's audio. */
  audio: boolean;
  /** Events that the store could not keep. */
  lost_events?: number;
  /** True while the call runs. */
  live: boolean;
  /** What was stored: "metadata" has no words. */
  mode: "metadata" | "redacted" | "full" | null;
  match: Match | null;
}

export interface CallNote {
  note_id: string;
  at_ms: number;
  seq: number | null;
  text: string;
  created_at: string;
}

export interface StoredCall extends CallSummary {
  notes: CallNote[];
}

export interface CallList {
  calls: CallSummary[];
  /** The cursor of the next part; null at the end. */
  next: string | null;
  /** Running calls, in the first part only. */
  live?: CallSummary[];
}

export const PAGE_SIZE = 50;

export function listCalls(filters: URLSearchParams, cursor: string | null): Promise<CallList> {
  const query = new URLSearchParams(filters);
  query.set("limit", String(PAGE_SIZE));
  if (cursor !== null) query.set("cursor", cursor);
  return request("GET", `calls?${query}`);
}

export function getCall(callId: string): Promise<StoredCall> {
  return request("GET", pathOf(callId));
}

export function addNote(callId: string, note: { at_ms: number; seq?: number; text: string }): Promise<CallNote> {
  return request("POST", `${pathOf(callId)}/notes`, note);
}

export function deleteNote(callId: string, noteId: string): Promise<void> {
  return request("DELETE", `${pathOf(callId)}/notes/${encodeURIComponent(noteId)}`);
}

export function deleteCall(callId: string): Promise<void> {
  return request("DELETE", `${pathOf(callId)}/stored`);
}

export function deleteAllCalls(): Promise<void> {
  return request("DELETE", "calls/stored", { all: true });
}

/** Return the pytest file that repeats a call. */
export async function testOf(callId: string): Promise<string> {
  return (await open(`${pathOf(callId)}/test`)).text();
}

export const audioUrl = (callId: string, format: "ogg" | "wav"): string =>
  urlOf(`api/${pathOf(callId)}/audio?format=${format}`).href;

export const exportUrl = (callId: string): string => urlOf(`api/${pathOf(callId)}/export`).href;

/** A stored log; `complete` is false if the connection broke before its end. */
export interface StoredLog {
  frames: LogFrame[];
  complete: boolean;
}

/** Read the log of a stored call. Frames of kinds that this console does not know stay in it. */
export async function readLog(callId: string): Promise<StoredLog> {
  const response = await open(`${pathOf(callId)}/log?after=0`);
  const frames: LogFrame[] = [];
  const add = (line: string): void => {
    const frame = line === "" ? null : parseFrame(line);
    if (frame !== null && frame.seq !== 0) frames.push(frame as LogFrame);
  };
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let rest = "";
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      const lines = (rest + decoder.decode(part.value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) add(line);
    }
  } catch {
    return { frames, complete: false };
  }
  add(rest);
  return { frames, complete: true };
}

function pathOf(callId: string): string {
  return `calls/${encodeURIComponent(callId)}`;
}

async function open(path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(urlOf(`api/${path}`));
  } catch {
    throw new ApiError("The server cannot be reached.", 0, "unreachable");
  }
  if (response.ok) return response;
  const refused = errorFrom(response.status, parseJson(await response.text()));
  if (refused.code === "token_needed") location.assign(signInUrl());
  throw refused;
}
