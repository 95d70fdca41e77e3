"""Requests for the text model: validation, messages of chat completions as items, and parsed answers.

Only text, embedded pictures and the client's functions are forwarded. Anything else could use the server's account: its
stored files and answers, and the service's own paid tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from trunkline.realtime.events import text_of
from trunkline.web.errors import ApiError

_ITEMS = ("message", "function_call", "function_call_output", "reasoning")
_ROLES = ("system", "developer", "user", "assistant", "tool")
_PARTS = ("input_text", "output_text", "refusal", "input_image")


def check_input(given: str | Sequence[Mapping[str, object]]) -> None:
    """Check `input`.

    Raises:
        ApiError: an item is not forwarded.
    """
    if isinstance(given, str):
        return
    for place, item in enumerate(given):
        where = f"input[{place}]"
        _one_of(item.get("type", "message"), _ITEMS, f"{where}.type")
        for field in ("content", "output"):
            _check_parts(item.get(field), f"{where}.{field}")


def check_tools(tools: Sequence[Mapping[str, object]]) -> None:
    """Check `tools`.

    Raises:
        ApiError: a tool is not a function.
    """
    for place, tool in enumerate(tools):
        _one_of(tool.get("type"), ("function",), f"tools[{place}].type")


def input_items(messages: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return messages of chat completions as items of the Responses API.

    Raises:
        ApiError: a message has no known form.
    """
    items: list[dict[str, object]] = []
    for place, message in enumerate(messages):
        items += _items_of(message, f"messages[{place}]")
    return items


def _items_of(message: Mapping[str, object], where: str) -> list[dict[str, object]]:
    role, content = message.get("role"), message.get("content")
    _one_of(role, _ROLES, f"{where}.role")
    if role == "tool":
        call_id = str(message.get("tool_call_id") or "")
        return [{"type": "function_call_output", "call_id": call_id, "output": content}]
    items: list[dict[str, object]] = []
    if content:
        items.append({"type": "message", "role": role, "content": _content(content, str(role), where)})
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise ApiError(400, "bad_request", f"{where}.tool_calls must be function calls of chat completions.")
        items.append({"type": "function_call", "call_id": call.get("id"), **function})
    return items


def _content(content: object, role: str, where: str) -> object:
    if not isinstance(content, list):
        return content
    parts: list[object] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            parts.append({"type": "output_text" if role == "assistant" else "input_text", "text": part.get("text")})
        elif kind == "image_url" and isinstance(part.get("image_url"), dict):
            parts.append({"type": "input_image", "image_url": part["image_url"].get("url")})
        else:
            raise ApiError(400, "bad_request", f"{where}.content does not accept {kind!r}.", ["text", "image_url"])
    return parts


def parsed_output(answer: Mapping[str, object]) -> object:
    """Return the decoded JSON of an answer's text; None if it refuses, is incomplete, or is not JSON."""
    output = answer.get("output")
    messages = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    try:
        return msgspec.json.decode("".join(text_of(item) for item in messages if item.get("type") == "message"))
    except (msgspec.DecodeError, RecursionError):
        return None


def _check_parts(parts: object, where: str) -> None:
    if parts is None or isinstance(parts, str):
        return
    if not isinstance(parts, list):
        raise ApiError(400, "bad_request", f"{where} must be text or a list.")
    for place, part in enumerate(parts):
        if not isinstance(part, dict):
            raise ApiError(400, "bad_request", f"{where}[{place}] must be an object.")
        # Clients return reasoning as the service sent it: its parts have a separate type.
        _one_of(part.get("type"), (*_PARTS, "reasoning_text"), f"{where}[{place}].type")
        if part["type"] == "input_image" and not _is_brought_along(part):
            message = (
                f"{where}[{place}].image_url must be a data URL: the server does not fetch files or other addresses."
            )
            raise ApiError(400, "bad_request", message)


def _is_brought_along(part: Mapping[str, object]) -> bool:
    return "file_id" not in part and str(part.get("image_url", "")).startswith("data:image/")


def _one_of(given: object, allowed: Sequence[str], where: str) -> None:
    if given not in allowed:
        raise ApiError(400, "bad_request", f"{where} does not accept {given!r}.", list(allowed))
