/** The conversation, newest entry at the bottom. */
import type { VNode } from "preact";
import { useEffect, useId } from "preact/hooks";
import type { LevelHistory } from "../audio/level-history";
import type { CallState, TranscriptEntry } from "../call/call-state";
import { catalogue, scenarioTitle } from "../call/catalogue";
import { entryTarget, onEntryShown } from "../timeline/show-moment";
import { VoiceTimeline } from "../timeline/VoiceTimeline";
import type { ScenarioInfo } from "../transport/api";
import { JumpButton } from "../ui/JumpButton";
import { timelineShown } from "../ui/layout-state";
import { memo } from "../ui/memo";
import { useStickToBottom } from "../ui/stick-to-bottom";
import { clockTime } from "../ui/time";
import { Bubble } from "./Bubble";
import { CallMetrics } from "./CallMetrics";
import { Intro } from "./Intro";
import { TimelineEntry } from "./TimelineEntry";
import { TranscriptActions } from "./TranscriptActions";

interface TranscriptProps {
  call: CallState;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
  provider: string | null;
  /** Calls that this page held before, oldest first. */
  earlier: readonly CallState[];
  levels: LevelHistory;
}

export function Transcript({ call, scenario, agents, provider, earlier, levels }: TranscriptProps): VNode {
  const talked =
    earlier.length > 0 ||
    call.entries.some((entry) => entry.type === "message" && entry.role === "user" && !entry.hidden);
  const { container, content, sticking, onScroll, jump, stay } = useStickToBottom();
  const timelineId = useId();
  const target = entryTarget.value;
  useEffect(() => {
    if (target === null) return;
    onEntryShown();
    const entry = content.current?.querySelector(`:scope > [data-seq="${target}"]`);
    if (!entry) return;
    entry.scrollIntoView({ block: "center" });
    stay();
    flash(entry);
  }, [target]);
  return (
    <section class="transcript" aria-label="Transcript">
      <header class="pane-head">
        <h2>Transcript</h2>
        <CallMetrics call={call} />
        <TranscriptActions timelineId={timelineId} call={call} />
      </header>
      {timelineShown.value && <VoiceTimeline id={timelineId} call={call} agents={agents} levels={levels} />}
      <div class="scroll" ref={container} onScroll={onScroll} tabIndex={0}>
        <div class="transcript-list" ref={content}>
          {scenario && <Intro scenario={scenario} provider={provider} callId={call.callId} talked={talked} />}
          {earlier.map((former) => (
            <EarlierCall key={former.callId} call={former} />
          ))}
          <Entries call={call} scenario={scenario} agents={agents} />
        </div>
      </div>
      {!sticking && <JumpButton onClick={jump} />}
    </section>
  );
}

const FLASH_MS = 1600;

/** Mark an entry for a moment, so that the reader finds it. */
function flash(entry: Element): void {
  entry.classList.add("flash");
  setTimeout(() => entry.classList.remove("flash"), FLASH_MS);
}

interface EntriesProps {
  call: CallState;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
}

function Entries({ call, scenario, agents }: EntriesProps): VNode {
  return (
    <>
      {call.entries
        .filter(isShown)
        .map((entry) =>
          entry.type === "message" ? (
            <Bubble
              key={entry.key}
              message={entry}
              metrics={call.metrics.get(entry.itemId)}
              agents={agents}
              startedAt={call.startedAt}
              documents={call.documents}
            />
          ) : (
            <TimelineEntry
              key={entry.key}
              entry={entry}
              scenario={scenario}
              agents={agents}
              startedAt={call.startedAt}
            />
          ),
        )}
    </>
  );
}

/** A former conversation of this page, above the divider that ends it. */
const EarlierCall = memo(({ call }: { call: CallState }): VNode => {
  const scenario = catalogue.peek()?.scenarios.find((one) => one.name === call.scenario);
  const title = `Earlier call: ${scenarioTitle(call.scenario ?? "")}`;
  return (
    <section class="earlier-call" aria-label={title}>
      <Entries call={call} scenario={scenario} agents={scenario?.agents.map((one) => one.name) ?? []} />
      <p class="earlier-divider">
        {title}
        {call.startedAt !== null && `, ${clockTime(call.startedAt)}`}
      </p>
    </section>
  );
});

/** Return whether the transcript shows an entry. */
export function isShown(entry: TranscriptEntry): boolean {
  if (entry.type !== "message") return true;
  // An agent's turn that only called a tool has no text.
  return !entry.hidden && !(entry.role === "assistant" && entry.text === "" && entry.status !== "streaming");
}
