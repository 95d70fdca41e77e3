"""`responses` interface: validation of requests, and writing of responses and their events.

Responses are not stored, so each request must send the whole conversation as `input`.
"""

from __future__ import annotations

import copy
import time
from typing import Any

from trunkline.engine.brains import BrainError, BrainOutput, TextDelta, ToolCallDelta, Usage
from trunkline.engine.text import OutputFormat, TextRequest
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
from trunkline.realtime.events import Event, Item
from trunkline.realtime.ids import new_id

_STATELESS = "Responses are not stored. Send the whole conversation as input."
_TEXT = validation.object_with(
    {
        "type": validation.text,
        "text": validation.text,
        "annotations": validation.any_value,
        "logprobs": validation.any_value,
    },
    required=("text",),
)
_PARTS = validation.tagged(
    {
        "input_text": _TEXT,
        "output_text": _TEXT,
        "refusal": validation.object_with({"type": validation.text, "refusal": validation.text}, required=("refusal",)),
        "input_image": validation.object_with(
            {
                "type": validation.text,
                "image_url": validation.non_empty_text,
                "detail": validation.nullable(validation.text),
            },
            required=("image_url",),
        ),
    }
)


_CONTENT = content(_PARTS, "input_text")


def _output(value: object, path: str) -> str:
    """Return a tool's result as text, from text or from parts with text."""
    if isinstance(value, str):
        return value
    return "\n".join(part["text"] for part in validation.list_of(_PARTS)(value, path) if "text" in part)


_BASE = {
    "type": validation.text,
    "id": validation.nullable(validation.text),
    "status": validation.nullable(validation.text),
}
_MESSAGE = validation.object_with(
    {
        **_BASE,
        "role": validation.one_of("user", "assistant", "system", "developer"),
        "content": _CONTENT,
        "phase": validation.any_value,
    },
    required=("role", "content"),
)
_OTHERS = {
    "function_call": validation.object_with(
        {
            **_BASE,
            "call_id": validation.non_empty_text,
            "name": validation.non_empty_text,
            "arguments": validation.text,
            "parsed_arguments": validation.any_value,
            "namespace": validation.any_value,
            "caller": validation.any_value,
        },
        required=("call_id", "name", "arguments"),
    ),
    "function_call_output": validation.object_with(
        {**_BASE, "call_id": validation.non_empty_text, "output": _output, "caller": validation.any_value},
        required=("call_id", "output"),
    ),
    "reasoning": validation.json_object,
}


def _item(value: object, path: str) -> object:
    given = validation.json_object(value, path)
    if given.get("type", "message") == "message":
        return _MESSAGE(given, path)
    return validation.tagged(_OTHERS)(given, path)


def _input(value: object, path: str) -> list[object]:
    if isinstance(value, str):
        return [{"role": "user", "content": [{"type": "input_text", "text": value}]}]
    return list(validation.list_of(_item, 10_000)(value, path))


_TOOL = validation.tagged(
    {"function": validation.object_with({"type": validation.text, **FUNCTION}, required=("name",))}
)


_NAMED = validation.object_with(
    {"type": validation.one_of("function"), "name": validation.non_empty_text}, required=("name",)
)
_FORMAT = validation.tagged(
    {
        "text": validation.object_with({"type": validation.text}),
        "json_object": validation.object_with({"type": validation.text}),
        "json_schema": required_schema,
    }
)
_BODY = validation.body_with(
    {
        **SAMPLING,
        **ATTACHED,
        "model": validation.non_empty_text,
        "input": _input,
        "instructions": validation.nullable(validation.text),
        "tools": validation.nullable(validation.list_of(_TOOL, 128)),
        "tool_choice": validation.nullable(tool_choice(_NAMED)),
        "text": validation.nullable(
            validation.object_with(
                {"format": validation.nullable(_FORMAT), "verbosity": validation.nullable(validation.text)}
            )
        ),
        "reasoning": validation.nullable(validation.json_object),
        "max_output_tokens": validation.nullable(validation.integer_between(1, 1 << 31)),
        "stream_options": validation.any_value,
        "include": validation.any_value,
        "truncation": validation.any_value,
        "max_tool_calls": validation.any_value,
        "top_logprobs": only_without("Log probabilities are not available. Leave them out.", 0),
        "previous_response_id": only_without(_STATELESS),
        "conversation": only_without(_STATELESS),
        "background": only_without("Background responses are not available. Leave background out.", False),
        "prompt": only_without("Stored prompts are not available. Send instructions."),
    },
    required=("model", "input"),
)


def read(body: dict[str, object]) -> TextRequest:
    """Convert a request's body to a text request.

    Raises:
        InvalidRequest: a field is missing, unknown or malformed, or this engine does not support it.
    """
    given = _BODY(body)
    text = given.get("text") or {}
    return text_request(
        given,
        instructions=given.get("instructions") or "",
        items=[_plain(item) for item in given["input"] if item.get("type") != "reasoning"],
        tools=given.get("tools") or (),
        limit=given.get("max_output_tokens"),
        form=output_format(text.get("format")),
        options={
            **{name: given.get(name) for name in SAMPLING},
            "reasoning_effort": (given.get("reasoning") or {}).get("effort"),
            "verbosity": text.get("verbosity"),
        },
    )


def _plain(item: dict[str, Any]) -> Item:
    if item.get("type", "message") != "message":
        return item
    return message(item["role"], item["content"], lambda part: dict(part) if part["type"] == "input_image" else None)


class ResponseWriter:
    """Writer of an answer: events while it arrives, and the whole response at the end."""

    def __init__(self, request: TextRequest, body: dict[str, object]) -> None:
        asked = request.brain_request
        self._item: Item | None = None
        self._number = 0
        self._reported_usage: Usage | None = None
        self.whole: dict[str, Any] = {
            "id": new_id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "max_output_tokens": asked.max_output_tokens,
            "metadata": body.get("metadata") or {},
            "model": request.model,
            "output": [],
            "parallel_tool_calls": request.options.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "temperature": request.options.get("temperature"),
            "text": {"format": _shown(request.format)},
            "tool_choice": asked.tool_choice,
            "tools": [{"strict": None, "parameters": None, **tool} for tool in asked.tools],
            "top_p": request.options.get("top_p"),
            "truncation": "disabled",
            "usage": None,
        }
        """The response as it is so far."""

    def begin(self) -> list[Event]:
        """Return the first events."""
        return [self._response_event("response.created"), self._response_event("response.in_progress")]

    def write(self, output: BrainOutput) -> list[Event]:
        """Return the events for a piece of the answer."""
        if isinstance(output, TextDelta):
            return self._say(output.text)
        if isinstance(output, ToolCallDelta):
            return self._delta(output)
        self._reported_usage = output
        return []

    def end(self, reason: str | None = None) -> list[Event]:
        """Return the last events.

        Args:
            reason: the reason for a premature end: "content_filter".
        """
        reason = reason or ("max_output_tokens" if self._reported_usage and self._reported_usage.hit_limit else None)
        status = "incomplete" if reason else "completed"
        events = self._close(status)
        self.whole["status"] = status
        self.whole["incomplete_details"] = {"reason": reason} if reason else None
        self.whole["usage"] = self._usage()
        return [*events, self._response_event(f"response.{status}")]

    def fail(self, error: BrainError) -> list[Event]:
        """Return the last events of a failed answer."""
        events = self._close("incomplete")
        self.whole["status"] = "failed"
        self.whole["error"] = {"code": "server_error", "message": str(error)}
        return [*events, self._response_event("response.failed")]

    def _say(self, text: str) -> list[Event]:
        events = []
        if self._item is None or self._item["type"] != "message":
            events += self._close("completed")
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            events += self._open({"type": "message", "role": "assistant", "content": []}, "msg")
            self._open_item()["content"].append(part)
            events.append(self._event("response.content_part.added", **self._text_ids(), part=dict(part)))
        self._open_item()["content"][0]["text"] += text
        events.append(self._event("response.output_text.delta", **self._text_ids(), delta=text, logprobs=[]))
        return events

    def _delta(self, delta: ToolCallDelta) -> list[Event]:
        events = []
        if self._item is None or self._item.get("call_id") != delta.tool_call_id:
            events += self._close("completed")
            call = {"type": "function_call", "call_id": delta.tool_call_id, "name": delta.name, "arguments": ""}
            events += self._open(call, "fc")
        self._open_item()["arguments"] += delta.arguments
        events.append(self._event("response.function_call_arguments.delta", **self._item_ids(), delta=delta.arguments))
        return events

    def _open(self, item: Item, prefix: str) -> list[Event]:
        self._item = {"id": new_id(prefix), "status": "in_progress", **item}
        self.whole["output"].append(self._item)
        return [self._event("response.output_item.added", output_index=self._index(), item=copy.deepcopy(self._item))]

    def _close(self, status: str) -> list[Event]:
        item = self._item
        if item is None:
            return []
        events = []
        if item["type"] == "message":
            part = item["content"][0]
            events.append(self._event("response.output_text.done", **self._text_ids(), text=part["text"], logprobs=[]))
            events.append(self._event("response.content_part.done", **self._text_ids(), part=dict(part)))
        else:
            done = {"name": item["name"], "arguments": item["arguments"]}
            events.append(self._event("response.function_call_arguments.done", **self._item_ids(), **done))
        item["status"] = status
        events.append(self._event("response.output_item.done", output_index=self._index(), item=copy.deepcopy(item)))
        self._item = None
        return events

    def _open_item(self) -> Item:
        assert self._item is not None  # noqa: S101 - only asked while an item is open
        return self._item

    def _index(self) -> int:
        return len(self.whole["output"]) - 1

    def _item_ids(self) -> dict[str, object]:
        return {"item_id": self._open_item()["id"], "output_index": self._index()}

    def _text_ids(self) -> dict[str, object]:
        return {**self._item_ids(), "content_index": 0}

    def _response_event(self, kind: str) -> Event:
        return self._event(kind, response=copy.deepcopy(self.whole))

    def _event(self, kind: str, **fields: object) -> Event:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **fields}

    def _usage(self) -> dict[str, object] | None:
        reported = self._reported_usage
        if reported is None:
            return None
        return {
            "input_tokens": reported.input_tokens,
            "input_tokens_details": {"cached_tokens": reported.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": reported.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reported.input_tokens + reported.output_tokens,
        }


def _shown(form: OutputFormat | None) -> dict[str, object]:
    if form is None:
        return {"type": "text"}
    if form.schema is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "name": form.name,
        "schema": form.schema,
        "strict": form.strict,
        "description": form.description,
    }
