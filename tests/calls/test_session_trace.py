"""State of a WebRTC call's session, as the log of the former server shows it."""

from __future__ import annotations

import pytest

from trunkline.calls import log_events
from trunkline.calls.log import Entry
from trunkline.calls.log_events import LogEventUnion
from trunkline.calls.machine.response_scheduler import ResponseState
from trunkline.calls.machine.session_trace import SessionTrace, trace_session
from trunkline.realtime.events import Event

pytestmark = pytest.mark.pure
CREATED: Event = {"type": "response.created", "response": {"id": "resp_1"}}
MESSAGE: Event = {"id": "msg_1", "type": "message", "role": "assistant"}
ADDED: Event = {"type": "response.output_item.added", "response_id": "resp_1", "item": MESSAGE}
WORDS: Event = {"type": "response.output_audio_transcript.delta", "item_id": "msg_1", "delta": "Hello."}
STARTED: Event = {"type": "output_audio_buffer.started", "response_id": "resp_1"}
STOPPED: Event = {"type": "output_audio_buffer.stopped", "response_id": "resp_1"}
ITEM: Event = {"id": "item_1", "type": "message", "role": "user"}
REQUEST: Event = {"type": "response.create", "event_id": "event_1"}
CANCEL: Event = {"type": "response.cancel"}


def received(event: Event) -> LogEventUnion:
    return log_events.WireReceived(event=event)


def sent(event: Event) -> LogEventUnion:
    return log_events.WireSent(event=event)


def done(status: str = "completed", *output: Event) -> Event:
    return {"type": "response.done", "response": {"id": "resp_1", "status": status, "output": list(output)}}


def traced(*events: LogEventUnion) -> SessionTrace:
    """Return the state after events, of which there is one each 100 ms."""
    return trace_session(Entry(number, number * 100, event) for number, event in enumerate(events, 1))


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([sent(REQUEST)], ResponseState.REQUESTED),
        ([sent(REQUEST), sent(CANCEL)], ResponseState.CANCELLING_REQUEST),
        ([sent(REQUEST), received(CREATED)], ResponseState.IN_PROGRESS),
        ([sent(REQUEST), sent(CANCEL), received(CREATED)], ResponseState.CANCELLING),
        ([received(CREATED), sent(CANCEL)], ResponseState.CANCELLING),
        ([received(CREATED), received(WORDS)], ResponseState.SPEAKING),
        ([received(CREATED), received(WORDS), received(WORDS)], ResponseState.SPEAKING),
        ([received(WORDS)], ResponseState.IDLE),
        ([received(CREATED), received(done())], ResponseState.IDLE),
        ([received(CREATED), sent(REQUEST)], ResponseState.IN_PROGRESS),
        ([sent(CANCEL)], ResponseState.IDLE),
    ],
)
def test_the_response_has_the_state_of_the_last_event(events: list[LogEventUnion], state: ResponseState) -> None:
    assert traced(*events).response is state


def test_the_end_of_another_response_does_not_end_the_present_one() -> None:
    later: Event = {"type": "response.created", "response": {"id": "resp_2"}}
    trace = traced(received(CREATED), received(later), received(done()))
    assert (trace.response, trace.response_id) == (ResponseState.IN_PROGRESS, "resp_2")


def test_a_cancelled_response_plays_nothing() -> None:
    trace = traced(received(CREATED), received(ADDED), received(done("cancelled")))
    assert not trace.playout.has_unplayed


def test_a_session_begins_with_its_link_and_again_with_its_replay() -> None:
    up = log_events.LinkUp(model="m")
    assert traced(up).began_ms == 100
    restored = log_events.LinkRestored(attempts=1, lost_for_ms=5, replayed=2)
    trace = traced(up, received(CREATED), restored)
    assert (trace.began_ms, trace.response) == (300, ResponseState.IDLE)


def test_a_sideband_that_was_attached_again_has_the_same_session() -> None:
    attached = log_events.LinkRestored(attempts=1, lost_for_ms=5, replayed=0)
    assert traced(log_events.LinkUp(model="m"), received(CREATED), attached).began_ms == 100


def test_the_clock_of_the_playout_stands_still_while_the_page_holds_the_audio() -> None:
    ducked, resumed = (
        log_events.AudioDucked(item_id="speech_1"),
        log_events.AudioResumed(item_id="speech_1", reason="backchannel"),
    )
    assert traced(ducked).clock.at(1_000) == 100
    assert traced(ducked, resumed).clock.at(1_000) == 900
    assert traced(ducked, ducked, resumed, resumed).clock.held_ms(1_000) == 200


def test_audio_plays_from_its_start_to_its_end() -> None:
    begins = [received(CREATED), received(ADDED), received(STARTED)]
    assert traced(*begins).playout.playing_item == "msg_1"
    assert not traced(*begins, received(STOPPED)).playout.playing
    assert not traced(*begins, log_events.AudioDone(item_id="msg_1", ms=100)).playout.playing
    assert not traced(*begins, log_events.AudioCleared(item_id="msg_1")).playout.has_unplayed
    assert not traced(*begins, sent({"type": "output_audio_buffer.clear"})).playout.playing
    assert not traced(*begins, received({"type": "output_audio_buffer.cleared"})).playout.playing
    truncated: Event = {"type": "conversation.item.truncated", "item_id": "msg_1", "audio_end_ms": 50}
    assert not traced(*begins, received(truncated)).playout.playing


def test_the_session_has_the_items_that_were_added_and_not_deleted() -> None:
    added: Event = {"type": "conversation.item.added", "item": MESSAGE}
    assert traced(received(added)).items == {"msg_1": "assistant"}
    assert traced(received(added), received({"type": "conversation.item.deleted", "item_id": "msg_1"})).items == {}


def test_an_item_is_unconfirmed_until_the_service_adds_or_refuses_it() -> None:
    create: Event = {"type": "conversation.item.create", "event_id": "event_1", "item": ITEM}
    assert list(traced(sent(create)).unconfirmed) == ["item_1"]
    added: Event = {"type": "conversation.item.added", "item": ITEM}
    assert traced(sent(create), received(added)).unconfirmed == {}
    assert traced(sent(create), received({"type": "error", "error": {"event_id": "event_1"}})).unconfirmed == {}
    other: Event = {"type": "error", "error": {"event_id": "event_2"}}
    unnamed: Event = {"type": "error", "error": {}}
    assert list(traced(sent(create), received(other), received(unnamed)).unconfirmed) == ["item_1"]


def test_a_tool_call_is_open_until_its_output_is_sent() -> None:
    call: Event = {"id": "item_1", "type": "function_call", "call_id": "call_1", "status": "completed"}
    asked = [received(CREATED), received({"type": "response.output_item.done", "item": call})]
    assert list(traced(*asked).open_calls) == ["item_1"]
    assert list(traced(received(CREATED), received(done("completed", call))).open_calls) == ["item_1"]
    output: Event = {"id": "item_2", "type": "function_call_output", "call_id": "call_1"}
    trace = traced(*asked, sent({"type": "conversation.item.create", "item": output}))
    assert (trace.open_calls, trace.handled_calls) == ({}, {"item_1"})


def test_a_tool_call_that_was_cut_off_is_not_open() -> None:
    call: Event = {"id": "item_1", "type": "function_call", "call_id": "call_1", "status": "incomplete"}
    assert traced(received(done("incomplete", call))).open_calls == {}


@pytest.mark.parametrize("event", [{"type": "response.created"}, {"type": "response.done", "response": None}])
def test_a_malformed_event_is_ignored(event: Event) -> None:
    assert traced(received(event), received(CREATED)).response is ResponseState.IN_PROGRESS
