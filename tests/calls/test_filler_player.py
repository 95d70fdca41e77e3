"""Fillers: the caller never hears nothing for long while a model or a tool is slow."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.calls.call_driver import CallDriver
from tests.calls.webrtc_driver import WebRtcDriver
from trunkline.calls import log_events
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.filler_player import REPEAT_AFTER_MS
from trunkline.calls.machine.push_to_talk import DEFAULT_SILENCE_MS
from trunkline.calls.machine.webrtc_playout import MS_PER_CHARACTER
from trunkline.scenario.fillers import FillerKind, Fillers

pytestmark = pytest.mark.pure
FILLER_MS = 1_500.0
DEFAULT = Fillers()


def call(fillers: Fillers | None = DEFAULT, **changes: Any) -> CallDriver:
    """Return a call after its greeting, with fillers."""
    driver = CallDriver(fillers=fillers, **changes)
    driver.link_up()
    driver.caller_joins()
    driver.answers("Hello, I am the host.")
    driver.wait(10_000)
    driver.clear()
    return driver


def waits(driver: CallDriver, ms: float) -> None:
    """Let time pass, and give each filler its audio at once."""
    until = driver.now_ms + ms
    while driver.now_ms < until:
        driver.wait(min(10, until - driver.now_ms))
        while driver.fetching:
            text = Fillers().text(driver.fetching.pop().kind)
            driver.feed(inputs.FillerFetched(text, b"\1\2" * 24, FILLER_MS))


def spans(driver: CallDriver, since_ms: float) -> list[tuple[float, str]]:
    """Return the time and the words of each filler."""
    return [
        (round(at_ms - since_ms), effect.event.text)
        for _given, at_ms, emitted in driver.history
        for effect in emitted
        if isinstance(effect, effects.AppendToLog) and isinstance(effect.event, log_events.FillerStarted)
    ]


def asked(driver: CallDriver) -> float:
    """Let the caller type a question; return its time."""
    driver.types("Something?")
    driver.confirms_items()
    return driver.now_ms


class TestTimes:
    def test_a_slow_model_brings_a_filler_an_apology_and_then_patience(self) -> None:
        driver = call()
        asked_ms = asked(driver)
        waits(driver, 19_000)
        assert spans(driver, asked_ms) == [
            (4_000, "One moment, please."),
            (10_000, "I am sorry, this is taking longer than usual."),
            (10_000 + FILLER_MS + REPEAT_AFTER_MS, "Thank you for your patience."),
        ]

    def test_no_silence_is_longer_than_5_s(self) -> None:
        driver = call()
        asked(driver)
        waits(driver, 60_000)
        times = [ms for ms, _text in spans(driver, 0)]
        assert len(times) > 8
        gaps = [later - earlier - FILLER_MS for earlier, later in pairwise(times)]
        assert max(gaps) <= 5_000

    def test_a_slow_tool_brings_a_filler(self) -> None:
        driver = call()
        asked(driver)
        driver.response_created()
        driver.model_calls("weather")
        driver.response_done()
        started_ms = driver.now_ms
        waits(driver, 5_000)
        assert [ms for ms, _text in spans(driver, started_ms)] == [4_000]
        (filler,) = driver.logged(log_events.FillerStarted)
        assert filler.reason == "tools"

    def test_a_quick_answer_brings_none(self) -> None:
        driver = call()
        asked(driver)
        waits(driver, 3_900)
        driver.answers("Well.")
        waits(driver, 30_000)
        assert driver.logged(log_events.FillerStarted) == []

    def test_silence_begins_with_the_end_of_the_callers_voice(self) -> None:
        driver = call()
        driver.caller_starts_to_speak()
        driver.caller_audio(3_000)
        ended_ms = driver.now_ms - DEFAULT_SILENCE_MS
        driver.caller_stops_speaking()
        waits(driver, 5_000)
        assert [ms for ms, _text in spans(driver, ended_ms)] == [4_000]

    def test_silence_begins_after_the_agents_audio(self) -> None:
        driver = call()
        asked(driver)
        driver.response_created()
        driver.agent_says("Let me see.", audio_ms=6_000)
        driver.model_calls("weather")
        driver.response_done()
        said_ms = driver.now_ms
        waits(driver, 12_000)
        assert [ms for ms, _text in spans(driver, said_ms)] == [10_000]

    def test_an_answer_that_stalls_in_the_middle_brings_a_filler(self) -> None:
        driver = call()
        asked(driver)
        driver.response_created()
        driver.agent_says("Let me", audio_ms=1_000, finished=False)
        said_ms = driver.now_ms
        waits(driver, 6_000)
        assert [ms for ms, _text in spans(driver, said_ms)] == [5_000]

    def test_the_times_and_the_sentences_are_the_scenarios(self) -> None:
        driver = call(Fillers(waiting="Let me look.", waiting_after_s=1.0, apology_after_s=3.0))
        asked(driver)
        driver.wait(1_000)
        assert [effect.kind for effect in driver.fetching] == [FillerKind.WAITING]

    def test_without_fillers_nothing_is_played(self) -> None:
        driver = call(None)
        asked(driver)
        driver.wait(15_000)
        assert driver.fetching == []


class TestFailures:
    def fails(self, driver: CallDriver, code: str = "insufficient_quota") -> float:
        """Let the answer fail without a retry; return the time."""
        asked(driver)
        waits(driver, 1_000)
        driver.response_created()
        error = {"type": code, "code": code, "message": "It does not work."}
        driver.response_done("failed", status_details={"type": "failed", "error": error})
        return driver.now_ms

    @pytest.mark.parametrize(
        "code",
        ["insufficient_quota", "connection_error", "request_refused", "invalid_api_key", "rehearsal_failed"],
    )
    def test_a_failed_answer_is_announced_at_once_and_once(self, code: str) -> None:
        driver = call()
        failed_ms = self.fails(driver, code)
        waits(driver, 30_000)
        assert spans(driver, failed_ms) == [(10, "I am sorry, that did not work. Please say it again.")]
        assert driver.logged(log_events.TurnWaiting)[-1].reason == "caller"

    def test_the_caller_may_speak_during_the_announcement(self) -> None:
        driver = call()
        self.fails(driver)
        waits(driver, 500)
        driver.caller_starts_to_speak()
        assert driver.logged(log_events.FillerDone)[-1].interrupted

    def test_a_failure_during_a_filler_is_announced_after_it(self) -> None:
        driver = call()
        asked_ms = asked(driver)
        waits(driver, 4_500)
        driver.response_created()
        error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "No quota."}
        driver.response_done("failed", status_details={"type": "failed", "error": error})
        waits(driver, 10_000)
        times = [ms for ms, _text in spans(driver, asked_ms)]
        assert times == [4_000, 4_000 + FILLER_MS]


class TestNeverOverSpeech:
    def test_the_answer_stops_a_filler(self) -> None:
        driver = call()
        asked(driver)
        waits(driver, 4_500)
        driver.response_created()
        driver.agent_says("Well", audio_ms=100, finished=False)
        (done,) = driver.logged(log_events.FillerDone)
        assert (done.interrupted, done.ms) == (True, 500)
        kinds = [type(event) for event in driver.logged(log_events.FillerDone, log_events.AudioStarted)]
        assert kinds == [log_events.FillerDone, log_events.AudioStarted]

    def test_the_callers_speech_stops_a_filler(self) -> None:
        driver = call()
        asked(driver)
        waits(driver, 4_500)
        driver.caller_starts_to_speak()
        (done,) = driver.logged(log_events.FillerDone)
        assert done.interrupted
        driver.caller_audio(10_000)
        assert driver.fetching == []

    def test_audio_that_is_fetched_too_late_is_not_played(self) -> None:
        driver = call()
        asked(driver)
        driver.wait(4_000)
        driver.response_created()
        driver.agent_says("Well.", audio_ms=2_000)
        driver.feed(inputs.FillerFetched("One moment, please.", b"\1\2", FILLER_MS))
        assert driver.fillers == []

    def test_a_new_question_begins_a_new_silence(self) -> None:
        driver = call()
        asked(driver)
        waits(driver, 4_500)
        asked_ms = asked(driver)
        assert driver.logged(log_events.FillerDone)[-1].interrupted
        waits(driver, 5_000)
        assert [ms for ms, _text in spans(driver, asked_ms) if ms > 0] == [4_000]

    def test_a_filler_requests_nothing_from_the_model(self) -> None:
        driver = call()
        asked(driver)
        sent = list(driver.sent)
        waits(driver, 15_000)
        assert driver.sent == sent

    def test_no_filler_follows_a_caller_who_has_left(self) -> None:
        driver = call()
        asked(driver)
        driver.caller_leaves()
        driver.wait(20_000)
        assert driver.fetching == []

    def test_the_end_of_the_call_ends_a_filler_first(self) -> None:
        driver = call()
        asked(driver)
        waits(driver, 4_500)
        driver.hangs_up()
        assert isinstance(driver.events[-1], log_events.CallEnded)
        assert driver.logged(log_events.FillerDone)[-1].interrupted


def stalled(text: str = "Let me see.", *, reports: bool = True) -> WebRtcDriver:
    """Return a call over WebRTC in whose answer the model stalls after some words; the page reports, or does not."""
    driver = WebRtcDriver(fillers=DEFAULT, stall_timeout_ms=60_000.0)
    driver.link_up()
    driver.webrtc_connects()
    if reports:
        driver.page_hears(audible=False)
    driver.begins_to_speak(text)
    if reports:
        driver.page_hears(audible=True)
    return driver


class TestStallsOverWebRtc:
    def test_silence_begins_when_the_page_hears_nothing_more(self) -> None:
        driver = stalled()
        waits(driver, 2_000)
        driver.page_hears(audible=False, since_ms=400)
        silent_ms = driver.now_ms - 400
        waits(driver, 15_000)
        assert spans(driver, silent_ms) == [
            (4_000, "One moment, please."),
            (10_000, "I am sorry, this is taking longer than usual."),
        ]
        assert {filler.reason for filler in driver.logged(log_events.FillerStarted)} == {"audio"}

    def test_no_filler_plays_while_the_page_hears_the_agent(self) -> None:
        driver = stalled("Yes.")  # slow words: an estimate would be over long ago
        waits(driver, 30_000)
        assert driver.fillers == []

    def test_a_pause_in_the_answer_brings_none(self) -> None:
        driver = stalled()
        for _sentence in range(4):
            driver.page_hears(audible=True)
            waits(driver, 2_000)
            driver.page_hears(audible=False, since_ms=400)
            waits(driver, 3_000)
        assert driver.fillers == []

    def test_the_answer_that_goes_on_stops_a_filler(self) -> None:
        driver = stalled()
        driver.page_hears(audible=False)
        waits(driver, 4_500)
        assert driver.logged(log_events.FillerDone) == []
        driver.page_hears(audible=True)
        assert driver.logged(log_events.FillerDone)[-1].interrupted
        waits(driver, 20_000)
        assert len(driver.fillers) == 1

    def test_an_answer_that_never_becomes_audible_is_silence(self) -> None:
        driver = WebRtcDriver(fillers=DEFAULT)
        driver.link_up()
        driver.webrtc_connects()
        driver.page_hears(audible=False)
        driver.begins_to_speak()
        started_ms = driver.now_ms
        waits(driver, 5_000)
        assert [ms for ms, _text in spans(driver, started_ms)] == [4_000]

    def test_without_reports_the_words_so_far_give_the_end_of_the_audio(self) -> None:
        text = "x" * 20
        driver = stalled(text, reports=False)
        started_ms = driver.now_ms
        waits(driver, 8_000)
        assert [ms for ms, _text in spans(driver, started_ms)] == [len(text) * MS_PER_CHARACTER + 4_000]

    def test_without_reports_more_words_move_the_end_of_the_audio(self) -> None:
        driver = WebRtcDriver(fillers=DEFAULT)
        driver.link_up()
        driver.webrtc_connects()
        item_id = driver.begins_to_speak("x" * 50)
        started_ms = driver.now_ms
        for _second in range(5):
            waits(driver, 1_000)
            driver.wire("response.output_audio_transcript.delta", item_id=item_id, delta="x" * 50)
        waits(driver, 20_000)
        assert next(ms for ms, _text in spans(driver, started_ms)) == 300 * MS_PER_CHARACTER + 4_000

    def test_without_reports_a_complete_answer_ends_when_the_service_says_so(self) -> None:
        driver = stalled(reports=False)
        driver.model_calls("weather")  # the call waits for the tool, and the audio may be slow
        driver.finishes_generating(f"{driver.logged(log_events.AudioStarted)[-1].item_id}", "Let me see.")
        waits(driver, 20_000)
        assert driver.fillers == []

    def test_after_a_lost_sideband_the_words_so_far_tell_nothing(self) -> None:
        driver = stalled(reports=False)
        driver.sideband_cut()
        waits(driver, 20_000)
        assert driver.fillers == []

    def test_a_page_that_returns_reports_again(self) -> None:
        driver = stalled("Yes.")
        driver.caller_leaves()
        driver.webrtc_connects()
        waits(driver, 5_000)
        assert len(driver.fillers) == 1  # by the words, since the report of the lost socket is stale


class TestOverWebRtc:
    def test_silence_begins_when_the_service_has_played_its_audio(self) -> None:
        driver = WebRtcDriver(fillers=DEFAULT)
        driver.link_up()
        driver.webrtc_connects()
        item_id = driver.begins_to_speak("Let me see.")
        driver.model_calls("weather")
        response_id = driver.finishes_generating(item_id, "Let me see.")
        waits(driver, 8_000)
        assert driver.fillers == []
        driver.played_out(response_id)
        played_ms = driver.now_ms
        waits(driver, 5_000)
        assert [ms for ms, _text in spans(driver, played_ms)] == [4_000]

    def test_the_answer_stops_a_filler(self) -> None:
        driver = WebRtcDriver(fillers=DEFAULT)
        driver.link_up()
        driver.webrtc_connects()
        waits(driver, 4_500)
        driver.begins_to_speak("Hello.")
        assert driver.logged(log_events.FillerDone)[-1].interrupted
