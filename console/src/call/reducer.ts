/** Reducer of a call: `reduce(state, log event) -> state`. It is pure and the only source of the displayed call. */

import { insertionIndex } from "../transcript/transcript-order";
import type { Transport } from "../transport/api";
import type { LogFrame } from "../transport/frames";
import type { CallSettings, GuardrailChecked, MessageAdded } from "../transport/log-events";
import type { CallState, Message, Note, TranscriptEntry } from "./call-state";
import { withCheck, withLatency, withUsage } from "./metrics";
import { addToolProgress, finishTool, requestApproval, resolveApproval, startTool } from "./tool-runs";
import { trackVoices } from "./voice-spans";

/** The reason that the server logs for a link that it closes to change the audio transport. */
const TRANSPORT_CHANGED = "the caller changed the audio connection";
const TRANSPORTS: Record<Transport, string> = { webrtc: "WebRTC", websocket: "WebSocket" };
const CODECS: Record<CallState["settings"]["codec"], string> = {
  opus: "Opus",
  pcm16: "uncompressed",
  pcmu: "PCMU",
  pcma: "PCMA",
};

const SERVER_STATES = { up: "is up", lost: "was lost; reconnecting", failed: "cannot be reached; trying again" };

/** Apply one event to the state. An event that was applied before changes nothing. */
export function reduce(state: CallState, frame: LogFrame): CallState {
  if (frame.seq <= state.lastSeq) return state;
  const next = { ...state, lastSeq: frame.seq, lastAtMs: frame.at_ms, events: state.events.with(frame) };
  return trackVoices(apply(next, frame), frame);
}

function apply(state: CallState, frame: LogFrame): CallState {
  switch (frame.kind) {
    case "call.started":
      return addNote(
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
      return joinLeg({ ...state, pageLeft: false }, frame.transport);
    case "leg.lost":
      return { ...state, pageLeft: true };
    case "leg.reoffer_requested":
      if (state.pageLeft) return state; // the next page connects anyway
      return addNote(state, frame, "warning", `Reconnecting audio: ${frame.reason}`);
    case "link.up":
      return { ...state, link: "up", model: frame.model };
    case "link.lost": {
      if (frame.reason === TRANSPORT_CHANGED) {
        return addNote(
          { ...state, link: "opening", transportNote: entryBase(frame).key },
          frame,
          "plain",
          "Changing the audio transport",
        );
      }
      const detail = { reason: frame.reason, code: frame.code, retry_in_ms: frame.retry_in_ms };
      const lost: CallState = { ...state, link: "lost" };
      // Over WebRTC the page's audio goes to the model: both end together.
      if (state.pageLeft && state.transport === "webrtc")
        return addNote(lost, frame, "plain", "The page left, and the connection to the model ended with it", detail);
      return addNote(lost, frame, "warning", "The connection to the model was lost; reconnecting", detail);
    }
    case "link.restored": {
      if (state.link === "opening") return { ...state, link: "up" };
      const detail = { attempts: frame.attempts, lost_for_ms: frame.lost_for_ms, replayed: frame.replayed ?? 0 };
      return addNote({ ...state, link: "up" }, frame, "plain", "The connection to the model was restored", detail);
    }
    case "link.rolled_over":
      return addNote({ ...state, link: "up" }, frame, "plain", `A new connection to the model: ${frame.reason}`, {
        replayed: frame.replayed ?? 0,
      });
    case "model.changed":
      return addNote({ ...state, model: frame.model }, frame, "warning", `The model ${frame.model} takes over`, {
        reason: frame.reason,
        previous: frame.previous,
      });
    case "agent.changed":
      return changeAgent(state, frame.agent, frame.previous ?? null, frame);
    case "message.added":
      return addMessage(state, frame);
    case "message.delta":
      return updateMessage(state, frame.item_id, (message) => ({ ...message, text: message.text + frame.text }));
    case "message.done":
      return updateMessage(state, frame.item_id, (message) => ({
        ...message,
        text: frame.text,
        status: frame.status ?? "completed",
        hidden: message.hidden || frame.status === "ignored", // The note about it has its words.
      }));
    case "message.truncated":
      return updateMessage(state, frame.item_id, (message) => ({
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
      return startTool(state, frame);
    case "tool.progress":
      return addToolProgress(state, frame);
    case "approval.needed":
      return requestApproval(state, frame);
    case "approval.resolved":
      return resolveApproval(state, frame);
    case "tool.done":
      return finishTool(state, frame);
    case "mcp.server": {
      const detail = { agent: frame.agent, tools: frame.tools ?? [], problem: frame.problem };
      const tone = frame.status === "up" ? "plain" : "warning";
      return addNote(state, frame, tone, `MCP server ${frame.server} ${SERVER_STATES[frame.status]}`, detail);
    }
    case "guardrail.checked":
      return addCheck(state, frame);
    case "turn.waiting":
      return { ...state, waiting: frame };
    case "turn.latency":
      return withLatency(state, frame);
    case "usage.updated":
      return withUsage(state, frame);
    case "call.settings":
      return applySettings(state, frame);
    case "breadcrumb":
      return addNote(state, frame, "plain", frame.title, frame.data);
    case "filler.started":
      return addNote(state, frame, "plain", `Filler: ${frame.text}`, { ms: frame.ms, waiting_for: frame.for });
    case "audio.resumed":
      return addNote(state, frame, "plain", `The agent continues: ${saidOver(frame)}`);
    case "audio.interrupted":
      if (frame.reason === "caller_acted") return state;
      return addNote(state, frame, "plain", `The agent stops: ${saidOver(frame)}`);
    case "call.taken_over":
      return addNote(
        state,
        frame,
        frame.cause === "handed_over" ? "plain" : "warning",
        "Another server continues the call",
      );
    case "log.gap":
      return addNote(state, frame, "warning", `Events ${frame.from} to ${frame.to} were lost with the server`);
    case "store.degraded":
      return addNote(state, frame, "warning", `The call is not stored: ${frame.reason}`, {
        lost_events: frame.lost_events ?? 0,
      });
    case "store.restored":
      return addNote(state, frame, "plain", "The call is stored again", {
        degraded_ms: frame.degraded_ms,
        lost_events: frame.lost_events ?? 0,
      });
    case "notice":
      return addNote(state, frame, "plain", frame.message, frame.hint ?? { code: frame.code });
    case "error": {
      const detail = frame.hint ?? (frame.code ? { code: frame.code, source: frame.source ?? "call" } : undefined);
      return addNote(state, frame, "error", frame.message, detail);
    }
    case "call.ended":
      return addNote(
        {
          ...state,
          endReason: frame.reason,
          callerSpeaks: false,
          waiting: null,
          pendingApprovals: [],
          entries: state.entries.map(closeMessage),
        },
        frame,
        "plain",
        `Call ended: ${frame.reason}`,
      );
    default:
      return state; // Audio events, raw wire events and kinds of a newer server appear only in the event log.
  }
}

/** Return the caller's words over the agent, and the rule that decided. */
function saidOver({ words = "", reason }: { words?: string; reason: string }): string {
  const rule = reason.replaceAll("_", " ");
  return words === "" ? rule : `“${words}” (${rule})`;
}

function entryBase(frame: LogFrame): { key: string; seq: number; atMs: number } {
  return { key: `e${frame.seq}`, seq: frame.seq, atMs: frame.at_ms };
}

function append(state: CallState, entry: TranscriptEntry): CallState {
  return { ...state, entries: [...state.entries, entry] };
}

function addNote(state: CallState, frame: LogFrame, tone: Note["tone"], title: string, detail?: unknown): CallState {
  return append(state, { type: "note", ...entryBase(frame), tone, title, detail });
}

function addMessage(state: CallState, frame: LogFrame & MessageAdded): CallState {
  if (findMessage(state.entries, frame.item_id) !== -1) return state;
  const message: Message = {
    type: "message",
    ...entryBase(frame),
    itemId: frame.item_id,
    role: frame.role,
    agent: frame.agent ?? null,
    spoken: frame.spoken ?? false,
    hidden: frame.hidden ?? false,
    text: "",
    status: "streaming",
    heard: null,
    phase: frame.phase ?? null,
    images: frame.images ?? [],
  };
  const index = insertionIndex(state.entries, message.itemId, frame.previous_item_id ?? null, state.speech);
  return { ...state, entries: state.entries.toSpliced(index, 0, message) };
}

/** Find a message from the end, since events nearly always concern the newest. */
function findMessage(entries: readonly TranscriptEntry[], itemId: string): number {
  return entries.findLastIndex((entry) => entry.type === "message" && entry.itemId === itemId);
}

function updateMessage(state: CallState, itemId: string, changed: (message: Message) => Message): CallState {
  const index = findMessage(state.entries, itemId);
  const message = state.entries[index];
  if (message?.type !== "message") return state;
  return { ...state, entries: state.entries.with(index, changed(message)) };
}

function changeAgent(
  state: CallState,
  agent: string,
  previous: string | null,
  frame: LogFrame & { reason?: string },
): CallState {
  const handoffs =
    previous === null ? state.handoffs : [...state.handoffs, { from: previous, to: agent, seq: frame.seq }];
  return append(
    { ...state, agent, handoffs },
    { type: "agent", ...entryBase(frame), agent, previous, reason: frame.reason ?? null },
  );
}

/** Add a guardrail result; a tripped guardrail also adds a note. */
function addCheck(state: CallState, frame: LogFrame & GuardrailChecked): CallState {
  const withResult = withCheck(state, frame);
  if (frame.status !== "fail" || withResult === state) return withResult;
  const { category, rationale, text } = frame;
  const title = `Guardrail ${frame.guardrail} tripped${category === undefined ? "" : `: ${category}`}`;
  return addNote(withResult, frame, "error", title, { category, rationale, text });
}

/** Apply the caller's new leg. After a transport change, complete the note with the new transport. */
function joinLeg(state: CallState, transport: Transport): CallState {
  const joined: CallState = { ...state, transport, transportNote: null };
  const index = state.entries.findLastIndex(({ key }) => key === state.transportNote);
  const note = state.entries[index];
  if (note?.type !== "note") return joined;
  // Over WebRTC browser and model negotiate the codec, so that the log does not contain it.
  const codec = transport === "websocket" ? `, ${CODECS[state.settings.codec]}` : "";
  const label = `${TRANSPORTS[transport]}${codec}`;
  const title = transport === state.transport ? `Audio reconnected: ${label}` : `Audio transport changed: ${label}`;
  return { ...joined, entries: state.entries.with(index, { ...note, title }) };
}

/** Apply the call's settings and add a note about every change. */
function applySettings(state: CallState, frame: LogFrame & CallSettings): CallState {
  const before = state.settings;
  const settings = {
    pushToTalk: frame.push_to_talk ?? false,
    codec: frame.codec ?? "pcm16",
    voice: frame.voice ?? null,
    speed: frame.speed ?? null,
  };
  const changes = [
    settings.pushToTalk !== before.pushToTalk && `Push-to-talk ${settings.pushToTalk ? "on" : "off"}`,
    settings.codec !== before.codec && `Codec ${CODECS[settings.codec]}`,
    settings.voice !== before.voice && `Voice ${settings.voice ?? "of the scenario"}`,
    settings.speed !== before.speed && `Speed ${settings.speed ?? 1}`,
  ].filter((word) => word !== false);
  const configured: CallState = { ...state, settings };
  return changes.length === 0 ? configured : addNote(configured, frame, "plain", changes.join(", "));
}

/** Mark a message that was streaming at the call's end as interrupted. */
function closeMessage(entry: TranscriptEntry): TranscriptEntry {
  return entry.type === "message" && entry.status === "streaming" ? { ...entry, status: "interrupted" } : entry;
}

function withSpeech(state: CallState, itemId: string, times: { began: number; ended: number | null }): CallState {
  return { ...state, speech: new Map(state.speech).set(itemId, times) };
}

function startOf(iso: string): number | null {
  const start = Date.parse(iso);
  return Number.isNaN(start) ? null : start;
}
