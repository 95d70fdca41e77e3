"""Lost links, at every moment: the conversation is replayed, and an interrupted answer is requested again."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from trunkline.calls import log_events

pytestmark = pytest.mark.pure


def responding(*, finished: bool = False) -> tuple[CallDriver, str]:
    """Return a call in which the agent gives an answer of four seconds."""
    driver = call()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    item_id = driver.agent_says("one two three four", audio_ms=4000, finished=finished)
    driver.clear()
    return driver, item_id


def test_a_lost_link_is_logged_with_the_delay_of_the_next_attempt() -> None:
    driver = call()
    driver.link_lost(retry_in_ms=250)
    assert driver.logged(log_events.LinkLost) == [log_events.LinkLost(reason="the connection broke", retry_in_ms=250)]


def test_a_new_link_gets_the_session_then_the_conversation() -> None:
    driver = call()
    driver.types("What is the weather?")
    driver.answers("It is sunny.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert driver.types_sent[0] == "session.update"
    assert items_of(driver.sent) == [
        "user: hi",
        "assistant: Hello, I am the host.",
        "user: What is the weather?",
        "assistant: It is sunny.",
    ]
    assert driver.requests == 0
    assert driver.logged(log_events.LinkRestored)[0].replayed == 4


def test_nothing_is_lost_before_the_session_is_configured() -> None:
    driver = CallDriver(configures=False)
    driver.caller_joins()
    driver.link_up()
    driver.link_lost()
    driver.link_up()
    assert len(driver.configuring) == 2
    driver.configured(0)  # configured for the lost link
    assert driver.sent == []
    driver.configured(0)
    assert driver.types_sent == ["session.update", "conversation.item.create", "response.create"]


def test_a_session_configured_without_a_link_is_not_sent() -> None:
    driver = CallDriver(configures=False)
    driver.caller_joins()
    driver.link_up()
    driver.link_lost()
    driver.configured()
    assert driver.sent == []


def test_the_interrupted_response_is_requested_again_once() -> None:
    driver, item_id = responding()
    driver.wait(2000)
    driver.link_lost()
    driver.reports(item_id, 2000)
    driver.link_up()
    assert items_of(driver.sent)[-2:] == ["user: Tell me everything.", "assistant: one two"]
    assert driver.types_sent[-1] == "response.create"
    assert driver.requests == 1


def test_a_request_without_a_response_is_sent_again() -> None:
    driver = call()
    driver.types("Tell me everything.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert items_of(driver.sent)[-1] == "user: Tell me everything."
    assert driver.requests == 1


def test_a_complete_message_is_played_whole() -> None:
    driver, _item_id = responding(finished=True)
    driver.response_done()
    driver.link_lost()
    driver.link_up()
    assert driver.logged(log_events.AudioCleared) == []
    assert driver.requests == 0
    assert items_of(driver.sent)[-1] == "assistant: one two three four"


def test_a_message_replayed_as_text_is_truncated_in_the_transcript_only() -> None:
    driver, item_id = responding(finished=True)
    driver.response_done()
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.types("Stop.")
    driver.reports(item_id, 2000)
    assert driver.sent_of("conversation.item.truncate") == []
    assert driver.said(item_id) == "one two"


def test_the_replay_holds_the_heard_part_of_a_cut_message() -> None:
    driver, item_id = responding()
    driver.wait(1000)
    driver.types("Stop.")
    driver.link_lost()
    driver.link_up()
    assert items_of(driver.sent)[-3:] == ["user: Tell me everything.", "assistant: one", "user: Stop."]
    assert driver.requests == 1
    assert driver.said(item_id) == "one"


def test_a_response_stopped_by_the_button_is_not_requested_again() -> None:
    driver, _item_id = responding()
    driver.interrupts()
    driver.link_lost()
    driver.link_up()
    driver.wait(60_000)
    assert driver.requests == 0


def test_text_without_a_link_is_sent_with_the_replay_and_answered() -> None:
    driver = call()
    driver.link_lost()
    driver.types("Hello?")
    assert driver.sent == []
    driver.link_up()
    assert items_of(driver.sent)[-1] == "user: Hello?"
    assert driver.requests == 1


def test_the_output_of_a_running_tool_goes_to_the_new_link() -> None:
    driver = call()
    driver.types("What is the weather?")
    driver.confirms_items()
    driver.response_created()
    call_id = driver.model_calls("weather", '{"city":"Wanaka"}')
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert items_of(driver.sent)[-1] == 'weather({"city":"Wanaka"})'
    assert driver.requests == 0
    driver.tool_finishes(call_id)
    assert driver.types_sent[-2:] == ["conversation.item.create", "response.create"]
    assert driver.requests == 1


def test_a_tool_that_finishes_without_a_link_is_replayed_with_its_output() -> None:
    driver = call()
    driver.types("What is the weather?")
    driver.confirms_items()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.response_done()
    driver.clear()
    driver.link_lost()
    driver.tool_finishes(call_id)
    driver.link_up()
    assert items_of(driver.sent)[-2:] == ["weather({})", "= sunny"]
    assert driver.requests == 1


def test_a_handoff_in_progress_is_completed_on_the_new_link() -> None:
    driver = call(configures=False)
    driver.types("A haiku.")
    driver.confirms_items()
    driver.response_created()
    driver.model_calls("transfer_to_poet")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    driver.configured(1)  # the host's session for the new link is ready first
    assert driver.sent[0]["session"] == {"instructions": "be host"}
    assert driver.requests == 0
    driver.configured(0)
    assert driver.types_sent[-3:] == ["session.update", "conversation.item.create", "response.create"]
    assert driver.sent_of("session.update")[-1]["session"] == {"instructions": "be poet"}


def test_a_handoff_completed_without_a_link_gives_the_new_agent_to_the_next_link() -> None:
    driver = call(configures=False)
    driver.types("A haiku.")
    driver.confirms_items()
    driver.response_created()
    driver.model_calls("transfer_to_poet")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    driver.configured(0)  # the poet
    assert driver.sent == []
    driver.configured(0)  # the host's session, which is stale
    driver.configured(0)
    assert driver.sent[0]["session"] == {"instructions": "be poet"}
    assert items_of(driver.sent)[-2:] == ["transfer_to_poet({})", '= {"assistant":"poet"}']
    assert driver.requests == 1


def test_the_current_agent_is_restored() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.answers("I am the poet.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert driver.sent[0]["session"] == {"instructions": "be poet"}


def test_speech_in_progress_is_logged_as_stopped() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.link_lost()
    assert len(driver.logged(log_events.SpeechStopped)) == 1


def test_a_link_that_does_not_reconnect_ends_the_call_with_its_reason() -> None:
    driver = call()
    driver.link_lost(retry_in_ms=None)
    (error,) = driver.logged(log_events.CallError)
    assert error.code == "link_failed"
    assert driver.ended == "the model cannot be reached"


def test_each_lost_link_replays_everything_once() -> None:
    driver, item_id = responding()
    driver.reports(item_id, 1000)
    driver.link_lost()
    driver.reports(item_id, 1000)
    driver.link_up()
    first = items_of(driver.sent)
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert items_of(driver.sent) == first
    assert driver.requests == 1


def test_a_caller_who_leaves_during_an_answer_gets_it_again() -> None:
    driver, item_id = responding()
    driver.reports(item_id, 1000)
    driver.caller_leaves()
    assert driver.types_sent == ["response.cancel", "input_audio_buffer.clear"]
    driver.response_done("cancelled")
    driver.wait(3000)
    assert driver.requests == 0
    driver.caller_joins()
    assert driver.requests == 1
    driver.answers("Where was I?")
    driver.wait(60_000)
    assert driver.requests == 1


def test_a_caller_who_leaves_after_the_playout_gets_nothing_again() -> None:
    driver = call()
    driver.caller_leaves()
    driver.wait(1000)
    driver.caller_joins()
    assert driver.requests == 0


def test_a_caller_who_leaves_before_the_end_of_the_playout_gets_the_answer_again() -> None:
    driver, _item_id = responding(finished=True)
    driver.response_done()
    driver.wait(1000)
    driver.caller_leaves()
    driver.wait(250)
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 1000
    driver.caller_joins()
    assert driver.requests == 1


def test_a_response_that_begins_without_a_caller_is_requested_later() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.caller_leaves()
    driver.response_created()
    item_id = driver.agent_says("Hello?", audio_ms=500, finished=False)
    driver.response_done("cancelled")
    assert item_id not in driver.played
    driver.caller_joins()
    assert driver.requests == 1


def test_the_response_to_a_tool_waits_for_the_caller() -> None:
    driver = call()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.response_done()
    driver.caller_leaves()
    driver.tool_finishes(call_id)
    assert driver.requests == 0
    driver.caller_joins()
    assert driver.requests == 1


def test_a_caller_who_returns_without_a_link_gets_one_response_when_it_is_up() -> None:
    driver, _item_id = responding()
    driver.link_lost()
    driver.caller_leaves()
    driver.caller_joins()
    assert driver.sent == []
    driver.link_up()
    assert driver.requests == 1


def test_an_agent_that_failed_for_a_lost_link_does_not_end_the_call() -> None:
    driver = CallDriver(configures=False)
    driver.caller_joins()
    driver.link_up()
    driver.link_lost()
    driver.link_up()
    driver.configuration_fails(0)  # configured for the lost link
    assert driver.logged(log_events.CallError) == []
    driver.configuration_fails(0)
    assert driver.ended == "the agent host could not be set up"
