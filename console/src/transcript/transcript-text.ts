/** The conversation to take along: as plain text, and with every event as JSON. */
import type { CallState, Entry } from "../call/call-state";
import { duration, timeOfDay } from "../ui/time";

/** The conversation as a person would note it down: times, speakers, what happened between. */
export function asText(call: CallState): string {
  const lines = call.entries.flatMap((entry) => {
    const words = lineOf(entry);
    return words === null ? [] : [`[${timeOfDay(call.startedAt, entry.atMs)}] ${words}`];
  });
  return `${lines.join("\n")}\n`;
}

/** What is known of the call, the conversation, and every event that the page has. */
export function asJson(call: CallState): string {
  const { callId, scenario, provider, model, transport, startedAt, endReason, usage } = call;
  const transcript = call.entries.flatMap((entry) => (lineOf(entry) === null ? [] : [described(entry, call)]));
  const events = Array.from({ length: call.events.length }, (_, index) => call.events.at(index));
  const about = {
    call_id: callId,
    scenario,
    provider,
    model,
    transport,
    started_at: startedAt === null ? null : new Date(startedAt).toISOString(),
    end_reason: endReason,
    usage,
  };
  return JSON.stringify({ ...about, transcript, events }, null, 2);
}

/** Null for what is not shown either. */
function lineOf(entry: Entry): string | null {
  switch (entry.type) {
    case "message": {
      if (entry.hidden || (entry.role === "assistant" && entry.text === "")) return null;
      const speaker = entry.role === "assistant" ? (entry.agent ?? "Agent") : entry.role === "user" ? "You" : "System";
      const words = entry.status === "inaudible" ? "[inaudible]" : entry.text || (entry.status === "growing" ? "[Transcribing…]" : "[not recognised]");
      return `${speaker}: ${words}${cutOf(entry)}`;
    }
    case "agent":
      return entry.previous === null ? `${entry.agent} answers` : `${entry.previous} hands over to ${entry.agent}`;
    case "tool": {
      const indent = "  ".repeat(entry.depth);
      const call = `${indent}${entry.name}(${entry.args === undefined ? "" : JSON.stringify(entry.args)})`;
      const steps = entry.progress.map(({ message }) => `\n  ${indent}${message}`).join("");
      if (entry.outcome === null) return call + steps;
      const result = entry.outcome.error ?? JSON.stringify(entry.outcome.result);
      return `${call} → ${result} (${duration(entry.outcome.durationMs)})${steps}`;
    }
    case "note":
      return `${entry.title}${typeof entry.detail === "string" ? ` ${entry.detail}` : ""}`;
  }
}

function cutOf(message: Entry & { type: "message" }): string {
  if (message.heard !== null) return ` [heard: ${message.heard.text ?? duration(message.heard.ms)}]`;
  return message.status === "interrupted" ? " [interrupted]" : "";
}

function described(entry: Entry, call: CallState): Record<string, unknown> {
  const { key: _key, atMs, ...rest } = entry;
  const measures = entry.type === "message" ? call.measures.get(entry.itemId) : undefined;
  return { at_ms: atMs, ...rest, ...(measures && { measures }) };
}
