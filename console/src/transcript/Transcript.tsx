/** The conversation, newest entry at the bottom. */
import type { VNode } from "preact";
import type { CallState, TranscriptEntry } from "../call/call-state";
import { catalogue, scenarioTitle } from "../call/catalogue";
import type { ScenarioInfo } from "../transport/api";
import { JumpButton } from "../ui/JumpButton";
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
}

export function Transcript({ call, scenario, agents, provider, earlier }: TranscriptProps): VNode {
  const talked =
    earlier.length > 0 ||
    call.entries.some((entry) => entry.type === "message" && entry.role === "user" && !entry.hidden);
  const { container, content, sticking, onScroll, jump } = useStickToBottom();
  return (
    <section class="transcript" aria-label="Transcript">
      <header class="pane-head">
        <h2>Transcript</h2>
        <CallMetrics call={call} />
        <TranscriptActions />
      </header>
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

function isShown(entry: TranscriptEntry): boolean {
  if (entry.type !== "message") return true;
  // An agent's turn that only called a tool has no text.
  return !entry.hidden && !(entry.role === "assistant" && entry.text === "" && entry.status !== "streaming");
}
