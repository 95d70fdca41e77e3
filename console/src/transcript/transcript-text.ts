/** Export formats of a conversation: plain text, and JSON with every event. */
import type { CallState, TranscriptEntry } from "../call/call-state";
import type { CallerName } from "../timeline/caller-name";
import { duration, timeOfDay } from "../ui/time";

/** Format the conversation as plain text, one line for each entry with its time. */
export function asText(call: CallState, callerName: CallerName): string {
  const lines = call.entries.flatMap((entry) => {
    const text = entryText(entry, callerName);
    return text === null ? [] : [`[${timeOfDay(call.startedAt, entry.atMs)}] ${text}`];
  });
  return `${lines.join("\n")}\n`;
}

/** Serialize the call, its transcript and every event that the page has. */
export function asJson(call: CallState): string {
  const { callId, scenario, provider, model, transport, startedAt, endReason, usage } = call;
  const transcript = call.entries.flatMap((entry) =>
    entryText(entry, "Caller") === null ? [] : [exportedEntry(entry, call)],
  );
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

/** Return an entry as text; null for entries that the page hides too. */
function entryText(entry: TranscriptEntry, callerName: CallerName): string | null {
  switch (entry.type) {
    case "message": {
      if (entry.hidden || (entry.role === "assistant" && entry.text === "")) return null;
      const others = entry.role === "user" ? callerName : "System";
      const speaker = entry.role === "assistant" ? (entry.agent ?? "Agent") : others;
      const text =
        entry.status === "inaudible"
          ? "[inaudible]"
          : entry.text || (entry.status === "streaming" ? "[Transcribing…]" : "[not recognised]");
      return `${speaker}: ${text}${interruptionSuffix(entry)}`;
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

function interruptionSuffix(message: TranscriptEntry & { type: "message" }): string {
  if (message.heard !== null) {
    if (message.heard.text === message.text) return ""; // The caller heard every word.
    return ` [heard: ${message.heard.text ?? duration(message.heard.ms)}]`;
  }
  return message.status === "interrupted" ? " [interrupted]" : "";
}

function exportedEntry(entry: TranscriptEntry, call: CallState): Record<string, unknown> {
  const { key: _key, atMs, ...rest } = entry;
  const metrics = entry.type === "message" ? call.metrics.get(entry.itemId) : undefined;
  return { at_ms: atMs, ...rest, ...(metrics && { metrics }) };
}
