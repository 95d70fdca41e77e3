/** Approval requests for tools, above the text box so that they cannot scroll away. */
import type { VNode } from "preact";
import { Icon } from "../ui/icons";
import { Json } from "../ui/Json";
import { connection } from "./app-state";
import type { ToolRun } from "./call-state";

export function Approvals(): VNode {
  const { pendingApprovals, entries } = connection.call.value;
  const runs =
    pendingApprovals.length === 0
      ? []
      : entries.filter(
          (entry): entry is ToolRun => entry.type === "tool" && pendingApprovals.includes(entry.toolCallId),
        );
  const canAnswer = connection.role.value === "caller" && connection.phase.value === "connected";
  return (
    <div class="approvals" role="alert">
      {runs.map((run) => (
        <ApprovalRequest key={run.toolCallId} run={run} mayAnswer={canAnswer} />
      ))}
    </div>
  );
}

function ApprovalRequest({ run, mayAnswer }: { run: ToolRun; mayAnswer: boolean }): VNode {
  const answer = (approved: boolean) => () => void connection.approve(run.toolCallId, approved);
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers do not lay out a fieldset as the flex container this is.
    <div class="approval" role="group" aria-label={`Permission for ${run.name}`}>
      <Icon name="tool" />
      <div class="approval-text">
        <p>
          <bdi>{run.agent}</bdi> asks to use <code>{run.name}</code>. Allow it?
        </p>
        <details>
          <summary>With these arguments</summary>
          <Json value={run.args} />
        </details>
      </div>
      <button type="button" class="button button-primary button-small" disabled={!mayAnswer} onClick={answer(true)}>
        Allow
      </button>
      <button type="button" class="button button-small" disabled={!mayAnswer} onClick={answer(false)}>
        Refuse
      </button>
    </div>
  );
}
