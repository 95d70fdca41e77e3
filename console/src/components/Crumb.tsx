/** What happened between the messages: agents, tools, notes. A click shows the particulars. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import type { AgentChange, Note, ToolRun } from "../reducer";
import { duration } from "../time";
import { AgentChip } from "./AgentChip";
import { Icon, type IconName } from "./icons";
import { Json } from "./Json";
import { Moment } from "./Moment";
import { unchanging } from "./unchanging";

interface CrumbProps {
  entry: AgentChange | Note | ToolRun;
  agents: readonly string[];
  startedAt: number | null;
}

export const Crumb = unchanging(({ entry, agents, startedAt }: CrumbProps): VNode => {
  const time = <Moment atMs={entry.atMs} startedAt={startedAt} />;
  switch (entry.type) {
    case "agent":
      return (
        <Line icon="agent" time={time} detail={entry.reason ?? undefined}>
          {entry.previous !== null && (
            <>
              <AgentChip name={entry.previous} agents={agents} />
              <span class="visually-hidden">hands over to</span>
              <Icon name="agent" />
            </>
          )}
          <AgentChip name={entry.agent} agents={agents} />
          {entry.previous === null && <span>answers</span>}
        </Line>
      );
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

function ToolLine({ run, time }: { run: ToolRun; time: VNode }): VNode {
  const { outcome } = run;
  const failed = outcome?.error !== undefined;
  const detail = (
    <dl class="crumb-parts">
      <dt>Arguments</dt>
      <dd>{run.args === undefined ? "not known" : <Json value={run.args} />}</dd>
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
    <Line icon="tool" tone={failed ? "error" : "plain"} time={time} parts={detail}>
      <code>{run.name}</code>
      {outcome === null ? (
        <span class="waiting">running…</span>
      ) : (
        <span class="muted">{failed ? `failed after ${duration(outcome.durationMs)}` : duration(outcome.durationMs)}</span>
      )}
    </Line>
  );
}

interface LineProps {
  icon: IconName;
  tone?: Note["tone"];
  time: VNode;
  /** Shown as JSON when the line is opened. */
  detail?: unknown;
  /** Or shown as it is. */
  parts?: VNode;
  children: ComponentChildren;
}

function Line({ icon, tone = "plain", time, detail, parts, children }: LineProps): VNode {
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
    <div class={`crumb crumb-${tone} crumb-openable`}>
      <button type="button" class="crumb-head" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        {head}
      </button>
      {open.value && <div class="crumb-detail">{parts ?? <Json value={detail} />}</div>}
    </div>
  );
}
