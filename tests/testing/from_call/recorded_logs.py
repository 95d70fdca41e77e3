"""Logs for tests: events with times, and calls that the kit really held."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trunkline.calls import log_events as ev
from trunkline.calls.log import Entry
from trunkline.calls.log_events import LogEventUnion
from trunkline.scenario.scenario import AnyScenario
from trunkline.testing import VoiceCall, run_in_virtual_time, typed_call

STARTED = ev.CallStarted(
    call_id="call_1",
    scenario="shop",
    agent="clerk",
    transport="websocket",
    provider="azure",
    model="gpt-realtime",
    started_at="2026-11-30T09:00:00.000+00:00",
)


def log_of(*events: tuple[int, LogEventUnion], started: ev.CallStarted = STARTED) -> list[Entry]:
    """Return entries with the numbers 1, 2, …, after the start of the call."""
    return [Entry(seq, at_ms, event) for seq, (at_ms, event) in enumerate([(0, started), *events], 1)]


def said(item_id: str, text: str, at_ms: int, **fields: object) -> list[tuple[int, LogEventUnion]]:
    """Return the events of a complete message of an agent, or of the caller with `role="user"`."""
    role = fields.pop("role", "assistant")
    status = fields.pop("status", "completed")
    agent = "clerk" if role == "assistant" else None
    return [
        (at_ms, ev.MessageAdded(item_id=item_id, role=role, agent=agent, **fields)),  # type: ignore[arg-type]  # any field
        (at_ms, ev.MessageDone(item_id=item_id, role=role, text=text, status=status)),  # type: ignore[arg-type]  # any field
    ]


def spoken(item_id: str, text: str, start_ms: int, end_ms: int, **fields: object) -> list[tuple[int, LogEventUnion]]:
    """Return the events of the caller's speech."""
    return [
        (start_ms, ev.SpeechStarted(item_id=item_id)),
        (end_ms, ev.SpeechStopped(item_id=item_id)),
        *said(item_id, text, end_ms, role="user", spoken=True, **fields),
    ]


def recorded(scenario: AnyScenario, hold: Callable[[VoiceCall], Awaitable[object]], **options: object) -> list[Entry]:
    """Hold a typed call, and return its log."""

    async def converse() -> list[Entry]:
        async with typed_call(scenario, **options) as call:
            await hold(call)
            return list(call.log)

    return run_in_virtual_time(converse())
