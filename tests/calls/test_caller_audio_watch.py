"""A caller whose audio stops while they speak has ended their turn; typed text ends it at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from tests.calls.webrtc_driver import WebRtcDriver, webrtc_call
from trunkline.calls import commands, log_events
from trunkline.calls.machine.caller_audio_watch import COMMIT_AFTER_MS, MISSING_AFTER_MS, STOPPED
from trunkline.calls.machine.push_to_talk import WEBRTC_LAG_MS
from trunkline.calls.relayed_audio import CALLER_AUDIO_EVERY_MS
from trunkline.testing import VoiceCalls

pytestmark = pytest.mark.pure


def speaking(**changes: Any) -> CallDriver:
    """Return a call whose caller has begun to speak."""
    driver = call(**changes)
    driver.caller_starts_to_speak()
    driver.clear()
    return driver


class TestByVoice:
    def test_audio_that_stops_for_2_s_becomes_silence(self) -> None:
        driver = speaking()
        driver.wait(MISSING_AFTER_MS - 1)
        assert driver.silence_ms == 0
        driver.wait(1)
        assert driver.silence_ms == MISSING_AFTER_MS
        assert driver.logged(log_events.Notice) == [STOPPED]

    def test_the_service_ends_the_turn_by_the_silence(self) -> None:
        driver = speaking()
        driver.wait(MISSING_AFTER_MS)
        driver.caller_stops_speaking()
        driver.response_created()
        driver.agent_says("Yes?")
        driver.response_done()
        driver.wait(10_000)
        assert (driver.silence_ms, driver.sent) == (MISSING_AFTER_MS, [])
        assert driver.logged(log_events.Notice) == [STOPPED]

    def test_audio_that_continues_stays_as_it_is(self) -> None:
        driver = speaking()
        driver.caller_audio(30_000)
        driver.wait(MISSING_AFTER_MS - 1)
        assert (driver.silence_ms, driver.logged(log_events.Notice)) == (0, [])

    def test_audio_that_resumes_ends_the_silence(self) -> None:
        driver = speaking()
        driver.wait(MISSING_AFTER_MS)
        driver.caller_audio(5_000)
        assert driver.silence_ms == MISSING_AFTER_MS
        driver.wait(MISSING_AFTER_MS)
        assert driver.silence_ms == 2 * MISSING_AFTER_MS
        assert driver.logged(log_events.Notice) == [STOPPED]

    def test_no_silence_is_sent_while_the_caller_does_not_speak(self) -> None:
        driver = call()
        driver.wait(60_000)
        driver.caller_starts_to_speak()
        driver.caller_stops_speaking()
        driver.wait(60_000)
        assert (driver.silence_ms, driver.watches_audio) == (0, False)

    @pytest.mark.parametrize("create_response", [True, False])
    def test_a_turn_that_the_service_does_not_end_is_committed_and_answered_once(self, create_response: bool) -> None:
        driver = speaking(turn_detection={"type": "semantic_vad", "create_response": create_response})
        driver.wait(MISSING_AFTER_MS + COMMIT_AFTER_MS)
        assert driver.types_sent == ["input_audio_buffer.commit", "response.create"]
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        driver.answers("Yes?")
        driver.wait(10_000)
        assert (driver.silence_ms, driver.requests) == (MISSING_AFTER_MS, 1)

    def test_a_caller_who_leaves_or_a_lost_session_ends_the_watch(self) -> None:
        for end in (CallDriver.caller_leaves, CallDriver.link_lost):
            driver = speaking()
            end(driver)
            driver.wait(5_000)
            assert (driver.silence_ms, driver.watches_audio) == (0, False)

    def test_over_webrtc_audio_is_not_watched_without_a_report(self) -> None:
        driver = webrtc_call()
        driver.caller_starts_to_speak()
        driver.wait(5_000)
        assert (driver.silence_ms, driver.watches_audio) == (0, False)


class TestOverWebRtc:
    def speaking(self, **changes: Any) -> WebRtcDriver:
        """Return a call over WebRTC whose caller has begun to speak."""
        driver = webrtc_call(**changes)
        driver.page_sends(flows=True)
        driver.caller_starts_to_speak()
        driver.clear()
        return driver

    @pytest.mark.parametrize("create_response", [True, False])
    def test_audio_that_stops_for_2_s_ends_the_turn_which_is_answered_once(self, create_response: bool) -> None:
        driver = self.speaking(turn_detection={"type": "semantic_vad", "create_response": create_response})
        driver.wait(3_000)
        driver.page_sends(flows=False, since_ms=1_200)
        driver.wait(MISSING_AFTER_MS - 1_201)
        assert driver.sent == []
        driver.wait(1)
        assert driver.types_sent == ["input_audio_buffer.commit", "response.create"]
        assert driver.logged(log_events.Notice) == [STOPPED]
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        item_id = driver.begins_to_speak("Yes?")
        driver.played_out(driver.finishes_generating(item_id, "Yes?"))
        driver.wait(10_000)
        assert (driver.requests, driver.silence_ms, driver.watches_audio) == (1, 0, False)

    def test_audio_that_flows_again_in_time_continues_the_turn(self) -> None:
        driver = self.speaking()
        driver.page_sends(flows=False, since_ms=1_200)
        driver.wait(500)
        driver.page_sends(flows=True)
        driver.wait(30_000)
        assert (driver.sent, driver.logged(log_events.Notice)) == ([], [])

    def test_a_turn_that_the_service_ends_in_time_is_not_committed(self) -> None:
        driver = self.speaking()
        driver.page_sends(flows=False, since_ms=1_000)
        driver.wait(500)
        driver.caller_stops_speaking()
        driver.begins_to_speak("Yes?")
        driver.wait(10_000)
        assert (driver.sent, driver.logged(log_events.Notice)) == ([], [])

    def test_a_caller_has_2_s_from_the_start_of_the_turn(self) -> None:
        driver = webrtc_call()
        driver.page_sends(flows=False, since_ms=5_000)
        driver.caller_starts_to_speak()
        driver.wait(MISSING_AFTER_MS - 1)
        assert driver.sent_of("input_audio_buffer.commit") == []
        driver.wait(1)
        assert len(driver.sent_of("input_audio_buffer.commit")) == 1

    def test_typed_text_ends_the_turn_at_once(self) -> None:
        driver = self.speaking()
        driver.page_sends(flows=False, since_ms=1_000)
        driver.types("Are you there?")
        assert driver.types_sent[0] == "input_audio_buffer.commit"
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        driver.confirms_items()
        driver.begins_to_speak("Yes.")
        driver.wait(10_000)
        assert (driver.requests, len(driver.sent_of("input_audio_buffer.commit"))) == (1, 1)

    def test_another_page_begins_without_the_report_of_the_former(self) -> None:
        driver = webrtc_call()
        driver.page_sends(flows=False, since_ms=1_000)
        driver.caller_leaves()
        driver.webrtc_connects()
        driver.caller_starts_to_speak()
        driver.wait(10_000)
        assert driver.sent_of("input_audio_buffer.commit") == []

    def test_the_relay_watches_the_audio_of_a_caller_who_has_left_webrtc_while_speaking(self) -> None:
        driver = self.speaking()
        driver.page_sends(flows=False)
        driver.joins_by_relay()
        assert driver.watches_audio
        driver.wait(MISSING_AFTER_MS)
        assert driver.silence_ms == MISSING_AFTER_MS

    def test_audio_that_stops_releases_the_button(self) -> None:
        driver = webrtc_call(turn_detection=None)
        driver.commands(commands.Press())
        driver.page_sends(flows=False)
        driver.clear()
        driver.wait(MISSING_AFTER_MS + WEBRTC_LAG_MS)
        assert driver.types_sent == ["input_audio_buffer.commit"]
        assert driver.logged(log_events.Notice) == [STOPPED]


class TestPushToTalk:
    def test_audio_that_stops_releases_the_button(self) -> None:
        driver = call(turn_detection=None)
        driver.commands(commands.Press())
        driver.caller_audio(3_000)
        driver.clear()
        driver.wait(MISSING_AFTER_MS)
        assert driver.types_sent == ["input_audio_buffer.commit"]
        assert driver.logged(log_events.Notice) == [STOPPED]
        driver.commands(commands.Release())
        assert driver.types_sent == ["input_audio_buffer.commit"]


class TestTypedText:
    def test_text_is_answered_while_the_caller_speaks(self) -> None:
        driver = speaking()
        driver.types("Are you there?")
        assert driver.types_sent == ["input_audio_buffer.commit", "conversation.item.create", "response.create"]
        assert items_of(driver.sent) == ["user: Are you there?"]
        assert [type(event) for event in driver.logged(log_events.SpeechStopped)] == [log_events.SpeechStopped]

    @pytest.mark.parametrize("create_response", [True, False])
    def test_the_committed_speech_and_the_text_get_one_answer(self, create_response: bool) -> None:
        driver = speaking(turn_detection={"type": "server_vad", "create_response": create_response})
        driver.types("Are you there?")
        driver.wire("input_audio_buffer.committed", item_id="speech_1")
        driver.confirms_items()
        driver.answers("Yes.")
        driver.wait(10_000)
        assert driver.requests == 1

    def test_a_turn_that_the_service_has_just_ended_is_no_error(self) -> None:
        driver = speaking(turn_detection={"type": "server_vad", "create_response": False})
        driver.types("Are you there?")
        (commit,) = driver.sent_of("input_audio_buffer.commit")
        driver.wire("error", error={"code": "input_audio_buffer_commit_empty", "event_id": commit["event_id"]})
        assert driver.logged(log_events.CallError) == []
        driver.answers("Yes.")
        driver.caller_starts_to_speak("speech_2")
        driver.caller_stops_speaking("speech_2")
        assert driver.requests == 2

    def test_text_without_speech_commits_nothing(self) -> None:
        driver = call()
        driver.types("Hello?")
        assert driver.types_sent == ["conversation.item.create", "response.create"]


class TestWithTheEngine:
    async def test_words_without_silence_after_them_are_answered(self, voice_call: VoiceCalls) -> None:
        call = await voice_call("simpleHandoff")
        await call.hears("haiku")
        await call.silent_for(6000)
        turn = call._begin_turn(None)
        await call._caller_input.speak("yes please")
        stopped_ms = call.now_ms
        await call._until(lambda: turn.handed_to is not None, "The words had no answer", None)
        assert (turn.handed_to, turn.recognised) == ("haikuWriter", "yes please")
        assert MISSING_AFTER_MS - CALLER_AUDIO_EVERY_MS <= call.now_ms - stopped_ms < MISSING_AFTER_MS + COMMIT_AFTER_MS

    async def test_typed_text_is_answered_before_that(self, voice_call: VoiceCalls) -> None:
        call = await voice_call("simpleHandoff")
        await call.hears("haiku")
        await call.silent_for(6000)
        await call._caller_input.speak("mm")
        stopped_ms = call.now_ms
        turn = await call.say("yes please")
        assert turn.handed_to == "haikuWriter"
        first = next(segment for segment in call.playout.segments if segment.start_ms > stopped_ms)
        assert first.start_ms - stopped_ms < MISSING_AFTER_MS
