"""The caller's speech while a session is lost: the next session gets it again, and it stays one turn."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from tests.calls.webrtc_driver import webrtc_call
from trunkline.calls import commands, log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.caller_audio_watch import MISSING_AFTER_MS
from trunkline.calls.machine.caller_turns import RESEND_WAIT_MS
from trunkline.calls.machine.push_to_talk import RESENT_AUDIO_WAIT_MS
from trunkline.calls.machine.restoration import restore
from trunkline.realtime.ids import new_id
from trunkline.testing import VoiceCalls

pytestmark = pytest.mark.pure


def spoken() -> CallDriver:
    """Return a call in which a turn of the caller is neither transcribed nor answered."""
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.clear()
    return driver


def pushed() -> CallDriver:
    """Return a call in which a push-to-talk turn was released."""
    driver = call(turn_detection=None)
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    driver.clear()
    return driver


def lose_and_find(driver: CallDriver) -> None:
    driver.link_lost()
    driver.link_up()


def said(driver: CallDriver) -> list[tuple[str, str, str]]:
    """Return id, text and status of the caller's messages in the log."""
    return [
        (done.item_id, done.text, done.status) for done in driver.logged(log_events.MessageDone) if done.role == "user"
    ]


class TestByVoice:
    def test_audio_is_kept_from_the_start_of_a_turn_until_it_is_transcribed(self) -> None:
        driver = call()
        assert driver.kept == {}
        driver.caller_starts_to_speak()
        assert list(driver.kept.values()) == [100]
        driver.caller_stops_speaking()
        assert len(driver.kept) == 1
        driver.transcribes("Hello.")
        assert driver.kept == {}

    def test_audio_is_kept_until_the_turn_is_answered(self) -> None:
        driver = spoken()
        driver.response_created()
        assert len(driver.kept) == 1
        driver.agent_says("Yes.")
        driver.response_done()
        assert driver.kept == {}

    def test_an_interrupted_answer_does_not_release_the_audio(self) -> None:
        driver = spoken()
        driver.response_created()
        driver.caller_starts_to_speak("speech_2")
        assert len(driver.kept) == 2

    def test_a_resent_turn_stays_one_message(self) -> None:
        driver = spoken()
        driver.link_lost()
        assert said(driver) == []
        driver.link_up()
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        driver.transcribes("Hello there.", "speech_2")
        assert said(driver) == [("speech_1", "Hello there.", "completed")]
        assert driver.logged(log_events.MessageAdded) == []
        assert {event.item_id for event in driver.logged(log_events.SpeechStarted, log_events.SpeechStopped)} == {
            "speech_1"
        }
        assert driver.kept == {}

    def test_the_service_answers_a_resent_turn_by_itself(self) -> None:
        driver = spoken()
        driver.response_created()
        lose_and_find(driver)
        assert driver.requests == 0
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        driver.response_created()
        driver.agent_says("Yes.")
        driver.response_done()
        assert driver.requests == 0

    def test_a_service_that_does_not_answer_by_itself_gets_one_request(self) -> None:
        driver = call(turn_detection={"type": "server_vad", "create_response": False})
        driver.caller_starts_to_speak()
        driver.caller_stops_speaking()
        driver.clear()
        lose_and_find(driver)
        assert driver.requests == 0
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        assert driver.requests == 1

    def test_a_resent_turn_that_is_not_detected_is_given_up_and_a_response_requested(self) -> None:
        driver = spoken()
        lose_and_find(driver)
        driver.wait(RESEND_WAIT_MS - 1)
        assert (driver.requests, said(driver)) == (0, [])
        driver.wait(2)
        assert (driver.requests, said(driver)) == (1, [("speech_1", "", "failed")])
        assert driver.kept == {}

    def test_a_turn_that_was_not_committed_needs_no_response(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.clear()
        lose_and_find(driver)
        driver.wait(RESEND_WAIT_MS + 1)
        assert (driver.requests, driver.kept) == (0, {})

    def test_text_during_the_resend_is_answered(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.link_lost()
        driver.types("Hello?")
        driver.link_up()
        driver.wait(RESEND_WAIT_MS + 1)
        assert driver.requests == 1

    def test_two_turns_are_resent_in_order_even_if_the_link_drops_again(self) -> None:
        driver = spoken()
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2", previous="speech_1")
        lose_and_find(driver)
        driver.caller_starts_to_speak("speech_3")
        lose_and_find(driver)
        for item_id, words in (("speech_4", "One."), ("speech_5", "Two.")):
            driver.caller_starts_to_speak(item_id)
            driver.caller_stops_speaking(item_id)
            driver.transcribes(words, item_id)
        assert said(driver) == [("speech_1", "One.", "completed"), ("speech_2", "Two.", "completed")]

    def test_a_resent_and_transcribed_turn_is_replayed_to_a_third_session(self) -> None:
        driver = spoken()
        lose_and_find(driver)
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        driver.transcribes("Hello there.", "speech_2")
        lose_and_find(driver)
        driver.confirms_items()
        assert items_of(driver.sent)[-1] == "user: Hello there."
        assert driver.logged(log_events.MessageAdded) == []

    def test_the_turn_of_a_caller_who_has_left_is_not_resent(self) -> None:
        driver = spoken()
        driver.link_lost()
        driver.caller_leaves()
        assert driver.kept == {}
        assert said(driver) == [("speech_1", "", "failed")]

    def test_over_webrtc_no_audio_is_kept(self) -> None:
        driver = webrtc_call()
        driver.caller_starts_to_speak()
        assert driver.kept == {}


class TestPushToTalk:
    def test_a_turn_that_was_committed_is_committed_again(self) -> None:
        driver = pushed()
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        driver.response_created()
        driver.clear()
        lose_and_find(driver)
        assert driver.requests == 0
        driver.wait(RESENT_AUDIO_WAIT_MS + 1)
        assert driver.types_sent[-1] == "input_audio_buffer.commit"
        driver.wire("input_audio_buffer.committed", item_id="speech_2")
        assert driver.requests == 1

    def test_a_turn_is_committed_again_if_the_commit_may_be_lost(self) -> None:
        driver = pushed()
        lose_and_find(driver)
        driver.wait(RESENT_AUDIO_WAIT_MS + 1)
        assert driver.types_sent[-1] == "input_audio_buffer.commit"
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        assert driver.requests == 1

    def test_another_press_discards_the_turn(self) -> None:
        driver = pushed()
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        lose_and_find(driver)
        driver.commands(commands.Press())
        driver.clear()
        driver.caller_audio(RESENT_AUDIO_WAIT_MS + RESEND_WAIT_MS)
        assert "input_audio_buffer.commit" not in driver.types_sent
        assert len(driver.kept) == 1
        driver.commands(commands.Release())
        assert driver.types_sent == ["input_audio_buffer.commit"]

    def test_switching_push_to_talk_discards_the_turn(self) -> None:
        driver = call()
        driver.commands(commands.PushToTalk(on=True))
        driver.commands(commands.Press())
        driver.commands(commands.PushToTalk(on=False))
        assert driver.kept == {}


EVENTS = [
    "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
    "conversation.item.added", "response.created",
]  # fmt: skip


@pytest.mark.parametrize("at", EVENTS)
async def test_a_link_that_drops_during_speech_loses_no_word(voice_call: VoiceCalls, at: str) -> None:
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    await call.silent_for(6000)
    call.link.drop(1011, at=at)
    turn = await call.backchannel("yes please")
    assert (turn.handed_to, turn.recognised) == ("haikuWriter", "yes please")
    assert call.link.connections == 2


@pytest.mark.parametrize("at", ["input_audio_buffer.append", "input_audio_buffer.commit", *EVENTS[2:]])
async def test_a_link_that_drops_during_push_to_talk_loses_no_word(voice_call: VoiceCalls, at: str) -> None:
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    await call.silent_for(6000)
    call.link.drop(1011, at=at, nth=10 if at.endswith("append") else 1)
    turn = await call.push_to_talk("yes please")
    assert (turn.handed_to, turn.recognised) == ("haikuWriter", "yes please")
    assert call.link.connections == 2


async def test_the_wait_for_the_link_is_part_of_the_latency(voice_call: VoiceCalls) -> None:
    call = await voice_call("simpleHandoff")
    await call.silent_for(6000)
    call.link.drop(1011, at="conversation.item.added")
    turn = await call.backchannel("yes please")
    assert turn.latency_parts["link"] > 0
    assert turn.latency_parts["endpointing"] > 0


def test_unfinished_speech_that_a_new_session_does_not_hear_is_reported() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.wait(RESEND_WAIT_MS)
    assert [notice.code for notice in driver.logged(log_events.Notice)] == ["speech_lost"]
    assert driver.requests == 0


def test_finished_speech_that_a_new_session_does_not_hear_is_answered_all_the_same() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wire("input_audio_buffer.speech_stopped", item_id="speech_1", audio_end_ms=900)
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.wait(RESEND_WAIT_MS)
    assert driver.requests == 1


class TestWithAPageThatKeepsTheAudio:
    """The page of a caller on the relay keeps their audio while it is away, and sends it afterwards."""

    def test_the_turn_continues_when_the_page_is_back(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.clear()
        driver.caller_leaves(keeps_audio=True)
        driver.wait(20_000)
        driver.caller_joins()
        assert (driver.sent, driver.silence_ms, len(driver.kept)) == ([], 0, 1)
        driver.caller_stops_speaking()
        driver.transcribes("Hello there.")
        assert said(driver) == [("speech_1", "Hello there.", "completed")]

    def test_a_page_without_the_audio_ends_the_turn(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.clear()
        driver.caller_leaves()
        assert (driver.types_sent, driver.kept) == (["input_audio_buffer.clear"], {})

    def test_audio_that_does_not_come_after_the_return_ends_the_turn(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.caller_leaves(keeps_audio=True)
        driver.wait(5_000)
        driver.caller_joins()
        driver.wait(MISSING_AFTER_MS)
        assert driver.silence_ms == MISSING_AFTER_MS

    def test_a_turn_that_was_complete_is_answered_once_after_the_return(self) -> None:
        driver = call(turn_detection={"type": "server_vad", "create_response": False})
        driver.caller_starts_to_speak()
        driver.caller_stops_speaking()
        driver.response_created()
        driver.clear()
        driver.caller_leaves(keeps_audio=True)
        driver.response_done("cancelled")
        assert driver.requests == 0
        driver.caller_joins()
        assert (driver.requests, len(driver.kept)) == (1, 1)

    def test_the_push_to_talk_turn_ends_with_the_socket(self) -> None:
        driver = call(turn_detection=None)
        driver.commands(commands.Press())
        driver.clear()
        driver.caller_leaves(keeps_audio=True)
        assert (driver.types_sent, driver.kept) == (["input_audio_buffer.clear"], {})

    def test_the_turn_ends_if_the_caller_comes_back_over_webrtc(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.caller_leaves(keeps_audio=True)
        driver.feed(inputs.CallerJoined("leg_1", "webrtc"))
        assert driver.kept == {}
        assert len(driver.logged(log_events.SpeechStopped)) == 1


class TestAfterATakeOver:
    """Another server continues the call, and the page sends the open turns again."""

    def test_a_resent_turn_stays_the_message_that_the_former_server_began(self) -> None:
        driver = taken_over("Hel", ended=False)
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        driver.transcribes("Hello there.", "speech_2")
        assert said(driver) == [("speech_1", "Hello there.", "completed")]
        assert driver.logged(log_events.MessageAdded) == []

    def test_nothing_is_requested_before_the_turn_was_heard(self) -> None:
        driver = taken_over("Hello", ended=True)
        assert driver.requests == 0
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        driver.response_created()
        driver.agent_says("Yes.")
        driver.response_done()
        assert driver.requests == 0

    def test_a_turn_that_does_not_come_is_given_up_and_answered(self) -> None:
        driver = taken_over("Hello", ended=True)
        driver.wait(RESEND_WAIT_MS + 1)
        assert (driver.requests, said(driver)) == (1, [("speech_1", "", "failed")])

    def test_the_audio_may_come_late_if_the_caller_does(self) -> None:
        driver = taken_over("Hello", ended=True, joins=False)
        driver.wait(4 * RESEND_WAIT_MS)
        assert said(driver) == []
        driver.caller_joins()
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        driver.transcribes("Hello.", "speech_2")
        assert said(driver) == [("speech_1", "Hello.", "completed")]


def taken_over(words: str, *, ended: bool, joins: bool = True) -> CallDriver:
    """Return a call of another server, in which the caller had begun a turn with these words."""
    started = log_events.SpeechStarted(item_id="speech_1", audio_ms=100)
    log: list[log_events.LogEventUnion] = [
        started,
        log_events.MessageAdded(item_id="speech_1", role="user", spoken=True),
        log_events.MessageDelta(item_id="speech_1", text=words),
    ]
    if ended:
        log.append(log_events.SpeechStopped(item_id="speech_1", audio_ms=900))
    driver = CallDriver.of_another_server(restore(log, "host", new_id))
    driver.link_up()
    if joins:
        driver.caller_joins()
    driver.clear()
    return driver
