"""Start of a call: the first agent greets once, when both link and caller are up."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CALLER_WAIT_MS, CallDriver, items_of
from trunkline.calls import log_events

pytestmark = pytest.mark.pure


def test_the_log_begins_with_the_call_and_its_first_agent() -> None:
    call = CallDriver()
    started, agent, waiting = call.events
    assert isinstance(started, log_events.CallStarted)
    assert started.scenario == "test"
    assert agent == log_events.AgentChanged(agent="host")
    assert waiting == log_events.TurnWaiting(reason="caller")


@pytest.mark.parametrize("first", ["link", "caller"])
def test_the_greeting_is_requested_when_link_and_caller_are_up(first: str) -> None:
    call = CallDriver()
    if first == "link":
        call.link_up()
        assert call.requests == 0
        call.caller_joins()
    else:
        call.caller_joins()
        assert call.requests == 0
        call.link_up()
    assert call.types_sent == ["session.update", "conversation.item.create", "response.create"]
    assert items_of(call.sent) == ["user: hi"]


def test_the_message_that_starts_the_greeting_is_hidden() -> None:
    call = CallDriver()
    call.link_up()
    call.caller_joins()
    (added,) = call.logged(log_events.MessageAdded)
    assert added.hidden
    assert call.machine.transcript.history() == []


def test_a_caller_who_returns_is_not_greeted_again() -> None:
    call = CallDriver()
    call.link_up()
    call.caller_joins()
    call.answers("Hello.")
    call.caller_leaves()
    call.wait(1000)
    call.caller_joins()
    assert call.requests == 1
    assert items_of(call.sent) == ["user: hi"]


def test_a_restored_link_does_not_greet_again() -> None:
    call = CallDriver()
    call.link_up()
    call.caller_joins()
    call.answers("Hello.")
    call.clear()
    call.link_lost()
    call.link_up()
    assert call.requests == 0
    assert items_of(call.sent) == ["user: hi", "assistant: Hello."]


def test_text_before_the_greeting_replaces_it() -> None:
    call = CallDriver()
    call.caller_joins()
    call.types("What is the weather?")
    call.link_up()
    assert items_of(call.sent) == ["user: What is the weather?"]
    assert call.requests == 1


def test_a_call_without_a_caller_ends_after_the_caller_wait() -> None:
    call = CallDriver()
    call.link_up()
    call.wait(CALLER_WAIT_MS - 1)
    assert not call.logged(log_events.CallEnded)
    call.wait(1)
    assert call.ended == "no caller came"
    assert call.events[-1] == log_events.CallEnded(reason="no caller came")


def test_the_call_ends_if_the_caller_does_not_return() -> None:
    call = CallDriver()
    call.caller_joins()
    call.caller_leaves()
    call.wait(CALLER_WAIT_MS)
    assert call.ended == "the caller did not come back"


def test_the_caller_wait_stops_when_the_caller_joins() -> None:
    call = CallDriver()
    call.caller_joins()
    call.wait(10 * CALLER_WAIT_MS)
    assert call.ended is None


def test_hanging_up_ends_the_call() -> None:
    call = CallDriver()
    call.caller_joins()
    call.hangs_up()
    assert call.ended == "caller hung up"
    call.link_up()
    assert call.events[-1] == log_events.CallEnded(reason="caller hung up")


NOTICE = "This call is recorded for training."


def test_the_greeting_begins_with_the_notice_of_a_recording() -> None:
    call = CallDriver(recording_notice=NOTICE)
    call.link_up()
    call.caller_joins()
    note, hi = items_of(call.sent)
    assert note.startswith("system: ")
    assert NOTICE in note
    assert hi == "user: hi"
    assert call.requests == 1


def test_the_first_answer_has_the_notice_if_it_replaces_the_greeting_and_no_later_one() -> None:
    call = CallDriver(recording_notice=NOTICE)
    call.caller_joins()
    call.types("Where is my order?")
    call.link_up()
    assert sum(NOTICE in item for item in items_of(call.sent)) == 1
    call.answers("It is on its way.")
    call.types("Thanks.")
    assert sum(NOTICE in item for item in items_of(call.sent)) == 1
