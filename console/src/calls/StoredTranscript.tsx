/** The conversation of a stored call: entries after the playhead are dimmed, and the present one stays in view. */
import type { VNode } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import type { LevelHistory } from "../audio/level-history";
import type { CallState, TranscriptEntry } from "../call/call-state";
import { VoiceTimeline } from "../timeline/VoiceTimeline";
import { CallMetrics } from "../transcript/CallMetrics";
import { Entry, isShown } from "../transcript/Transcript";
import { TranscriptActions } from "../transcript/TranscriptActions";
import type { ScenarioInfo } from "../transport/api";
import { useFollow } from "../ui/follow";
import { Icon } from "../ui/icons";
import { JumpButton } from "../ui/JumpButton";
import { timelineShown } from "../ui/layout-state";
import { memo } from "../ui/memo";
import { callTime } from "../ui/time";
import type { CallNote } from "./calls-api";
import { NoteEntry } from "./NoteEntry";
import type { LoadedCall, StoredCallModel } from "./stored-call";

interface StoredTranscriptProps {
  call: LoadedCall;
  model: StoredCallModel;
  scenario: ScenarioInfo;
  agents: readonly string[];
  levels: LevelHistory;
}

/** Rendered again only with a new call: the playhead's line moves by itself. */
const StillTimeline = memo((props: Parameters<typeof VoiceTimeline>[0]) => <VoiceTimeline {...props} />);

export function StoredTranscript({ call, model, scenario, agents, levels }: StoredTranscriptProps): VNode {
  const { player, replay } = call;
  const { whole } = replay;
  const seen = player.call.value;
  const isWhole = player.positionMs.value === null;
  const container = useRef<HTMLDivElement>(null);
  const timelineId = useId();
  const shown = entriesAt(whole, seen);
  const now = isWhole ? null : (shown.findLast(({ seq }) => seq <= seen.lastSeq)?.seq ?? null);
  const { following, resume } = useFollow(now, (seq) => scrollTo(container.current, seq), container);
  const notes = model.notes.value;
  useLayoutEffect(() => {
    if (following && now !== null) scrollTo(container.current, now);
  }, [timelineShown.value]);
  // A citation opens its document at each moment; other documents would draw all messages again.
  const then = { ...seen, documents: whole.documents };
  return (
    <section class="transcript" aria-label="Transcript">
      <header class="pane-head">
        <h2>Transcript</h2>
        <CallMetrics call={seen} />
        <TranscriptActions timelineId={timelineId} call={whole} />
      </header>
      {timelineShown.value && <StillTimeline id={timelineId} call={whole} agents={agents} levels={levels} />}
      <div class="scroll" ref={container} tabIndex={0}>
        <div class="transcript-list stored-list">
          <div class="intro">
            <h3 dir="auto">{scenario.title || scenario.name}</h3>
            {scenario.description && <p dir="auto">{scenario.description}</p>}
          </div>
          {withNotes(shown, notes).map((item) =>
            "note_id" in item ? (
              <div key={item.note_id} class="moment">
                <PlayFrom atMs={item.at_ms} call={call} />
                <NoteEntry note={item} model={model} startedAt={whole.startedAt} />
              </div>
            ) : (
              <div
                key={item.key}
                class={`moment${item.seq > seen.lastSeq ? " moment-later" : ""}${item.seq === now ? " moment-now" : ""}`}
                data-seq={item.seq}
                aria-current={item.seq === now ? "true" : undefined}
              >
                <PlayFrom atMs={item.atMs} call={call} />
                <Entry entry={item} call={item.seq > seen.lastSeq ? whole : then} scenario={scenario} agents={agents} />
              </div>
            ),
          )}
        </div>
      </div>
      {!following && now !== null && <JumpButton onClick={resume} label="Jump to the playhead" />}
    </section>
  );
}

/** Button beside an entry. The keys and the player do the same for the keyboard. */
function PlayFrom({ atMs, call: { player } }: { atMs: number; call: LoadedCall }): VNode {
  const words = `Play from ${callTime(atMs)}`;
  const run = (): void => {
    player.seek(atMs);
    player.play();
  };
  return (
    <button type="button" class="moment-play" tabIndex={-1} aria-label={words} title={words} onClick={run}>
      <Icon name="play" />
    </button>
  );
}

/** Return the entries of the whole call; those that the playhead has reached as they were seen there. */
export function entriesAt(whole: CallState, seen: CallState): TranscriptEntry[] {
  if (whole === seen) return whole.entries.filter(isShown);
  const bySeq = new Map(seen.entries.map((entry) => [entry.key, entry]));
  return whole.entries.filter(isShown).map((entry) => bySeq.get(entry.key) ?? entry);
}

function withNotes(entries: readonly TranscriptEntry[], notes: readonly CallNote[]): (TranscriptEntry | CallNote)[] {
  const items: (TranscriptEntry | CallNote)[] = [];
  let next = 0;
  for (const entry of entries) {
    for (let note = notes[next]; note !== undefined && note.at_ms < entry.atMs; note = notes[next]) {
      items.push(note);
      next += 1;
    }
    items.push(entry);
  }
  return [...items, ...notes.slice(next)];
}

/** Margin in px above and below the present entry. */
const MARGIN_PX = 48;

/** Scroll to an entry, if it is not in view. */
function scrollTo(container: HTMLElement | null, seq: number): void {
  const entry = container?.querySelector<HTMLElement>(`:scope > * > [data-seq="${seq}"]`);
  if (!container || !entry) return;
  const frame = container.getBoundingClientRect();
  const { top, bottom } = entry.getBoundingClientRect();
  if (top >= frame.top + MARGIN_PX && bottom <= frame.bottom - MARGIN_PX) return;
  container.scrollTop += top - frame.top - Math.max(MARGIN_PX, (container.clientHeight - (bottom - top)) * 0.4);
}
