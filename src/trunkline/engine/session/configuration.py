"""Session configuration: defaults, partial updates, and overrides for a single response.

In a `session.update`, an absent field keeps its value and `null` clears it. Lists and formats are replaced as a whole.
Objects of options (turn detection, transcription, noise reduction) are merged while their type stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.realtime import service_rules
from trunkline.realtime.events import copy_json
from trunkline.realtime.validation import InvalidRequest

Configuration = dict[str, Any]

DEFAULT_INSTRUCTIONS = "You are a friendly voice agent. Answer in short, natural, spoken sentences."
DEFAULT_TRANSCRIPTION_MODEL = "local"
DEFAULT_VOICE = "alloy"

_SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_PCM = {"type": "audio/pcm", "rate": 24000}
_CLEARED = {
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "truncation": "auto",
    "format": _PCM,
    "voice": DEFAULT_VOICE,
    "speed": 1.0,
}
"""The values of fields that `null` does not leave empty."""

_OTHER_TYPE = {"realtime": "transcription", "transcription": "realtime"}
_OVERRIDABLE = (
    "instructions",
    "tools",
    "tool_choice",
    "output_modalities",
    "max_output_tokens",
    "prompt",
    "parallel_tool_calls",
    "reasoning",
)


def default(model: str, session_id: str, expires_at: int | None = None, *, type_: str = "realtime") -> Configuration:
    """Return the configuration of a new session.

    Args:
        expires_at: seconds of Unix time.
        type_: "realtime" or "transcription".
    """
    return {
        "type": type_,
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "expires_at": expires_at,
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": {"model": model} if type_ == "transcription" else None,
                "noise_reduction": None,
                "turn_detection": dict(_SERVER_VAD),
            },
            "output": {"format": dict(_PCM), "voice": DEFAULT_VOICE, "speed": 1.0},
        },
    }


def session_type(settings: Mapping[str, object] | None) -> str:
    """Return the session type that the initial settings ask for: "realtime" or "transcription"."""
    return "transcription" if (settings or {}).get("type") == "transcription" else "realtime"


def to_client(configuration: Configuration) -> Configuration:
    """Return the session object for clients. A transcription session shows its input audio settings only."""
    if configuration["type"] == "realtime":
        return copy_json(configuration)
    kept = {name: configuration[name] for name in ("type", "id", "expires_at", "include")}
    audio_input = copy_json(configuration["audio"]["input"])
    return {**kept, "object": "realtime.transcription_session", "audio": {"input": audio_input}}


def updated(current: Configuration, update: object, *, voice_used: bool = False) -> Configuration:
    """Return the configuration after a `session.update`. `current` stays unchanged.

    As with the services, the model of the URL or of the client secret stays: `model` in the update has no effect.

    Args:
        update: the event's `session`, as the client sent it.
        voice_used: True after the client received assistant audio, when the voice can no longer change.

    Raises:
        InvalidRequest: a field is unknown, of the wrong type or out of range. Nothing changes then.
    """
    if isinstance(update, dict) and update.get("type") == _OTHER_TYPE[current["type"]]:
        raise InvalidRequest("The type of a session cannot change.", "invalid_value", "session.type")
    given = _without_unavailable(service_rules.session(update, "session"), "session")
    voice = _output_of(given).get("voice")
    if voice_used and voice is not None and voice != current["audio"]["output"]["voice"]:
        raise InvalidRequest(
            "Cannot update a conversation's voice if assistant audio is present.", "cannot_update_voice"
        )
    return _merged(current, {name: value for name, value in given.items() if name != "model"})


def for_response(session: Configuration, overrides: object) -> tuple[Configuration, Mapping[str, Any]]:
    """Return the configuration of one response, and its checked overrides.

    Raises:
        InvalidRequest: as `updated`.
    """
    given: Configuration = {} if overrides is None else service_rules.response(overrides, "response")
    given = _without_unavailable(given, "response")
    if not given:
        return session, given  # `updated` makes a new configuration
    own = copy_json(session)
    for name in _OVERRIDABLE:
        if given.get(name) is not None:
            own[name] = given[name]
    for name, value in _output_of(given).items():
        if value is not None:
            own["audio"]["output"][name] = _option(name, None, value)
    return own, given


def _output_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of the output audio in a session or a response."""
    return (given.get("audio") or {}).get("output") or {}


def recogniser_prompt(transcription: Mapping[str, Any]) -> str:
    """Return the prompt and the keywords of a session's transcription settings as one text."""
    return ", ".join(filter(None, [transcription.get("prompt"), *(transcription.get("keywords") or ())]))


def _merged(current: Configuration, given: Mapping[str, Any]) -> Configuration:
    new = copy_json(current)
    for name, value in given.items():
        if name != "audio":
            new[name] = copy_json(_CLEARED.get(name)) if value is None else value
    for side, parts in (given.get("audio") or {}).items():
        for name, value in (parts or {}).items():
            new["audio"][side][name] = _option(name, new["audio"][side].get(name), value)
    return new


def _option(name: str, before: Any, value: Any) -> Any:
    if value is None:
        return copy_json(_CLEARED.get(name))
    if name == "format" and value["type"] == "audio/pcm":
        return dict(_PCM)
    if not isinstance(value, dict) or name in ("format", "voice"):
        return value
    if name == "turn_detection":
        kind = value["type"]
        defaults = _SERVER_VAD if kind == "server_vad" else _SEMANTIC_VAD
        kept = before if before and before["type"] == kind else defaults
        cleared = {key: defaults[key] if part is None else part for key, part in value.items()}
        return {**kept, **cleared, "type": kind}
    return {**(before or {}), **value}


def _without_unavailable(given: Configuration, path: str) -> Configuration:
    """Refuse features that this engine lacks, and leave out fields that it ignores."""
    tools = given.get("tools")
    for index, tool in enumerate(tools or ()):
        if tool["type"] == "mcp":
            message = "MCP tools are not available on this engine. Use function tools."
            raise InvalidRequest(message, "invalid_value", f"{path}.tools[{index}]")
    if given.get("include"):
        message = "This engine has no log probabilities of transcripts. Remove them from 'include'."
        raise InvalidRequest(message, "unsupported_value", f"{path}.include")
    kept = {**given, "include": None} if "include" in given else given
    if not tools:
        return kept
    return {**kept, "tools": [{name: part for name, part in tool.items() if name != "strict"} for tool in tools]}
