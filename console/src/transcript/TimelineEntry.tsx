/** What happened between the messages: agents, tools, notes. A click shows the particulars. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import type { AgentChange, Note, ToolRun } from "../call/call-state";
import type { ScenarioInfo } from "../transport/api";
import { percent } from "../ui/numbers";
import { duration } from "../ui/time";
import { AgentChip } from "../agents/AgentChip";
import { AgentDefinition } from "../agents/AgentDefinition";
import { Icon, type IconName } from "../ui/icons";
import { Json } from "../ui/Json";
import { Moment } from "../ui/Timestamp";
import { unchanging } from "../ui/memo";

interface CrumbProps {
  entry: AgentChange | Note | ToolRun;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
  startedAt: number | null;
}

export const Crumb = unchanging(({ entry, scenario, agents, startedAt }: CrumbProps): VNode => {
  const time = <Moment atMs={entry.atMs} startedAt={startedAt} />;
  switch (entry.type) {
    case "agent":
      return <AgentLine change={entry} scenario={scenario} agents={agents} time={time} />;
    case "tool":
      return <ToolLine run={entry} time={time} startedAt={startedAt} />;
    case "note":
      return (
        <Line icon={entry.tone === "plain" ? "note" : "alert"} tone={entry.tone} time={time} detail={entry.detail}>
          <span dir="auto">{entry.title}</span>
        </Line>
      );
  }
});

interface AgentLineProps {
  change: AgentChange;
  scenario: ScenarioInfo | undefined;
  agents: readonly string[];
  time: VNode;
}

function AgentLine({ change, scenario, agents, time }: AgentLineProps): VNode {
  const definition = scenario?.agents.find(({ name }) => name === change.agent);
  const parts = definition && (
    <>
      {change.reason !== null && <p dir="auto">{change.reason}</p>}
      <AgentDefinition agent={definition} agents={agents} />
    </>
  );
  return (
    <Line icon="agent" time={time} {...(parts ? { parts } : { detail: change.reason ?? undefined })}>
      {change.previous !== null && (
        <>
          <AgentChip name={change.previous} agents={agents} />
          <span class="visually-hidden">hands over to</span>
          <Icon name="agent" />
        </>
      )}
      <AgentChip name={change.agent} agents={agents} />
      {change.previous === null && <span>answers</span>}
    </Line>
  );
}

function ToolLine({ run, time, startedAt }: { run: ToolRun; time: VNode; startedAt: number | null }): VNode {
  const { outcome } = run;
  const failed = outcome?.error !== undefined;
  const latest = run.progress.at(-1);
  const parts = (
    <dl class="crumb-parts">
      <dt>Arguments</dt>
      <dd>{run.args === undefined ? "not known" : <Json value={run.args} />}</dd>
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
            <Json value={failed ? outcome.error : outcome.result} />
          </dd>
        </>
      )}
    </dl>
  );
  return (
    <Line icon="tool" tone={failed ? "error" : "plain"} time={time} parts={parts} below={<Steps run={run} startedAt={startedAt} />} depth={run.depth}>
      <code>{run.name}</code>
      {outcome === null ? <Going run={run} /> : <span class="muted">{failed ? `failed after ${duration(outcome.durationMs)}` : duration(outcome.durationMs)}</span>}
      {outcome === null && latest?.fraction != null && (
        <progress class="crumb-progress" max={1} value={latest.fraction} aria-label={`${run.name}: ${latest.message}`} />
      )}
    </Line>
  );
}

const APPROVAL = { asked: "waiting for you", allowed: "allowed", refused: "refused" } as const;

/** What a tool that still runs is at. */
function Going({ run }: { run: ToolRun }): VNode {
  if (run.approval?.state === "asked") return <span class="asks">waits for your permission</span>;
  return <span class="waiting">running…</span>;
}

/** What a tool has said on its way, below its line. */
function Steps({ run, startedAt }: { run: ToolRun; startedAt: number | null }): VNode | null {
  if (run.progress.length === 0) return null;
  return (
    <ul class="crumb-steps" aria-label={`Progress of ${run.name}`}>
      {run.progress.map(({ atMs, message, fraction }, index) => (
        <li key={index}>
          <span dir="auto">{message}</span>
          {fraction !== null && <span class="crumb-share">{percent(fraction)}</span>}
          <Moment atMs={atMs} startedAt={startedAt} />
        </li>
      ))}
    </ul>
  );
}

/** Beyond this, causes are no longer indented. */
const DEEPEST = 3;

interface LineProps {
  icon: IconName;
  tone?: Note["tone"];
  time: VNode;
  /** Shown as JSON when the line is opened. */
  detail?: unknown;
  /** Or shown as it is. */
  parts?: VNode;
  /** Shown below the line, also while it is closed. */
  below?: VNode;
  /** How many tools caused this one. */
  depth?: number;
  children: ComponentChildren;
}

function Line({ icon, tone = "plain", time, detail, parts, below, depth = 0, children }: LineProps): VNode {
  const open = useSignal(false);
  const head = (
    <>
      <Icon name={icon} />
      <span class="crumb-title">{children}</span>
      {time}
    </>
  );
  if (detail === undefined && parts === undefined) return <div class={`crumb crumb-${tone}`}>{head}</div>;
  return (
    <div class={`crumb crumb-${tone} crumb-openable depth-${Math.min(depth, DEEPEST)}`}>
      <button type="button" class="crumb-head" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        {head}
      </button>
      {below}
      {open.value && <div class="crumb-detail">{parts ?? <Json value={detail} />}</div>}
    </div>
  );
}
