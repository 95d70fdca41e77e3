"""`chat/completions` interface: validation of requests, and writing of completions and chunks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from trunkline.engine.brains import BrainError, BrainOutput, TextDelta, ToolCallDelta, Usage
from trunkline.engine.text import TextRequest
from trunkline.engine.text.formats import (
    ATTACHED,
    FUNCTION,
    SAMPLING,
    content,
    message,
    only_without,
    output_format,
    required_schema,
    text_request,
    tool_choice,
)
from trunkline.realtime import validation
from trunkline.realtime.events import Item
from trunkline.realtime.ids import new_id
from trunkline.realtime.json_values import JsonObject

_OPTIONS: dict[str, validation.Validator] = {
    **SAMPLING,
    "stop": validation.any_value,
    "seed": validation.nullable(validation.integer_between(-(1 << 63), 1 << 63)),
    "presence_penalty": validation.nullable(validation.number_between(-2.0, 2.0)),
    "frequency_penalty": validation.nullable(validation.number_between(-2.0, 2.0)),
    "logit_bias": validation.nullable(validation.json_object),
    "reasoning_effort": validation.nullable(validation.text),
    "verbosity": validation.nullable(validation.text),
}
_TEXT = validation.object_with({"type": validation.text, "text": validation.text}, required=("text",))
_IMAGE_URL = validation.object_with(
    {"url": validation.non_empty_text, "detail": validation.nullable(validation.text)}, required=("url",)
)
_PARTS = validation.tagged(
    {
        "text": _TEXT,
        "refusal": validation.object_with({"type": validation.text, "refusal": validation.text}, required=("refusal",)),
        "image_url": validation.object_with(
            {"type": validation.text, "image_url": _IMAGE_URL}, required=("image_url",)
        ),
    }
)


_CONTENT = content(_PARTS, "text")
_CALL = validation.object_with(
    {
        "id": validation.non_empty_text,
        "type": validation.one_of("function"),
        "function": validation.object_with(
            {"name": validation.non_empty_text, "arguments": validation.text}, required=("name", "arguments")
        ),
        "index": validation.any_value,
    },
    required=("id", "function"),
)
_BASE = {"role": validation.text, "name": validation.nullable(validation.text)}
_PLAIN = validation.object_with({**_BASE, "content": _CONTENT}, required=("content",))
_ASSISTANT = validation.object_with(
    {
        **_BASE,
        "content": validation.nullable(_CONTENT),
        "refusal": validation.nullable(validation.text),
        "tool_calls": validation.nullable(validation.list_of(_CALL)),
        "audio": only_without("Audio is not available here. Use the Realtime interface."),
        "annotations": validation.any_value,
        "function_call": only_without("function_call is not supported. Use tool_calls."),
        "parsed": validation.any_value,
    }
)
_MESSAGE = validation.tagged(
    {
        "system": _PLAIN,
        "developer": _PLAIN,
        "user": _PLAIN,
        "assistant": _ASSISTANT,
        "tool": validation.object_with(
            {**_BASE, "tool_call_id": validation.non_empty_text, "content": _CONTENT},
            required=("tool_call_id", "content"),
        ),
    },
    tag="role",
)
_TOOL = validation.tagged(
    {
        "function": validation.object_with(
            {"type": validation.text, "function": validation.object_with(FUNCTION, required=("name",))},
            required=("function",),
        )
    }
)


def _named(value: object, path: str) -> object:
    function = validation.object_with({"name": validation.non_empty_text}, required=("name",))
    known = {"type": validation.one_of("function"), "function": function}
    return {"type": "function", **validation.object_with(known, required=("function",))(value, path)["function"]}


_FORMAT = validation.tagged(
    {
        "text": validation.object_with({"type": validation.text}),
        "json_object": validation.object_with({"type": validation.text}),
        "json_schema": validation.object_with(
            {"type": validation.text, "json_schema": required_schema}, required=("json_schema",)
        ),
    }
)
_LIMIT = validation.nullable(validation.integer_between(1, 1 << 31))
_BODY = validation.body_with(
    {
        **_OPTIONS,
        **ATTACHED,
        "model": validation.non_empty_text,
        "messages": validation.list_of(_MESSAGE, 10_000),
        "tools": validation.nullable(validation.list_of(_TOOL, 128)),
        "tool_choice": validation.nullable(tool_choice(_named)),
        "response_format": validation.nullable(_FORMAT),
        "max_tokens": _LIMIT,
        "max_completion_tokens": _LIMIT,
        "stream_options": validation.nullable(validation.json_object),
        "n": only_without("Only one answer is possible. Set n to 1.", 1),
        "logprobs": only_without("Log probabilities are not available. Leave them out.", False),
        "top_logprobs": only_without("Log probabilities are not available. Leave them out.", 0),
        "modalities": only_without("Audio is not available here. Use the Realtime interface.", ["text"]),
        "audio": only_without("Audio is not available here. Use the Realtime interface."),
        "prediction": validation.any_value,
    },
    required=("model", "messages"),
)


def read(body: dict[str, object]) -> TextRequest:
    """Convert a request's body to a text request.

    Raises:
        InvalidRequest: a field is missing, unknown or malformed, or this engine does not support it.
    """
    given = _BODY(body)
    instructions, items = _split_messages(given["messages"])
    form = given.get("response_format")
    return text_request(
        given,
        instructions=instructions,
        items=items,
        tools=[{"type": "function", **tool["function"]} for tool in given.get("tools") or ()],
        limit=given.get("max_completion_tokens") or given.get("max_tokens"),
        form=output_format({**form["json_schema"], "type": "json_schema"} if form and "json_schema" in form else form),
        options={name: given.get(name) for name in _OPTIONS},
    )


def _split_messages(messages: list[JsonObject]) -> tuple[str, list[Item]]:
    """Return the text of the first system messages, and the other messages as GA items."""
    start = 0
    while start < len(messages) and messages[start]["role"] in ("system", "developer"):
        start += 1
    instructions = "\n\n".join(_words(one["content"]) for one in messages[:start])
    return instructions, [item for given in messages[start:] for item in _items(given)]


def _items(given: JsonObject) -> list[Item]:
    role = given["role"]
    if role == "tool":
        output = _words(given["content"])
        return [{"type": "function_call_output", "call_id": given["tool_call_id"], "output": output}]
    items: list[Item] = []
    if given.get("content"):
        items.append(message(role, given["content"], _picture))
    calls = given.get("tool_calls") or ()
    return items + [{"type": "function_call", "call_id": made["id"], **made["function"]} for made in calls]


def _picture(part: Mapping[str, Any]) -> Item | None:
    if part["type"] != "image_url":
        return None
    image = part["image_url"]
    return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail") or "auto"}


def _words(content: list[JsonObject]) -> str:
    return "\n".join(part.get("text") or "" for part in content)


class CompletionWriter:
    """Writer of an answer: chunks while it arrives, and the whole completion at the end."""

    def __init__(self, request: TextRequest, body: JsonObject) -> None:
        self._id = new_id("chatcmpl")
        self._created = int(time.time())
        self._model = request.model
        self._wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self._text = ""
        self._calls: dict[str, JsonObject] = {}
        self._usage: Usage | None = None
        self._finish_reason: str | None = None

    def begin(self) -> list[dict[str, object]]:
        """Return the first chunk."""
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def write(self, output: BrainOutput) -> list[dict[str, object]]:
        """Return the chunks for a piece of the answer."""
        if isinstance(output, TextDelta):
            self._text += output.text
            return [self._chunk({"content": output.text})]
        if isinstance(output, ToolCallDelta):
            return [self._chunk({"tool_calls": [self._call(output)]})]
        self._usage = output
        return []

    def end(self, reason: str | None = None) -> list[dict[str, object]]:
        """Return the last chunks.

        Args:
            reason: the reason for a premature end.
        """
        own = "tool_calls" if self._calls else "length" if self._usage and self._usage.hit_limit else "stop"
        self._finish_reason = reason or own
        chunks = [self._chunk({}, self._finish_reason)]
        if self._wants_usage:
            chunks.append({**self._chunk({}), "choices": [], "usage": self._counted()})
        return chunks

    def fail(self, error: BrainError) -> list[dict[str, object]]:
        """Return the last event of a failed answer."""
        failure = {"message": str(error), "type": "server_error", "code": error.code, "param": None}
        return [{"error": failure}]

    @property
    def whole(self) -> dict[str, object]:
        """The completion, after the answer's end."""
        message: dict[str, object] = {"role": "assistant", "content": self._text or None, "refusal": None}
        if self._calls:
            message["tool_calls"] = [
                {name: call[name] for name in ("id", "type", "function")} for call in self._calls.values()
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason, "logprobs": None}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": self._counted()}

    def _call(self, delta: ToolCallDelta) -> dict[str, object]:
        known = self._calls.get(delta.tool_call_id)
        if known is not None:
            known["function"]["arguments"] += delta.arguments
            return {"index": known["index"], "function": {"arguments": delta.arguments}}
        function = {"name": delta.name, "arguments": delta.arguments}
        call = {"index": len(self._calls), "id": delta.tool_call_id, "type": "function", "function": function}
        self._calls[delta.tool_call_id] = call
        return {**call, "function": dict(function)}

    def _envelope(self, kind: str) -> dict[str, object]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}

    def _chunk(self, delta: dict[str, object], finish_reason: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._envelope("chat.completion.chunk"), "choices": [choice]}

    def _counted(self) -> dict[str, object] | None:
        counted = self._usage
        if counted is None:
            return None
        return {
            "prompt_tokens": counted.input_tokens,
            "completion_tokens": counted.output_tokens,
            "total_tokens": counted.input_tokens + counted.output_tokens,
            "prompt_tokens_details": {"cached_tokens": counted.cached_tokens},
        }
