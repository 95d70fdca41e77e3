/** State of a call on the page: its types and the initial value. */
import { EventList } from "../event-log/event-list";
import type {
  CallSettings,
  GuardrailChecked,
  LatencyPart,
  MessageAdded,
  MessageDone,
  Tokens,
  TurnLatency,
  TurnWaiting,
} from "../transport/log-events";
import type { CitedDocument } from "./cited-documents";

export type MessageStatus = "streaming" | MessageDone["status"];

interface EntryBase {
  key: string;
  seq: number;
  atMs: number;
}

/** A message of the conversation. `heard` is the part that the caller heard before an interruption. */
export interface Message extends EntryBase {
  type: "message";
  itemId: string;
  role: MessageAdded["role"];
  agent: string | null;
  spoken: boolean;
  hidden: boolean;
  text: string;
  status: MessageStatus;
  heard: { ms: number; text: string | null } | null;
  /** Words on the way to the answer, or the answer, of a model that reasons. */
  phase: MessageAdded["phase"] | null;
  /** Images of the caller, as data URLs. */
  images: readonly string[];
}

/** Progress of a tool run; `fraction` is 0 to 1, or null if unknown. */
export interface Progress {
  atMs: number;
  message: string;
  fraction: number | null;
}

/** The caller's approval of a tool run; `reason` explains a missing answer. */
export interface Approval {
  state: "pending" | "allowed" | "refused";
  reason: string | null;
}

/** A tool run, from its start to its result or error. */
export interface ToolRun extends EntryBase {
  type: "tool";
  toolCallId: string;
  name: string;
  agent: string;
  args: unknown;
  /** The id of the tool call that caused this run, and the number of such calls above it. */
  parent: string | null;
  depth: number;
  progress: readonly Progress[];
  approval: Approval | null;
  outcome: { durationMs: number; result?: unknown; error?: string } | null;
}

/** A change of the active agent; `previous` is null for the first agent. */
export interface AgentChange extends EntryBase {
  type: "agent";
  agent: string;
  previous: string | null;
  reason: string | null;
}

/** A note between messages. */
export interface Note extends EntryBase {
  type: "note";
  tone: "plain" | "warning" | "error";
  title: string;
  detail?: unknown;
}

export type TranscriptEntry = Message | ToolRun | AgentChange | Note;

/** Result of a guardrail for one message. */
export interface GuardrailCheck {
  guardrail: string;
  status: GuardrailChecked["status"];
  category: string | null;
  rationale: string | null;
  /** The checked text, if the check did not pass. */
  text: string | null;
  durationMs: number | null;
}

/** The caller's wait for one message. */
export interface MessageLatency {
  totalMs: number;
  parts: readonly LatencyPart[];
  after: TurnLatency["after"];
  toolMs: number;
  guardrailMs: number;
}

/** A turn's wait in the order of the call; `seq` and `atMs` are those of its `turn.latency`, at the first audio. */
export interface TurnWait extends MessageLatency {
  itemId: string;
  seq: number;
  atMs: number;
}

/** Span of speech, of typed words, or of audio that the caller heard. */
export interface VoiceSpan {
  who: "caller" | "typed" | "agent" | "filler";
  /** Message or filler to which the audio belongs. */
  itemId: string;
  /** The speaking agent; null for the caller and fillers. */
  agent: string | null;
  /** The event that begins the span. */
  seq: number;
  startMs: number;
  /** Null while it grows. On the relay, audio that was sent and not yet played ends in the future. */
  endMs: number | null;
  /** The time since which the page holds the audio, because the caller speaks over it; null if it plays. */
  heldMs: number | null;
  /** Audio of the same message before the span, in ms. */
  playedMs: number;
  /** True for audio that was interrupted. */
  cut: boolean;
}

/** Tokens and cost. `cost` is in US dollars, null if the model's price is unknown. */
export interface Usage {
  tokens: Tokens;
  /** Transcribed audio that is billed by duration. */
  seconds: number;
  cost: number | null;
}

/** Checks, latency and usage of one message. */
export interface MessageMetrics {
  checks: readonly GuardrailCheck[];
  latency: MessageLatency | null;
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
  /** The active agent. */
  agent: string | null;
  provider: string | null;
  model: string | null;
  transport: string | null;
  /** Unix time in ms at which the log's clock was 0. */
  startedAt: number | null;
  link: "opening" | "up" | "lost";
  /** The key of the note on an audio transport change that has not completed; null without one. */
  transportNote: string | null;
  /** True from the loss of the caller's page until a page joins. */
  pageLeft: boolean;
  callerSpeaks: boolean;
  /** The one thing that the call waits for; null before the first event and after the end. */
  waiting: TurnWaiting | null;
  settings: Settings;
  /** Null during the call. */
  endReason: string | null;
  lastSeq: number;
  lastAtMs: number;
  /** The transcript, in the order of the conversation. */
  entries: readonly TranscriptEntry[];
  /** Metrics by message id. They may arrive before the message. */
  metrics: ReadonlyMap<string, MessageMetrics>;
  /** The caller's waits, the one for the greeting too. */
  turns: readonly TurnWait[];
  /** Who spoke when, in the order of the log. */
  voices: readonly VoiceSpan[];
  /** Documents in the results of tools by their ids, for citations. */
  documents: ReadonlyMap<string, CitedDocument>;
  /** Usage of the whole call; null before the first response. */
  usage: Usage | null;
  handoffs: readonly { from: string; to: string; seq: number }[];
  /** Ids of the tool calls that wait for the caller's approval. */
  pendingApprovals: readonly string[];
  /** Start and end of each user message's speech, as seqs: they order messages that arrive late. */
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
    transportNote: null,
    pageLeft: false,
    callerSpeaks: false,
    waiting: null,
    settings: { pushToTalk: false, codec: "pcm16", voice: null, speed: null },
    endReason: null,
    lastSeq: 0,
    lastAtMs: 0,
    entries: [],
    metrics: new Map(),
    turns: [],
    voices: [],
    documents: new Map(),
    usage: null,
    handoffs: [],
    pendingApprovals: [],
    speech: new Map(),
    events: EventList.empty(),
  };
}
