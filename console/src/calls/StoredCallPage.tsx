/** Page of one stored call: the console as it was seen live, with a playhead. A running call is watched. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { Agents } from "../agents/Agents";
import { LevelHistory } from "../audio/level-history";
import { catalogue, isCallerView } from "../call/catalogue";
import { EventLog } from "../event-log/EventLog";
import { showEvent } from "../event-log/event-target";
import { PlaybackContext } from "../timeline/playback";
import { logsShown, tab } from "../ui/layout-state";
import { NoticeList } from "../ui/NoticeList";
import { urlOf } from "../ui/page-address";
import { Tabs } from "../ui/Tabs";
import { EmptyState, NoStore, NotOperator } from "./AccessNotes";
import { CallFacts } from "./CallFacts";
import { CallsHeader } from "./CallsHeader";
import { LiveCall } from "./LiveCall";
import { momentOf } from "./moments";
import { PlayerBar } from "./PlayerBar";
import { StoredTranscript } from "./StoredTranscript";
import { scenarioOf } from "./scenario-of";
import type { LoadedCall, StoredCallModel } from "./stored-call";

export function StoredCallPage({ model }: { model: StoredCallModel }): VNode {
  useEffect(() => {
    void model.load();
  }, [model]);
  const phase = model.phase.value;
  if (isCallerView.value && phase.name !== "ready") return <Plain>{<NotOperator message={REFUSED} />}</Plain>;
  switch (phase.name) {
    case "ready":
      return <Replay call={phase.call} model={model} />;
    case "live":
      return <LiveCall summary={phase.summary} reload={() => void model.load({ ended: true })} />;
    case "loading":
      return (
        <Plain>
          <p class="calls-loading" role="status">
            Loading the call…
          </p>
        </Plain>
      );
    case "not-operator":
      return <Plain>{<NotOperator message={phase.message} />}</Plain>;
    case "no-store":
      return <Plain>{<NoStore message={phase.message} />}</Plain>;
    case "unknown":
      return (
        <Plain>
          <EmptyState icon="search" title="This call is not stored">
            <p>It may have been deleted, or it was held while the server stored no calls.</p>
            <div class="empty-buttons">
              <a class="button button-primary" href={urlOf("calls").href}>
                Show all calls
              </a>
            </div>
          </EmptyState>
        </Plain>
      );
    case "failed":
      return (
        <Plain>
          <EmptyState icon="alert" title="The call could not be loaded">
            <p role="alert">{phase.message}</p>
            <div class="empty-buttons">
              <button type="button" class="button button-primary" onClick={() => void model.load()}>
                Try again
              </button>
            </div>
          </EmptyState>
        </Plain>
      );
  }
}

const REFUSED = "You see a caller's part of this server. Sign in with its TRUNKLINE_OPERATOR_TOKEN to see its calls.";

function Plain({ children }: { children: ComponentChildren }): VNode {
  return (
    <div class="page calls-page">
      <CallsHeader>
        <a class="calls-back" href={urlOf("calls").href}>
          Calls
        </a>
      </CallsHeader>
      <main class="calls-main scroll" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

interface ReplayProps {
  call: LoadedCall;
  model: StoredCallModel;
}

function Replay({ call, model }: ReplayProps): VNode {
  const { player, replay, summary } = call;
  const known = catalogue.value?.scenarios;
  const scenario = useMemo(() => scenarioOf(replay.whole, known), [replay, known]);
  const agents = useMemo(() => scenario.agents.map(({ name }) => name), [scenario]);
  const levels = useMemo(() => new LevelHistory(() => null), []);
  useEffect(() => () => player.close(), [player]);
  useEffect(() => followAddress(call), [call]);
  useEffect(() => {
    document.title = `${scenario.title || summary.scenario} · Calls · Trunkline`;
  }, [scenario]);
  return (
    <PlaybackContext.Provider value={player}>
      <div class={`page stored-page page-${tab.value}${logsShown.value ? "" : " page-without-log"}`}>
        <CallsHeader>
          <CallFacts summary={summary} title={scenario.title || summary.scenario} />
        </CallsHeader>
        <NoticeList />
        {call.gaps.length > 0 && (
          <div class={`notice ${summary.status === "interrupted" ? "notice-warning" : ""}`} role="note">
            <p class="notice-text">{call.gaps.join(" ")}</p>
          </div>
        )}
        <Tabs />
        <main class="panes">
          <AgentsPane call={call} scenario={scenario} />
          <div class="conversation">
            <StoredTranscript call={call} model={model} scenario={scenario} agents={agents} levels={levels} />
          </div>
          {logsShown.value && <EventLogPane call={call} />}
        </main>
        <PlayerBar call={call} model={model} agents={agents} />
      </div>
    </PlaybackContext.Provider>
  );
}

/** Move the playhead to the moment in the address, now and whenever its hash changes. */
function followAddress({ player, replay, summary }: LoadedCall): () => void {
  const follow = (): void => {
    const moment = momentOf(location);
    if (moment === null) return;
    const ms = "ms" in moment ? moment.ms : replay.timeOf(moment.seq);
    if (ms !== null) player.seek(ms);
    if ("seq" in moment && summary.mode !== null) showEvent(moment.seq, { open: false });
  };
  follow();
  addEventListener("hashchange", follow);
  return () => removeEventListener("hashchange", follow);
}

function AgentsPane({ call, scenario }: { call: LoadedCall; scenario: ReturnType<typeof scenarioOf> }): VNode {
  const { agent, handoffs } = call.player.call.value;
  return <Agents scenario={scenario} current={agent} live handoffs={handoffs} />;
}

function EventLogPane({ call }: { call: LoadedCall }): VNode {
  const { events, callId, startedAt } = call.replay.whole;
  const { player } = call;
  const playhead = player.positionMs.value === null ? null : player.call.value.lastSeq;
  return <EventLog events={events} callId={callId} startedAt={startedAt} ended playhead={playhead} />;
}
