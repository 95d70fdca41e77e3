"""Conversion of a Realtime conversation to the messages and tools of a chat completion."""

from __future__ import annotations

from typing import Any

from trunkline.engine.brains import BrainRequest
from trunkline.realtime.events import Item, text_of

INAUDIBLE = "(inaudible)"
UNANSWERED = "(no result yet)"


def chat_messages(request: BrainRequest) -> list[dict[str, Any]]:
    """Return the system message and the history.

    A function call is directly followed by its result, as chat endpoints require, even if other items were between
    them. Incomplete calls are omitted.
    """
    messages: list[dict[str, object]] = []
    if request.instructions:
        messages.append({"role": "system", "content": request.instructions})
    results = {item["call_id"]: item["output"] for item in request.items if item["type"] == "function_call_output"}
    calls = {item["call_id"] for item in request.items if item["type"] == "function_call"}
    for item in request.items:
        if item["type"] == "message":
            messages.extend(_message(item))
        elif item["type"] == "function_call":
            if item.get("status") != "incomplete" or item["call_id"] in results:
                _add_call(messages, item, results.get(item["call_id"], UNANSWERED))
        elif item["call_id"] not in calls:
            messages.append({"role": "system", "content": f"Result of a tool: {item['output']}"})
    return messages


def chat_tools(request: BrainRequest) -> list[dict[str, object]]:
    """Return the function tools in the format of chat completions."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool.get("description") or "",
                "parameters": tool.get("parameters") or {"type": "object", "properties": {}},
            },
        }
        for tool in request.tools
        if tool.get("type", "function") == "function"
    ]


def chat_tool_choice(request: BrainRequest) -> object:
    """Return `auto`, `none`, `required`, or the function to call."""
    choice = request.tool_choice
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice["name"]}} if "name" in choice else "auto"


def _message(item: Item) -> list[dict[str, object]]:
    words = text_of(item)
    if item["role"] != "user":
        return [{"role": item["role"], "content": words}] if words else []
    images = [
        {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail", "auto")}}
        for part in item["content"]
        if part["type"] == "input_image"
    ]
    if images:
        return [{"role": "user", "content": [*([{"type": "text", "text": words}] if words else []), *images]}]
    return [{"role": "user", "content": words or INAUDIBLE}]


def _add_call(messages: list[dict[str, Any]], item: Item, result: str) -> None:
    """Add a call and its result. Consecutive calls share one assistant message, followed by all their results."""
    call = {
        "id": item["call_id"],
        "type": "function",
        "function": {"name": item["name"], "arguments": item["arguments"] or "{}"},
    }
    answer = {"role": "tool", "tool_call_id": item["call_id"], "content": result}
    position = len(messages)
    while position and messages[position - 1]["role"] == "tool":
        position -= 1
    if position and position < len(messages) and "tool_calls" in messages[position - 1]:
        messages[position - 1]["tool_calls"].append(call)
        messages.append(answer)
    else:
        messages.extend([{"role": "assistant", "content": None, "tool_calls": [call]}, answer])
