/** The conversation of a stored call: entries after the playhead are dimmed, and the present one stays in view. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import type { LevelHistory } from "../audio/level-history";
import type { CallState, Message, MessageMetrics, TranscriptEntry } from "../call/call-state";
import { VoiceTimeline } from "../timeline/VoiceTimeline";
import { Bubble } from "../transcript/Bubble";
import { CallMetrics } from "../transcript/CallMetrics";
import { TimelineEntry } from "../transcript/TimelineEntry";
import { isShown } from "../transcript/Transcript";
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
import type { Player } from "./player";
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
  const present = isWhole ? undefined : shown.findLast(({ seq }) => seq <= seen.lastSeq);
  const now = present?.seq ?? null;
  const nowMs = present?.atMs ?? 0;
  const { following, resume } = useFollow(now, (seq) => scrollTo(container.current, seq), container);
  const notes = model.notes.value;
  // A call of an hour has thousands of entries: the page is shown with the first ones, and the others follow.
  const first = useSignal(true);
  useEffect(() => {
    const timer = setTimeout(() => (first.value = false));
    return () => clearTimeout(timer);
  }, []);
  const items = withNotes(shown, notes);
  useLayoutEffect(() => {
    if (following && now !== null) scrollTo(container.current, now);
  }, [timelineShown.value, first.value]);
  return (
    <section class="transcript" aria-label="Transcript">
      <header class="pane-head">
        <h2>Transcript</h2>
        <CallMetrics call={seen} />
        <TranscriptActions timelineId={timelineId} call={whole} />
      </header>
      {timelineShown.value && <StillTimeline id={timelineId} call={whole} agents={agents} levels={levels} />}
      <div class="scroll" ref={container} tabIndex={0}>
        <div class={`transcript-list stored-list${!isWhole && present === undefined ? " stored-list-before" : ""}`}>
          <div class="intro">
            <h3 dir="auto">{scenario.title || scenario.name}</h3>
            {scenario.description && <p dir="auto">{scenario.description}</p>}
          </div>
          {(first.value ? items.slice(0, FIRST_ENTRIES) : items).map((item) =>
            "note_id" in item ? (
              <div key={item.note_id} class="moment moment-note">
                <PlayFrom atMs={item.at_ms} player={player} />
                <NoteEntry note={item} model={model} startedAt={whole.startedAt} />
              </div>
            ) : (
              <MomentRow
                key={item.key}
                entry={item}
                metrics={item.type === "message" ? metricsAt(item, seen, whole) : undefined}
                isNow={item.seq === now}
                // Late words of the caller stand before the present entry.
                isUnseen={item.seq > seen.lastSeq && item.atMs < nowMs}
                whole={whole}
                scenario={scenario}
                agents={agents}
                player={player}
              />
            ),
          )}
        </div>
      </div>
      {!following && now !== null && <JumpButton onClick={resume} label="Jump to the playhead" />}
    </section>
  );
}

const FIRST_ENTRIES = 60;

interface MomentRowProps {
  entry: TranscriptEntry;
  metrics: MessageMetrics | undefined;
  isNow: boolean;
  isUnseen: boolean;
  whole: CallState;
  scenario: ScenarioInfo;
  agents: readonly string[];
  player: Player;
}

/** An entry; rendered again only if it changes: a long call has thousands. */
const MomentRow = memo(
  ({ entry, metrics, isNow, isUnseen, whole, scenario, agents, player }: MomentRowProps): VNode => (
    <div
      class={`moment${isNow ? " moment-now" : ""}${isUnseen ? " moment-unseen" : ""}`}
      data-seq={entry.seq}
      aria-current={isNow ? "true" : undefined}
    >
      <PlayFrom atMs={entry.atMs} player={player} />
      {entry.type === "message" ? (
        <Bubble
          message={entry}
          metrics={metrics}
          agents={agents}
          startedAt={whole.startedAt}
          documents={whole.documents}
        />
      ) : (
        <TimelineEntry entry={entry} scenario={scenario} agents={agents} startedAt={whole.startedAt} />
      )}
    </div>
  ),
);

/** Return the metrics of a message at the playhead; of a later message, those of the whole call. */
function metricsAt(message: Message, seen: CallState, whole: CallState): MessageMetrics | undefined {
  return (message.seq > seen.lastSeq ? whole : seen).metrics.get(message.itemId);
}

/** Button beside an entry. The keys and the player do the same for the keyboard. */
function PlayFrom({ atMs, player }: { atMs: number; player: Player }): VNode {
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
