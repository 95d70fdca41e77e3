"""Frames of a log as text, and back: of this version and of others."""

from __future__ import annotations

import json

import pytest

from tests.store.samples import conversation, entries
from trunkline.calls import log_events
from trunkline.calls.log import Entry, frame_of, kind_of, parse_frame

pytestmark = pytest.mark.pure


def test_every_frame_of_a_call_is_parsed_to_its_entry() -> None:
    made = entries(
        *conversation(),
        log_events.TurnWaiting(reason="tools", tools=("look_up",)),
        log_events.ToolStarted(call_id="c", name="look_up", arguments={"order": [1, None]}, agent="host"),
        log_events.WireReceived(event={"type": "session.created", "session": {"id": "s", "voice": None}}),
        log_events.TurnLatency(item_id="i", total_ms=9, parts=[log_events.LatencyPart("model", 9)], after="text"),
    )
    assert [parse_frame(entry.frame()) for entry in made] == made


def test_an_unknown_field_is_dropped() -> None:
    entry = parse_frame('{"seq":4,"at_ms":20,"kind":"call.ended","reason":"over","colour":"blue"}')
    assert entry == Entry(4, 20, log_events.CallEnded(reason="over"))


@pytest.mark.parametrize(
    "frame",
    [
        '{"seq":4,"at_ms":20,"kind":"mood.changed","mood":{"to":"glad"}}',
        '{"seq":4,"at_ms":20,"kind":"call.ended","why":"over"}',
        '{"seq":4,"at_ms":20,"kind":"message.added","item_id":"i","role":"ghost"}',
    ],
    ids=["an unknown kind", "a missing field", "an unknown value"],
)
def test_an_event_of_another_version_keeps_all_its_fields(frame: str) -> None:
    entry = parse_frame(frame)
    assert isinstance(entry.event, log_events.UnknownEvent)
    assert kind_of(entry.event) == json.loads(frame)["kind"]
    assert json.loads(entry.frame()) == json.loads(frame)


def test_the_kind_of_an_event_is_its_tag() -> None:
    event = log_events.CallEnded(reason="over")
    assert kind_of(event) == json.loads(frame_of(event, 1, 0))["kind"]


@pytest.mark.parametrize("text", ["", "[]", '{"kind":"call.ended"}', '{"seq":1,"at_ms":0}', "{"])
def test_a_text_that_is_not_a_frame_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an event"):
        parse_frame(text)
