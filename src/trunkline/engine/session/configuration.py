"""Session configuration: defaults, partial updates, and overrides for a single response.

In a `session.update`, an absent field keeps its value and `null` clears it. Lists and formats are replaced as a whole.
Objects of options (turn detection, transcription, noise reduction) are merged while their type stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.engine.session import validation
from trunkline.engine.session.validation import InvalidRequest
from trunkline.realtime.events import copy_json

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


def session_type(settings: Mapping[str, Any] | None) -> str:
    """Return the session type that the initial settings ask for: "realtime" or "transcription"."""
    return "transcription" if (settings or {}).get("type") == "transcription" else "realtime"


def to_client(configuration: Configuration) -> Configuration:
    """Return the session object for clients. A transcription session shows its input audio settings only."""
    if configuration["type"] == "realtime":
        return copy_json(configuration)
    kept = {name: configuration[name] for name in ("type", "id", "expires_at", "include")}
    audio_input = copy_json(configuration["audio"]["input"])
    return {**kept, "object": "realtime.transcription_session", "audio": {"input": audio_input}}


def updated(current: Configuration, update: Any, *, voice_used: bool = False) -> Configuration:
    """Return the configuration after a `session.update`. `current` stays unchanged.

    Args:
        update: the event's `session`, as the client sent it.
        voice_used: True after the client received assistant audio, when the voice can no longer change.

    Raises:
        InvalidRequest: a field is unknown, of the wrong type or out of range. Nothing changes then.
    """
    if isinstance(update, dict) and update.get("type") == _OTHER_TYPE[current["type"]]:
        raise InvalidRequest("The type of a session cannot change.", "invalid_value", "session.type")
    given = _SESSION(update, "session")
    voice = (given.get("audio") or {}).get("output", {}).get("voice")
    if voice_used and voice is not None and voice != current["audio"]["output"]["voice"]:
        raise InvalidRequest(
            "Cannot update a conversation's voice if assistant audio is present.", "cannot_update_voice"
        )
    if given.get("model", current["model"]) != current["model"]:
        raise InvalidRequest(
            "The model of a session cannot change. Open another session for another model.",
            "invalid_value",
            "session.model",
        )
    return _merged(current, given)


def for_response(session: Configuration, overrides: Any) -> tuple[Configuration, Mapping[str, Any]]:
    """Return the configuration of one response, and its checked overrides.

    Raises:
        InvalidRequest: as `updated`.
    """
    given: dict[str, Any] = {} if overrides is None else _RESPONSE(overrides, "response")
    own = copy_json(session)
    for name in _OVERRIDABLE:
        if given.get(name) is not None:
            own[name] = given[name]
    for name, value in (given.get("audio") or {}).get("output", {}).items():
        if value is not None:
            own["audio"]["output"][name] = value
    return own, given


def recogniser_prompt(transcription: Mapping[str, Any]) -> str:
    """Return the prompt and the keywords of a session's transcription settings as one text."""
    return ", ".join(filter(None, [transcription.get("prompt"), *(transcription.get("keywords") or ())]))


def _merged(current: Configuration, given: Mapping[str, Any]) -> Configuration:
    new = copy_json(current)
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
    modalities = validation.list_of(validation.one_of(*MODALITIES))(value, path)
    if modalities not in (["text"], ["audio"]):
        raise InvalidRequest(
            f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].",
            "invalid_value",
            path,
        )
    return ["text"] if modalities == ["text"] else ["audio"]


def _max_tokens(value: Any, path: str) -> int | str:
    return "inf" if value == "inf" else int(validation.integer_between(1, 4096)(value, path))


def _voice(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return validation.object_with({"id": validation.non_empty_text}, required=("id",))(value, path)
    return validation.non_empty_text(value, path)


def _format(value: Any, path: str) -> Any:
    checked = validation.tagged(
        {
            "audio/pcm": validation.object_with(
                {"type": validation.text, "rate": validation.nullable(validation.integer_between(24000, 24000))}
            ),
            "audio/pcmu": validation.object_with({"type": validation.text}),
            "audio/pcma": validation.object_with({"type": validation.text}),
        }
    )(value, path)
    return dict(_PCM) if checked["type"] == "audio/pcm" else checked


def _tool_choice(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return validation.one_of("none", "auto", "required")(value, path)
    return validation.tagged(
        {
            "function": validation.object_with(
                {"type": validation.text, "name": validation.non_empty_text}, required=("name",)
            ),
            "mcp": validation.object_with(
                {
                    "type": validation.text,
                    "server_label": validation.non_empty_text,
                    "name": validation.nullable(validation.text),
                },
                required=("server_label",),
            ),
        }
    )(value, path)


_FUNCTION = validation.object_with(
    {
        "type": validation.text,
        "name": validation.non_empty_text,
        "description": validation.nullable(validation.text, ""),
        "parameters": validation.nullable(validation.json_object),
        "strict": validation.any_value,
    },
    required=("name",),
)


def _tool(value: Any, path: str) -> Any:
    tool = validation.tagged({"function": _FUNCTION, "mcp": validation.json_object})(value, path)
    if tool["type"] == "mcp":
        raise InvalidRequest("MCP tools are not available on this engine. Use function tools.", "invalid_value", path)
    return {name: part for name, part in tool.items() if name != "strict"}


_PROMPT = validation.object_with(
    {
        "id": validation.non_empty_text,
        "variables": validation.nullable(validation.json_object),
        "version": validation.nullable(validation.text),
    },
    required=("id",),
)
_TRACING = {
    "workflow_name": validation.nullable(validation.text),
    "group_id": validation.nullable(validation.text),
    "metadata": validation.nullable(validation.json_object),
}


def _tracing(value: Any, path: str) -> Any:
    return value if value == "auto" else validation.object_with(_TRACING)(value, path)


def _truncation(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return validation.one_of("auto", "disabled")(value, path)
    known = {
        "type": validation.one_of("retention_ratio"),
        "retention_ratio": validation.number_between(0.0, 1.0),
        "token_limits": validation.nullable(
            validation.object_with({"post_instructions": validation.nullable(validation.integer_between(0, 1 << 31))})
        ),
    }
    return validation.object_with(known, required=("type", "retention_ratio"))(value, path)


def _include(value: Any, path: str) -> Any:
    if validation.list_of(validation.one_of("item.input_audio_transcription.logprobs"))(value, path):
        message = "This engine has no log probabilities of transcripts. Remove them from 'include'."
        raise InvalidRequest(message, "unsupported_value", path)
    return None


_TURN_DETECTION = validation.object_with(
    {
        "type": validation.one_of("server_vad", "semantic_vad"),
        "threshold": validation.nullable(validation.number_between(0.0, 1.0)),
        "prefix_padding_ms": validation.nullable(validation.integer_between(0, 5000)),
        "silence_duration_ms": validation.nullable(validation.integer_between(0, 10000)),
        "idle_timeout_ms": validation.nullable(validation.integer_between(1000, 600000)),
        "create_response": validation.nullable(validation.boolean),
        "interrupt_response": validation.nullable(validation.boolean),
        "eagerness": validation.nullable(validation.one_of("low", "medium", "high", "auto")),
    }
)
_TRANSCRIPTION = validation.object_with(
    {
        "model": validation.nullable(validation.text),
        "language": validation.nullable(validation.text),
        "languages": validation.nullable(validation.list_of(validation.text)),
        "prompt": validation.nullable(validation.text),
        "keywords": validation.nullable(validation.list_of(validation.text)),
        "delay": validation.nullable(validation.one_of("minimal", "low", "medium", "high", "xhigh")),
    }
)
_NOISE_REDUCTION = validation.object_with(
    {
        "type": validation.nullable(validation.one_of("near_field", "far_field")),
        "strength": validation.nullable(validation.number_between(0.0, 1.0)),
    }
)
_OUTPUT = {
    "format": validation.nullable(_format, dict(_PCM)),
    "voice": validation.nullable(_voice, DEFAULT_VOICE),
    "speed": validation.nullable(validation.number_between(0.25, 1.5), 1.0),
}
_INPUT = validation.nullable(
    validation.object_with(
        {
            "format": validation.nullable(_format, dict(_PCM)),
            "transcription": validation.nullable(_TRANSCRIPTION),
            "noise_reduction": validation.nullable(_NOISE_REDUCTION),
            "turn_detection": validation.nullable(_TURN_DETECTION),
        }
    ),
    {},
)
_AUDIO = validation.object_with({"input": _INPUT, "output": validation.nullable(validation.object_with(_OUTPUT), {})})
_SHARED = {
    "instructions": validation.nullable(validation.text, ""),
    "tools": validation.nullable(validation.list_of(_tool, 128), []),
    "tool_choice": validation.nullable(_tool_choice, "auto"),
    "output_modalities": validation.nullable(_modalities, ["audio"]),
    "max_output_tokens": validation.nullable(_max_tokens, "inf"),
    "prompt": validation.nullable(_PROMPT),
    "parallel_tool_calls": validation.nullable(validation.boolean),
    "reasoning": validation.nullable(
        validation.object_with(
            {"effort": validation.nullable(validation.one_of("minimal", "low", "medium", "high", "xhigh"))}
        )
    ),
}
_REALTIME = validation.object_with(
    {
        **_SHARED,
        "type": validation.text,
        "model": validation.nullable(validation.text),
        "tracing": validation.nullable(_tracing),
        "truncation": validation.nullable(_truncation, "auto"),
        "include": validation.nullable(_include),
        "audio": validation.nullable(_AUDIO),
    },
    required=("type",),
)
_TRANSCRIPTION_SESSION = validation.object_with(
    {
        "type": validation.text,
        "include": validation.nullable(_include),
        "audio": validation.nullable(validation.object_with({"input": _INPUT})),
    }
)
_SESSION = validation.tagged({"realtime": _REALTIME, "transcription": _TRANSCRIPTION_SESSION})


def _metadata(value: Any, path: str) -> Any:
    given = validation.json_object(value, path)
    if len(given) > 16:
        raise InvalidRequest(f"Invalid '{path}': at most 16 pairs.", "object_above_max_properties", path)
    for name, part in given.items():
        if len(name) > 64 or len(validation.text(part, f"{path}.{name}")) > 512:
            message = f"Invalid '{path}': keys have at most 64 characters, values 512."
            raise InvalidRequest(message, "string_above_max_length", path)
    return given


_RESPONSE = validation.object_with(
    {
        **{name: validation.nullable(check) for name, check in _SHARED.items()},
        "audio": validation.nullable(
            validation.object_with({"output": validation.nullable(validation.object_with(_OUTPUT), {})}),
        ),
        "conversation": validation.nullable(validation.one_of("auto", "none")),
        "input": validation.nullable(validation.list_of(validation.json_object)),
        "metadata": validation.nullable(_metadata),
    }
)
