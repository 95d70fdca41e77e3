"""Timeline of a conversation as text, with a mark at the place of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.testing.conversation_view import (
    ConversationView,
    EventView,
    HandoffView,
    MessageView,
    ToolCallView,
    ViewItem,
)

_MAX_CHARACTERS = 300
_WIDTH = 12


@dataclass(frozen=True)
class Row:
    """Row of a timeline: the time in ms of the call's clock, the speaker or the kind, and the text."""

    seq: int
    at_ms: int
    who: str
    text: str
    kind: str


def rows_of(view: ConversationView) -> list[Row]:
    """Return the rows of a conversation, in the order in which the items began."""
    return [_row(item) for item in view.items]


def render(rows: Sequence[Row], *, mark_after: int | None = None, because: str = "") -> str:
    """Return the rows as text, with the mark after the last row that began by `mark_after`."""
    lines = []
    place = None if mark_after is None else max((i for i, row in enumerate(rows) if row.seq <= mark_after), default=-1)
    width = max([_WIDTH, *(len(row.who) for row in rows)])
    if place == -1:
        lines.append(_mark(width, because))
    for index, row in enumerate(rows):
        lines.append(f"  {row.at_ms / 1000:8.3f} s  {row.who:<{width}}  {_printable(row.text)}")
        if index == place:
            lines.append(_mark(width, because))
    return "\n".join(lines)


def _mark(width: int, because: str) -> str:
    first = because.strip().splitlines()[0] if because.strip() else ""
    return f"{'>' * 12}  {'HERE':<{width}}  {_printable(first)}"


def _row(item: ViewItem) -> Row:
    match item:
        case MessageView():
            who = "caller" if item.role == "user" else item.agent or item.role
            return Row(item.seq, item.at_ms, who, _said(item), item.role)
        case ToolCallView():
            return Row(item.seq, item.at_ms, "tool", _used(item), "tool")
        case HandoffView():
            because = f" ({item.reason})" if item.reason else ""
            text = f"{item.previous} hands over to {item.agent}{because}"
            return Row(item.seq, item.at_ms, "handoff", text, "handoff")
        case EventView():
            return Row(item.seq, item.at_ms, "·", item.text, "event")


def _said(message: MessageView) -> str:
    text = message.text or ("(nothing was recognised)" if message.role == "user" else "(nothing)")
    if message.heard_ms is not None:
        return f"{text}  [cut off after {message.heard_ms} ms; heard: “{message.heard}”]"
    if message.status in ("interrupted", "failed", "inaudible"):
        return f"{text}  [{message.status}]"
    return text if message.done else f"{text}  […]"


def _used(use: ToolCallView) -> str:
    if not use.done:
        return f"{use} …"
    outcome = f"failed: {use.error}" if use.error is not None else repr(use.result)
    return f"{use} → {outcome} ({use.duration_ms} ms)"


def _printable(text: str) -> str:
    """Return the text on one line, without control characters for a terminal."""
    flat = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in flat)
    return shown if len(shown) <= _MAX_CHARACTERS else shown[: _MAX_CHARACTERS - 1] + "…"
