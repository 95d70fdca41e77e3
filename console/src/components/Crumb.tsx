/** What happened between the messages: agents, tools, notes. A click shows the particulars. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import type { AgentChange, Note, ToolRun } from "../call-state";
import type { ScenarioInfo } from "../api";
import { duration } from "../time";
import { AgentChip } from "./AgentChip";
import { AgentDefinition } from "./AgentDefinition";
import { Icon, type IconName } from "./icons";
import { Json } from "./Json";
import { Moment } from "./Moment";
import { unchanging } from "./unchanging";

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
      return <ToolLine run={entry} time={time} />;
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

function ToolLine({ run, time }: { run: ToolRun; time: VNode }): VNode {
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
      {run.progress.length > 0 && (
        <>
          <dt>On its way</dt>
          <dd>
            <ul>
              {run.progress.map(({ message }, index) => (
                <li key={index} dir="auto">
                  {message}
                </li>
              ))}
            </ul>
          </dd>
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
    <Line icon="tool" tone={failed ? "error" : "plain"} time={time} parts={parts} depth={run.depth}>
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
  const words = run.progress.at(-1)?.message ?? "running…";
  return (
    <span class="waiting" dir="auto">
      {words}
    </span>
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
  /** How many tools caused this one. */
  depth?: number;
  children: ComponentChildren;
}

function Line({ icon, tone = "plain", time, detail, parts, depth = 0, children }: LineProps): VNode {
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
      {open.value && <div class="crumb-detail">{parts ?? <Json value={detail} />}</div>}
    </div>
  );
}
