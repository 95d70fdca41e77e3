/** Tools that wait for the caller to allow them: asked above the text box, where it cannot scroll away. */
import type { VNode } from "preact";
import type { ToolRun } from "./call-state";
import { connection } from "./app-state";
import { Icon } from "../ui/icons";
import { Json } from "../ui/Json";

export function Approvals(): VNode {
  const { asking, entries } = connection.call.value;
  const runs = asking.length === 0 ? [] : entries.filter((entry): entry is ToolRun => entry.type === "tool" && asking.includes(entry.callId));
  const mayAnswer = connection.role.value === "caller" && connection.phase.value === "connected";
  return (
    <div class="approvals" role="alert">
      {runs.map((run) => (
        <Question key={run.callId} run={run} mayAnswer={mayAnswer} />
      ))}
    </div>
  );
}

function Question({ run, mayAnswer }: { run: ToolRun; mayAnswer: boolean }): VNode {
  const answer = (approved: boolean) => () => void connection.approve(run.callId, approved);
  return (
    <div class="approval" role="group" aria-label={`Permission for ${run.name}`}>
      <Icon name="tool" />
      <div class="approval-text">
        <p>
          <bdi>{run.agent}</bdi> asks to use <code>{run.name}</code>. Shall it?
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
