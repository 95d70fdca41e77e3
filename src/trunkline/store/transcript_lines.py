"""The transcript of a stored call as lines of text: messages, tools, handoffs and errors with their times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.realtime.json_values import to_json

MAX_PAYLOAD = 200
"""Characters of a tool's arguments or result in a line."""
_SPEAKERS = {"user": "caller", "assistant": "agent", "system": "system"}


def transcript_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield a line for each message, tool, handoff, trip and error of a log."""
    hidden: set[str] = set()
    agent = ""
    for entry in entries:
        event, text = entry.event, None
        match event:
            case log_events.MessageAdded(hidden=True):
                hidden.add(event.item_id)
            case log_events.MessageDone() if event.item_id not in hidden:
                speaker = agent or "agent" if event.role == "assistant" else _SPEAKERS[event.role]
                status = "" if event.status == "completed" else f" ({event.status})"
                text = f"{speaker}: {event.text}{status}"
            case log_events.MessageTruncated(text=str()):
                text = f"heard only: {event.text}" if event.text else "heard nothing of it"
            case log_events.AgentChanged():
                agent = event.agent
                text = f"→ {agent}" if event.previous else None
            case log_events.ToolStarted():
                text = f"{event.name}({_payload(event.arguments)})"
            case log_events.ToolDone():
                text = f"{event.name} = {event.error or _payload(event.result)}"
            case log_events.GuardrailChecked(status="fail" | "error"):
                text = f"guardrail {event.guardrail}: {event.status} {event.category or ''}".rstrip()
            case log_events.CallError():
                text = f"error: {event.message}"
            case log_events.CallEnded():
                text = f"ended: {event.reason}"
            case _:
                continue
        if text is not None:
            minutes, seconds = divmod(entry.at_ms // 1000, 60)
            yield f"{minutes}:{seconds:02}  {one_line(text)}"


def _payload(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else to_json(value).decode()
    return text if len(text) <= MAX_PAYLOAD else text[:MAX_PAYLOAD] + "…"


def one_line(text: str) -> str:
    """Return a text without control characters: a terminal would obey them."""
    return "".join(one if one.isprintable() else " " for one in text)
