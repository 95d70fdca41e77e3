/** A running call on the page of stored calls, watched as by a viewer. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Agents } from "../agents/Agents";
import { connection } from "../call/app-state";
import { catalogue } from "../call/catalogue";
import { Waiting } from "../call/Waiting";
import { EventLog } from "../event-log/EventLog";
import { Announcer } from "../transcript/Announcer";
import { Transcript } from "../transcript/Transcript";
import { logsShown, tab } from "../ui/layout-state";
import { NoticeList } from "../ui/NoticeList";
import { Tabs } from "../ui/Tabs";
import { CallFacts } from "./CallFacts";
import { CallsHeader } from "./CallsHeader";
import type { CallSummary } from "./calls-api";
import { scenarioOf } from "./scenario-of";

interface LiveCallProps {
  summary: CallSummary;
  /** Opens the call as a stored one. */
  reload: () => void;
}

export function LiveCall({ summary, reload }: LiveCallProps): VNode {
  const watched = useRef<string | null>(null);
  useEffect(() => {
    if (watched.current === summary.call_id) return;
    watched.current = summary.call_id;
    connection.watch(summary.call_id);
  }, [summary.call_id]);
  const call = connection.call.value;
  const known = catalogue.value?.scenarios;
  const scenario = known?.find(({ name }) => name === summary.scenario) ?? scenarioOf(call, known);
  const agents = useMemo(() => scenario.agents.map(({ name }) => name), [scenario]);
  const ended = call.endReason !== null || connection.phase.value === "ended";
  const waiting = call.waiting;
  return (
    <div class={`page stored-page page-${tab.value}${logsShown.value ? "" : " page-without-log"}`}>
      <CallsHeader>
        <CallFacts summary={summary} title={scenario.title || summary.scenario} />
        {!ended && waiting !== null && (
          <span class="call-waiting">
            <Waiting waiting={waiting} />
          </span>
        )}
      </CallsHeader>
      {ended ? (
        <div class="notice" role="status">
          <p class="notice-text">This call has ended, and is stored now.</p>
          <button type="button" class="button button-small" onClick={reload}>
            Open the stored call
          </button>
        </div>
      ) : (
        <NoticeList />
      )}
      <Tabs />
      <main class="panes">
        <Agents scenario={scenario} current={call.agent} live={!ended} handoffs={call.handoffs} />
        <div class="conversation">
          <Transcript
            call={call}
            scenario={scenario}
            agents={agents}
            provider={null}
            earlier={[]}
            levels={connection.levels}
          />
        </div>
        {logsShown.value && (
          <EventLog events={call.events} callId={call.callId} startedAt={call.startedAt} ended={ended} />
        )}
      </main>
      <Announcer entries={call.entries} />
    </div>
  );
}
