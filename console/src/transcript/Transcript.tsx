/** The conversation, newest entry at the bottom. */
import type { VNode } from "preact";
import type { CallState, TranscriptEntry } from "../call/call-state";
import type { ScenarioInfo } from "../transport/api";
import { JumpButton } from "../ui/JumpButton";
import { useStickToBottom } from "../ui/stick-to-bottom";
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
}

export function Transcript({ call, scenario, agents, provider }: TranscriptProps): VNode {
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
          {scenario && <Intro scenario={scenario} provider={provider} callId={call.callId} />}
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
        </div>
      </div>
      {!sticking && <JumpButton onClick={jump} />}
    </section>
  );
}

function isShown(entry: TranscriptEntry): boolean {
  if (entry.type !== "message") return true;
  // An agent's turn that only called a tool has no text.
  return !entry.hidden && !(entry.role === "assistant" && entry.text === "" && entry.status !== "streaming");
}
