"""A Realtime conversation as the messages and tools of a chat completion."""

from __future__ import annotations

from typing import Any

from trunkline.engine.brains import BrainRequest
from trunkline.realtime.events import Item, text_of

INAUDIBLE = "(inaudible)"
UNANSWERED = "(no result yet)"


def chat_messages(request: BrainRequest) -> list[dict[str, Any]]:
    """System message and history. A function call is followed by its result at once, as chat endpoints demand,
    whatever was said in between; calls that were broken off are left out."""
    messages: list[dict[str, Any]] = []
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


def chat_tools(request: BrainRequest) -> list[dict[str, Any]]:
    """The function tools, in the chat endpoint's nesting."""
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


def chat_tool_choice(request: BrainRequest) -> Any:
    """`auto`, `none`, `required`, or the one function to be called."""
    choice = request.tool_choice
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice["name"]}} if "name" in choice else "auto"


def _message(item: Item) -> list[dict[str, Any]]:
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
    """Calls made together share one assistant message, with all their results behind it."""
    call = {
        "id": item["call_id"],
        "type": "function",
        "function": {"name": item["name"], "arguments": item["arguments"] or "{}"},
    }
    answer = {"role": "tool", "tool_call_id": item["call_id"], "content": result}
    behind = len(messages)
    while behind and messages[behind - 1]["role"] == "tool":
        behind -= 1
    if behind and behind < len(messages) and "tool_calls" in messages[behind - 1]:
        messages[behind - 1]["tool_calls"].append(call)
        messages.append(answer)
    else:
        messages.extend([{"role": "assistant", "content": None, "tool_calls": [call]}, answer])
