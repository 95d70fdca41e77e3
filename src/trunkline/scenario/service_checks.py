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
    from agents import FunctionTool, Handoff
    from agents.realtime import RealtimeAgent

_TYPED = frozenset({"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const"})
_UNSUPPORTED = {
    "mcp_servers": "Wrap their tools in function tools.",
    "prompt": "Write its text into instructions.",
    "hooks": "Remove them: handoffs and tool calls are in the call's log.",
}
"""Fields of a `RealtimeAgent` that Trunkline does not use, each with the replacement."""


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


def state_problem(state: object) -> str | None:
    """Return the problem of a scenario's `state` factory."""
    if inspect.iscoroutinefunction(state):
        return "state=… is called without await; make it a plain function, and load slow data in a tool."
    if state is not None and not callable(state):
        return f"state=… takes a function that makes the state of one call, not {type(state).__name__}; use lambda: …"
    return None


def guardrail_problem(guardrails: Sequence[object], where: str) -> str | None:
    """Return the problem of a list of guardrails; `where` names the list."""
    from agents import OutputGuardrail

    for guardrail in guardrails:
        if not isinstance(guardrail, OutputGuardrail):
            return (
                f"{where} takes output guardrails, which check an agent's words, not {type(guardrail).__name__}; "
                "decorate the function with @output_guardrail."
            )
    return None


def agent_problems(agent: RealtimeAgent) -> Iterator[str]:
    """Yield the problems of an agent: its fields, its tools and its handoffs."""
    from agents import Handoff

    who = f"The agent {agent.name!r}"
    for field, instead in _UNSUPPORTED.items():
        if getattr(agent, field):
            yield f"{who} has {field}, which Trunkline does not use. {instead}"
    if problem := guardrail_problem(agent.output_guardrails, f"{who}: output_guardrails=[…]"):
        yield problem
    for handoff in agent.handoffs:
        if not isinstance(handoff, Handoff) and _is_no_agent(handoff):
            yield f"{who}: handoffs=[…] takes agents and realtime_handoff(…), not {handoff!r}."
    yield from (f"{who}: {problem}" for tool in agent.tools for problem in _tool_problems(tool))


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
    from agents import FunctionTool

    if isinstance(tool, FunctionTool):
        fix = "name it with @function_tool(name_override=…)"
        yield from _named_problems(tool.name, tool.description, "The tool", fix)
        yield from _untyped_parameters(tool)
    elif inspect.isroutine(tool):
        yield f"The tool {tool.__name__} is a plain function; decorate it with @function_tool."
    else:
        yield f"Realtime sessions have no {type(tool).__name__}; use function tools."


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
