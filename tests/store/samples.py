"""Events of a call, for the store's tests."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.calls import log, log_events
from trunkline.calls.log_events import LogEventUnion

STARTED_AT = "2026-11-30T12:00:00.000+00:00"
_TOKENS = log_events.Tokens(input_text=5, output_audio=7)


def started(call_id: str = "call_1", **fields: object) -> log_events.CallStarted:
    """Return the first event of a call."""
    given = {
        "scenario": "shop",
        "agent": "host",
        "transport": "websocket",
        "provider": "local",
        "model": "engine",
        "started_at": STARTED_AT,
        **fields,
    }
    return log_events.CallStarted(call_id=call_id, **given)  # type: ignore[arg-type]  # any field


def entries(*timed: tuple[int, LogEventUnion] | LogEventUnion) -> list[log.Entry]:
    """Return the entries of a log with these events; an event without a time is at that of the last one."""
    now_ms = 0
    made = []
    for seq, one in enumerate(timed, 1):
        if isinstance(one, tuple):
            now_ms, event = one
        else:
            event = one
        made.append(log.Entry(seq, now_ms, event))
    return made


def said(item_id: str, role: log_events.Role, text: str) -> list[LogEventUnion]:
    """Return the events of one message."""
    return [
        log_events.MessageAdded(item_id=item_id, role=role, spoken=True),
        log_events.MessageDelta(item_id=item_id, text=text),
        log_events.MessageDone(item_id=item_id, role=role, text=text),
    ]


def conversation(
    call_id: str = "call_1", words: Iterable[str] = ("Where is my order", "It is on its way"), **fields: object
) -> list[LogEventUnion]:
    """Return the events of a whole call, without times: turns of the caller and the agent, alternating."""
    made: list[LogEventUnion] = [started(call_id, **fields), log_events.AgentChanged(agent="host")]
    for index, text in enumerate(words):
        made += said(f"item_{index}", "assistant" if index % 2 else "user", text)
        if index % 2:
            made.append(log_events.TurnLatency(item_id=f"item_{index}", total_ms=700, parts=[], after="speech"))
    made.append(log_events.UsageUpdated(source="response", model="engine", tokens=_TOKENS, total=_TOKENS))
    made.append(log_events.CallEnded(reason="caller hung up"))
    return made
