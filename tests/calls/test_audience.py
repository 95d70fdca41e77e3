"""A caller's view of the log: the conversation, without anything that belongs to the operator."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from trunkline.calls import log, log_events
from trunkline.calls.audience import CallerView
from trunkline.calls.log_events import LogEventUnion, UnknownEvent

pytestmark = pytest.mark.pure
SECRET = "s3cret"


def seen(*events: LogEventUnion) -> list[LogEventUnion | UnknownEvent]:
    """Return a caller's part of a log."""
    view = CallerView()
    tape = log.Log(lambda: 0.0)
    tape.subscribe(view.read)
    for event in events:
        tape.append(event)
    return [shown for entry in tape.since(0) if (shown := view.event(entry.event)) is not None]


HIDING: list[LogEventUnion] = [
    log_events.WireSent(event={"type": "session.update", "session": {"instructions": SECRET}}),
    log_events.WireReceived(event={"type": "session.updated", "session": {"instructions": SECRET}}),
    log_events.ToolStarted(call_id="c", name="look_up", arguments={"card": SECRET}, agent="host"),
    log_events.ToolDone(call_id="c", name="look_up", duration_ms=5, result=SECRET),
    log_events.ToolDone(call_id="c", name="look_up", duration_ms=5, error=f"KeyError: {SECRET} (shop.py:3)"),
    log_events.Breadcrumb(title="Looked up", data={"card": SECRET}),
    log_events.GuardrailChecked(
        item_id="i", guardrail="polite", status="fail", category=SECRET, rationale=SECRET, text=SECRET
    ),
    log_events.CallError(message=f"The agent failed: {SECRET}", code="agent_failed", source="scenario", hint=SECRET),
    log_events.Notice(message=SECRET, code="no_transcription", hint=SECRET),
    log_events.LinkLost(reason=f"handshake with {SECRET} failed"),
    log_events.ModelChanged(model="mini", previous="big", reason=SECRET),
    log_events.AgentChanged(agent="poet", previous="host", reason=SECRET),
    log_events.CallEnded(reason=f"the model's service refused the session: {SECRET}"),
    log_events.UsageUpdated(
        source="text", model=SECRET, tokens=log_events.Tokens(), total=log_events.Tokens(), cost=1.0
    ),
]


@pytest.mark.parametrize("event", HIDING, ids=lambda event: event.__struct_config__.tag)
def test_a_caller_does_not_see_the_operators_part(event: LogEventUnion) -> None:
    assert SECRET in str(event)
    assert SECRET not in str(seen(event))


def test_a_caller_sees_the_conversation_and_that_tools_run() -> None:
    said: list[LogEventUnion] = [
        log_events.MessageAdded(item_id="i", role="assistant", agent="host"),
        log_events.MessageDelta(item_id="i", text="Hello"),
        log_events.MessageDone(item_id="i", role="assistant", text="Hello"),
        log_events.ToolProgress(call_id="c", message="Half done", fraction=0.5),
        log_events.ApprovalNeeded(call_id="c", name="pay", arguments={"amount": 5}, agent="host"),
        log_events.Notice(message="The call ends in a minute.", code="call_limit_near"),
    ]
    assert seen(*said) == said
    (tool,) = seen(log_events.ToolStarted(call_id="c", name="look_up", arguments={}, agent="host"))
    assert isinstance(tool, log_events.ToolStarted)
    assert tool.name == "look_up"


@pytest.mark.parametrize(
    "added",
    [
        log_events.MessageAdded(item_id="i", role="system"),
        log_events.MessageAdded(item_id="i", role="user", hidden=True),
    ],
)
def test_a_caller_does_not_see_messages_to_the_model(added: log_events.MessageAdded) -> None:
    assert not seen(
        added,
        log_events.MessageDelta(item_id="i", text="Speak of nothing else."),
        log_events.MessageDone(item_id="i", role=added.role, text="Speak of nothing else."),
    )


def test_every_kind_of_event_has_a_decision() -> None:
    for_operators = {
        log_events.WireSent,
        log_events.WireReceived,
        log_events.UsageUpdated,
        log_events.McpServerChanged,
        log_events.StoreDegraded,
        log_events.StoreRestored,
    }
    view = CallerView()
    for kind in get_args(LogEventUnion):
        fields: dict[str, str | None] = {field.name: None for field in msgspec.structs.fields(kind)}
        if kind is log_events.CallEnded:
            fields["reason"] = ""
        event = kind(**fields)
        hidden = view.event(event) is None
        assert hidden == (kind in for_operators or kind is log_events.Notice), kind
