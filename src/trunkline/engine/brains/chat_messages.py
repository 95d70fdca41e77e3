"""Conversion of a Realtime conversation to the messages and tools of a chat completion.

Many models are served with a strict chat template, which refuses a conversation of another shape. So the messages fit
all of them: one system message, at the beginning; then the caller and the model in turn, the caller first and last
unless a tool has answered; each tool call with its result directly after it; ids of nine letters and digits.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque

from trunkline.engine.brains import BrainRequest
from trunkline.realtime.events import Item, text_of
from trunkline.realtime.json_values import JsonObject

INAUDIBLE = "(inaudible)"
UNANSWERED = "(no result yet)"
BEGINNING = "(The conversation begins.)"
"""The caller's first words for a model that speaks first."""
CONTINUE = "(The caller says nothing. Continue.)"
"""The caller's last words for a model that speaks again."""
NO_ANSWER = "…"
"""The model's words between a tool's result and the caller, who spoke first."""
_QUOTED = 60
_Content = str | list[dict[str, object]]
"""Content of a message of the caller: text, or parts with images."""


def chat_messages(request: BrainRequest) -> list[JsonObject]:
    """Return the system message and the history.

    System messages of the conversation become notes in the first one. Incomplete calls are omitted.
    """
    history = _History()
    calls = {item["call_id"] for item in request.items if item["type"] == "function_call"}
    results: defaultdict[str, deque[str]] = defaultdict(deque)  # clients may use an id again
    for item in request.items:
        if item["type"] == "function_call_output":
            results[item["call_id"]].append(item["output"])
    for item in request.items:
        if item["type"] == "message":
            _add_message(history, item)
        elif item["type"] == "function_call":
            waiting = results[item["call_id"]]
            if item.get("status") != "incomplete" or waiting:
                history.add_call(item, waiting.popleft() if waiting else UNANSWERED)
        elif item["call_id"] not in calls:
            history.add_note(f"Result of a tool: {item['output']}")
    return history.messages(request.instructions)


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


class _History:
    """The messages of the caller, the model and the tools, and the notes for the system message."""

    def __init__(self) -> None:
        self._messages: list[JsonObject] = []
        self._first_notes: list[str] = []
        self._notes: list[str] = []
        self._last_notes: list[str] = []
        """Notes after the last message."""
        self._calls = 0

    def messages(self, instructions: str) -> list[JsonObject]:
        """Return all messages, with the system message first."""
        if self._last_role not in ("user", "tool"):
            self._add_last_words()
        system = [instructions, *self._first_notes] if instructions else list(self._first_notes)
        if notes := [*self._notes, *self._last_notes]:
            system.append("\n".join(["Notes that were added during the conversation, the latest last:", *notes]))
        return [*([{"role": "system", "content": "\n\n".join(system)}] if system else []), *self._messages]

    def add_note(self, text: str) -> None:
        if not self._messages:
            self._first_notes.append(text)
        else:
            self._last_notes.append(f"- {self._place()}: {text}")

    def add_user(self, content: _Content) -> None:
        self._keep_notes()
        if self._last_role == "tool":
            self._messages.append({"role": "assistant", "content": NO_ANSWER})
        if self._last_role == "user":
            self._messages[-1]["content"] = _joined(self._messages[-1]["content"], content)
        else:
            self._messages.append({"role": "user", "content": content})

    def add_assistant(self, text: str) -> None:
        self._begin()
        if self._last_role == "assistant":
            last = self._messages[-1]
            last["content"] = f"{last['content']}\n{text}" if last["content"] else text
        else:
            self._messages.append({"role": "assistant", "content": text})

    def add_call(self, item: Item, result: str) -> None:
        """Add a call and its result. Consecutive calls share one assistant message, followed by all their results."""
        self._begin()
        self._calls += 1
        call_id = f"call{self._calls:05}"
        call = {
            "id": call_id,
            "type": "function",
            "function": {"name": item["name"], "arguments": _json_object(item["arguments"])},
        }
        caller = len(self._messages) - 1
        while self._messages[caller]["role"] == "tool":
            caller -= 1
        if self._messages[caller]["role"] == "assistant":
            self._messages[caller].setdefault("tool_calls", []).append(call)
        else:
            self._messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": result})

    @property
    def _last_role(self) -> str | None:
        return self._messages[-1]["role"] if self._messages else None

    def _begin(self) -> None:
        self._keep_notes()
        if not self._messages:
            self._messages.append({"role": "user", "content": BEGINNING})

    def _keep_notes(self) -> None:
        self._notes += self._last_notes
        self._last_notes = []

    def _add_last_words(self) -> None:
        """Let the caller speak last. The latest note stands there: the model must follow it now."""
        if not self._messages:
            words = BEGINNING
        elif self._last_notes:
            words = f"(Not from the caller: {self._last_notes.pop().partition(': ')[2]})"
        else:
            words = CONTINUE
        self._messages.append({"role": "user", "content": words})

    def _place(self) -> str:
        last = self._messages[-1]
        if last["role"] == "tool":
            return "after a tool's result"
        said = last["content"] if isinstance(last["content"], str) else INAUDIBLE
        return f"after {'your words' if last['role'] == 'assistant' else 'the words of the caller'} “{_short(said)}”"


def _add_message(history: _History, item: Item) -> None:
    words = text_of(item)
    if item["role"] == "user":
        images: list[dict[str, object]] = [
            {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail", "auto")}}
            for part in item["content"]
            if part["type"] == "input_image"
        ]
        history.add_user([*_text_parts(words), *images] if images else words or INAUDIBLE)
    elif words and item["role"] == "assistant":
        history.add_assistant(words)
    elif words:
        history.add_note(words)


def _joined(first: _Content, second: _Content) -> _Content:
    """Return the contents of two messages of the caller as one."""
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n{second}"
    return [*_text_parts(first), *_text_parts(second)]


def _text_parts(content: _Content) -> list[dict[str, object]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content


def _json_object(arguments: str) -> str:
    """Return arguments that a template can parse: a model may have written something else."""
    try:
        return arguments if isinstance(json.loads(arguments or "{}"), dict) and arguments else "{}"
    except ValueError:
        return json.dumps({"invalid_json": arguments}, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
