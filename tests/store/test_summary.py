"""The summary of a call: a fold over its log."""

from __future__ import annotations

import pytest

from tests.store.samples import STARTED_AT, conversation, entries, said, started
from trunkline.calls import log_events
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.summary import CallSummary, SummaryMeter

pytestmark = pytest.mark.pure


def summary_of(*timed: tuple[int, LogEventUnion] | LogEventUnion) -> CallSummary:
    """Return the summary after these events."""
    meter = SummaryMeter("full")
    for entry in entries(*timed):
        meter.read(entry)
    summary = meter.summary()
    assert summary is not None
    return summary


def test_no_summary_exists_before_the_call_has_started() -> None:
    assert SummaryMeter("full").summary() is None


def test_a_running_call_has_its_start() -> None:
    summary = summary_of(started(metadata={"customer": "7"}))
    assert (summary.call_id, summary.scenario, summary.transport) == ("call_1", "shop", "websocket")
    assert (summary.provider, summary.model, summary.started_at) == ("local", "engine", STARTED_AT)
    assert (summary.status, summary.ended_at, summary.end_reason) == ("running", None, None)
    assert summary.metadata == {"customer": "7"}
    assert summary.mode == "full"


def test_an_ended_call_has_its_duration_and_reason() -> None:
    summary = summary_of(started(), (61_234, log_events.CallEnded(reason="caller hung up")))
    assert (summary.status, summary.end_reason, summary.duration_ms) == ("ended", "caller hung up", 61_234)
    assert summary.ended_at == "2026-11-30T12:01:01.234+00:00"


def test_a_call_that_a_fault_ended_has_failed() -> None:
    ended = log_events.CallEnded(reason="the model cannot be reached", failed=True)
    assert summary_of(started(), ended).status == "failed"


def test_the_path_has_every_agent_in_order() -> None:
    path = ["host", "poet", "host"]
    events = [log_events.AgentChanged(agent=agent) for agent in path]
    assert summary_of(started(), *events).agents == tuple(path)


def test_turns_are_what_the_caller_said() -> None:
    hidden = log_events.MessageAdded(item_id="hi", role="user", hidden=True)
    events: list[LogEventUnion] = [
        hidden,
        log_events.MessageDone(item_id="hi", role="user", text="hi"),
        *said("a", "assistant", "Hello"),
        *said("b", "user", "Where is my order"),
        log_events.MessageDone(item_id="c", role="user", text="mm-hm", status="ignored"),
        log_events.MessageDone(item_id="d", role="user", text="", status="inaudible"),
        log_events.MessageDone(item_id="e", role="user", text="", status="failed"),
    ]
    assert summary_of(started(), *events).turns == 2


def test_measures_are_those_of_the_whole_call() -> None:
    first = log_events.Tokens(input_text=1, input_audio=2, output_text=3, output_audio=4, cached_text=1)
    total = log_events.Tokens(input_text=10, input_audio=20, output_text=30, output_audio=40, cached_text=5)
    summary = summary_of(
        started(),
        log_events.TurnLatency(item_id="a", total_ms=700, parts=[], after="speech"),
        log_events.TurnLatency(item_id="b", total_ms=1900, parts=[], after="speech"),
        log_events.TurnLatency(item_id="c", total_ms=800, parts=[], after="text"),
        log_events.UsageUpdated(source="response", model="m", tokens=first, total=first, total_cost=0.1),
        log_events.UsageUpdated(source="response", model="m", tokens=first, total=total, total_cost=0.25),
        log_events.GuardrailChecked(item_id="a", guardrail="polite", status="pending"),
        log_events.GuardrailChecked(item_id="a", guardrail="polite", status="fail"),
        log_events.CallError(message="no"),
    )
    assert (summary.slowest_turn_ms, summary.cost, summary.tokens) == (1900, 0.25, 100)
    assert (summary.trips, summary.errors) == (1, 1)


def test_a_call_without_a_price_has_no_cost() -> None:
    assert summary_of(*conversation()).cost is None
