/** Timeline of the voices and the waits of a call. A click shows the moment. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { hueClass } from "../agents/agent-hue";
import { levelFraction } from "../audio/LevelMeter";
import type { LevelHistory } from "../audio/level-history";
import type { CallState, TurnWait, VoiceSpan } from "../call/call-state";
import { endOf, overlapsOf } from "../call/voice-spans";
import { callTime, duration } from "../ui/time";
import { type CallerName, useCallerName } from "./caller-name";
import { PlayheadLine } from "./PlayheadLine";
import { PlaybackContext } from "./playback";
import { onRovingKey } from "./roving-focus";
import { useShowMoment } from "./show-moment";
import { type TimeScale, timeScale } from "./time-scale";
import { describeWait } from "./wait-words";

interface VoiceTimelineProps {
  id: string;
  call: CallState;
  agents: readonly string[];
  levels: LevelHistory;
}

export function VoiceTimeline({ id, call, agents, levels }: VoiceTimelineProps): VNode {
  const view = useRef<HTMLDivElement>(null);
  const width = useSignal(600);
  useLayoutEffect(() => {
    const element = view.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => (width.value = element.clientWidth || 600));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const nowMs = call.lastAtMs;
  const scale = timeScale(nowMs, width.value, call.endReason !== null);
  const playback = useContext(PlaybackContext);
  const showMoment = useShowMoment(call);
  const followsEnd = useRef(playback === null);
  useEffect(() => {
    const element = view.current;
    if (element && followsEnd.current) element.scrollLeft = element.scrollWidth;
  }, [scale.width]);
  const callerName = useCallerName();
  const shown = call.voices.filter(({ startMs }) => startMs <= nowMs);
  const lane = { agents, scale, nowMs, levels };
  const last = shown.at(-1);
  return (
    <section class="voices" id={id} aria-label="Timeline" dir="ltr">
      <div class="voices-names" aria-hidden="true">
        <span>{callerName}</span>
        <span>Agent</span>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons in it are for the keyboard. */}
      <div
        class="voices-view"
        ref={view}
        onKeyDown={onRovingKey}
        onScroll={({ currentTarget: { scrollLeft, clientWidth, scrollWidth } }) => {
          followsEnd.current = scrollWidth - scrollLeft - clientWidth < 32;
        }}
        onClick={({ currentTarget, target, clientX }) => {
          if (target instanceof Element && target.closest("button")) return;
          const x = clientX - currentTarget.getBoundingClientRect().left + currentTarget.scrollLeft;
          showMoment(scale.ms(x));
        }}
      >
        <div class="voices-track" style={{ inlineSize: `${scale.width}px` }}>
          <Axis scale={scale} />
          {overlapsOf(shown, nowMs).map(({ startMs, endMs }) => (
            <div key={startMs} class="voices-overlap" style={place(scale, startMs, endMs)} />
          ))}
          <ul class="voices-lane" aria-label={callerName}>
            {shown.filter(isCaller).map((span) => (
              <Span key={span.seq} span={span} stop={span === last} call={call} {...lane} />
            ))}
          </ul>
          <div class="voices-waits" aria-hidden="true">
            {call.turns.map((turn) => (
              <Wait key={turn.seq} turn={turn} scale={scale} />
            ))}
          </div>
          <ul class="voices-lane" aria-label="Agent">
            {shown
              .filter((span) => !isCaller(span))
              .map((span) => (
                <Span key={span.seq} span={span} stop={span === last} call={call} {...lane} />
              ))}
          </ul>
          {playback && <PlayheadLine playback={playback} scale={scale} view={view} />}
        </div>
      </div>
      {shown.length === 0 && <p class="voices-none muted">Nobody has spoken yet.</p>}
    </section>
  );
}

function Axis({ scale }: { scale: TimeScale }): VNode {
  return (
    <div class="voices-axis" aria-hidden="true">
      {scale.ticks.map((ms) => (
        <span key={ms} style={{ left: `${scale.x(ms)}px` }}>
          {callTime(ms)}
        </span>
      ))}
    </div>
  );
}

interface SpanProps {
  span: VoiceSpan;
  /** True for the button that Tab reaches. */
  stop: boolean;
  call: CallState;
  agents: readonly string[];
  scale: TimeScale;
  nowMs: number;
  levels: LevelHistory;
}

function Span({ span, stop, call, agents, scale, nowMs, levels }: SpanProps): VNode {
  const { who, agent, startMs } = span;
  const showMoment = useShowMoment(call);
  const endMs = endOf(span, nowMs);
  const words = describeSpan(span, endMs, useCallerName());
  const hue = who === "agent" && agent !== null ? ` ${hueClass(agents, agent)}` : "";
  return (
    <li>
      <button
        type="button"
        class={`voice voice-${who}${hue}${span.cut ? " voice-cut" : ""}`}
        style={place(scale, startMs, endMs)}
        tabIndex={stop ? 0 : -1}
        data-at={startMs}
        aria-label={words}
        title={words}
        onClick={() => showMoment(startMs, span)}
      >
        {(who === "caller" || who === "agent") && <Levels levels={levels.between(who, startMs, endMs)} />}
      </button>
    </li>
  );
}

/** Level of a voice as a shape around the middle of its bar. */
function Levels({ levels }: { levels: readonly number[] }): VNode | null {
  if (levels.length < 2) return null;
  const heights = levels.map((level) => Math.max(0.04, levelFraction(level)) * 50);
  const upper = heights.map((height, index) => `${index},${(50 - height).toFixed(1)}`);
  const lower = heights.map((height, index) => `${index},${(50 + height).toFixed(1)}`).reverse();
  return (
    <svg viewBox={`0 0 ${levels.length - 1} 100`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <polygon points={[...upper, ...lower].join(" ")} />
    </svg>
  );
}

/** The parts of a turn's latency, up to the first audio that the caller heard. */
function Wait({ turn, scale }: { turn: TurnWait; scale: TimeScale }): VNode {
  // The log has the turn when the audio starts; then it still has to reach the caller.
  const heardMs = turn.atMs + (turn.parts.find(({ name }) => name === "playout")?.ms ?? 0);
  return (
    <div class="voices-wait" style={place(scale, heardMs - turn.totalMs, heardMs)} title={describeWait(turn)}>
      {turn.parts.map(({ name, ms }) => (
        <span key={name} class={`part part-${name}`} style={{ flexGrow: ms }} />
      ))}
    </div>
  );
}

function place(scale: TimeScale, startMs: number, endMs: number): { left: string; width: string } {
  const left = scale.x(Math.max(0, startMs));
  return { left: `${left.toFixed(1)}px`, width: `${Math.max(0, scale.x(endMs) - left).toFixed(1)}px` };
}

function isCaller({ who }: VoiceSpan): boolean {
  return who === "caller" || who === "typed";
}

/** Return the words for a span: speaker, times and what happened to it. */
function describeSpan({ who, agent, startMs, cut }: VoiceSpan, endMs: number, callerName: CallerName): string {
  const from = callTime(startMs);
  if (who === "typed") return `${callerName} typed at ${from}`;
  const speaker = who === "caller" ? callerName : who === "filler" ? "Filler" : (agent ?? "Agent");
  return `${speaker} at ${from}, for ${duration(Math.max(0, endMs - startMs))}${cut ? ", interrupted" : ""}`;
}
