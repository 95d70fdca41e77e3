"""Rules of the Realtime services: the sessions, responses and items that Azure OpenAI and OpenAI accept.

A check takes a value and its path, and returns the value or raises `InvalidRequest` with the code, the message and the
`param` of the services. A scenario is checked by these rules when it is made, and the local engine refuses by them.

Each rule names its source: `openai` for the types of the `openai` package, which follow OpenAI's API description;
`observed` for an error of a service in a public report. A field without a known rule is accepted. Limits in tokens,
such as 16,384 for the instructions and tools of gpt-realtime, depend on the model and are not checked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from trunkline.realtime import validation
from trunkline.realtime.events import Event
from trunkline.realtime.validation import InvalidRequest

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
"""The voices of GA. Observed: `Invalid value: 'Puck'. Supported values are: 'alloy', …, and 'cedar'.`"""
PREVIEW_VOICES = VOICES[:-2]
"""The voices of the preview. Observed, with the param `session.voice`."""
PREVIEW_TEMPERATURES = (0.6, 1.2)
"""The preview's lowest and highest temperature (openai: `beta.realtime`; observed: `decimal_below_min_value`)."""
SPEEDS = (0.25, 1.5)
"""The lowest and highest speed (openai: `RealtimeAudioConfigOutput`)."""
MAX_OUTPUT_TOKENS = 4096
"""The limit of `max_output_tokens`; `inf` is the model's own limit (openai: `RealtimeSessionCreateRequest`)."""
TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]+$")
"""The pattern of a tool's name. Observed: `Invalid 'session.tools[0].name': string does not match pattern.`"""
MAX_TOOL_NAME_CHARS = 64
"""Limit of a tool's name (openai: `FunctionDefinition`; Azure's description of function calls)."""
MAX_TOOL_DESCRIPTION_CHARS = 1024
"""Limit of a tool's description. Observed: `string too long. Expected a string with maximum length 1024`
(github.com/All-Hands-AI/OpenHands/issues/4838)."""
MAX_TOOLS = 128
"""Limit of the tools of a session (openai: assistants' and chat tools)."""
MAX_ID_CHARS = 32
"""Limit of the id of an item and of a function call. Observed: `Invalid 'item.call_id': string too long.`"""
MAX_TEXT_CHARS = 10_485_760
"""Limit of one text, such as the output of a tool. Observed in messages: `maximum length 10485760`
(github.com/Shopify/roast/issues/52)."""
MAX_TRANSCRIPTION_PROMPT_CHARS = 1024
"""Limit of the prompt for the transcription. Observed: `Expected a string with maximum length 1024`."""
IDLE_TIMEOUTS_MS = (5000, 30_000)
"""The shortest and longest `idle_timeout_ms` (OpenAI's API description)."""
UNSUPPORTED_ON_AZURE = ("tracing",)
"""Fields of a session that Azure refuses. Observed."""

SERVER_VAD_FIELDS = (
    "type",
    "threshold",
    "prefix_padding_ms",
    "silence_duration_ms",
    "idle_timeout_ms",
    "create_response",
    "interrupt_response",
)
"""The options of `server_vad` (openai: `RealtimeAudioInputTurnDetection`)."""
SEMANTIC_VAD_FIELDS = ("type", "eagerness", "create_response", "interrupt_response")
"""The options of `semantic_vad` (openai: `RealtimeAudioInputTurnDetection`)."""
EAGERNESS = ("low", "medium", "high", "auto")
"""The values of `eagerness` (openai: `RealtimeAudioInputTurnDetection`)."""


# Parts of a session ---------------------------------------------------------------------------------------------------
def voice(value: object, path: str) -> Any:
    """Accept a built-in voice by its name, or `{"id": …}`, a voice of the user's own."""
    if isinstance(value, dict):
        return validation.object_with({"id": validation.non_empty_text}, required=("id",))(value, path)
    return validation.one_of(*VOICES)(value, path)


def audio_format(value: object, path: str) -> Any:
    """Accept PCM16 at 24 kHz, or G.711."""
    return _FORMAT(value, path)


_FORMAT = validation.tagged(
    {
        "audio/pcm": validation.object_with(
            {"type": validation.text, "rate": validation.nullable(validation.integer_between(24000, 24000))}
        ),
        "audio/pcmu": validation.object_with({"type": validation.text}),
        "audio/pcma": validation.object_with({"type": validation.text}),
    }
)


def modalities(value: object, path: str) -> list[str]:
    """Accept audio or text, not both."""
    given = validation.list_of(validation.one_of("text", "audio"))(value, path)
    if given not in (["text"], ["audio"]):
        raise InvalidRequest(
            f"Invalid modalities: {given}. Supported combinations are: ['text'] and ['audio'].", "invalid_value", path
        )
    return list(given)


def max_tokens(value: object, path: str) -> int | str:
    """Accept a number of tokens, or `inf`."""
    return "inf" if value == "inf" else int(validation.integer_between(1, MAX_OUTPUT_TOKENS)(value, path))


def tool_name(value: object, path: str) -> str:
    """Accept the name of a function tool."""
    name = validation.non_empty_text(value, path)
    if not TOOL_NAME.fullmatch(name):
        raise InvalidRequest(
            f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
            f"'{TOOL_NAME.pattern}'.",
            "invalid_value",
            path,
        )
    return str(validation.text_up_to(MAX_TOOL_NAME_CHARS)(name, path))


def tool_choice(value: object, path: str) -> Any:
    """Accept `none`, `auto`, `required`, or the name of one tool."""
    if isinstance(value, str):
        return validation.one_of("none", "auto", "required")(value, path)
    return _TOOL_CHOICE(value, path)


_TOOL_CHOICE = validation.tagged(
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
)
tool = validation.tagged(
    {
        "function": validation.object_with(
            {
                "type": validation.text,
                "name": tool_name,
                "description": validation.nullable(validation.text_up_to(MAX_TOOL_DESCRIPTION_CHARS), ""),
                "parameters": validation.nullable(validation.json_object),
                "strict": validation.any_value,
            },
            required=("name",),
        ),
        "mcp": validation.json_object,
    }
)
"""Accept a function tool, or an MCP server."""
tools = validation.list_of(tool, MAX_TOOLS)
"""Accept the tools of a session."""


def tracing(value: object, path: str) -> Any:
    """Accept `auto`, or the names of a trace."""
    return value if value == "auto" else _TRACING(value, path)


_TRACING = validation.object_with(
    {
        "workflow_name": validation.nullable(validation.text),
        "group_id": validation.nullable(validation.text),
        "metadata": validation.nullable(validation.json_object),
    }
)


def truncation(value: object, path: str) -> Any:
    """Accept `auto`, `disabled`, or the share of the conversation that a truncation keeps."""
    if isinstance(value, str):
        return validation.one_of("auto", "disabled")(value, path)
    return _TRUNCATION(value, path)


_TRUNCATION = validation.object_with(
    {
        "type": validation.one_of("retention_ratio"),
        "retention_ratio": validation.number_between(0.0, 1.0),
        "token_limits": validation.nullable(
            validation.object_with({"post_instructions": validation.nullable(validation.integer_between(0, 1 << 31))})
        ),
    },
    required=("type", "retention_ratio"),
)
_OPTIONS: Mapping[str, validation.Validator] = {
    "type": validation.text,
    "threshold": validation.nullable(validation.number_between(0.0, 1.0)),
    "prefix_padding_ms": validation.nullable(validation.integer_between(0, 5000)),
    "silence_duration_ms": validation.nullable(validation.integer_between(0, 10_000)),
    "idle_timeout_ms": validation.nullable(validation.integer_between(*IDLE_TIMEOUTS_MS)),
    "create_response": validation.nullable(validation.boolean),
    "interrupt_response": validation.nullable(validation.boolean),
    "eagerness": validation.nullable(validation.one_of(*EAGERNESS)),
}
turn_detection = validation.tagged(
    {
        kind: validation.object_with({name: _OPTIONS[name] for name in fields})
        for kind, fields in (("server_vad", SERVER_VAD_FIELDS), ("semantic_vad", SEMANTIC_VAD_FIELDS))
    }
)
"""Accept the options of server VAD or of semantic VAD."""
transcription = validation.object_with(
    {
        "model": validation.nullable(validation.text),
        "language": validation.nullable(validation.text),
        "languages": validation.nullable(validation.list_of(validation.text)),
        "prompt": validation.nullable(validation.text_up_to(MAX_TRANSCRIPTION_PROMPT_CHARS)),
        "keywords": validation.nullable(validation.list_of(validation.text)),
        "delay": validation.nullable(validation.one_of("minimal", "low", "medium", "high", "xhigh")),
    }
)
"""Accept the options of the transcription (openai: `AudioTranscription`)."""
noise_reduction = validation.object_with(
    {
        "type": validation.nullable(validation.one_of("near_field", "far_field")),
        "strength": validation.nullable(validation.number_between(0.0, 1.0)),
    }
)
"""Accept the options of the noise reduction (openai: `NoiseReductionType`)."""
prompt = validation.object_with(
    {
        "id": validation.non_empty_text,
        "variables": validation.nullable(validation.json_object),
        "version": validation.nullable(validation.text),
    },
    required=("id",),
)
"""Accept a stored prompt (openai: `ResponsePrompt`)."""

# Sessions and responses -----------------------------------------------------------------------------------------------
_OUTPUT = validation.object_with(
    {
        "format": validation.nullable(audio_format),
        "voice": validation.nullable(voice),
        "speed": validation.nullable(validation.number_between(*SPEEDS)),
    }
)
_INPUT = validation.object_with(
    {
        "format": validation.nullable(audio_format),
        "transcription": validation.nullable(transcription),
        "noise_reduction": validation.nullable(noise_reduction),
        "turn_detection": validation.nullable(turn_detection),
    }
)
_SHARED: Mapping[str, validation.Validator] = {
    "instructions": validation.nullable(validation.text_up_to(MAX_TEXT_CHARS)),
    "tools": validation.nullable(tools),
    "tool_choice": validation.nullable(tool_choice),
    "output_modalities": validation.nullable(modalities),
    "max_output_tokens": validation.nullable(max_tokens),
    "prompt": validation.nullable(prompt),
    "parallel_tool_calls": validation.nullable(validation.boolean),
    "reasoning": validation.nullable(
        validation.object_with(
            {"effort": validation.nullable(validation.one_of("minimal", "low", "medium", "high", "xhigh"))}
        )
    ),
}
_INCLUDE = validation.list_of(validation.one_of("item.input_audio_transcription.logprobs"))
session = validation.tagged(
    {
        "realtime": validation.object_with(
            {
                **_SHARED,
                "type": validation.text,
                "model": validation.nullable(validation.text),
                "tracing": validation.nullable(tracing),
                "truncation": validation.nullable(truncation),
                "include": validation.nullable(_INCLUDE),
                "audio": validation.nullable(
                    validation.object_with(
                        {"input": validation.nullable(_INPUT), "output": validation.nullable(_OUTPUT)}
                    )
                ),
            },
            required=("type",),
        ),
        "transcription": validation.object_with(
            {
                "type": validation.text,
                "include": validation.nullable(_INCLUDE),
                "audio": validation.nullable(validation.object_with({"input": validation.nullable(_INPUT)})),
            }
        ),
    }
)
"""Accept the `session` of a `session.update`."""


def metadata(value: object, path: str) -> Any:
    """Accept up to 16 pairs of short texts (openai: `Metadata`)."""
    given = validation.json_object(value, path)
    if len(given) > 16:
        raise InvalidRequest(f"Invalid '{path}': at most 16 pairs.", "object_above_max_properties", path)
    for name, part in given.items():
        if len(name) > 64 or len(validation.text(part, f"{path}.{name}")) > 512:
            message = f"Invalid '{path}': keys have at most 64 characters, values 512."
            raise InvalidRequest(message, "string_above_max_length", path)
    return given


response = validation.object_with(
    {
        **_SHARED,
        "audio": validation.nullable(validation.object_with({"output": validation.nullable(_OUTPUT)})),
        "conversation": validation.nullable(validation.one_of("auto", "none")),
        "input": validation.nullable(validation.list_of(validation.json_object)),
        "metadata": validation.nullable(metadata),
    }
)
"""Accept the `response` of a `response.create`."""


# Items ----------------------------------------------------------------------------------------------------------------
def base64_bytes(value: object, path: str) -> str:
    """Accept base64."""
    try:
        base64.b64decode(validation.text(value, path), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"Invalid '{path}': expected base64-encoded bytes.", "invalid_base64", path) from None
    return str(value)


_id = validation.text_up_to(MAX_ID_CHARS, validation.non_empty_text)
_any_text = validation.text_up_to(MAX_TEXT_CHARS)
_BASE: Mapping[str, validation.Validator] = {
    "id": validation.nullable(_id),
    "type": validation.text,
    "object": validation.any_value,
    "status": validation.nullable(validation.one_of("completed", "incomplete", "in_progress")),
}
_TEXT_PART = validation.object_with({"type": validation.text, "text": _any_text}, required=("text",))
_INPUT_AUDIO = validation.object_with(
    {"type": validation.text, "audio": base64_bytes, "transcript": validation.nullable(validation.text)},
    required=("audio",),
)
_INPUT_IMAGE = validation.object_with(
    {
        "type": validation.text,
        "image_url": validation.non_empty_text,
        "detail": validation.nullable(validation.one_of("auto", "low", "high"), "auto"),
    },
    required=("image_url",),
)
_OUTPUT_AUDIO = validation.object_with(
    {
        "type": validation.text,
        "audio": validation.nullable(validation.text),
        "transcript": validation.nullable(validation.text),
    }
)
_CONTENT: Mapping[str, validation.Validator] = {
    "user": validation.tagged({"input_text": _TEXT_PART, "input_audio": _INPUT_AUDIO, "input_image": _INPUT_IMAGE}),
    "assistant": validation.tagged({"output_text": _TEXT_PART, "output_audio": _OUTPUT_AUDIO}),
    "system": validation.tagged({"input_text": _TEXT_PART}),
}


def _message(role: str) -> validation.Validator:
    known = {**_BASE, "role": validation.text, "content": validation.list_of(_CONTENT[role])}
    return validation.object_with(known, required=("content",))


item = validation.tagged(
    {
        "message": validation.tagged({role: _message(role) for role in _CONTENT}, tag="role"),
        "function_call": validation.object_with(
            {**_BASE, "call_id": _id, "name": validation.non_empty_text, "arguments": _any_text},
            required=("call_id", "name", "arguments"),
        ),
        "mcp_approval_response": validation.object_with(
            {
                **_BASE,
                "approval_request_id": validation.non_empty_text,
                "approve": validation.boolean,
                "reason": validation.nullable(validation.text),
            },
            required=("approval_request_id", "approve"),
        ),
        "function_call_output": validation.object_with(
            {**_BASE, "call_id": _id, "output": _any_text}, required=("call_id", "output")
        ),
    }
)
"""Accept the `item` of a `conversation.item.create`."""


# Whole events ---------------------------------------------------------------------------------------------------------
def preview_session(given: Mapping[str, object]) -> None:
    """Check a flat session for values that only the preview refuses: newer voices, temperatures out of range.

    Raises:
        InvalidRequest: a value is refused; the `param` is the preview's, such as `session.voice`.
    """
    if given.get("voice") is not None:
        validation.one_of(*PREVIEW_VOICES)(given["voice"], "session.voice")
    if given.get("temperature") is not None:
        validation.number_between(*PREVIEW_TEMPERATURES)(given["temperature"], "session.temperature")


def refusal(event: Event) -> InvalidRequest | None:
    """Return the error by which a service refuses a `session.update` or `conversation.item.create`, or None."""
    check, name = (session, "session") if event.get("type") == "session.update" else (item, "item")
    if event.get("type") not in ("session.update", "conversation.item.create"):
        return None
    try:
        check(event[name], name) if name in event else _missing(name)
    except InvalidRequest as error:
        return error
    return None


def _missing(name: str) -> None:
    raise validation.missing_field(name)
