/** Definition of an agent: instructions, tools with their arguments, handoffs and guardrails. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isCallerView } from "../call/catalogue";
import type { AgentInfo, ToolInfo } from "../transport/api";
import { AgentChip } from "./AgentChip";

export function AgentDefinition({ agent, agents }: { agent: AgentInfo; agents: readonly string[] }): VNode {
  return (
    <dl class="definition">
      {agent.handoff_description && (
        <>
          <dt>Handoff description</dt>
          <dd dir="auto">{agent.handoff_description}</dd>
        </>
      )}
      <dt>Hands over to</dt>
      <dd class="definition-chips">
        {agent.handoffs.length === 0 ? (
          <span class="muted">nobody</span>
        ) : (
          agent.handoffs.map((name) => <AgentChip key={name} name={name} agents={agents} />)
        )}
      </dd>
      {isCallerView.value ? (
        <>
          <dt>Tools and instructions</dt>
          <dd class="muted">Only operators see them.</dd>
        </>
      ) : (
        <Internals agent={agent} />
      )}
    </dl>
  );
}

/** Parts of a definition that are for operators. */
function Internals({ agent }: { agent: AgentInfo }): VNode {
  return (
    <>
      <dt>Tools</dt>
      <dd>
        {agent.tool_details.length === 0 ? (
          <span class="muted">none</span>
        ) : (
          agent.tool_details.map((tool) => <Tool key={tool.name} tool={tool} />)
        )}
      </dd>
      {(agent.mcp_servers ?? []).length > 0 && (
        <>
          <dt>MCP servers</dt>
          <dd>{agent.mcp_servers?.join(", ")}</dd>
        </>
      )}
      {agent.guardrails.length > 0 && (
        <>
          <dt>Guardrails</dt>
          <dd>{agent.guardrails.join(", ")}</dd>
        </>
      )}
      <dt>Instructions</dt>
      <dd>
        {agent.instructions === null ? (
          <span class="muted">A function returns them for each call.</span>
        ) : (
          <Instructions key={agent.name} name={agent.name} text={agent.instructions} />
        )}
      </dd>
    </>
  );
}

/** Instructions of an agent: the first eight lines, and a button for the rest. */
function Instructions({ name, text }: { name: string; text: string }): VNode {
  const element = useRef<HTMLDivElement>(null);
  const isCut = useSignal(false);
  const whole = useSignal(false);
  useLayoutEffect(() => {
    const box = element.current;
    if (!box) return undefined;
    const observer = new ResizeObserver(() => {
      if (!whole.peek()) isCut.value = box.scrollHeight > box.clientHeight + 1;
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for controls; this only names a scrollable text. */}
      <div
        ref={element}
        class={whole.value ? "instructions" : "instructions instructions-cut"}
        dir="auto"
        tabIndex={0}
        role="group"
        aria-label={`Instructions of ${name}`}
      >
        {text}
      </div>
      {isCut.value && (
        <button type="button" class="more" aria-expanded={whole.value} onClick={() => (whole.value = !whole.value)}>
          {whole.value ? "less" : "more"}
        </button>
      )}
    </>
  );
}

function Tool({ tool }: { tool: ToolInfo }): VNode {
  const parameters = parametersOf(tool);
  return (
    <details class="tool-definition">
      <summary>
        <code>{tool.name}</code>
      </summary>
      {tool.description && <p dir="auto">{tool.description}</p>}
      {parameters.length === 0 ? (
        <p class="muted">Takes no arguments.</p>
      ) : (
        <ul>
          {parameters.map(({ name, type, needed, description }) => (
            <li key={name}>
              <code>{name}</code> <span class="muted">{needed ? type : `${type}, optional`}</span>
              {description && <p dir="auto">{description}</p>}
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}

interface Parameter {
  name: string;
  type: string;
  needed: boolean;
  description: string | null;
}

/** Return the arguments in a tool's JSON schema. */
function parametersOf(tool: ToolInfo): Parameter[] {
  const properties = tool.parameters?.properties;
  const required = tool.parameters?.required;
  if (typeof properties !== "object" || properties === null) return [];
  return Object.entries(properties as Record<string, unknown>).map(([name, schema]) => {
    const given = (typeof schema === "object" && schema !== null ? schema : {}) as Record<string, unknown>;
    const { description } = given;
    return {
      name,
      type: typeOf(given),
      needed: Array.isArray(required) && required.includes(name),
      description: typeof description === "string" ? description : null,
    };
  });
}

function typeOf(schema: Record<string, unknown>): string {
  if (Array.isArray(schema.enum)) return schema.enum.map(String).join(" | ");
  const type = schema.type;
  const name = typeof type === "string" ? type : Array.isArray(type) ? type.join(" | ") : "any";
  return typeof schema.pattern === "string" ? `${name} ${schema.pattern}` : name;
}
