/** Header of the page: connection status, scenario and agent. */
import type { VNode } from "preact";
import { signOut } from "../transport/api";
import { Icon, Mark } from "../ui/icons";
import { notify } from "../ui/notices";
import { urlOf } from "../ui/page-address";
import { nextTheme, theme } from "../ui/theme";
import { scenarioParameters, updateSearch } from "./address";
import { agent, chooseAgent, chooseScenario, connection, scenario } from "./app-state";
import { answeringPart, catalogue } from "./catalogue";
import type { Phase } from "./connection-state";
import { Waiting, waitingWords } from "./Waiting";

export function Header(): VNode {
  return (
    <header class="header">
      <h1>
        <HomeLink />
      </h1>
      <Status />
      <ScenarioSelects />
      <div class="header-buttons">
        <CallsLink />
        <SignOutButton />
        <ThemeButton />
      </div>
    </header>
  );
}

/** The logo: it starts the page afresh, with the same scenario. */
function HomeLink(): VNode {
  const name = scenario.value?.name;
  return (
    <a
      class="brand"
      href={`./${name === undefined ? "" : updateSearch("", scenarioParameters(name, null))}`}
      title="Start afresh"
      onClick={(event) => {
        // In a new tab, the present call continues.
        if (!event.ctrlKey && !event.metaKey && !event.shiftKey) connection.disconnect();
      }}
    >
      <Mark />
      Trunkline
    </a>
  );
}

function ScenarioSelects(): VNode {
  const scenarios = catalogue.value?.scenarios ?? [];
  const agents = scenario.value?.agents ?? [];
  return (
    <div class="choices">
      <label class="choice">
        <span>Scenario</span>
        <select
          value={scenario.value?.name ?? ""}
          disabled={scenarios.length === 0}
          onChange={(event) => chooseScenario(event.currentTarget.value)}
        >
          {catalogue.value === null && <option value="">Loading…</option>}
          {catalogue.value !== null && scenario.value === undefined && <option value="">Not loaded</option>}
          {scenarios.map(({ name, title }) => (
            <option key={name} value={name}>
              {title || name}
            </option>
          ))}
        </select>
      </label>
      <label class="choice">
        <span>Agent</span>
        <select
          value={agent.value ?? ""}
          disabled={agents.length === 0}
          onChange={(event) => chooseAgent(event.currentTarget.value)}
        >
          {agents.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

const PHASE_LABELS: Record<Phase, string> = {
  idle: "Not connected",
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
  ended: "Call ended",
};

function Status(): VNode {
  const phase = connection.phase.value;
  const { provider, transport, link, endReason, waiting } = connection.call.value;
  const service = provider ?? catalogue.value?.health.provider;
  // While the page reconnects, it does not know the state of the link.
  const connected = phase === "connected" && endReason === null;
  const linkLost = phase === "connected" && link === "lost";
  return (
    <div class="status">
      <span class={`status-phase status-${linkLost ? "reconnecting" : phase}`} role="status">
        {linkLost ? "Reconnecting to the model…" : PHASE_LABELS[phase]}
      </span>
      <span class="status-facts">
        <span title="Provider: the service that runs the model">{service ?? "–"}</span>
        {service === "local" && <ModelBadge />}
        <TransportFact logged={transport} />
        {connected && (link !== "up" || waiting === null || waitingWords(waiting) === null) && (
          <span title="Link: the connection to the model" class={`fact-${link}`}>
            {LINK_LABELS[link]}
          </span>
        )}
        {connected && link === "up" && waiting !== null && <Waiting waiting={waiting} />}
      </span>
    </div>
  );
}

/** Badge of the local engine if no model answers. */
function ModelBadge(): VNode | null {
  const info = scenario.value;
  switch (info ? answeringPart(info) : null) {
    case "rehearsal":
      return (
        <span class="badge" title="A rehearsal, a script, answers instead of a model">
          rehearsal
        </span>
      );
    case "none":
      return (
        <span class="badge" title="No model is set, and the scenario has no rehearsal">
          no model
        </span>
      );
    default:
      return null;
  }
}

/** The audio transport; while it changes, the new one. */
function TransportFact({ logged }: { logged: string | null }): VNode | null {
  const leg = connection.leg.value?.transport ?? logged;
  if (logged === null || leg === null) return null;
  const name = leg === "webrtc" ? "WebRTC" : "WebSocket";
  return <span title="Transport: the connection for audio">{leg === logged ? name : `${name}…`}</span>;
}

const LINK_LABELS = { opening: "model connecting…", up: "model connected", lost: "model lost" } as const;

/** Link to the stored calls, for operators of a server that stores some. In its own tab, since leaving ends the call. */
function CallsLink(): VNode | null {
  if (!catalogue.value?.health.stores_calls) return null;
  return (
    <a
      class="icon-button"
      href={urlOf("calls").href}
      target="_blank"
      rel="noopener"
      aria-label="Calls"
      title="Stored calls"
    >
      <Icon name="calls" />
    </a>
  );
}

/** Sign-out button, if the reader is signed in. Signing out ends the call. */
export function SignOutButton(): VNode | null {
  if (!catalogue.value?.health.signed_in) return null;
  const leave = (): void => {
    connection.disconnect();
    signOut().catch(() =>
      notify({
        key: "sign-out",
        tone: "error",
        text: "You are still signed in, because the server cannot be reached. Try again later.",
      }),
    );
  };
  return (
    <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={leave}>
      <Icon name="leave" />
    </button>
  );
}

export function ThemeButton(): VNode {
  const label = `Theme: ${theme.value}`;
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={nextTheme}>
      <Icon name={theme.value} />
    </button>
  );
}
