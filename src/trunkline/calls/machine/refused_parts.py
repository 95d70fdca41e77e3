"""Removal of the part of a session or an item that the service refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.realtime.client_events import ClientItem, ImagePart, TextPart
from trunkline.realtime.events import Event, copy_json
from trunkline.realtime.service_rules import MAX_TEXT_CHARS

MAX_TOOL_OUTPUT_CHARS = 65_536
"""Limit of a tool's output: some 16,000 tokens of English, half of the context of gpt-realtime."""
MAX_LOGGED_CHARS = 1 << 20
"""Limit of one value in the log. A page that is sent more than it reads in time is closed, and gets it again."""
_ESSENTIAL = (
    "session.type",
    "session.model",
    "session.instructions",
    "session.tools",
    "session.prompt",
    "session.output_modalities",
    "session.audio",
    "session.audio.input",
    "session.audio.output",
)
"""Parts without which an agent is another one, or without which the call has no audio."""
_FORMATS = ("session.audio.input.format", "session.audio.output.format")
"""Parts that are essential with all their options."""
_LIMIT = re.compile(r"maximum length (\d+)")


def session_without(session: Event, param: str) -> tuple[Event, str] | None:
    """Return the session without the part that `param` names, and the path of the removed part.

    A tool is removed as a whole. So are options whose type is refused, and options that lack a field. Returns None if
    the part is essential, or is not in the session.
    """
    kept = copy_json(session)
    steps: list[tuple[Any, str | int, str]] = []
    """The objects and lists on the path, each with a name or position in it, and the path so far."""
    holder: Any = kept
    path = "session"
    for name in re.findall(r"[^.\[\]]+", param)[1:]:
        in_list = isinstance(holder, list)
        if not (name.isdigit() and int(name) < len(holder) if in_list else isinstance(holder, dict) and name in holder):
            break
        key = int(name) if in_list else name
        path += f"[{name}]" if in_list else f".{name}"
        steps.append((holder, key, path))
        if in_list:
            break
        holder = holder[key]
    if steps and steps[-1][1] == "type":
        steps.pop()
    if not steps:
        return None
    holder, key, path = steps[-1]
    if path in _ESSENTIAL or path.startswith(_FORMATS):
        return None
    del holder[key]
    return kept, path


def corrected_item(item: ClientItem, error: Mapping[str, object]) -> ClientItem | None:
    """Return the item in a form that the service may accept, or None if no such form exists.

    A text that is too long is cut, and a text says that an image was refused. Another output of a tool becomes an
    error for the model.
    """
    message = str(error.get("message") or "the service gave no reason")
    too_long = error.get("code") == "string_above_max_length"
    param = str(error.get("param"))
    match item["type"]:
        case "function_call_output" if too_long and param == "item.output":
            return {**item, "output": cut_output(item["output"], _limit_in(message))}
        case "function_call_output" if param != "item.id":
            problem = {"error": f"The tool has run, but its result could not be passed on: {message}"}
            return {**item, "output": msgspec.json.encode(problem).decode()}
        case "message" if any(part["type"] == "input_image" for part in item["content"]):
            return {**item, "content": [_described(part) for part in item["content"]]}
        case "message" if too_long and param.endswith(".text"):
            return {**item, "content": [_cut_part(part, _limit_in(message)) for part in item["content"]]}
        case _:
            return None


def _described(part: TextPart | ImagePart) -> TextPart | ImagePart:
    """Return a text in place of an image that the service does not take."""
    if part["type"] != "input_image":
        return part
    return {"type": "input_text", "text": "(The caller showed an image, which could not be passed on. Say so.)"}


def _cut_part(part: TextPart | ImagePart, limit: int) -> TextPart | ImagePart:
    return part if part["type"] == "input_image" else {**part, "text": cut_output(part["text"], limit)}


def cut_output(output: str, limit: int = MAX_TOOL_OUTPUT_CHARS) -> str:
    """Cut a tool's output to `limit` characters, with a note to the model at its end."""
    if len(output) <= limit:
        return output
    note = f"… [cut: the result has {len(output)} characters, and this is its beginning]"
    return output[: max(0, limit - len(note))] + note if limit > len(note) else output[:limit]


def _limit_in(message: str) -> int:
    found = _LIMIT.search(message)
    return int(found[1]) if found else MAX_TEXT_CHARS
