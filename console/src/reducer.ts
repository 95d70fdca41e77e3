/** A call as it is shown: `reduce(state, log event) -> state`, pure, and the only source of what is on the page. */
import { EventList } from "./event-list";
import type { LogFrame } from "./frames";
import type { MessageAdded, MessageDone } from "./log-events";
import { placeOf } from "./order";

export type MessageStatus = "growing" | MessageDone["status"];

/** Something that was said. `heard` is what the caller heard of it before it was cut. */
export interface Message {
  type: "message";
  key: string;
  seq: number;
  atMs: number;
  itemId: string;
  role: MessageAdded["role"];
  agent: string | null;
  spoken: boolean;
  hidden: boolean;
  text: string;
  status: MessageStatus;
  heard: { ms: number; text: string | null } | null;
}

/** A tool's run: started, and later done with a result or an error. */
export interface ToolRun {
  type: "tool";
  key: string;
  seq: number;
  atMs: number;
  callId: string;
  name: string;
  agent: string;
  args: unknown;
  outcome: { durationMs: number; result?: unknown; error?: string } | null;
}

/** Another agent took over; `previous` is null for the first. */
export interface AgentChange {
  type: "agent";
  key: string;
  seq: number;
  atMs: number;
  agent: string;
  previous: string | null;
  reason: string | null;
}

/** A note between the messages. */
export interface Note {
  type: "note";
  key: string;
  seq: number;
  atMs: number;
  tone: "plain" | "warning" | "error";
  title: string;
  detail?: unknown;
}

export type Entry = Message | ToolRun | AgentChange | Note;

export interface CallState {
  callId: string | null;
  scenario: string | null;
  /** Who speaks now. */
  agent: string | null;
  provider: string | null;
  model: string | null;
  transport: string | null;
  /** Unix time in ms at which the log's clock was 0. */
  startedAt: number | null;
  link: "opening" | "up" | "lost";
  callerSpeaks: boolean;
  /** Null while the call goes on. */
  endReason: string | null;
  lastSeq: number;
  /** The transcript, in the order of the conversation. */
  entries: readonly Entry[];
  /** When each user message's speech began and ended, as seqs: the order for messages that come late. */
  speech: ReadonlyMap<string, { began: number; ended: number | null }>;
  events: EventList;
}

export function emptyCall(): CallState {
  return {
    callId: null,
    scenario: null,
    agent: null,
    provider: null,
    model: null,
    transport: null,
    startedAt: null,
    link: "opening",
    callerSpeaks: false,
    endReason: null,
    lastSeq: 0,
    entries: [],
    speech: new Map(),
    events: EventList.empty(),
  };
}

/** The state after one more event. An event that was seen before changes nothing. */
export function reduce(state: CallState, frame: LogFrame): CallState {
  if (frame.seq <= state.lastSeq) return state;
  return step({ ...state, lastSeq: frame.seq, events: state.events.with(frame) }, frame);
}

function step(state: CallState, frame: LogFrame): CallState {
  switch (frame.kind) {
    case "call.started":
      return note(
        {
          ...state,
          callId: frame.call_id,
          scenario: frame.scenario,
          agent: frame.agent,
          provider: frame.provider,
          model: frame.model,
          transport: frame.transport,
          startedAt: startOf(frame.started_at),
        },
        frame,
        "plain",
        "Call started",
        { scenario: frame.scenario, provider: frame.provider, model: frame.model, transport: frame.transport },
      );
    case "leg.joined":
      return { ...state, transport: frame.transport };
    case "leg.needed":
      return note(state, frame, "warning", `The sound's connection is made anew: ${frame.reason}`);
    case "link.up":
      return { ...state, link: "up", model: frame.model };
    case "link.lost": {
      const detail = { reason: frame.reason, code: frame.code, retry_in_ms: frame.retry_in_ms };
      return note({ ...state, link: "lost" }, frame, "warning", "The model's connection was lost; trying again", detail);
    }
    case "link.restored": {
      const detail = { attempts: frame.attempts, lost_for_ms: frame.lost_for_ms, replayed: frame.replayed ?? 0 };
      return note({ ...state, link: "up" }, frame, "plain", "The model is connected again", detail);
    }
    case "agent.changed":
      return append(
        { ...state, agent: frame.agent },
        {
          type: "agent",
          ...placed(frame),
          agent: frame.agent,
          previous: frame.previous ?? null,
          reason: frame.reason ?? null,
        },
      );
    case "message.added":
      return addMessage(state, frame);
    case "message.delta":
      return change(state, frame.item_id, (message) => ({ ...message, text: message.text + frame.text }));
    case "message.done":
      return change(state, frame.item_id, (message) => ({
        ...message,
        text: frame.text,
        status: frame.status ?? "completed",
      }));
    case "message.truncated":
      return change(state, frame.item_id, (message) => ({
        ...message,
        heard: { ms: frame.heard_ms, text: frame.text ?? null },
      }));
    case "speech.started":
      return { ...withSpeech(state, frame.item_id, { began: frame.seq, ended: null }), callerSpeaks: true };
    case "speech.stopped": {
      const began = state.speech.get(frame.item_id)?.began ?? frame.seq;
      return { ...withSpeech(state, frame.item_id, { began, ended: frame.seq }), callerSpeaks: false };
    }
    case "tool.started":
      return append(state, {
        type: "tool",
        ...placed(frame),
        callId: frame.call_id,
        name: frame.name,
        agent: frame.agent,
        args: frame.arguments,
        outcome: null,
      });
    case "tool.done":
      return finishTool(state, frame);
    case "breadcrumb":
      return note(state, frame, "plain", frame.title, frame.data);
    case "error": {
      const detail = frame.hint ?? (frame.code ? { code: frame.code, source: frame.source ?? "call" } : undefined);
      return note(state, frame, "error", frame.message, detail);
    }
    case "call.ended":
      return note(
        { ...state, endReason: frame.reason, callerSpeaks: false, entries: state.entries.map(settled) },
        frame,
        "plain",
        `Call ended: ${frame.reason}`,
      );
    default:
      return state; // Sound, raw wire events and kinds of a newer server are in the event log alone.
  }
}

function placed(frame: LogFrame): { key: string; seq: number; atMs: number } {
  return { key: `e${frame.seq}`, seq: frame.seq, atMs: frame.at_ms };
}

function append(state: CallState, entry: Entry): CallState {
  return { ...state, entries: [...state.entries, entry] };
}

function note(state: CallState, frame: LogFrame, tone: Note["tone"], title: string, detail?: unknown): CallState {
  return append(state, { type: "note", ...placed(frame), tone, title, detail });
}

function addMessage(state: CallState, frame: LogFrame & MessageAdded): CallState {
  if (findMessage(state.entries, frame.item_id) !== -1) return state;
  const message: Message = {
    type: "message",
    ...placed(frame),
    itemId: frame.item_id,
    role: frame.role,
    agent: frame.agent ?? null,
    spoken: frame.spoken ?? false,
    hidden: frame.hidden ?? false,
    text: "",
    status: "growing",
    heard: null,
  };
  const place = placeOf(state.entries, message.itemId, frame.previous_item_id ?? null, state.speech);
  return { ...state, entries: state.entries.toSpliced(place, 0, message) };
}

/** Messages are found from the end: it is nearly always the newest that grows. */
function findMessage(entries: readonly Entry[], itemId: string): number {
  return entries.findLastIndex((entry) => entry.type === "message" && entry.itemId === itemId);
}

function change(state: CallState, itemId: string, changed: (message: Message) => Message): CallState {
  const index = findMessage(state.entries, itemId);
  const message = state.entries[index];
  if (message?.type !== "message") return state;
  return { ...state, entries: state.entries.with(index, changed(message)) };
}

function finishTool(state: CallState, frame: LogFrame & { kind: "tool.done" }): CallState {
  const index = state.entries.findLastIndex((entry) => entry.type === "tool" && entry.callId === frame.call_id);
  const run = state.entries[index];
  const outcome: NonNullable<ToolRun["outcome"]> = { durationMs: frame.duration_ms };
  if (frame.error !== undefined) outcome.error = frame.error;
  else outcome.result = frame.result ?? null;
  if (run?.type === "tool") return { ...state, entries: state.entries.with(index, { ...run, outcome }) };
  // Only the newest part of a long log is replayed: the start may be missing.
  const late: ToolRun = {
    type: "tool",
    ...placed(frame),
    callId: frame.call_id,
    name: frame.name,
    agent: "",
    args: undefined,
    outcome,
  };
  return append(state, late);
}

/** Nothing grows after the call's end. */
function settled(entry: Entry): Entry {
  return entry.type === "message" && entry.status === "growing" ? { ...entry, status: "interrupted" } : entry;
}

function withSpeech(state: CallState, itemId: string, times: { began: number; ended: number | null }): CallState {
  return { ...state, speech: new Map(state.speech).set(itemId, times) };
}

function startOf(iso: string): number | null {
  const start = Date.parse(iso);
  return Number.isNaN(start) ? null : start;
}
