"""Tool calls of a chat model, as its endpoint streams them or as the model writes them into its text.

Endpoints differ: some give every call the same id, or none; some send no index; some send arguments as an object. So
each call gets an id of our own, and its position in the answer distinguishes it from other calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trunkline.engine.brains import BrainError, ToolCallDelta
from trunkline.engine.brains.reasoning_filter import partial_tag_length
from trunkline.realtime.ids import new_id

if TYPE_CHECKING:
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


@dataclass
class _Call:
    tool_call_id: str
    endpoint_id: str | None
    name: str | None
    arguments: str = ""
    passed_on: int = 0
    """Characters of the arguments that were passed on."""
    announced: bool = False


class ToolCallStream:
    """Order of streamed function calls: the first is passed on at once, and the others at the end."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int | None, _Call] = {}

    def feed(self, piece: ChoiceDeltaToolCall) -> Iterator[ToolCallDelta]:
        """Add a piece, and yield the deltas that can be passed on."""
        index: int | None = piece.index  # some servers omit it, against the type
        name = piece.function.name if piece.function else None
        arguments = _as_text(piece.function.arguments if piece.function else None)
        call = self._by_index.get(index)
        if call is None or _begins_another(call, piece.id, name, arguments):
            former = call.name if call else None
            call = self._by_index[index] = _Call(new_id("call"), piece.id, name or former)
            self._calls.append(call)
        call.name = call.name or name
        call.arguments += arguments
        if call is self._calls[0]:
            yield from _take(call)

    def flush(self) -> Iterator[ToolCallDelta]:
        """Yield the remaining calls."""
        for call in self._calls:
            yield from _take(call)


def _begins_another(call: _Call, endpoint_id: str | None, name: str | None, arguments: str) -> bool:
    """Return whether a piece with the index of a call belongs to the next call."""
    if name is not None and call.name is not None:
        if name != call.name:
            return True
        if endpoint_id and call.endpoint_id and endpoint_id != call.endpoint_id:
            return True
    return bool(arguments.strip()) and _is_object(call.arguments)


def _take(call: _Call) -> Iterator[ToolCallDelta]:
    arguments = call.arguments[call.passed_on :]
    if call.name is not None and (arguments or not call.announced):
        call.announced, call.passed_on = True, len(call.arguments)
        yield ToolCallDelta(call.tool_call_id, call.name, arguments)


class ToolCallText:
    """Filter for the text of a model that writes its calls as `<tool_call>{"name": …, "arguments": …}</tool_call>`.

    A tag may be split between pieces. White space around a call is dropped.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._space = ""
        self._in_call = False

    def feed(self, piece: str) -> Iterator[str | ToolCallDelta]:
        """Add a piece, and yield the text and the calls that are complete.

        Raises:
            BrainError: a call is not valid JSON.
        """
        self._pending += piece
        while True:
            tag = _CLOSE if self._in_call else _OPEN
            before, found, after = self._pending.partition(tag)
            if not found:
                break
            self._pending = after
            if self._in_call:
                yield from _parse(before)
            else:
                yield from self._text(before)
            self._space = ""
            self._in_call = not self._in_call
        if not self._in_call:
            kept = partial_tag_length(self._pending, tag)
            text, self._pending = self._pending[: len(self._pending) - kept], self._pending[len(self._pending) - kept :]
            yield from self._text(text)

    def flush(self) -> Iterator[str | ToolCallDelta]:
        """Yield the rest at the text's end. The last call may have no closing tag.

        Raises:
            BrainError: a call is not valid JSON.
        """
        rest, self._pending = self._pending, ""
        yield from _parse(rest) if self._in_call else self._text(rest)

    def _text(self, text: str) -> Iterator[str]:
        text = self._space + text
        said = text.rstrip()
        self._space = text[len(said) :]
        if said:
            yield said


def _parse(text: str) -> Iterator[ToolCallDelta]:
    decoder, position = json.JSONDecoder(), 0
    text = text.strip()
    try:
        while position < len(text):
            value, position = decoder.raw_decode(text, position)
            for call in value if isinstance(value, list) else [value]:
                given = call.get("arguments", call.get("parameters"))
                yield ToolCallDelta(new_id("call"), str(call["name"]), _as_text(given) or "{}")
            while position < len(text) and text[position].isspace():
                position += 1
    except (ValueError, AttributeError, KeyError, RecursionError) as error:
        raise BrainError(f"The chat model wrote a tool call that is not valid JSON: {error}.") from error


def _as_text(arguments: object) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _is_object(text: str) -> bool:
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
