/** Transcript entries between the messages: agent changes, tool runs and notes. A click expands one. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { AgentChip } from "../agents/AgentChip";
import { AgentDefinition } from "../agents/AgentDefinition";
import type { AgentChange, Note, ToolRun } from "../call/call-state";
import { isCallerView } from "../call/catalogue";
import type { ScenarioInfo } from "../transport/api";
import { Icon, type IconName } from "../ui/icons";
import { Json } from "../ui/Json";
import { memo } from "../ui/memo";
import { percent } from "../ui/numbers";
import { Timestamp } from "../ui/Timestamp";
import { duration } from "../ui/time";

interface TimelineEntryProps {
  entry: AgentChange | Note | ToolRun;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
  startedAt: number | null;
}

export const TimelineEntry = memo(({ entry, scenario, agents, startedAt }: TimelineEntryProps): VNode => {
  const time = <Timestamp atMs={entry.atMs} startedAt={startedAt} />;
  switch (entry.type) {
    case "agent":
      return <AgentEntry change={entry} scenario={scenario} agents={agents} time={time} />;
    case "tool":
      return <ToolEntry run={entry} time={time} startedAt={startedAt} />;
    case "note":
      return (
        <EntryRow
          seq={entry.seq}
          icon={entry.tone === "plain" ? "note" : "alert"}
          tone={entry.tone}
          time={time}
          json={entry.detail}
        >
          <span dir="auto">{entry.title}</span>
        </EntryRow>
      );
  }
});

interface AgentEntryProps {
  change: AgentChange;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
  time: VNode;
}

function AgentEntry({ change, scenario, agents, time }: AgentEntryProps): VNode {
  const definition = scenario?.agents.find(({ name }) => name === change.agent);
  const content = definition && (
    <>
      {change.reason !== null && <p dir="auto">{change.reason}</p>}
      <AgentDefinition agent={definition} agents={agents} />
    </>
  );
  return (
    <EntryRow
      seq={change.seq}
      icon="agent"
      time={time}
      {...(content ? { content } : { json: change.reason ?? undefined })}
    >
      {change.previous !== null && (
        <>
          <AgentChip name={change.previous} agents={agents} />
          <span class="visually-hidden">hands over to</span>
          <Icon name="agent" />
        </>
      )}
      <AgentChip name={change.agent} agents={agents} />
      {change.previous === null && <span>answers</span>}
    </EntryRow>
  );
}

function ToolEntry({ run, time, startedAt }: { run: ToolRun; time: VNode; startedAt: number | null }): VNode {
  const { outcome } = run;
  const failed = outcome?.error !== undefined;
  const latest = run.progress.at(-1);
  const content = (
    <dl class="timeline-entry-parts">
      <dt>Arguments</dt>
      <dd>
        {isCallerView.value && run.args === null ? (
          "Only operators see them."
        ) : run.args === undefined ? (
          "unknown"
        ) : (
          <Json value={run.args} />
        )}
      </dd>
      {run.approval && (
        <>
          <dt>Permission</dt>
          <dd>{[APPROVAL[run.approval.state], run.approval.reason].filter(Boolean).join(": ")}</dd>
        </>
      )}
      {outcome && (
        <>
          <dt>{failed ? "Error" : "Result"}</dt>
          <dd>
            {isCallerView.value && !failed ? (
              "Only operators see it."
            ) : (
              <Json value={failed ? outcome.error : outcome.result} />
            )}
          </dd>
        </>
      )}
    </dl>
  );
  return (
    <EntryRow
      seq={run.seq}
      icon="tool"
      tone={failed ? "error" : "plain"}
      time={time}
      content={content}
      below={<ToolProgressList run={run} startedAt={startedAt} />}
      depth={run.depth}
    >
      <code>{run.name}</code>
      {outcome === null ? (
        <ToolStatus run={run} />
      ) : (
        <span class="muted">
          {failed ? `failed after ${duration(outcome.durationMs)}` : duration(outcome.durationMs)}
        </span>
      )}
      {outcome === null && latest?.fraction != null && (
        <progress
          class="timeline-entry-progress"
          max={1}
          value={latest.fraction}
          aria-label={`${run.name}: ${latest.message}`}
        />
      )}
    </EntryRow>
  );
}

const APPROVAL = { pending: "waiting for you", allowed: "allowed", refused: "refused" } as const;

/** The state of a tool run that has not ended. */
function ToolStatus({ run }: { run: ToolRun }): VNode {
  if (run.approval?.state === "pending") return <span class="asks">waits for your permission</span>;
  return <span class="waiting">running…</span>;
}

/** The progress messages of a tool run, below its row. */
function ToolProgressList({ run, startedAt }: { run: ToolRun; startedAt: number | null }): VNode | null {
  if (run.progress.length === 0) return null;
  return (
    <ul class="timeline-entry-steps" aria-label={`Progress of ${run.name}`}>
      {run.progress.map(({ atMs, message, fraction }, index) => (
        <li key={index}>
          <span dir="auto">{message}</span>
          {fraction !== null && <span class="timeline-entry-share">{percent(fraction)}</span>}
          <Timestamp atMs={atMs} startedAt={startedAt} />
        </li>
      ))}
    </ul>
  );
}

/** Deeper runs get the same indent as this depth. */
const MAX_DEPTH = 3;

interface EntryRowProps {
  /** The event that the entry begins with. */
  seq: number;
  icon: IconName;
  tone?: Note["tone"];
  time: VNode;
  /** A value that the expanded row shows as JSON. */
  json?: unknown;
  /** Content of the expanded row, in place of `json`. */
  content?: VNode;
  /** Content below the row, also while it is collapsed. */
  below?: VNode;
  /** The number of tool runs above this one. */
  depth?: number;
  children: ComponentChildren;
}

function EntryRow(props: EntryRowProps): VNode {
  const { seq, icon, tone = "plain", time, json, content, below, depth = 0, children } = props;
  const open = useSignal(false);
  const head = (
    <>
      <Icon name={icon} />
      <span class="timeline-entry-title">{children}</span>
      {time}
    </>
  );
  if (json === undefined && content === undefined) {
    return (
      <div class={`timeline-entry timeline-entry-${tone}`} data-seq={seq}>
        {head}
      </div>
    );
  }
  return (
    <div
      class={`timeline-entry timeline-entry-${tone} timeline-entry-openable depth-${Math.min(depth, MAX_DEPTH)}`}
      data-seq={seq}
    >
      <button
        type="button"
        class="timeline-entry-head"
        aria-expanded={open.value}
        onClick={() => (open.value = !open.value)}
      >
        {head}
      </button>
      {below}
      {open.value && <div class="timeline-entry-detail">{content ?? <Json value={json} />}</div>}
    </div>
  );
}
