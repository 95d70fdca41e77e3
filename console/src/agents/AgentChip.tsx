/** Agent name in the agent's colour. */
import type { VNode } from "preact";
import { hueClass } from "./agent-hue";

export function AgentChip({ name, agents }: { name: string; agents: readonly string[] }): VNode {
  return (
    <span class={`agent-chip ${hueClass(agents, name)}`} dir="auto">
      {name}
    </span>
  );
}
