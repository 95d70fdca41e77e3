"""The session configuration of agents: instructions, tools, handoffs, and the settings of a new connection."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trunkline.calls.agents.tools import is_enabled
from trunkline.calls.log_events import CallSettings, Codec
from trunkline.realtime.events import Event
from trunkline.scenario.scenario import AnyScenario

if TYPE_CHECKING:
    from agents import RunContextWrapper
    from agents.realtime import RealtimeAgent


async def agent_session(agent: RealtimeAgent, context: RunContextWrapper, extras: Mapping[str, object]) -> Event:
    """Build the part of the session that changes when `agent` takes over.

    It has instructions, tools and the provider's `extras`. Voice, formats and turn detection are left out, so that
    settings made during the call survive a handoff.
    """
    instructions = await agent.get_system_prompt(context)
    tools = [
        _tool(tool.name, tool.description, tool.params_json_schema) for tool in await _enabled_tools(agent, context)
    ]
    tools += [_transfer(handoff) for handoff in await _enabled_handoffs(agent, context)]
    return {
        "type": "realtime",
        "instructions": instructions or "",
        "tools": tools,
        "tool_choice": "auto",
        **extras,
    }


def connection_session(
    scenario: AnyScenario,
    transcription: Mapping[str, object] | None,
    settings: CallSettings,
    turn_detection: Mapping[str, object] | None,
) -> Event:
    """Build the part of the session that a new connection needs: voice, formats, turn detection, transcription."""
    audio_format = audio_format_of(settings.codec)
    output: Event = {"format": audio_format}
    if voice := settings.voice or scenario.voice:
        output["voice"] = voice
    if settings.speed is not None:
        output["speed"] = settings.speed
    source: Event = {"format": audio_format, "turn_detection": turn_detection}
    if transcription is not None:
        source["transcription"] = dict(transcription)
    return {"output_modalities": ["audio"], "audio": {"input": source, "output": output}}


def audio_format_of(codec: Codec) -> Event:
    """Return the session's audio format for a codec: G.711 at 8 kHz, for every other codec PCM16 at 24 kHz."""
    return {"type": f"audio/{codec}"} if codec in ("pcmu", "pcma") else {"type": "audio/pcm", "rate": 24000}


async def accept_handoff(agent: RealtimeAgent, tool_name: str, arguments: str, context: RunContextWrapper) -> None:
    """Run the `on_handoff` callback of a handoff. Its exceptions come through."""
    from agents import Handoff

    for handoff in await _enabled_handoffs(agent, context):
        if isinstance(handoff, Handoff) and handoff.tool_name == tool_name:
            await handoff.on_invoke_handoff(context, arguments)


async def _enabled_tools(agent: RealtimeAgent, context: RunContextWrapper) -> list[Any]:
    return [tool for tool in agent.tools if await is_enabled(tool, agent, context)]


async def _enabled_handoffs(agent: RealtimeAgent, context: RunContextWrapper) -> list[object]:
    """Return the enabled handoffs: `Handoff`s and agents.

    The SDK's own collector makes a `Handoff` and a task for each agent on every call, while the caller waits.
    """
    return [handoff for handoff in agent.handoffs if await is_enabled(handoff, agent, context)]


def _transfer(handoff: Any) -> Event:
    from agents import Handoff

    if isinstance(handoff, Handoff):
        return _tool(handoff.tool_name, handoff.tool_description, handoff.input_json_schema)
    return _tool(Handoff.default_tool_name(handoff), Handoff.default_tool_description(handoff), _no_arguments())


@functools.cache
def _no_arguments() -> Mapping[str, object]:
    from agents.strict_schema import ensure_strict_json_schema

    return ensure_strict_json_schema({})


def _tool(name: str, description: str | None, parameters: Mapping[str, object]) -> Event:
    schema = dict(parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "name": name, "description": description or "", "parameters": schema}
