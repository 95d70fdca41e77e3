"""State of a call that another server takes over, rebuilt from its committed log."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from trunkline.calls import log_events as log
from trunkline.calls.live_record import MAX_GAP, LiveRecord, TakenOverCall
from trunkline.calls.log import Entry, parse_frame
from trunkline.calls.log_events import LogEventUnion
from trunkline.calls.machine.restoration import Restoration, restore
from trunkline.calls.machine.transcript import Message, ToolCall

pytestmark = pytest.mark.pure

GREETING = (
    log.MessageAdded(item_id="hi", role="user", hidden=True),
    log.MessageDone(item_id="hi", role="user", text="hi"),
    log.MessageAdded(item_id="a1", role="assistant", agent="host", spoken=True),
    log.MessageDelta(item_id="a1", text="Wel"),
    log.MessageDone(item_id="a1", role="assistant", text="Welcome."),
)
STARTED = log.ToolStarted(call_id="call_1", name="pay", arguments={"sum": 3}, agent="host")


def restored(*events: LogEventUnion) -> Restoration:
    """Restore a call from these events."""
    numbers = itertools.count(1)
    return restore(events, "host", lambda prefix: f"{prefix}_{next(numbers)}")


def texts(state: Restoration) -> list[str]:
    return [entry.text for entry in state.entries.values() if isinstance(entry, Message)]


def test_a_call_without_words_has_greeted_nobody() -> None:
    state = restored(log.AgentChanged(agent="host"))
    assert (state.agent, state.entries, state.wants_answer) == ("host", {}, False)


def test_the_messages_come_back_in_the_order_of_the_conversation() -> None:
    late = log.MessageAdded(item_id="u1", role="user", previous_item_id="hi", spoken=True)
    state = restored(*GREETING, late, log.MessageDone(item_id="u1", role="user", text="Hello."))
    assert texts(state) == ["hi", "Hello.", "Welcome."]


def test_a_truncated_message_has_the_words_that_were_heard() -> None:
    state = restored(*GREETING, log.MessageTruncated(item_id="a1", heard_ms=200, text="Wel"))
    assert texts(state) == ["hi", "Wel"]


def test_a_backchannel_is_not_part_of_the_conversation() -> None:
    added = log.MessageAdded(item_id="u1", role="user", spoken=True)
    done = log.MessageDone(item_id="u1", role="user", text="mm-hm", status="ignored")
    message = restored(*GREETING, added, done).message("u1")
    assert message is not None
    assert message.ignored


def test_the_agent_and_the_settings_are_the_latest() -> None:
    settings = log.CallSettings(push_to_talk=True, speed=1.2)
    state = restored(log.CallSettings(voice="ash"), settings, log.AgentChanged(agent="poet", previous="host"))
    assert (state.agent, state.settings) == ("poet", settings)


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ((), False),
        ((log.MessageAdded(item_id="u1", role="user"), log.MessageDone(item_id="u1", role="user", text="And?")), True),
        ((log.MessageAdded(item_id="a2", role="assistant"), log.MessageDelta(item_id="a2", text="I am")), True),
        ((log.AudioStarted(item_id="a1"),), True),
        ((log.AudioStarted(item_id="a1"), log.AudioDone(item_id="a1", ms=900)), False),
        ((STARTED, log.ToolDone(call_id="call_1", name="pay", duration_ms=5, result="paid")), True),
    ],
)
def test_an_answer_is_due_after_a_turn_a_tool_and_an_answer_that_was_cut_off(after: Any, wanted: bool) -> None:
    assert restored(*GREETING, *after).wants_answer is wanted


def test_a_tool_without_a_result_is_running() -> None:
    state = restored(*GREETING, STARTED)
    assert state.running_tools == {"call_1": STARTED}
    (call,) = [entry for entry in state.entries.values() if isinstance(entry, ToolCall)]
    assert (call.tool_call_id, call.name, call.arguments, call.output) == ("call_1", "pay", '{"sum":3}', None)


def test_a_tool_with_a_result_gives_it_to_the_next_session() -> None:
    state = restored(STARTED, log.ToolDone(call_id="call_1", name="pay", duration_ms=5, result={"paid": True}))
    (call,) = [entry for entry in state.entries.values() if isinstance(entry, ToolCall)]
    assert (call.output, state.running_tools) == ('{"paid":true}', {})


def test_a_failed_tool_gives_its_error() -> None:
    state = restored(STARTED, log.ToolDone(call_id="call_1", name="pay", duration_ms=5, error="no card"))
    (call,) = [entry for entry in state.entries.values() if isinstance(entry, ToolCall)]
    assert call.output == '{"error":"no card"}'


@pytest.mark.parametrize("resolved", [False, True])
def test_a_tool_waits_for_its_approval_until_the_caller_has_decided(resolved: bool) -> None:
    asked = log.ApprovalNeeded(call_id="call_1", name="pay", arguments={"sum": 3}, agent="host")
    decided = (log.ApprovalResolved(call_id="call_1", approved=True),) if resolved else ()
    assert ("call_1" in restored(STARTED, asked, *decided).awaiting_approval) is not resolved


def test_the_tool_of_a_text_model_is_no_item_of_the_conversation() -> None:
    nested = log.ToolStarted(call_id="call_2", name="look", arguments={}, agent="host", parent="call_1")
    assert restored(nested).entries == {}


# Lost events --------------------------------------------------------------------------------------------------------
def taken_over(seen: int) -> TakenOverCall:
    record = LiveRecord("call_1", "key", "s", "host", "m", "2026-11-30T00:00:00+00:00", "websocket", "pcm16", "leg", 1)
    return TakenOverCall(record, (Entry(7, 0, log.AgentChanged(agent="host")),), seen)


@pytest.mark.parametrize(("seen", "last"), [(0, 7), (7, 7), (9, 9), (10**12, 7 + MAX_GAP)])
def test_the_next_event_follows_all_that_the_page_has_seen(seen: int, last: int) -> None:
    assert taken_over(seen).last_seq == last


# Records of other versions ------------------------------------------------------------------------------------------
REQUIRED = {
    "call_id", "caller_key", "scenario", "first_agent", "model", "started_at", "transport", "codec", "leg_id", "legs",
}  # fmt: skip
"""The fields of the first version. A later one gets a default, so that older records can be read."""


def test_the_record_of_a_later_version_is_read_without_its_new_fields() -> None:
    record = taken_over(0).record
    later = {**msgspec.to_builtins(record), "later": {"a": [1]}}
    assert msgspec.json.decode(msgspec.json.encode(later), type=LiveRecord) == record


def test_the_record_of_an_earlier_version_is_read_with_the_defaults_of_new_fields() -> None:
    assert {field.name for field in msgspec.structs.fields(LiveRecord) if field.required} == REQUIRED


def test_events_of_a_later_version_pass() -> None:
    later = parse_frame('{"seq": 9, "at_ms": 5, "kind": "weather.changed", "sky": "blue"}')
    grown = parse_frame('{"seq": 10, "at_ms": 5, "kind": "agent.changed", "agent": "poet", "mood": "merry"}')
    numbers = itertools.count(1)
    state = restore([*GREETING, later.event, grown.event], "host", lambda prefix: f"{prefix}_{next(numbers)}")
    assert (state.agent, texts(state)) == ("poet", ["hi", "Welcome."])
    assert later.frame() == '{"seq":9,"at_ms":5,"kind":"weather.changed","sky":"blue"}'


# The caller's turns -------------------------------------------------------------------------------------------------
SPEAKS = log.SpeechStarted(item_id="u1", audio_ms=100)
STOPS = log.SpeechStopped(item_id="u1", audio_ms=900)
ANSWERED = log.MessageDone(item_id="a2", role="assistant", text="Yes.")


@pytest.mark.parametrize(
    ("events", "turns"),
    [
        ((SPEAKS,), {"u1": False}),
        ((SPEAKS, STOPS), {"u1": True}),
        ((SPEAKS, STOPS, log.MessageDone(item_id="u1", role="user", text="Hello.")), {}),
        ((SPEAKS, STOPS, ANSWERED), {}),
        ((SPEAKS, ANSWERED), {"u1": False}),
        ((SPEAKS, log.AudioResumed(item_id="u1", reason="backchannel"), STOPS), {}),
        ((SPEAKS, log.LegLost(leg_id="leg_1", reason="closed", waiting_ms=1)), {"u1": False}),
        ((SPEAKS, STOPS, log.LegLost(leg_id="leg_1", reason="closed", waiting_ms=1)), {}),
    ],
)
def test_a_turn_is_open_until_it_is_transcribed_or_answered(events: Any, turns: dict[str, bool]) -> None:
    assert restored(*events).open_turns == turns
