"""The session configuration of agents: instructions, tools, handoffs, and the settings of a new connection."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trunkline.calls.agents.tools import is_enabled
from trunkline.calls.log_events import CallSettings, Codec
from trunkline.realtime.events import Event
from trunkline.scenario.scenario import AnyScenario, function_tools
from trunkline.scenario.session_settings import session_fields

if TYPE_CHECKING:
    from agents import FunctionTool, Handoff, HostedMCPTool, RunContextWrapper
    from agents.realtime import RealtimeAgent


async def agent_session(
    scenario: AnyScenario,
    agent: RealtimeAgent,
    context: RunContextWrapper,
    extras: Mapping[str, object],
    transcription: Mapping[str, object] | None = None,
    mcp_tools: Sequence[FunctionTool] = (),
) -> Event:
    """Build the part of the session that changes when `agent` takes over.

    It has instructions, the stored prompt, tools, the settings that differ among agents, and the provider's `extras`.
    Voice, formats and turn detection are left out, so that settings made during the call survive a handoff.

    Args:
        transcription: the provider's transcription, for agents with settings of their own for it.
        mcp_tools: the tools of the agent's MCP servers.
    """
    instructions = await agent.get_system_prompt(context)
    session: Event = {
        "type": "realtime",
        "instructions": instructions or "",
        "tools": await agent_tools(agent, context, mcp_tools),
        "tool_choice": "auto",
    }
    if any(one.prompt is not None for one in scenario.agents):
        session["prompt"] = agent.prompt and dict(agent.prompt)
    settings = scenario.session_settings(agent.name)
    return {**session, **session_fields(settings, scenario.settings_of_agents, transcription), **extras}


async def agent_tools(
    agent: RealtimeAgent, context: RunContextWrapper, mcp_tools: Sequence[FunctionTool] = ()
) -> list[Event]:
    """Return the tools that the model may call now: those of the agent and of its MCP servers, and its handoffs."""
    functions = [*function_tools(agent), *mcp_tools]
    # The SDK's own collector makes a `Handoff` and a task for each agent on every call, while the caller waits.
    return _tools(
        agent,
        [tool for tool in functions if await is_enabled(tool, agent, context)],
        [handoff for handoff in agent.handoffs if await is_enabled(handoff, agent, context)],
    )


def fixed_tools(agent: RealtimeAgent, mcp_tools: Sequence[FunctionTool] = ()) -> list[Event] | None:
    """Return the same as `agent_tools`, or None if the user's code decides whether one of the tools is enabled."""
    functions = [*function_tools(agent), *mcp_tools]
    if any(callable(getattr(tool, "is_enabled", True)) for tool in (*functions, *agent.handoffs)):
        return None
    return _tools(
        agent,
        [tool for tool in functions if tool.is_enabled],
        [handoff for handoff in agent.handoffs if getattr(handoff, "is_enabled", True)],
    )


def connection_session(
    scenario: AnyScenario,
    transcription: Mapping[str, object] | None,
    settings: CallSettings,
    turn_detection: Mapping[str, object] | None,
    agent: str,
) -> Event:
    """Build the part of the session that a new connection needs.

    It has voice, formats, turn detection, transcription, and the session settings of `agent`.
    """
    audio_format = audio_format_of(settings.codec)
    output: Event = {"format": audio_format}
    if voice := settings.voice or scenario.voice:
        output["voice"] = voice
    if settings.speed is not None:
        output["speed"] = settings.speed
    chosen = scenario.session_settings(agent)
    source: Event = {"format": audio_format, "turn_detection": turn_detection}
    if (transcribed := chosen.transcription(transcription)) is not None:
        source["transcription"] = transcribed
    fields = session_fields(chosen, chosen.given | {"truncation"} | scenario.settings_of_agents, transcription)
    source.update(fields.pop("audio", {}).get("input", {}))
    return {"output_modalities": ["audio"], **fields, "audio": {"input": source, "output": output}}


def audio_format_of(codec: Codec) -> Event:
    """Return the session's audio format for a codec: G.711 at 8 kHz, for every other codec PCM16 at 24 kHz."""
    return {"type": f"audio/{codec}"} if codec in ("pcmu", "pcma") else {"type": "audio/pcm", "rate": 24000}


def _tools(
    agent: RealtimeAgent,
    functions: Sequence[FunctionTool],
    handoffs: Sequence[RealtimeAgent | Handoff[object, RealtimeAgent]],
) -> list[Event]:
    from agents import HostedMCPTool

    return [
        *(_tool(tool.name, tool.description, tool.params_json_schema) for tool in functions),
        *(_hosted_mcp(tool) for tool in agent.tools if isinstance(tool, HostedMCPTool)),
        *(_transfer(handoff) for handoff in handoffs),
    ]


def _transfer(handoff: RealtimeAgent | Handoff[object, RealtimeAgent]) -> Event:
    from agents import Handoff

    if isinstance(handoff, Handoff):
        return _tool(handoff.tool_name, handoff.tool_description, handoff.input_json_schema)
    name, description = Handoff.default_tool_name(handoff), Handoff.default_tool_description(handoff)
    return _tool(name, description, _no_arguments())


@functools.cache
def _no_arguments() -> Mapping[str, object]:
    from agents.strict_schema import ensure_strict_json_schema

    return ensure_strict_json_schema({})


def _tool(name: str, description: str | None, parameters: Mapping[str, object]) -> Event:
    schema = dict(parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "name": name, "description": description or "", "parameters": schema}


def _hosted_mcp(tool: HostedMCPTool) -> Event:
    return {"type": "mcp", **{name: value for name, value in tool.tool_config.items() if value is not None}}
