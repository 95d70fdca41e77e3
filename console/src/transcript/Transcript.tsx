/** The conversation, newest at the bottom. */
import type { VNode } from "preact";
import type { ScenarioInfo } from "../transport/api";
import { useFollow } from "../ui/stick-to-bottom";
import type { CallState, Entry } from "../call/reducer";
import { Bubble } from "./Bubble";
import { CallFigures } from "./CallMetrics";
import { Crumb } from "./TimelineEntry";
import { Intro } from "./Intro";
import { JumpButton } from "../ui/JumpButton";
import { TranscriptActions } from "./TranscriptActions";

interface TranscriptProps {
  call: CallState;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
  provider: string | null;
}

export function Transcript({ call, scenario, agents, provider }: TranscriptProps): VNode {
  const { frame, content, following, onScroll, jump } = useFollow();
  return (
    <section class="transcript" aria-label="Transcript">
      <header class="pane-head">
        <h2>Transcript</h2>
        <CallFigures call={call} />
        <TranscriptActions />
      </header>
      <div class="scroll" ref={frame} onScroll={onScroll} tabIndex={0}>
        <div class="transcript-list" ref={content}>
          {scenario && <Intro scenario={scenario} provider={provider} callId={call.callId} />}
          {call.entries.filter(isShown).map((entry) =>
            entry.type === "message" ? (
              <Bubble
                key={entry.key}
                message={entry}
                measures={call.measures.get(entry.itemId)}
                agents={agents}
                startedAt={call.startedAt}
              />
            ) : (
              <Crumb key={entry.key} entry={entry} scenario={scenario} agents={agents} startedAt={call.startedAt} />
            ),
          )}
        </div>
      </div>
      {!following && <JumpButton onClick={jump} />}
    </section>
  );
}

function isShown(entry: Entry): boolean {
  if (entry.type !== "message") return true;
  // A turn of the agent's that only called a tool has no words.
  return !entry.hidden && !(entry.role === "assistant" && entry.text === "" && entry.status !== "growing");
}
