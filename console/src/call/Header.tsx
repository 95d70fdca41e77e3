/** The top of the page: what is talked to, over what, and whether it is connected. */
import type { VNode } from "preact";
import { signOut } from "../transport/api";
import { catalogue } from "./catalogue";
import { agent, chooseAgent, chooseScenario, connection, scenario } from "./app-state";
import type { Phase } from "./connection";
import { notify } from "../ui/notices";
import { nextTheme, theme } from "../ui/theme";
import { Icon, Mark } from "../ui/icons";

export function Header(): VNode {
  return (
    <header class="header">
      <h1 class="brand">
        <Mark />
        Trunkline
      </h1>
      <Status />
      <Choices />
      <div class="header-buttons">
        <SignOutButton />
        <ThemeButton />
      </div>
    </header>
  );
}

function Choices(): VNode {
  const scenarios = catalogue.value?.scenarios ?? [];
  const agents = scenario.value?.agents ?? [];
  return (
    <div class="choices">
      <label class="choice">
        <span>Scenario</span>
        <select value={scenario.value?.name ?? ""} disabled={scenarios.length === 0} onChange={(event) => chooseScenario(event.currentTarget.value)}>
          {catalogue.value === null && <option value="">Loading…</option>}
          {scenarios.map(({ name, title }) => (
            <option key={name} value={name}>
              {title || name}
            </option>
          ))}
        </select>
      </label>
      <label class="choice">
        <span>Agent</span>
        <select value={agent.value ?? ""} disabled={agents.length === 0} onChange={(event) => chooseAgent(event.currentTarget.value)}>
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

const PHASES: Record<Phase, string> = {
  idle: "Not connected",
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
  ended: "Call ended",
};

function Status(): VNode {
  const phase = connection.phase.value;
  const { provider, transport, link, endReason } = connection.call.value;
  const linkLost = phase === "connected" && link === "lost";
  const live = phase === "connected" || phase === "reconnecting";
  return (
    <div class="status">
      <span class={`status-phase status-${linkLost ? "reconnecting" : phase}`} role="status">
        {linkLost ? "Reconnecting to the model…" : PHASES[phase]}
      </span>
      <span class="status-facts">
        <span title="Provider: where the model lives">{provider ?? catalogue.value?.health.provider ?? "–"}</span>
        {transport !== null && <span title="Transport: how the sound travels">{transport === "webrtc" ? "WebRTC" : "WebSocket"}</span>}
        {live && endReason === null && (
          <span title="Link: the connection to the model" class={link === "lost" ? "fact-lost" : undefined}>
            {LINKS[link]}
          </span>
        )}
      </span>
    </div>
  );
}

const LINKS = { opening: "model connecting…", up: "model connected", lost: "model lost" } as const;

/** Only where there is something to sign out of. Leaving ends the call. */
function SignOutButton(): VNode | null {
  if (!catalogue.value?.health.signed_in) return null;
  const leave = (): void => {
    connection.disconnect();
    signOut().catch(() => notify({ key: "sign-out", tone: "error", text: "The server cannot be reached: you are still signed in." }));
  };
  return (
    <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={leave}>
      <Icon name="leave" />
    </button>
  );
}

function ThemeButton(): VNode {
  const label = `Theme: ${theme.value}`;
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={nextTheme}>
      <Icon name={theme.value} />
    </button>
  );
}
