/** Graph of the agents and their handoffs, with the definition of one agent. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import type { CallState } from "../call/call-state";
import type { AgentInfo, ScenarioInfo } from "../transport/api";
import { memo } from "../ui/memo";
import { AgentChip } from "./AgentChip";
import { AgentDefinition } from "./AgentDefinition";
import {
  type Edge,
  edges,
  GRAPH_WIDTH,
  graphHeight,
  isCrossed,
  NODE,
  nodePositions,
  type Point,
  pathBetween,
} from "./agent-graph";
import { hueClass } from "./agent-hue";

interface AgentsProps {
  scenario: ScenarioInfo | undefined;
  /** The active agent of this call, else the first of the next. */
  current: string | null;
  live: boolean;
  handoffs: CallState["handoffs"];
}

/** Rendered again only when a property changes: the call changes many times a second. */
export const Agents = memo((props: AgentsProps): VNode => <AgentsRegion {...props} />);

function AgentsRegion({ scenario, current, live, handoffs }: AgentsProps): VNode {
  const picked = useSignal<string | null>(null);
  const agents = scenario?.agents ?? [];
  const shown =
    agents.find(({ name }) => name === picked.value) ?? agents.find(({ name }) => name === current) ?? agents[0];
  return (
    <section class="agents" aria-label="Agents">
      <header class="pane-head">
        <h2>Agents</h2>
        {handoffs.length > 0 && (
          <span class="count">{handoffs.length === 1 ? "1 handoff" : `${handoffs.length} handoffs`}</span>
        )}
      </header>
      <div class="scroll" tabIndex={0}>
        {agents.length > 0 && (
          <AgentGraph
            agents={agents}
            current={current}
            live={live}
            handoffs={handoffs}
            picked={picked.value}
            pick={(name) => (picked.value = picked.value === name ? null : name)}
          />
        )}
        {shown && <AgentCard agent={shown} agents={agents} role={roleOf(shown.name, current, live, agents)} />}
      </div>
    </section>
  );
}

function AgentCard({ agent, agents, role }: { agent: AgentInfo; agents: readonly AgentInfo[]; role: string }): VNode {
  const names = agents.map(({ name }) => name);
  return (
    <article class="agent-card" aria-label={`About ${agent.name}`}>
      <h3>
        <AgentChip name={agent.name} agents={names} />
        {role && <span class="muted">{role}</span>}
      </h3>
      <AgentDefinition agent={agent} agents={names} />
    </article>
  );
}

function roleOf(name: string, current: string | null, live: boolean, agents: readonly AgentInfo[]): string {
  if (name === current) return live ? "active" : "answers the next call";
  return name === agents[0]?.name ? "first agent" : "";
}

interface AgentGraphProps {
  agents: readonly AgentInfo[];
  current: string | null;
  live: boolean;
  handoffs: CallState["handoffs"];
  picked: string | null;
  pick: (name: string) => void;
}

function AgentGraph({ agents, current, live, handoffs, picked, pick }: AgentGraphProps): VNode {
  const names = agents.map(({ name }) => name);
  const places = nodePositions(agents.length);
  const height = graphHeight(agents.length);
  return (
    <div class="graph" style={{ width: `${GRAPH_WIDTH}px`, height: `${height}px` }}>
      <HandoffEdges agents={agents} places={places} height={height} handoffs={handoffs} />
      <ul>
        {agents.map((agent, index) => (
          <li
            key={agent.name}
            class={hueClass(names, agent.name)}
            style={{
              left: `${positionAt(places, index).x - NODE.width / 2}px`,
              top: `${positionAt(places, index).y - NODE.height / 2}px`,
            }}
          >
            <button
              type="button"
              class={`node ${agent.name === current ? (live ? "node-live" : "node-next") : ""}`}
              aria-pressed={picked === agent.name}
              aria-current={agent.name === current && live ? "true" : undefined}
              aria-describedby={`agent-about-${index}`}
              title={agent.name}
              onClick={() => pick(agent.name)}
            >
              <bdi>{agent.name}</bdi>
            </button>
            <span id={`agent-about-${index}`} hidden>
              {`${roleOf(agent.name, current, live, agents)} Hands over to: ${agent.handoffs.join(", ") || "nobody"}.`}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface HandoffEdgesProps {
  agents: readonly AgentInfo[];
  places: readonly Point[];
  height: number;
  handoffs: CallState["handoffs"];
}

function HandoffEdges({ agents, places, height, handoffs }: HandoffEdgesProps): VNode {
  const indexOf = (name: string): number => agents.findIndex((agent) => agent.name === name);
  const taken = new Set(handoffs.map(({ from, to }) => `${indexOf(from)} ${indexOf(to)}`));
  const last = handoffs.at(-1);
  const from = last ? indexOf(last.from) : -1;
  const to = last ? indexOf(last.to) : -1;
  const all = edges(agents);
  const path = (a: number, b: number): string =>
    pathBetween(places, a, b, isCrossed(places, all, { from: a, to: b, forward: true, backward: false }));
  const wasTaken = (edge: Edge): boolean =>
    taken.has(`${edge.from} ${edge.to}`) || taken.has(`${edge.to} ${edge.from}`);
  return (
    <svg width={GRAPH_WIDTH} height={height} aria-hidden="true" focusable="false">
      <defs>
        {(["plain", "last"] as const).map((name) => (
          <marker
            key={name}
            id={`arrow-${name}`}
            class={`arrow-${name}`}
            viewBox="0 0 8 8"
            refX="6.5"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            markerUnits="userSpaceOnUse"
            orient="auto-start-reverse"
          >
            <path d="M1 1l6 3-6 3z" />
          </marker>
        ))}
      </defs>
      {all.map((edge) => (
        <path
          key={`${edge.from} ${edge.to}`}
          class={wasTaken(edge) ? "edge edge-taken" : "edge"}
          d={path(edge.from, edge.to)}
          marker-end={edge.forward ? "url(#arrow-plain)" : undefined}
          marker-start={edge.backward ? "url(#arrow-plain)" : undefined}
        />
      ))}
      {last && from >= 0 && to >= 0 && from !== to && (
        <g
          key={last.seq}
          class={hueClass(
            agents.map(({ name }) => name),
            last.to,
          )}
        >
          <path class="edge edge-last" d={path(from, to)} marker-end="url(#arrow-last)" />
          <path class="edge edge-spark" d={path(from, to)} pathLength={1} />
        </g>
      )}
    </svg>
  );
}

function positionAt(places: readonly Point[], index: number): Point {
  return places[index] ?? { x: 0, y: 0 };
}
