/** One-line summaries of log events: direction, name and the main content. */

import { tokenCount } from "../call/metrics";
import type { LogFrame } from "../transport/frames";
import type { UsageUpdated } from "../transport/log-events";
import { dollars, percent } from "../ui/numbers";
import { duration } from "../ui/time";

export interface EventLine {
  direction: "up" | "down" | "own";
  name: string;
  summary: string;
  tone: "plain" | "error" | "warning";
}

const MAX_CHARACTERS = 160;

export function lineOf(frame: LogFrame): EventLine {
  if (frame.kind === "wire.sent" || frame.kind === "wire.received") {
    const { event } = frame;
    const name = typeof event.type === "string" ? event.type : frame.kind;
    const direction = frame.kind === "wire.sent" ? "up" : "down";
    return { direction, name, summary: short(wireSummary(event)), tone: wireTone(event, name) };
  }
  return { direction: "own", name: frame.kind, summary: short(summary(frame)), tone: tone(frame) };
}

/** Return the payload that an expanded row shows. */
export function payloadOf(frame: LogFrame): unknown {
  return frame.kind === "wire.sent" || frame.kind === "wire.received" ? frame.event : frame;
}

const searchTexts = new WeakMap<LogFrame, string>();

/** Return whether the event contains all words of a filter, in lower case. */
export function matchesWords(frame: LogFrame, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  let text = searchTexts.get(frame);
  if (text === undefined) {
    const direction = frame.kind === "wire.sent" ? "▲" : frame.kind === "wire.received" ? "▼" : "";
    text = `${direction} ${JSON.stringify(frame)}`.toLowerCase();
    searchTexts.set(frame, text);
  }
  const haystack = text;
  return words.every((word) => haystack.includes(word));
}

function summary(frame: LogFrame): string {
  switch (frame.kind) {
    case "call.started":
      return `${frame.scenario} · ${frame.provider} · ${frame.model}`;
    case "agent.changed":
      return frame.previous ? `${frame.previous} → ${frame.agent}` : frame.agent;
    case "model.changed":
      return `${frame.previous} → ${frame.model}`;
    case "message.added":
      return [frame.role, frame.agent, frame.spoken ? "spoken" : "", frame.hidden ? "hidden" : ""]
        .filter(Boolean)
        .join(" · ");
    case "message.delta":
      return frame.text;
    case "message.done":
      return `${frame.status && frame.status !== "completed" ? `[${frame.status}] ` : ""}${frame.text}`;
    case "message.truncated":
      return `${frame.heard_ms} ms heard`;
    case "tool.started":
      return `${frame.name}(${compact(frame.arguments)})`;
    case "tool.done":
      return `${frame.name} · ${frame.duration_ms} ms · ${frame.error ?? compact(frame.result ?? null)}`;
    case "tool.progress":
      return [frame.message, frame.fraction !== undefined && percent(frame.fraction)].filter(Boolean).join(" · ");
    case "notice":
      return frame.message;
    case "approval.needed":
      return `${frame.name}(${compact(frame.arguments)})`;
    case "approval.resolved":
      return [frame.approved ? "allowed" : "refused", frame.reason].filter(Boolean).join(" · ");
    case "guardrail.checked":
      return [frame.guardrail, frame.status, frame.category, frame.rationale].filter(Boolean).join(" · ");
    case "turn.waiting":
      return [frame.for, ...(frame.tools ?? []), frame.agent].filter(Boolean).join(" · ");
    case "turn.stalled":
      return `${frame.for} · nothing for ${frame.silent_ms} ms`;
    case "turn.latency":
      return `${frame.total_ms} ms = ${frame.parts.map(({ name, ms }) => `${name} ${ms}`).join(" + ")}`;
    case "usage.updated":
      return [frame.source, used(frame), frame.cost !== undefined && dollars(frame.cost)].filter(Boolean).join(" · ");
    case "audio.started":
      return frame.delay_ms === undefined ? "" : `heard after ${frame.delay_ms} ms`;
    case "audio.cleared":
      return "the rest is not played";
    case "audio.ducked":
      return "the caller speaks: the agent is held";
    case "audio.resumed":
      return `${reason(frame.reason)}: the agent continues${quoted(frame.words)}`;
    case "audio.interrupted":
      return `${reason(frame.reason)}: the agent stops${quoted(frame.words)}`;
    case "filler.started":
      return frame.text;
    case "filler.done":
    case "audio.done":
      return `${frame.ms} ms`;
    case "audio.stats":
      return `sent ${frame.sent_ms} ms in ${frame.sent_frames}, received ${frame.received_ms} ms in ${frame.received_frames}`;
    case "breadcrumb":
      return frame.title;
    case "error":
      return frame.message;
    case "call.ended":
    case "call.handed_over":
    case "call.taken_over":
    case "leg.lost":
    case "leg.reoffer_requested":
    case "link.lost":
    case "link.rolled_over":
      return frame.reason;
    case "link.restored":
      return `after ${frame.lost_for_ms} ms, ${frame.replayed ?? 0} items replayed`;
    case "log.gap":
      return `events ${frame.from} to ${frame.to} were lost`;
    case "store.degraded":
      return `${frame.reason}${lost(frame.lost_events)}`;
    case "store.restored":
      return `after ${frame.degraded_ms} ms${lost(frame.lost_events)}`;
    case "link.up":
      return frame.model;
    case "leg.joined":
      return frame.transport;
    case "speech.started":
    case "speech.stopped":
      return frame.audio_ms === undefined ? "" : `at ${frame.audio_ms} ms of audio`;
    default: {
      const { seq, at_ms, kind, ...rest } = frame as LogFrame & Record<string, unknown>;
      return Object.keys(rest).length > 0 ? compact(rest) : "";
    }
  }
}

function lost(events = 0): string {
  return events === 0 ? "" : ` · ${events} events lost`;
}

/** Return the detector's reason in words. */
function reason(code: string): string {
  return code.replaceAll("_", " ");
}

function quoted(words = ""): string {
  return words === "" ? "" : ` · “${words}”`;
}

function used({ tokens, seconds = 0 }: UsageUpdated): string {
  return seconds > 0 ? `${duration(1000 * seconds)} of audio` : `${tokenCount(tokens)} tokens`;
}

const WARNINGS: ReadonlySet<string> = new Set(["leg.lost", "link.lost", "log.gap", "store.degraded"]);

function tone(frame: LogFrame): EventLine["tone"] {
  if (frame.kind === "error" || (frame.kind === "tool.done" && frame.error !== undefined)) return "error";
  if (frame.kind === "guardrail.checked" && (frame.status === "fail" || frame.status === "error")) return "error";
  if (frame.kind === "call.taken_over") return frame.cause === "handed_over" ? "plain" : "warning";
  return WARNINGS.has(frame.kind) ? "warning" : "plain";
}

function wireTone(event: Record<string, unknown>, name: string): EventLine["tone"] {
  if (name === "error" || name.endsWith(".failed")) return "error";
  return object(event.response)?.status === "failed" ? "error" : "plain";
}

/** Return the main content of a wire event, whose field depends on the type. */
function wireSummary(event: Record<string, unknown>): string {
  const item = object(event.item);
  const response = object(event.response);
  const candidates = [
    object(event.error)?.message,
    event.delta,
    event.transcript,
    event.text,
    event.arguments,
    item && [item.role ?? item.type, item.name ?? contentOf(item)].filter(Boolean).join(" · "),
    response && (response.status ?? response.instructions),
    event.audio_start_ms ?? event.audio_end_ms,
    event.item_id,
  ];
  const found = candidates.find((word) => (typeof word === "string" && word !== "") || typeof word === "number");
  return found === undefined ? "" : String(found);
}

function contentOf(item: Record<string, unknown>): string {
  const content = Array.isArray(item.content) ? item.content : [];
  const texts = content.map((part) => object(part)?.text ?? object(part)?.transcript);
  return texts.filter((text): text is string => typeof text === "string").join(" ") || String(item.output ?? "");
}

function object(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function compact(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function short(text: string): string {
  const line = text.length > 2 * MAX_CHARACTERS ? text.slice(0, 2 * MAX_CHARACTERS) : text;
  const joined = line.replace(/\s+/g, " ").trim();
  return joined.length > MAX_CHARACTERS ? `${joined.slice(0, MAX_CHARACTERS)}…` : joined;
}
