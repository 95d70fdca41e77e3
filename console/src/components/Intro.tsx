/** The transcript's beginning: what this scenario is, who is in it, and what runs it. */
import type { VNode } from "preact";
import type { ScenarioInfo } from "../api";
import { AgentChip } from "./AgentChip";

export function Intro({ scenario, provider }: { scenario: ScenarioInfo; provider: string | null }): VNode {
  const names = scenario.agents.map((agent) => agent.name);
  return (
    <div class="intro">
      <h3 dir="auto">{scenario.title || scenario.name}</h3>
      {scenario.description && <p dir="auto">{scenario.description}</p>}
      <ul class="intro-agents" aria-label="Agents in this scenario">
        {scenario.agents.map((agent) => (
          <li key={agent.name}>
            <AgentChip name={agent.name} agents={names} />
            {agent.handoff_description && <span dir="auto">{agent.handoff_description}</span>}
          </li>
        ))}
      </ul>
      {provider === "local" && (
        <p class="intro-local">
          <strong>Local engine, no key.</strong> Everything runs on this machine. To talk to Azure OpenAI, set <code>AZURE_OPENAI_ENDPOINT</code>,{" "}
          <code>AZURE_OPENAI_API_KEY</code> and <code>AZURE_OPENAI_REALTIME_DEPLOYMENT</code> and start again.
        </p>
      )}
    </div>
  );
}
