/** A call as it is shown: `reduce(state, log event) -> state`, pure, and the only source of what is on the page. */
import type { Transport } from "../transport/api";
import type { AgentChange, CallState, Entry, Message, Note, ToolRun } from "./call-state";
import type { LogFrame } from "../transport/frames";
import type { CallSettings, GuardrailChecked, MessageAdded } from "../transport/log-events";
import { withCheck, withTurn, withUsage } from "./metrics";
import { placeOf } from "../transcript/transcript-order";
import { answerForTool, askForTool, finishTool, progressTool, startTool } from "./tool-runs";

export { emptyCall } from "./call-state";
export type { AgentChange, CallState, Entry, Message, Note, ToolRun };

/** Why a link is given up where nothing is wrong: the caller's page has chosen another transport. */
const CHOSEN = "the caller came another way";
const TRANSPORTS: Record<Transport, string> = { webrtc: "WebRTC", websocket: "WebSocket" };
const CODECS: Record<CallState["settings"]["codec"], string> = { opus: "Opus", pcm16: "uncompressed", pcmu: "PCMU", pcma: "PCMA" };

/** The state after one more event. An event that was seen before changes nothing. */
export function reduce(state: CallState, frame: LogFrame): CallState {
  if (frame.seq <= state.lastSeq) return state;
  return step({ ...state, lastSeq: frame.seq, lastAtMs: frame.at_ms, events: state.events.with(frame) }, frame);
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
      return join(state, frame.transport);
    case "leg.reoffer_requested":
      return note(state, frame, "warning", `The sound's connection is made anew: ${frame.reason}`);
    case "link.up":
      return { ...state, link: "up", model: frame.model };
    case "link.lost": {
      if (frame.reason === CHOSEN) {
        return note({ ...state, link: "opening", rerouted: placed(frame).key }, frame, "plain", "The sound takes another way");
      }
      const detail = { reason: frame.reason, code: frame.code, retry_in_ms: frame.retry_in_ms };
      return note({ ...state, link: "lost" }, frame, "warning", "The model's connection was lost; trying again", detail);
    }
    case "link.restored": {
      if (state.link === "opening") return { ...state, link: "up" };
      const detail = { attempts: frame.attempts, lost_for_ms: frame.lost_for_ms, replayed: frame.replayed ?? 0 };
      return note({ ...state, link: "up" }, frame, "plain", "The model is connected again", detail);
    }
    case "link.rolled_over":
      return note({ ...state, link: "up" }, frame, "plain", `A new connection to the model: ${frame.reason}`, { replayed: frame.replayed ?? 0 });
    case "agent.changed":
      return changeAgent(state, frame.agent, frame.previous ?? null, frame);
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
      return startTool(state, frame);
    case "tool.progress":
      return progressTool(state, frame);
    case "approval.needed":
      return askForTool(state, frame);
    case "approval.resolved":
      return answerForTool(state, frame);
    case "tool.done":
      return finishTool(state, frame);
    case "guardrail.checked":
      return addCheck(state, frame);
    case "turn.latency":
      return withTurn(state, frame);
    case "usage.updated":
      return withUsage(state, frame);
    case "call.settings":
      return settle(state, frame);
    case "breadcrumb":
      return note(state, frame, "plain", frame.title, frame.data);
    case "notice":
      return note(state, frame, "plain", frame.message, frame.hint ?? { code: frame.code });
    case "error": {
      const detail = frame.hint ?? (frame.code ? { code: frame.code, source: frame.source ?? "call" } : undefined);
      return note(state, frame, "error", frame.message, detail);
    }
    case "call.ended":
      return note(
        { ...state, endReason: frame.reason, callerSpeaks: false, asking: [], entries: state.entries.map(settled) },
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

function changeAgent(state: CallState, agent: string, previous: string | null, frame: LogFrame & { reason?: string }): CallState {
  const handoffs = previous === null ? state.handoffs : [...state.handoffs, { from: previous, to: agent, seq: frame.seq }];
  return append({ ...state, agent, handoffs }, { type: "agent", ...placed(frame), agent, previous, reason: frame.reason ?? null });
}

/** A guardrail that trips is also a note of its own. */
function addCheck(state: CallState, frame: LogFrame & GuardrailChecked): CallState {
  const checked = withCheck(state, frame);
  if (frame.status !== "fail" || checked === state) return checked;
  const { category, rationale, text } = frame;
  const title = `Guardrail ${frame.guardrail} tripped${category === undefined ? "" : `: ${category}`}`;
  return note(checked, frame, "error", title, { category, rationale, text });
}

/** The caller's side is there. Where the page has chosen another way for the sound, the note of that says which. */
function join(state: CallState, transport: Transport): CallState {
  const joined = { ...state, transport, rerouted: null };
  const index = state.entries.findLastIndex(({ key }) => key === state.rerouted);
  const rerouted = state.entries[index];
  if (rerouted?.type !== "note") return joined;
  // Over WebRTC the codec is between browser and model, and the log does not know it.
  const codec = transport === "websocket" ? `, ${CODECS[state.settings.codec]}` : "";
  const way = `${TRANSPORTS[transport]}${codec}`;
  const title = transport === state.transport ? `The sound takes a new connection: ${way}` : `The sound takes another way: ${way}`;
  return { ...joined, entries: state.entries.with(index, { ...rerouted, title }) };
}

/** What was chosen; a note says what is another choice than before. */
function settle(state: CallState, frame: LogFrame & CallSettings): CallState {
  const before = state.settings;
  const settings = {
    pushToTalk: frame.push_to_talk ?? false,
    codec: frame.codec ?? "pcm16",
    voice: frame.voice ?? null,
    speed: frame.speed ?? null,
  };
  const words = [
    settings.pushToTalk !== before.pushToTalk && `Push-to-talk ${settings.pushToTalk ? "on" : "off"}`,
    settings.codec !== before.codec && `Codec ${CODECS[settings.codec]}`,
    settings.voice !== before.voice && `Voice ${settings.voice ?? "of the scenario"}`,
    settings.speed !== before.speed && `Speed ${settings.speed ?? 1}`,
  ].filter((word) => word !== false);
  const settled = { ...state, settings };
  return words.length === 0 ? settled : note(settled, frame, "plain", words.join(", "));
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
