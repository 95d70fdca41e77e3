/** The page: header, conversation, event log. On a phone the last two are tabs. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { catalogue } from "../catalogue";
import { connection, scenario } from "../console";
import { Composer } from "./Composer";
import { EventLog } from "./EventLog";
import { Header } from "./Header";
import { Notices } from "./Notices";
import { Transcript } from "./Transcript";

export function App(): VNode {
  const tab = useSignal<"transcript" | "events">("transcript");
  return (
    <div class={`page page-${tab.value}`}>
      <Header />
      <Notices />
      <nav class="tabs" aria-label="View">
        <button type="button" aria-pressed={tab.value === "transcript"} onClick={() => (tab.value = "transcript")}>
          Transcript
        </button>
        <button type="button" aria-pressed={tab.value === "events"} onClick={() => (tab.value = "events")}>
          Event log
        </button>
      </nav>
      <main class="panes">
        <div class="conversation">
          <Conversation />
          <Composer />
        </div>
        <Events />
      </main>
    </div>
  );
}

function Conversation(): VNode {
  const call = connection.call.value;
  const shown = catalogue.value?.scenarios.find((one) => one.name === call.scenario) ?? scenario.value;
  const agents = useMemo(() => shown?.agents.map((agent) => agent.name) ?? [], [shown]);
  return <Transcript call={call} scenario={shown} agents={agents} provider={call.provider ?? catalogue.value?.health.provider ?? null} />;
}

function Events(): VNode {
  const { events, startedAt } = connection.call.value;
  return <EventLog events={events} startedAt={startedAt} />;
}
