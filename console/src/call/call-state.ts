/** What the page knows of a call: the types of its state, and how it begins. */
import { EventList } from "../event-log/event-list";
import type { CallSettings, GuardrailChecked, LatencyPart, MessageAdded, MessageDone, Tokens, TurnLatency } from "../transport/log-events";

export type MessageStatus = "growing" | MessageDone["status"];

interface Placed {
  key: string;
  seq: number;
  atMs: number;
}

/** Something that was said. `heard` is what the caller heard of it before it was cut. */
export interface Message extends Placed {
  type: "message";
  itemId: string;
  role: MessageAdded["role"];
  agent: string | null;
  spoken: boolean;
  hidden: boolean;
  text: string;
  status: MessageStatus;
  heard: { ms: number; text: string | null } | null;
}

/** How far a tool is; `fraction` from 0 to 1, null where it is not known. */
export interface Progress {
  atMs: number;
  message: string;
  fraction: number | null;
}

/** Whether the caller allows a tool to run; `reason` says why there was no answer. */
export interface Approval {
  state: "asked" | "allowed" | "refused";
  reason: string | null;
}

/** A tool's run: started, and later done with a result or an error. */
export interface ToolRun extends Placed {
  type: "tool";
  callId: string;
  name: string;
  agent: string;
  args: unknown;
  /** The call id of the tool on whose behalf it runs, and how many such there are above it. */
  parent: string | null;
  depth: number;
  progress: readonly Progress[];
  approval: Approval | null;
  outcome: { durationMs: number; result?: unknown; error?: string } | null;
}

/** Another agent took over; `previous` is null for the first. */
export interface AgentChange extends Placed {
  type: "agent";
  agent: string;
  previous: string | null;
  reason: string | null;
}

/** A note between the messages. */
export interface Note extends Placed {
  type: "note";
  tone: "plain" | "warning" | "error";
  title: string;
  detail?: unknown;
}

export type Entry = Message | ToolRun | AgentChange | Note;

/** What a guardrail found in a message. */
export interface Check {
  guardrail: string;
  status: GuardrailChecked["status"];
  category: string | null;
  rationale: string | null;
  /** What was looked at, where it did not pass. */
  text: string | null;
  durationMs: number | null;
}

/** How long the caller waited for a message. */
export interface Turn {
  totalMs: number;
  parts: readonly LatencyPart[];
  after: TurnLatency["after"];
  toolMs: number;
  guardrailMs: number;
}

/** What something used. `cost` in US dollars, null where the model has no price. */
export interface Usage {
  tokens: Tokens;
  /** Of sound that was transcribed and is paid by time. */
  seconds: number;
  cost: number | null;
}

/** What is known about a message beside its words. */
export interface Measures {
  checks: readonly Check[];
  turn: Turn | null;
  usage: Usage | null;
}

export interface Settings {
  pushToTalk: boolean;
  codec: NonNullable<CallSettings["codec"]>;
  voice: string | null;
  speed: number | null;
}

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
  /** The key of the note that says that the sound takes another way, until it is known which. */
  rerouted: string | null;
  callerSpeaks: boolean;
  settings: Settings;
  /** Null while the call goes on. */
  endReason: string | null;
  lastSeq: number;
  lastAtMs: number;
  /** The transcript, in the order of the conversation. */
  entries: readonly Entry[];
  /** By message. They may be there before the message is. */
  measures: ReadonlyMap<string, Measures>;
  /** The delays of the turns that answered the caller, in ms. */
  delays: readonly number[];
  /** Of the whole call; null before anything was used. */
  usage: Usage | null;
  handoffs: readonly { from: string; to: string; seq: number }[];
  /** The runs of tools that wait for the caller to allow them. */
  asking: readonly string[];
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
    rerouted: null,
    callerSpeaks: false,
    settings: { pushToTalk: false, codec: "pcm16", voice: null, speed: null },
    endReason: null,
    lastSeq: 0,
    lastAtMs: 0,
    entries: [],
    measures: new Map(),
    delays: [],
    usage: null,
    handoffs: [],
    asking: [],
    speech: new Map(),
    events: EventList.empty(),
  };
}
