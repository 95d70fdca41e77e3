/** The scenario of a stored call, for its graph of agents. */
import type { CallState } from "../call/call-state";
import type { AgentInfo, ScenarioInfo } from "../transport/api";

/**
 * Return the server's scenario with the agents of the call, or one that is made of the call's own handoffs.
 *
 * @param known the server's scenarios; undefined until it has answered.
 */
export function scenarioOf(call: CallState, known: readonly ScenarioInfo[] | undefined): ScenarioInfo {
  const agents = call.entries.flatMap((entry) => (entry.type === "agent" ? [entry.agent] : []));
  const found = known?.find(({ name }) => name === call.scenario);
  if (found && agents.every((name) => found.agents.some((agent) => agent.name === name))) return found;
  return {
    name: call.scenario ?? "",
    title: found?.title ?? call.scenario ?? "",
    description: known === undefined ? "" : CHANGED,
    voice: null,
    things_to_say: [],
    guardrails: [],
    agents: [...new Set(agents)].map((name) => agentOf(name, call)),
  };
}

const CHANGED = "The server has no scenario with these agents any more. The graph shows the handoffs of this call.";

function agentOf(name: string, { handoffs }: CallState): AgentInfo {
  return {
    name,
    handoff_description: null,
    handoffs: [...new Set(handoffs.filter(({ from }) => from === name).map(({ to }) => to))],
    tools: [],
    tool_details: [],
    guardrails: [],
    instructions: null,
  };
}
