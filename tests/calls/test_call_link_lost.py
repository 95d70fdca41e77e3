"""The link is lost, at every moment: the conversation is replayed, and an interrupted turn is asked for again."""

from __future__ import annotations

from tests.calls.call_driver import CallDriver, call, items_of
from trunkline.calls import log_events


def responding(*, finished: bool = False) -> tuple[CallDriver, str]:
    """An agent in the middle of an answer of four seconds."""
    driver = call()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    item_id = driver.agent_says("one two three four", audio_ms=4000, finished=finished)
    driver.clear()
    return driver, item_id


def test_a_lost_link_is_logged_with_the_time_of_the_next_try() -> None:
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


def test_before_the_session_is_set_up_nothing_is_lost() -> None:
    driver = CallDriver(configures=False)
    driver.caller_joins()
    driver.link_up()
    driver.link_lost()
    driver.link_up()
    assert len(driver.configuring) == 2
    driver.configured(0)  # worked out for the link that is gone
    assert driver.sent == []
    driver.configured(0)
    assert driver.types_sent == ["session.update", "conversation.item.create", "response.create"]


def test_a_session_worked_out_while_there_is_no_link_is_not_sent() -> None:
    driver = CallDriver(configures=False)
    driver.caller_joins()
    driver.link_up()
    driver.link_lost()
    driver.configured()
    assert driver.sent == []


def test_the_interrupted_turn_is_asked_for_again_once() -> None:
    driver, item_id = responding()
    driver.wait(2000)
    driver.link_lost()
    driver.reports(item_id, 2000)
    driver.link_up()
    assert items_of(driver.sent)[-2:] == ["user: Tell me everything.", "assistant: one two"]
    assert driver.types_sent[-1] == "response.create"
    assert driver.requests == 1


def test_a_turn_that_was_asked_for_and_not_begun_is_asked_for_again() -> None:
    driver = call()
    driver.types("Tell me everything.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert items_of(driver.sent)[-1] == "user: Tell me everything."
    assert driver.requests == 1


def test_what_had_come_whole_is_heard_whole() -> None:
    driver, _item_id = responding(finished=True)
    driver.response_done()
    driver.link_lost()
    driver.link_up()
    assert driver.logged(log_events.AudioCleared) == []
    assert driver.requests == 0
    assert items_of(driver.sent)[-1] == "assistant: one two three four"


def test_what_was_replayed_as_text_is_cut_in_the_transcript_only() -> None:
    driver, item_id = responding(finished=True)
    driver.response_done()
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.types("Stop.")
    driver.reports(item_id, 2000)
    assert driver.sent_of("conversation.item.truncate") == []
    assert driver.said(item_id) == "one two"


def test_while_a_cut_is_pending_what_is_replayed_is_what_was_heard() -> None:
    driver, item_id = responding()
    driver.wait(1000)
    driver.types("Stop.")
    driver.link_lost()
    driver.link_up()
    assert items_of(driver.sent)[-3:] == ["user: Tell me everything.", "assistant: one", "user: Stop."]
    assert driver.requests == 1
    assert driver.said(item_id) == "one"


def test_a_response_that_was_stopped_by_the_button_is_not_asked_for_again() -> None:
    driver, _item_id = responding()
    driver.interrupts()
    driver.link_lost()
    driver.link_up()
    driver.wait(60_000)
    assert driver.requests == 0


def test_typing_while_there_is_no_link_is_sent_with_the_replay_and_answered() -> None:
    driver = call()
    driver.link_lost()
    driver.types("Hello?")
    assert driver.sent == []
    driver.link_up()
    assert items_of(driver.sent)[-1] == "user: Hello?"
    assert driver.requests == 1


def test_a_tool_that_runs_meanwhile_is_answered_on_the_new_link() -> None:
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


def test_a_tool_that_answers_while_there_is_no_link_is_replayed_with_its_call() -> None:
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


def test_a_handoff_that_is_under_way_is_finished_on_the_new_link() -> None:
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


def test_a_handoff_that_ends_before_the_new_link_does_gives_it_the_new_agent() -> None:
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
    driver.configured(0)  # the host's session, which nobody needs any more
    driver.configured(0)
    assert driver.sent[0]["session"] == {"instructions": "be poet"}
    assert items_of(driver.sent)[-2:] == ["transfer_to_poet({})", '= {"assistant":"poet"}']
    assert driver.requests == 1


def test_the_agent_of_the_moment_is_restored() -> None:
    driver = call()
    driver.response_created()
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.answers("I am the poet.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    assert driver.sent[0]["session"] == {"instructions": "be poet"}


def test_speech_that_was_going_on_is_told_to_have_stopped() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.link_lost()
    assert len(driver.logged(log_events.SpeechStopped)) == 1


def test_a_link_without_hope_ends_the_call_and_says_why() -> None:
    driver = call()
    driver.link_lost(retry_in_ms=None)
    (error,) = driver.logged(log_events.CallError)
    assert error.code == "link_failed"
    assert driver.ended == "the model cannot be reached"


def test_losing_it_twice_replays_everything_once_each_time() -> None:
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


def test_a_caller_who_leaves_in_the_middle_of_an_answer_gets_it_again() -> None:
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


def test_a_caller_who_leaves_when_all_was_heard_gets_nothing_again() -> None:
    driver = call()
    driver.caller_leaves()
    driver.wait(1000)
    driver.caller_joins()
    assert driver.requests == 0


def test_a_caller_who_leaves_when_all_was_said_but_not_heard_gets_it_again() -> None:
    driver, _item_id = responding(finished=True)
    driver.response_done()
    driver.wait(1000)
    driver.caller_leaves()
    driver.wait(250)
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 1000
    driver.caller_joins()
    assert driver.requests == 1


def test_an_answer_that_begins_while_nobody_is_there_is_for_later() -> None:
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


def test_a_tool_that_answers_while_nobody_is_there_waits_for_the_caller() -> None:
    driver = call()
    driver.response_created()
    call_id = driver.model_calls("weather")
    driver.response_done()
    driver.caller_leaves()
    driver.tool_finishes(call_id)
    assert driver.requests == 0
    driver.caller_joins()
    assert driver.requests == 1


def test_leaving_and_coming_back_without_a_link_asks_once_when_it_is_there() -> None:
    driver, _item_id = responding()
    driver.link_lost()
    driver.caller_leaves()
    driver.caller_joins()
    assert driver.sent == []
    driver.link_up()
    assert driver.requests == 1
