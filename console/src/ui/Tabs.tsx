/** Tabs of a phone: the transcript, the agents and the event log. */
import type { VNode } from "preact";
import { logsShown, type Tab, tab } from "./layout-state";

const TABS: readonly [Tab, string][] = [
  ["transcript", "Transcript"],
  ["agents", "Agents"],
  ["events", "Event log"],
];

export function Tabs(): VNode {
  return (
    <nav class="tabs" aria-label="View">
      {TABS.filter(([name]) => name !== "events" || logsShown.value).map(([name, title]) => (
        <button key={name} type="button" aria-pressed={tab.value === name} onClick={() => (tab.value = name)}>
          {title}
        </button>
      ))}
    </nav>
  );
}
