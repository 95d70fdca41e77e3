/** Timeline of the whole call, which moves the playhead: both voices, and marks of handoffs, errors and notes. */
import { useSignalEffect } from "@preact/signals";
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import { hueClass } from "../agents/agent-hue";
import type { VoiceSpan } from "../call/call-state";
import { endOf } from "../call/voice-spans";
import { memo } from "../ui/memo";
import { callTime } from "../ui/time";
import type { LoadedCall, StoredCallModel } from "./stored-call";

interface OverviewProps {
  call: LoadedCall;
  model: StoredCallModel;
  agents: readonly string[];
}

export function Overview({ call, model, agents }: OverviewProps): VNode {
  const { player, replay } = call;
  const durationMs = Math.max(1, player.durationMs);
  const input = useRef<HTMLInputElement>(null);
  const line = useRef<HTMLDivElement>(null);
  const speakers = useRef<(ms: number) => string>(() => "");
  speakers.current = (ms) => speakerAt(replay.whole.voices, ms);
  useSignalEffect(() => {
    const ms = player.positionMs.value;
    if (input.current === null || line.current === null) return;
    input.current.value = String(Math.round(ms ?? 0));
    line.current.hidden = ms === null;
    line.current.style.left = `${(100 * (ms ?? 0)) / durationMs}%`;
    const words = ms === null ? "Whole call" : `${callTime(ms)} of ${callTime(durationMs)}${speakers.current(ms)}`;
    input.current.setAttribute("aria-valuetext", words);
  });
  return (
    <div class="overview">
      <div class="overview-marks">
        {call.marks.map(({ kind, atMs, title }, index) => (
          <button
            key={index}
            type="button"
            tabIndex={-1}
            class={`overview-mark overview-mark-${kind}`}
            style={{ left: `${(100 * atMs) / durationMs}%` }}
            title={`${title}, ${callTime(atMs)}`}
            aria-label={`${title}, ${callTime(atMs)}`}
            onClick={() => player.seek(atMs)}
          />
        ))}
        {model.notes.value.map(({ note_id, at_ms, text }) => (
          <button
            key={note_id}
            type="button"
            tabIndex={-1}
            class="overview-mark overview-mark-note"
            style={{ left: `${(100 * at_ms) / durationMs}%` }}
            title={`Note: ${text}`}
            aria-label={`Note: ${text}, ${callTime(at_ms)}`}
            onClick={() => player.seek(at_ms)}
          />
        ))}
      </div>
      <div class="overview-track">
        <Lanes voices={replay.whole.voices} agents={agents} durationMs={durationMs} />
        <div class="overview-line" ref={line} hidden />
        <input
          ref={input}
          type="range"
          class="overview-input"
          aria-label="Playhead"
          min={0}
          max={durationMs}
          step={1}
          defaultValue="0"
          onInput={(event) => player.seek(Number(event.currentTarget.value))}
        />
      </div>
    </div>
  );
}

interface LanesProps {
  voices: readonly VoiceSpan[];
  agents: readonly string[];
  durationMs: number;
}

/** The spans of each voice as one shape, since a long call has thousands. */
const Lanes = memo(({ voices, agents, durationMs }: LanesProps): VNode => {
  const shapes = new Map<string, string>();
  for (const span of voices) {
    const endMs = Math.max(endOf(span, durationMs), span.startMs + durationMs / 1000);
    const top = span.who === "caller" || span.who === "typed" ? 8 : 54;
    const name = span.who === "agent" && span.agent !== null ? hueClass(agents, span.agent) : `overview-${span.who}`;
    const shape = `M${span.startMs} ${top}H${endMs}V${top + 38}H${span.startMs}Z`;
    shapes.set(name, (shapes.get(name) ?? "") + shape);
  }
  return (
    <svg viewBox={`0 0 ${durationMs} 100`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {[...shapes].map(([name, shape]) => (
        <path key={name} class={name} d={shape} />
      ))}
    </svg>
  );
});

/** Return who speaks at a time, for a screen reader. */
function speakerAt(voices: readonly VoiceSpan[], ms: number): string {
  const span = voices.findLast((one) => one.startMs <= ms && ms <= endOf(one, Number.POSITIVE_INFINITY));
  if (span === undefined) return "";
  return span.who === "agent" ? `, ${span.agent ?? "agent"}` : span.who === "filler" ? ", filler" : ", you";
}
