/** The page: header, agents, conversation, event log. On a phone the last three are tabs. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { catalogue } from "../call/catalogue";
import { agent, connection, scenario } from "../call/app-state";
import { logsShown, type Tab, tab } from "./layout-state";
import { Agents } from "../agents/Agents";
import { Announcer } from "../transcript/Announcer";
import { Approvals } from "../call/Approvals";
import { BottomBar } from "../call/BottomBar";
import { Composer } from "../call/Composer";
import { EventLog } from "../event-log/EventLog";
import { Header } from "../call/Header";
import { Notices } from "./Notices";
import { Transcript } from "../transcript/Transcript";

export function App(): VNode {
  return (
    <div class={`page page-${tab.value}${logsShown.value ? "" : " page-quiet"}`}>
      <Header />
      <Notices />
      <Tabs />
      <main class="panes">
        <Who />
        <div class="conversation">
          <Conversation />
          <Approvals />
          <Composer />
        </div>
        {logsShown.value && <Events />}
      </main>
      <BottomBar />
      <Announcements />
    </div>
  );
}

const TABS: readonly [Tab, string][] = [
  ["transcript", "Transcript"],
  ["agents", "Agents"],
  ["events", "Event log"],
];

function Tabs(): VNode {
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

function Who(): VNode {
  const phase = connection.phase.value;
  const live = phase === "connected" || phase === "reconnecting";
  return <Agents scenario={scenario.value} current={agent.value} live={live} handoffs={connection.call.value.handoffs} />;
}

function Conversation(): VNode {
  const call = connection.call.value;
  const shown = catalogue.value?.scenarios.find((one) => one.name === call.scenario) ?? scenario.value;
  const agents = useMemo(() => shown?.agents.map((one) => one.name) ?? [], [shown]);
  return <Transcript call={call} scenario={shown} agents={agents} provider={call.provider ?? catalogue.value?.health.provider ?? null} />;
}

function Announcements(): VNode {
  return <Announcer entries={connection.call.value.entries} />;
}

function Events(): VNode {
  const { events, startedAt } = connection.call.value;
  return <EventLog events={events} startedAt={startedAt} />;
}
