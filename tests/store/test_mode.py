"""Storing modes: the content that each keeps."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from tests.calls.test_audience import HIDING, SECRET
from tests.store.samples import conversation
from trunkline.calls import log_events
from trunkline.calls.log_events import LogEventUnion, UnknownEvent
from trunkline.store.mode import stored_part

pytestmark = pytest.mark.pure
WORDS: list[LogEventUnion | UnknownEvent] = [
    log_events.MessageDelta(item_id="i", text=SECRET),
    log_events.MessageDone(item_id="i", role="user", text=SECRET),
    log_events.MessageTruncated(item_id="i", heard_ms=5, text=SECRET),
    log_events.MessageAdded(item_id="i", role="user", images=(f"data:{SECRET}",)),
    log_events.AudioInterrupted(item_id="i", reason="content", words=SECRET),
    log_events.AudioResumed(item_id="i", reason="backchannel", words=SECRET),
    log_events.ApprovalNeeded(call_id="c", name="pay", arguments={"card": SECRET}, agent="host"),
    log_events.ApprovalResolved(call_id="c", approved=False, reason=SECRET),
    log_events.ToolProgress(call_id="c", message=SECRET),
    log_events.FillerStarted(filler_id="f", text=SECRET, ms=5, reason="tools"),
    log_events.Breadcrumb(title=SECRET),
    log_events.McpServerChanged(agent="host", server="shop", status="failed", problem=SECRET),
    UnknownEvent(original_kind="mood.changed", fields={"mood": SECRET}),
]
OPERATIONAL = (log_events.Notice, log_events.LinkLost, log_events.UsageUpdated)
"""Events of `HIDING` that are not words of a call: limits, networks, and names of models."""


@pytest.mark.parametrize(
    "event",
    [*WORDS, *(event for event in HIDING if not isinstance(event, OPERATIONAL))],
    ids=lambda event: event.__struct_config__.tag,
)
def test_metadata_has_no_words_and_no_payloads(event: LogEventUnion | UnknownEvent) -> None:
    if isinstance(event, log_events.GuardrailChecked):
        event = msgspec.structs.replace(event, category="rude")
    assert SECRET in str(event)
    assert SECRET not in str(stored_part(event, "metadata"))


def test_metadata_keeps_the_course_of_the_call() -> None:
    kept = [stored_part(event, "metadata") for event in conversation()]
    kinds = [type(event) for event in kept if event is not None]
    assert kinds == [type(event) for event in conversation() if not isinstance(event, log_events.MessageDelta)]


def test_metadata_keeps_the_kind_of_a_tools_error() -> None:
    failed = log_events.ToolDone(call_id="c", name="look_up", duration_ms=5, error="KeyError: 1 (shop.py:3)")
    assert stored_part(failed, "metadata") == msgspec.structs.replace(failed, error="KeyError")


@pytest.mark.parametrize("event", [*WORDS, *HIDING], ids=lambda event: event.__struct_config__.tag)
def test_off_keeps_nothing_and_the_other_modes_everything(event: LogEventUnion | UnknownEvent) -> None:
    assert stored_part(event, "full") is event
    assert stored_part(event, "redacted") is event  # the redactor decides
    assert stored_part(event, "off") is None


def test_every_field_of_text_has_a_decision_in_metadata() -> None:
    """A new field or kind fails here until somebody decides whether it may hold words of the call."""
    names = {
        f"{kind.__struct_config__.tag}.{field.name}"
        for kind in get_args(LogEventUnion)
        for field in msgspec.structs.fields(kind)
        if field.type in (str, str | None)
    }
    event = {kind.__struct_config__.tag: kind for kind in get_args(LogEventUnion)}
    leaking = set()
    for name in names:
        tag, _, field = name.rpartition(".")
        filled = event[tag](
            **{one.name: SECRET if one.name == field else _value(one) for one in msgspec.structs.fields(event[tag])}
        )
        if SECRET in str(stored_part(filled, "metadata")):
            leaking.add(name)
    assert leaking == SAFE


def _value(field: msgspec.structs.FieldInfo) -> object:
    return "" if field.type in (str, str | None) else None


SAFE = {
    f"{kind}.{field}"
    for kind, fields in {
        "agent.changed": "agent previous",
        "approval.needed": "agent call_id name",
        "approval.resolved": "call_id",
        "audio.cleared": "item_id",
        "audio.done": "item_id",
        "audio.ducked": "item_id",
        "audio.interrupted": "item_id reason",
        "audio.resumed": "item_id reason",
        "audio.started": "item_id",
        "call.ended": "reason",  # up to its first colon
        "call.settings": "voice",
        "call.handed_over": "call_id reason",  # the server's own words
        "call.taken_over": "agent call_id reason server",
        "call.started": "agent call_id model provider scenario started_at",
        "error": "code",
        "filler.done": "filler_id",
        "filler.started": "filler_id",
        "guardrail.checked": "category guardrail item_id",
        "leg.joined": "leg_id reason",
        "leg.lost": "leg_id reason",
        "leg.reoffer_requested": "reason",
        "link.lost": "reason",
        "link.rolled_over": "reason",
        "link.up": "model",
        "mcp.server": "agent server",
        "message.added": "agent item_id previous_item_id",
        "message.done": "item_id",
        "message.truncated": "item_id",
        "model.changed": "model previous",
        "notice": "code hint message",
        "store.degraded": "reason",
        "speech.started": "item_id",
        "speech.stopped": "item_id",
        "tool.done": "call_id name",
        "tool.progress": "call_id",
        "tool.started": "agent call_id name parent",
        "turn.latency": "item_id",
        "turn.waiting": "agent",
        "usage.updated": "item_id model purpose",
    }.items()
    for field in fields.split()
}
