/** The page: header, agents, conversation and event log. On a phone the last three are tabs. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { Agents } from "../agents/Agents";
import { Approvals } from "../call/Approvals";
import { agent, connection, scenario } from "../call/app-state";
import { BottomBar } from "../call/BottomBar";
import { Composer } from "../call/Composer";
import { catalogue } from "../call/catalogue";
import { Header } from "../call/Header";
import { EventLog } from "../event-log/EventLog";
import { Announcer } from "../transcript/Announcer";
import { Transcript } from "../transcript/Transcript";
import { logsShown, tab } from "./layout-state";
import { NoticeList } from "./NoticeList";
import { Tabs } from "./Tabs";

export function App(): VNode {
  return (
    <div class={`page page-${tab.value}${logsShown.value ? "" : " page-without-log"}`}>
      <Header />
      <NoticeList />
      <Tabs />
      <main class="panes">
        <AgentsPane />
        <div class="conversation">
          <TranscriptPane />
          <Approvals />
          <Composer />
        </div>
        {logsShown.value && <EventLogPane />}
      </main>
      <BottomBar />
      <AnnouncerPane />
    </div>
  );
}

function AgentsPane(): VNode {
  const phase = connection.phase.value;
  const live = phase === "connected" || phase === "reconnecting";
  return (
    <Agents scenario={scenario.value} current={agent.value} live={live} handoffs={connection.call.value.handoffs} />
  );
}

function TranscriptPane(): VNode {
  const call = connection.call.value;
  const shown = catalogue.value?.scenarios.find((one) => one.name === call.scenario) ?? scenario.value;
  const agents = useMemo(() => shown?.agents.map((one) => one.name) ?? [], [shown]);
  return (
    <Transcript
      call={call}
      scenario={shown}
      agents={agents}
      earlier={connection.earlier.value}
      levels={connection.levels}
      provider={call.provider ?? catalogue.value?.health.provider ?? null}
    />
  );
}

function AnnouncerPane(): VNode {
  return <Announcer entries={connection.call.value.entries} />;
}

function EventLogPane(): VNode {
  const { events, callId, startedAt, endReason } = connection.call.value;
  return <EventLog events={events} callId={callId} startedAt={startedAt} ended={endReason !== null} />;
}
