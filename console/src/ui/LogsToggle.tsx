/** Checkbox that shows or hides the event log. */
import type { VNode } from "preact";
import { logsShown, showLogs } from "./layout-state";

export function LogsToggle(): VNode {
  return (
    <label class="toggle">
      <input type="checkbox" checked={logsShown.value} onChange={(event) => showLogs(event.currentTarget.checked)} />
      Logs
    </label>
  );
}
