"""Interruption by text, voice or button: the model gets the heard position, and one new request."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from trunkline.calls import log_events
from trunkline.calls.machine import inputs

pytestmark = pytest.mark.pure
TEN_WORDS = "one two three four five six seven eight nine ten"


def speaking(*, audio_ms: float = 4000.0, finished: bool = False) -> tuple[CallDriver, str]:
    """Return a call in which the agent is saying ten words."""
    driver = call()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    item_id = driver.agent_says(
        "one two three four five six seven eight nine ten", audio_ms=audio_ms, finished=finished
    )
    driver.clear()
    return driver, item_id


def test_text_cancels_the_response_and_clears_its_audio() -> None:
    driver, item_id = speaking()
    driver.types("Stop, something else.")
    assert driver.types_sent == ["response.cancel", "conversation.item.create"]
    assert driver.logged(log_events.AudioCleared) == [log_events.AudioCleared(item_id=item_id)]


def test_queued_audio_is_dropped_before_the_page_reads_that_it_is_cleared() -> None:
    driver, item_id = speaking()
    driver.interrupts()
    (before,) = driver.clears
    cleared = driver.events.index(log_events.AudioCleared(item_id=item_id))
    assert driver.events[cleared - 1] == before


def test_a_frame_of_audio_looks_for_no_request_and_no_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, item_id = speaking()
    looks: list[str] = []
    monkeypatch.setattr(driver.machine._scheduler, "next_request", lambda: looks.append("request"))
    monkeypatch.setattr(driver.machine._session, "renew_if_due", lambda _at_rest: looks.append("renewal"))
    driver.feed(inputs.AudioReceived(item_id, bytes(960), 20.0))
    assert looks == []
    driver.types("Stop.")
    assert looks == ["request", "renewal"]


def test_the_response_to_text_is_requested_once_after_the_cancelled_one() -> None:
    driver, item_id = speaking()
    driver.types("Stop, something else.")
    driver.reports(item_id, 500)
    driver.confirms_items()
    assert driver.requests == 0
    driver.response_done("cancelled")
    assert driver.requests == 1
    driver.wait(60_000)
    assert driver.requests == 1


def test_the_request_waits_until_the_model_has_the_heard_position() -> None:
    driver, item_id = speaking()
    driver.types("Stop.")
    driver.response_done("cancelled")
    assert driver.requests == 0
    driver.reports(item_id, 500)
    assert driver.types_sent[-2:] == ["conversation.item.truncate", "response.create"]


def test_the_message_is_truncated_at_the_position_of_the_page() -> None:
    driver, item_id = speaking()
    driver.wait(900)
    driver.types("Stop.")
    driver.reports(item_id, 777)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 777)


def test_without_a_report_the_time_since_the_start_counts_after_250_ms() -> None:
    driver, _item_id = speaking()
    driver.wait(900)
    driver.types("Stop.")
    driver.wait(249)
    assert driver.sent_of("conversation.item.truncate") == []
    driver.wait(1)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 900


def test_an_earlier_report_and_the_time_since_count() -> None:
    driver, item_id = speaking()
    driver.wait(1000)
    driver.reports(item_id, 600)  # the page began 400 ms late
    driver.wait(200)
    driver.types("Stop.")
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 800


def test_a_report_is_extrapolated_for_a_short_time_only() -> None:
    driver, item_id = speaking()
    driver.reports(item_id, 100)
    driver.wait(3000)
    driver.types("Stop.")
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 500


def test_the_heard_position_never_exceeds_the_audio_sent() -> None:
    driver, item_id = speaking(audio_ms=300)
    driver.wait(5000)
    driver.types("Stop.")
    driver.reports(item_id, 9999)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 300


def test_the_transcript_is_truncated_even_if_the_text_arrives_later() -> None:
    driver, item_id = speaking(audio_ms=4000)
    driver.types("Stop.")
    driver.reports(item_id, 2000)
    driver.message_done(item_id, TEN_WORDS, "incomplete")
    driver.response_done("cancelled")
    assert driver.said(item_id) == "one two three four five"
    kinds = [
        type(event)
        for event in driver.logged(log_events.MessageDone, log_events.MessageTruncated)
        if event.item_id == item_id
    ]
    assert kinds == [log_events.MessageDone, log_events.MessageTruncated]


def test_audio_after_the_cut_counts_towards_the_duration() -> None:
    driver, item_id = speaking(audio_ms=2000)
    driver.types("Stop.")
    driver.reports(item_id, 2000)
    driver.audio(item_id, 2000)
    driver.message_done(item_id, TEN_WORDS, "incomplete")
    assert driver.said(item_id) == "one two three four five"
    assert driver.played[item_id] == 2000


def test_a_message_is_cut_at_a_word() -> None:
    driver, item_id = speaking(audio_ms=4000, finished=True)
    driver.response_done()
    driver.types("Stop.")
    driver.reports(item_id, 2200)
    assert driver.said(item_id) == "one two three four five"


def test_a_message_that_was_played_whole_is_not_truncated() -> None:
    driver, item_id = speaking(finished=True)
    driver.response_done()
    driver.reports(item_id, 4000)
    driver.types("Thank you.")
    assert driver.types_sent == ["conversation.item.create", "response.create"]
    assert driver.logged(log_events.AudioCleared) == []


def test_without_reports_audio_counts_as_played_in_real_time() -> None:
    driver, _item_id = speaking(finished=True)
    driver.response_done()
    driver.wait(4000)
    driver.types("Thank you.")
    assert driver.logged(log_events.AudioCleared) == []


def test_a_response_that_is_cancelled_before_its_audio_is_never_heard() -> None:
    driver = call()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.types("No, wait.")
    assert driver.types_sent.count("response.cancel") == 1
    driver.response_created()
    item_id = driver.agent_says("Once upon", audio_ms=200, finished=False)
    driver.response_done("cancelled")
    assert item_id not in driver.played
    assert driver.logged(log_events.AudioStarted) == []
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 0
    assert driver.said(item_id) == ""
    assert driver.requests == 2


def test_speech_clears_the_audio_and_leaves_the_cancelling_to_the_service() -> None:
    driver, item_id = speaking()
    driver.caller_starts_to_speak()
    assert driver.sent_of("response.cancel") == []
    assert driver.logged(log_events.AudioCleared) == [log_events.AudioCleared(item_id=item_id)]
    driver.reports(item_id, 1000)
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 1000


def test_the_services_own_response_to_speech_is_not_requested_again() -> None:
    driver, item_id = speaking()
    driver.caller_starts_to_speak()
    driver.reports(item_id, 1000)
    driver.caller_stops_speaking()
    driver.response_created()
    driver.agent_says("I see.")
    driver.response_done()
    driver.wait(60_000)
    assert driver.requests == 0


def test_a_response_of_the_service_that_has_seen_the_text_answers_it() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.types("It is in Wanaka.")
    driver.confirms_items()
    assert driver.requests == 1  # typed text does not wait for the end of the speech
    driver.wire("input_audio_buffer.speech_stopped", item_id="speech_1")
    driver.response_created()
    driver.refuses_request()
    driver.agent_says("Sunny.")
    driver.response_done()
    assert driver.requests == 1


def test_text_that_the_services_response_has_not_seen_is_answered_after_it() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wire("input_audio_buffer.speech_stopped", item_id="speech_1")
    driver.types("It is in Wanaka.")
    driver.response_created()  # the service began before the text reached it
    driver.refuses_request()
    driver.confirms_items()
    driver.agent_says("Where?")
    assert driver.requests == 1
    driver.response_done()
    assert driver.requests == 2


def test_the_button_clears_and_requests_nothing() -> None:
    driver, item_id = speaking()
    driver.interrupts()
    driver.reports(item_id, 1000)
    driver.response_done("cancelled")
    driver.wait(60_000)
    assert driver.types_sent == ["response.cancel", "conversation.item.truncate"]


def test_the_button_twice_cancels_once() -> None:
    driver, _item_id = speaking()
    driver.interrupts()
    driver.interrupts()
    assert len(driver.sent_of("response.cancel")) == 1
    assert len(driver.logged(log_events.AudioCleared)) == 1


def test_the_button_before_the_response_has_begun_stops_it() -> None:
    driver = call()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.interrupts()
    driver.response_created()
    item_id = driver.agent_says("Once", audio_ms=100, finished=False)
    driver.response_done("cancelled")
    assert item_id not in driver.played
    driver.wait(60_000)
    assert driver.requests == 1


def test_the_button_when_all_is_quiet_does_nothing() -> None:
    driver = call()
    driver.interrupts()
    assert driver.sent == []
    assert driver.events == []


def test_a_message_that_the_page_has_not_reached_is_truncated_at_0() -> None:
    driver = call()
    driver.types("Go on.")
    driver.confirms_items()
    driver.response_created()
    first = driver.agent_says("the first message", audio_ms=3000)
    second = driver.agent_says("the second message", audio_ms=3000)
    driver.response_done()
    driver.wait(1000)
    driver.types("Stop.")
    driver.reports(first, 1000)
    heard = {e["item_id"]: e["audio_end_ms"] for e in driver.sent_of("conversation.item.truncate")}
    assert heard == {first: 1000, second: 0}


def test_a_report_of_a_later_message_implies_that_earlier_ones_were_played() -> None:
    driver = call()
    driver.types("Go on.")
    driver.confirms_items()
    driver.response_created()
    driver.agent_says("the first message", audio_ms=3000)
    second = driver.agent_says("the second message", audio_ms=3000)
    driver.response_done()
    driver.wait(2990)
    driver.types("Stop.")
    driver.reports(second, 40)
    heard = {e["item_id"]: e["audio_end_ms"] for e in driver.sent_of("conversation.item.truncate")}
    assert heard == {second: 40}


def test_messages_play_one_after_the_other() -> None:
    driver = call()
    driver.types("Go on.")
    driver.confirms_items()
    driver.response_created()
    first = driver.agent_says("the first message", audio_ms=3000)
    second = driver.agent_says("the second message", audio_ms=3000)
    driver.response_done()
    driver.wait(3500)
    driver.types("Stop.")
    driver.wait(250)
    heard = {e["item_id"]: e["audio_end_ms"] for e in driver.sent_of("conversation.item.truncate")}
    assert heard == {second: 500}
    assert first not in heard


def test_a_second_cut_settles_the_first_one() -> None:
    driver, first = speaking()
    driver.wait(500)
    driver.types("Stop.")
    driver.confirms_items()
    driver.response_done("cancelled")
    driver.wait(250)
    driver.response_created()
    second = driver.agent_says("another one", audio_ms=2000, finished=False)
    driver.types("Stop that too.")
    driver.interrupts()
    driver.wait(250)
    assert [e["item_id"] for e in driver.sent_of("conversation.item.truncate")] == [first, second]


@pytest.mark.parametrize("late_ms", [0, 100, 10_000])
def test_a_late_report_of_a_truncated_message_changes_nothing(late_ms: int) -> None:
    driver, item_id = speaking()
    driver.types("Stop.")
    driver.reports(item_id, 500)
    driver.wait(late_ms)
    driver.clear()
    driver.reports(item_id, 3000)
    assert driver.sent == []


def test_a_missing_speech_stopped_does_not_block_the_agent_for_good() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.response_created()
    item_id = driver.agent_says("I heard you.")
    driver.response_done()
    assert driver.played[item_id] == 1000
    driver.types("And now?")
    driver.wait(250)
    driver.confirms_items()
    assert driver.requests == 1


def test_a_request_that_crosses_the_callers_speech_is_repeated_later() -> None:
    driver = call()
    driver.types("What is the weather?")
    driver.confirms_items()
    driver.caller_starts_to_speak(cuts=False)
    driver.response_created()
    assert driver.sent_of("response.cancel")
    driver.response_done("cancelled")
    driver.caller_stops_speaking()
    assert driver.requests == 2


def test_items_of_the_service_are_in_the_transcript() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.transcribes(" a haiku, please ")
    assert driver.said("speech_1") == "a haiku, please"
    assert driver.logged(log_events.MessageAdded)[0].spoken


def test_speech_is_inserted_before_an_answer_that_arrived_first() -> None:
    driver = call()
    driver.response_created()
    item = {"id": "msg_a", "type": "message", "role": "assistant", "content": []}
    driver.wire("response.output_item.added", item=item)
    driver.message_done("msg_a", "The answer.")
    driver.response_done()
    before = next(iter(reversed(list(driver.machine.transcript.entries)[:-1])))
    speech = {"id": "speech_9", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    driver.wire("conversation.item.added", item=speech, previous_item_id=before)
    driver.transcribes("The question.", "speech_9")
    assert [said.text for said in driver.machine.transcript.history()][-2:] == ["The question.", "The answer."]


def test_a_failed_transcription_is_logged() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.wire("conversation.item.input_audio_transcription.failed", item_id="speech_1", error={"message": "died"})
    assert driver.logged(log_events.MessageDone)[-1].status == "failed"
    assert "died" in driver.logged(log_events.CallError)[0].message


def test_speech_without_words_is_inaudible() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.transcribes("  ")
    assert driver.logged(log_events.MessageDone)[-1].status == "inaudible"
    assert items_of(driver.machine.transcript.replay_events()) == ["user: hi", "assistant: Hello, I am the host."]
