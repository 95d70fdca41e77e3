"""Checks of a scenario by the rules of the Realtime services, and of the agents' fields that Trunkline supports.

Each check returns the problem with its fix, or None.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trunkline.realtime import service_rules
from trunkline.realtime.validation import InvalidRequest, Validator
from trunkline.scenario.interruption import MODES, InterruptionDetector

if TYPE_CHECKING:
    from agents import FunctionTool, Handoff, HostedMCPTool
    from agents.realtime import RealtimeAgent

_TYPED = frozenset({"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const"})
_LLM_HOOKS = ("on_llm_start", "on_llm_end")
"""Hooks that have no meaning for a realtime model, which is not called for each answer."""
_HANDOFF_HISTORY = ("input_filter", "nest_handoff_history")
"""Fields of a `Handoff` that change the next agent's history, which the Realtime services keep themselves."""


def voice_problem(voice: object) -> str | None:
    """Return the problem of a scenario's voice."""
    if voice is None or voice in service_rules.VOICES:
        return None
    choices = ", ".join(service_rules.VOICES)
    return (
        f"The Realtime services have no voice {voice!r}; choose from: {choices}. "
        "The voice of a TTS endpoint of your own is set by TRUNKLINE_TTS_VOICE."
    )


def turn_detection_problem(given: object) -> str | None:
    """Return the problem of a scenario's turn detection."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return f"turn_detection takes an object such as {{'type': 'semantic_vad'}}, not {given!r}."
    try:
        service_rules.turn_detection(dict(given), "turn_detection")
    except InvalidRequest as error:
        return f"turn_detection={{…}} {_turn_detection_text(given, error)}"
    return None


def interruption_problem(given: object, turn_detection: Mapping[str, object] | None) -> str | None:
    """Return the problem of a scenario's `interruption`."""
    if given is None:
        return None
    if given not in MODES and (isinstance(given, type) or not isinstance(given, InterruptionDetector)):
        choices = ", ".join(map(repr, MODES))
        return f"interruption takes {choices} or an InterruptionDetector, an object with decide(speech), not {given!r}."
    if "interrupt_response" in (turn_detection or {}):
        return (
            "turn_detection={…} has 'interrupt_response', which interruption=… replaces. Remove it: "
            "interruption='speech' is true, interruption='off' is false."
        )
    return None


def _turn_detection_text(given: Mapping[str, object], error: InvalidRequest) -> str:
    name = (error.param or "").rpartition(".")[2]
    match error.code:
        case "missing_required_parameter":
            return "has no 'type'; give it 'server_vad' or 'semantic_vad'."
        case "unknown_parameter":
            kind = given["type"]
            known = service_rules.SERVER_VAD_FIELDS if kind == "server_vad" else service_rules.SEMANTIC_VAD_FIELDS
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            return f"has {name!r}, which {kind} does not have.{meant} It has: {', '.join(known)}."
        case _:
            return f"is refused by the Realtime services. {error}"


def guardrail_problem(guardrails: Sequence[object], where: str) -> str | None:
    """Return the problem of a list of guardrails; `where` names the list."""
    from agents import OutputGuardrail

    for guardrail in guardrails:
        if not isinstance(guardrail, OutputGuardrail):
            return (
                f"{where} takes output guardrails, which check an agent's words, not {type(guardrail).__name__}; "
                "decorate the function with @output_guardrail. Checks of the caller's words go into "
                "Scenario(input_guardrails=[…])."
            )
    return None


def input_guardrail_problem(guardrails: Sequence[object]) -> str | None:
    """Return the problem of a scenario's input guardrails."""
    from agents import InputGuardrail

    names: set[str] = set()
    for guardrail in guardrails:
        if not isinstance(guardrail, InputGuardrail):
            return (
                f"input_guardrails=[…] takes input guardrails, which check the caller's words, not "
                f"{type(guardrail).__name__}; decorate the function with @input_guardrail."
            )
        name = guardrail.get_name()
        if not guardrail.run_in_parallel:
            return (
                f"The input guardrail {name!r} has run_in_parallel=False, but a Realtime service answers speech before "
                "its words are known; remove it."
            )
        if name in names:
            return f"input_guardrails=[…] has two guardrails named {name!r}; names must differ."
        names.add(name)
    return None


def agent_problems(agent: RealtimeAgent) -> Iterator[str]:
    """Yield the problems of an agent: its fields, its tools and its handoffs."""
    from agents import Handoff

    who = f"The agent {agent.name!r}"
    for problem in (_prompt_problem(agent.prompt), _hooks_problem(agent.hooks), _mcp_problem(agent.mcp_servers)):
        if problem is not None:
            yield f"{who}: {problem}"
    if problem := guardrail_problem(agent.output_guardrails, f"{who}: output_guardrails=[…]"):
        yield problem
    for handoff in agent.handoffs:
        if not isinstance(handoff, Handoff) and _is_no_agent(handoff):
            yield f"{who}: handoffs=[…] takes agents and realtime_handoff(…), not {handoff!r}."
        for field in _HANDOFF_HISTORY:
            if getattr(handoff, field, None):
                yield (
                    f"{who}: the handoff {getattr(handoff, 'tool_name', '')!r} has {field}. The Realtime services keep "
                    "the conversation themselves, so the next agent sees all of it; use realtime_handoff(…) without it."
                )
    yield from (f"{who}: {problem}" for tool in agent.tools for problem in _tool_problems(tool))


def _prompt_problem(prompt: object) -> str | None:
    if prompt is None:
        return None
    if not isinstance(prompt, dict):
        return f"prompt=… takes a stored prompt such as {{'id': 'pmpt_…'}}, not {type(prompt).__name__}."
    try:
        service_rules.prompt(prompt, "prompt")
    except InvalidRequest as error:
        return f"prompt=… is refused by the Realtime services. {error}"
    return None


def _hooks_problem(hooks: object) -> str | None:
    from agents.lifecycle import AgentHooksBase

    if hooks is None:
        return None
    if not isinstance(hooks, AgentHooksBase):
        return f"hooks=… takes an instance of RealtimeAgentHooks, not {type(hooks).__name__}."
    for name in _LLM_HOOKS:
        if getattr(type(hooks), name) is not getattr(AgentHooksBase, name):
            return f"hooks=… has {name}, which a realtime model never calls; remove it."
    return None


def _mcp_problem(servers: Sequence[object]) -> str | None:
    from agents.mcp import MCPServer

    for server in servers:
        if not isinstance(server, MCPServer):
            return (
                f"mcp_servers=[…] takes servers of agents.mcp, such as MCPServerStdio(…), not {type(server).__name__}."
            )
    return None


def handoff_problems(agent: RealtimeAgent) -> Iterator[str]:
    """Yield the problems of the tools that an agent's handoffs become, and of the number of all its tools."""
    for handoff in agent.handoffs:
        name, description = _handoff_tool(handoff)
        fix = "name it with realtime_handoff(agent, tool_name_override=…)"
        for problem in _named_problems(name, description, "The tool of the handoff", fix):
            yield f"The agent {agent.name!r}: {problem}"
    count = len(agent.tools) + len(agent.handoffs)
    if count > service_rules.MAX_TOOLS:
        yield (
            f"The agent {agent.name!r} has {count} tools and handoffs; the Realtime services take "
            f"{service_rules.MAX_TOOLS}. Divide them among several agents."
        )


def _is_no_agent(value: object) -> bool:
    from agents.realtime import RealtimeAgent

    return not isinstance(value, RealtimeAgent)


def _tool_problems(tool: object) -> Iterator[str]:
    from agents import FunctionTool, HostedMCPTool

    if isinstance(tool, HostedMCPTool):
        yield from _hosted_mcp_problems(tool)
    elif isinstance(tool, FunctionTool):
        fix = "name it with @function_tool(name_override=…)"
        yield from _named_problems(tool.name, tool.description, "The tool", fix)
        yield from _untyped_parameters(tool)
    elif inspect.isroutine(tool):
        yield f"The tool {tool.__name__} is a plain function; decorate it with @function_tool."
    else:
        yield f"Realtime sessions have no {type(tool).__name__}; use function tools."


def _hosted_mcp_problems(tool: HostedMCPTool) -> Iterator[str]:
    config: Mapping[str, object] = {**tool.tool_config}
    label = config.get("server_label")
    if not label:
        yield "HostedMCPTool has no 'server_label'; give its tool_config one, and a 'server_url'."
    elif not (config.get("server_url") or config.get("connector_id")):
        yield f"HostedMCPTool {label!r} has no address; give its tool_config a 'server_url' or a 'connector_id'."
    if tool.on_approval_request is not None:
        yield f"HostedMCPTool {label!r} has on_approval_request; remove it: the caller approves in the console."


def _named_problems(name: str, description: str | None, what: str, fix: str) -> Iterator[str]:
    if _is_refused(service_rules.tool_name, name):
        yield (
            f"{what} has the name {name!r}. The Realtime services take up to {service_rules.MAX_TOOL_NAME_CHARS} "
            f"letters a-z, digits, '_' and '-'; {fix}."
        )
    length = len(description or "")
    if length > service_rules.MAX_TOOL_DESCRIPTION_CHARS:
        yield (
            f"{what} {name!r} has a description of {length:,} characters; the Realtime services take "
            f"{service_rules.MAX_TOOL_DESCRIPTION_CHARS:,}. Move the rest into the agent's instructions."
        )


def _untyped_parameters(tool: FunctionTool) -> Iterator[str]:
    """Yield the parameters of which the model would not know the type."""
    if not tool.strict_json_schema:
        return
    for name, schema in tool.params_json_schema.get("properties", {}).items():
        if not _TYPED.intersection(schema):
            yield f"The tool {tool.name!r} has no type hint for {name!r}; write one, such as {name}: str."


def _handoff_tool(handoff: RealtimeAgent | Handoff[Any, Any]) -> tuple[str, str | None]:
    from agents import Handoff

    if isinstance(handoff, Handoff):
        return handoff.tool_name, handoff.tool_description
    target: Any = handoff
    return Handoff.default_tool_name(target), Handoff.default_tool_description(target)


def _is_refused(check: Validator, value: object) -> bool:
    try:
        check(value, "value")
    except InvalidRequest:
        return True
    return False
