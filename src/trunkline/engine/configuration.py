"""The session's configuration: its defaults, partial updates, and what a single response may override.

In a `session.update` a field that is absent stays as it is and `null` clears; lists and formats are replaced
whole, and an object of options (turn detection, transcription, noise reduction) is merged as long as its type
stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.engine import checks
from trunkline.engine.checks import InvalidRequest
from trunkline.realtime.events import copied

Configuration = dict[str, Any]

DEFAULT_INSTRUCTIONS = "You are a friendly voice agent. Answer in short, natural, spoken sentences."
DEFAULT_TRANSCRIPTION_MODEL = "local"
DEFAULT_VOICE = "alloy"
MODALITIES = ("text", "audio")

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
    """What a session starts with. `expires_at` is in seconds of Unix time; `type_` is "realtime" or "transcription"."""
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


def type_of(settings: Mapping[str, Any] | None) -> str:
    """Which of the two types of session the settings to begin with are for."""
    return "transcription" if (settings or {}).get("type") == "transcription" else "realtime"


def shown(configuration: Configuration) -> Configuration:
    """The session object as clients see it. A transcription session has hearing and nothing else."""
    if configuration["type"] == "realtime":
        return copied(configuration)
    kept = {name: configuration[name] for name in ("type", "id", "expires_at", "include")}
    heard = copied(configuration["audio"]["input"])
    return {**kept, "object": "realtime.transcription_session", "audio": {"input": heard}}


def updated(current: Configuration, update: Any, *, spoken: bool = False) -> Configuration:
    """The configuration after a `session.update`; `current` is left as it was.

    Args:
        update: the event's `session`, as the client sent it.
        spoken: whether the assistant's voice has been heard, after which it cannot change.

    Raises:
        InvalidRequest: a field is unknown, of the wrong type or out of range; nothing is changed then.
    """
    if isinstance(update, dict) and update.get("type") == _OTHER_TYPE[current["type"]]:
        raise InvalidRequest("The type of a session cannot change.", "invalid_value", "session.type")
    given = _SESSION(update, "session")
    voice = (given.get("audio") or {}).get("output", {}).get("voice")
    if spoken and voice is not None and voice != current["audio"]["output"]["voice"]:
        raise InvalidRequest(
            "Cannot update a conversation's voice if assistant audio is present.", "cannot_update_voice"
        )
    if given.get("model", current["model"]) != current["model"]:
        raise InvalidRequest(
            "The model of a session cannot change; open another session for another model.",
            "invalid_value",
            "session.model",
        )
    return _merged(current, given)


def for_response(session: Configuration, overrides: Any) -> tuple[Configuration, Mapping[str, Any]]:
    """The configuration one response keeps to its end, and its checked overrides.

    Raises:
        InvalidRequest: as `updated`.
    """
    given: dict[str, Any] = {} if overrides is None else _RESPONSE(overrides, "response")
    own = copied(session)
    for name in _OVERRIDABLE:
        if given.get(name) is not None:
            own[name] = given[name]
    for name, value in (given.get("audio") or {}).get("output", {}).items():
        if value is not None:
            own["audio"]["output"][name] = value
    return own, given


def _merged(current: Configuration, given: Mapping[str, Any]) -> Configuration:
    new = copied(current)
    for name, value in given.items():
        if name != "audio":
            new[name] = value
    for side, parts in (given.get("audio") or {}).items():
        for name, value in parts.items():
            new["audio"][side][name] = _option(name, new["audio"][side].get(name), value)
    return new


def _option(name: str, before: Any, value: Any) -> Any:
    if not isinstance(value, dict) or name in ("format", "voice"):
        return value
    if name == "turn_detection":
        kind = value.get("type") or (before or _SERVER_VAD)["type"]
        defaults = _SERVER_VAD if kind == "server_vad" else _SEMANTIC_VAD
        kept = before if before and before["type"] == kind else defaults
        unknown = set(value) - set(defaults)
        if unknown:
            path = f"session.audio.input.turn_detection.{min(unknown)}"
            raise InvalidRequest(f"Unknown parameter: '{path}'.", "unknown_parameter", path)
        cleared = {key: defaults[key] if part is None else part for key, part in value.items()}
        return {**kept, **cleared, "type": kind}
    return {**(before or {}), **value}


def _modalities(value: Any, path: str) -> list[str]:
    modalities = checks.list_of(checks.one_of(*MODALITIES))(value, path)
    if modalities not in (["text"], ["audio"]):
        raise InvalidRequest(
            f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].",
            "invalid_value",
            path,
        )
    return ["text"] if modalities == ["text"] else ["audio"]


def _max_tokens(value: Any, path: str) -> int | str:
    return "inf" if value == "inf" else int(checks.integer(1, 4096)(value, path))


def _voice(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return checks.fields({"id": checks.filled}, required=("id",))(value, path)
    return checks.filled(value, path)


def _format(value: Any, path: str) -> Any:
    checked = checks.tagged(
        {
            "audio/pcm": checks.fields({"type": checks.text, "rate": checks.nullable(checks.integer(24000, 24000))}),
            "audio/pcmu": checks.fields({"type": checks.text}),
            "audio/pcma": checks.fields({"type": checks.text}),
        }
    )(value, path)
    return dict(_PCM) if checked["type"] == "audio/pcm" else checked


def _tool_choice(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return checks.one_of("none", "auto", "required")(value, path)
    return checks.tagged(
        {
            "function": checks.fields({"type": checks.text, "name": checks.filled}, required=("name",)),
            "mcp": checks.fields(
                {"type": checks.text, "server_label": checks.filled, "name": checks.nullable(checks.text)},
                required=("server_label",),
            ),
        }
    )(value, path)


_FUNCTION = checks.fields(
    {
        "type": checks.text,
        "name": checks.filled,
        "description": checks.nullable(checks.text, ""),
        "parameters": checks.nullable(checks.a_dict),
        "strict": checks.anything,
    },
    required=("name",),
)


def _tool(value: Any, path: str) -> Any:
    tool = checks.tagged({"function": _FUNCTION, "mcp": checks.a_dict})(value, path)
    if tool["type"] == "mcp":
        raise InvalidRequest(
            "MCP tools run on the services' own machines; this engine has function tools only.", "invalid_value", path
        )
    return {name: part for name, part in tool.items() if name != "strict"}


_PROMPT = checks.fields(
    {"id": checks.filled, "variables": checks.nullable(checks.a_dict), "version": checks.nullable(checks.text)},
    required=("id",),
)
_TRACING = {
    "workflow_name": checks.nullable(checks.text),
    "group_id": checks.nullable(checks.text),
    "metadata": checks.nullable(checks.a_dict),
}


def _tracing(value: Any, path: str) -> Any:
    return value if value == "auto" else checks.fields(_TRACING)(value, path)


def _truncation(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return checks.one_of("auto", "disabled")(value, path)
    known = {
        "type": checks.one_of("retention_ratio"),
        "retention_ratio": checks.number(0.0, 1.0),
        "token_limits": checks.nullable(
            checks.fields({"post_instructions": checks.nullable(checks.integer(0, 1 << 31))})
        ),
    }
    return checks.fields(known, required=("type", "retention_ratio"))(value, path)


def _include(value: Any, path: str) -> Any:
    if checks.list_of(checks.one_of("item.input_audio_transcription.logprobs"))(value, path):
        message = "This engine's recogniser knows no log probabilities: leave them out of 'include'."
        raise InvalidRequest(message, "unsupported_value", path)
    return None


_TURN_DETECTION = checks.fields(
    {
        "type": checks.one_of("server_vad", "semantic_vad"),
        "threshold": checks.nullable(checks.number(0.0, 1.0)),
        "prefix_padding_ms": checks.nullable(checks.integer(0, 5000)),
        "silence_duration_ms": checks.nullable(checks.integer(0, 10000)),
        "idle_timeout_ms": checks.nullable(checks.integer(1000, 600000)),
        "create_response": checks.nullable(checks.boolean),
        "interrupt_response": checks.nullable(checks.boolean),
        "eagerness": checks.nullable(checks.one_of("low", "medium", "high", "auto")),
    }
)
_TRANSCRIPTION = checks.fields(
    {
        "model": checks.nullable(checks.text),
        "language": checks.nullable(checks.text),
        "languages": checks.nullable(checks.list_of(checks.text)),
        "prompt": checks.nullable(checks.text),
        "keywords": checks.nullable(checks.list_of(checks.text)),
        "delay": checks.nullable(checks.one_of("minimal", "low", "medium", "high", "xhigh")),
    }
)
_NOISE_REDUCTION = checks.fields(
    {
        "type": checks.nullable(checks.one_of("near_field", "far_field")),
        "strength": checks.nullable(checks.number(0.0, 1.0)),
    }
)
_OUTPUT = {
    "format": checks.nullable(_format, dict(_PCM)),
    "voice": checks.nullable(_voice, DEFAULT_VOICE),
    "speed": checks.nullable(checks.number(0.25, 1.5), 1.0),
}
_INPUT = checks.nullable(
    checks.fields(
        {
            "format": checks.nullable(_format, dict(_PCM)),
            "transcription": checks.nullable(_TRANSCRIPTION),
            "noise_reduction": checks.nullable(_NOISE_REDUCTION),
            "turn_detection": checks.nullable(_TURN_DETECTION),
        }
    ),
    {},
)
_AUDIO = checks.fields({"input": _INPUT, "output": checks.nullable(checks.fields(_OUTPUT), {})})
_SHARED = {
    "instructions": checks.nullable(checks.text, ""),
    "tools": checks.nullable(checks.list_of(_tool, 128), []),
    "tool_choice": checks.nullable(_tool_choice, "auto"),
    "output_modalities": checks.nullable(_modalities, ["audio"]),
    "max_output_tokens": checks.nullable(_max_tokens, "inf"),
    "prompt": checks.nullable(_PROMPT),
    "parallel_tool_calls": checks.nullable(checks.boolean),
    "reasoning": checks.nullable(
        checks.fields({"effort": checks.nullable(checks.one_of("minimal", "low", "medium", "high", "xhigh"))})
    ),
}
_REALTIME = checks.fields(
    {
        **_SHARED,
        "type": checks.text,
        "model": checks.nullable(checks.text),
        "tracing": checks.nullable(_tracing),
        "truncation": checks.nullable(_truncation, "auto"),
        "include": checks.nullable(_include),
        "audio": checks.nullable(_AUDIO),
    },
    required=("type",),
)
_TRANSCRIPTION_SESSION = checks.fields(
    {
        "type": checks.text,
        "include": checks.nullable(_include),
        "audio": checks.nullable(checks.fields({"input": _INPUT})),
    }
)
_SESSION = checks.tagged({"realtime": _REALTIME, "transcription": _TRANSCRIPTION_SESSION})


def _metadata(value: Any, path: str) -> Any:
    given = checks.a_dict(value, path)
    if len(given) > 16:
        raise InvalidRequest(f"Invalid '{path}': at most 16 pairs.", "object_above_max_properties", path)
    for name, part in given.items():
        if len(name) > 64 or len(checks.text(part, f"{path}.{name}")) > 512:
            message = f"Invalid '{path}': keys have at most 64 characters, values 512."
            raise InvalidRequest(message, "string_above_max_length", path)
    return given


_RESPONSE = checks.fields(
    {
        **{name: checks.nullable(check) for name, check in _SHARED.items()},
        "audio": checks.nullable(
            checks.fields({"output": checks.nullable(checks.fields(_OUTPUT), {})}),
        ),
        "conversation": checks.nullable(checks.one_of("auto", "none")),
        "input": checks.nullable(checks.list_of(checks.a_dict)),
        "metadata": checks.nullable(_metadata),
    }
)
