"""Interruption in two steps: the audio is held at once, and the caller's words decide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, call
from trunkline.calls import commands, log_events
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.interruption import LAST_WORDS_MS, SLOW_RECOGNISER_MS, WORDS_WAIT_MS
from trunkline.scenario.interruption import HeardWords, Interrupt, OverlappingSpeech, Resume
from trunkline.scenario.word_detector import MAX_UNDECIDED_MS

pytestmark = pytest.mark.pure

SPEECH = "speech_1"


def by_words(*, listens: bool = True, **changes: Any) -> CallDriver:
    """Return a call by words; `listens` with the recogniser beside the relay, else with the service's transcripts."""
    changes = {"word_transports": frozenset({"websocket"}), **changes}
    return call(interruption="words", listens=listens, **changes)


def speaking(*, audio_ms: float = 8000.0, done: bool = False, **changes: Any) -> tuple[CallDriver, str]:
    """Return a call in which the agent is speaking, and the page has played 1 s."""
    driver = by_words(**changes)
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    item_id = driver.agent_says("one two three four five six seven eight", audio_ms=audio_ms, finished=done)
    if done:
        driver.response_done()
    driver.wait(1000)
    driver.reports(item_id, 1000)
    driver.clear()
    return driver, item_id


def starts(driver: CallDriver, item_id: str = SPEECH) -> None:
    """Let the caller begin to speak."""
    driver.caller_starts_to_speak(item_id, cuts=False)


def stops(driver: CallDriver, item_id: str = SPEECH) -> None:
    """Let the service end the speech and commit it."""
    driver.caller_stops_speaking(item_id)


def hears(driver: CallDriver, text: str, *, ms: float = 600.0, paused: bool = False, first: bool = False) -> None:
    """Let the recogniser beside the relay hear words."""
    driver.feed(inputs.WordsHeard(SPEECH, HeardWords(text, -0.4, 0.1), ms, first=first, paused=paused))


def decided(driver: CallDriver) -> list[log_events.LogEvent]:
    """Return the log's events of the interruption."""
    return driver.logged(log_events.AudioDucked, log_events.AudioResumed, log_events.AudioInterrupted)


def turn_detection(driver: CallDriver) -> dict[str, Any] | None:
    """Return the turn detection of the session that is configured now."""
    purpose = driver.configuring[0].purpose
    assert isinstance(purpose, effects.Connecting)
    return purpose.turn_detection


DUCKED = log_events.AudioDucked(item_id=SPEECH)


def test_the_session_leaves_the_interruption_and_the_answer_to_the_call() -> None:
    driver = CallDriver(interruption="words", listens=True, configures=False)
    driver.link_up()
    assert turn_detection(driver) == {
        "type": "server_vad", "create_response": False, "interrupt_response": False,
    }  # fmt: skip


@pytest.mark.parametrize(("mode", "interrupts"), [("speech", True), ("off", False)])
def test_the_other_modes_leave_the_answer_to_the_service(mode: str, interrupts: bool) -> None:
    driver = CallDriver(interruption=mode, configures=False)
    driver.link_up()
    assert turn_detection(driver) == {
        "type": "server_vad", "create_response": True, "interrupt_response": interrupts,
    }  # fmt: skip


def test_speech_over_the_agent_holds_the_audio_and_stops_nothing() -> None:
    driver, _item_id = speaking()
    starts(driver)
    assert decided(driver) == [DUCKED]
    assert driver.sent == []
    assert driver.listens_to == SPEECH


def test_a_turn_after_the_agents_audio_holds_nothing_and_gets_its_answer() -> None:
    driver, _item_id = speaking(audio_ms=1000, done=True)
    starts(driver)
    stops(driver)
    assert decided(driver) == []
    assert driver.types_sent == ["response.create"]


def test_words_that_interrupt_cancel_and_truncate_at_the_held_position() -> None:
    driver, item_id = speaking()
    starts(driver)
    driver.wait(600)
    hears(driver, "Wait, stop.")
    assert decided(driver) == [
        DUCKED,
        log_events.AudioInterrupted(item_id=SPEECH, reason="stop_word", words="Wait, stop."),
    ]
    assert driver.types_sent == ["response.cancel"]
    driver.wait(300)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 1000)


def test_the_turn_that_interrupts_is_answered_once() -> None:
    driver, item_id = speaking()
    starts(driver)
    hears(driver, "Wait, stop.")
    driver.reports(item_id, 1000)
    driver.response_done("cancelled")
    stops(driver)
    assert driver.requests == 1
    driver.wait(20_000)
    assert driver.requests == 1


def test_a_backchannel_resumes_and_its_item_is_deleted() -> None:
    driver, _item_id = speaking()
    starts(driver)
    hears(driver, "Mm-hmm.", paused=True)
    stops(driver)
    assert decided(driver) == [
        DUCKED,
        log_events.AudioResumed(item_id=SPEECH, reason="backchannel", words="Mm-hmm."),
    ]
    assert driver.types_sent == ["conversation.item.delete"]
    assert driver.listens_to is None


def test_a_backchannel_is_no_message_and_is_not_replayed() -> None:
    driver, _item_id = speaking()
    starts(driver)
    hears(driver, "Yeah.", paused=True)
    stops(driver)
    driver.transcribes("Yeah.")
    assert [event for event in driver.logged(log_events.MessageAdded) if event.role == "user"] == []
    assert all(message.text != "Yeah." for message in driver.machine.transcript.history())


def test_a_backchannel_gets_no_answer_even_after_the_agents_audio() -> None:
    driver, item_id = speaking(done=True, audio_ms=4000)
    starts(driver)
    hears(driver, "Mm-hmm.", paused=True)
    stops(driver)
    driver.wait(30_000)
    driver.reports(item_id, 4000)
    assert driver.requests == 0


def test_the_heard_position_stands_still_while_the_audio_is_held() -> None:
    driver, _item_id = speaking()
    starts(driver)
    driver.wait(700)
    hears(driver, "Mm-hmm.", paused=True)
    driver.wait(300)  # heard: 1000 ms before, and these
    driver.types("Stop.")
    driver.wait(250)
    (truncate,) = driver.sent_of("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 1300


def test_words_after_a_backchannel_still_interrupt() -> None:
    driver, item_id = speaking()
    starts(driver)
    hears(driver, "Yeah.", paused=True)
    hears(driver, "But what about", first=True, ms=400)
    assert isinstance(decided(driver)[-1], log_events.AudioInterrupted)
    driver.reports(item_id, 1400)
    driver.response_done("cancelled")
    stops(driver)
    assert driver.sent_of("conversation.item.delete") == []
    assert driver.requests == 1


@pytest.mark.parametrize(
    ("transcript", "interrupts"),
    [("Yeah. Wait, stop.", True), ("Yeah. But what about the price?", True), ("Yeah. Mm-hmm. Yeah.", False)],
)
def test_the_transcript_of_speech_that_went_on_after_a_backchannel_decides(transcript: str, interrupts: bool) -> None:
    driver, item_id = speaking()
    starts(driver)
    hears(driver, "Yeah.", paused=True)
    driver.wait(1_500)
    stops(driver)
    assert driver.sent_of("conversation.item.delete") == []
    driver.transcribes(transcript)
    assert isinstance(decided(driver)[-1], log_events.AudioInterrupted) is interrupts
    assert bool(driver.sent_of("conversation.item.delete")) is not interrupts
    if interrupts:
        driver.reports(item_id, 2900)
        driver.response_done("cancelled")
    assert driver.requests == (1 if interrupts else 0)


def test_speech_that_went_on_and_gets_no_transcript_is_a_backchannel() -> None:
    driver, _item_id = speaking()
    starts(driver)
    hears(driver, "Yeah.", paused=True)
    driver.wait(1_500)
    stops(driver)
    driver.wait(WORDS_WAIT_MS)
    assert len(driver.sent_of("conversation.item.delete")) == 1
    assert driver.listens_to is None


def test_words_of_another_speech_decide_nothing() -> None:
    driver, _item_id = speaking()
    starts(driver, "speech_2")
    hears(driver, "Wait, stop.")
    assert decided(driver) == [log_events.AudioDucked(item_id="speech_2")]


@pytest.mark.parametrize(
    ("listens", "ms"), [(False, MAX_UNDECIDED_MS), (True, SLOW_RECOGNISER_MS)], ids=["the service", "our recogniser"]
)
def test_speech_without_words_interrupts_after_a_while(listens: bool, ms: float) -> None:
    driver, _item_id = speaking(listens=listens)
    starts(driver)
    driver.wait(ms - 1)
    assert decided(driver) == [DUCKED]
    driver.wait(1)
    assert decided(driver)[-1] == log_events.AudioInterrupted(item_id=SPEECH, reason="long_speech")


def test_speech_without_words_resumes() -> None:
    driver, _item_id = speaking()
    starts(driver)
    driver.wait(500)
    hears(driver, "", paused=True)
    stops(driver)
    assert decided(driver)[-1] == log_events.AudioResumed(item_id=SPEECH, reason="no_words")
    assert driver.types_sent == ["conversation.item.delete"]


def test_speech_that_no_recogniser_has_heard_in_time_is_a_turn() -> None:
    driver, item_id = speaking(done=True)
    starts(driver)
    driver.wait(500)
    stops(driver)
    driver.wait(WORDS_WAIT_MS - 1)
    assert decided(driver) == [DUCKED]
    driver.wait(1)
    assert decided(driver)[-1] == log_events.AudioInterrupted(item_id=SPEECH, reason="unheard")
    driver.reports(item_id, 1000)
    assert driver.requests == 1


def test_nothing_is_requested_while_speech_is_undecided() -> None:
    driver, _item_id = speaking()
    tool = driver.model_calls("weather")
    driver.response_done()
    starts(driver)
    driver.tool_finishes(tool)
    driver.wait(500)
    assert driver.requests == 0
    hears(driver, "Mm.", paused=True)
    assert driver.requests == 1


def test_a_requested_response_that_begins_under_a_murmur_is_kept() -> None:
    driver = by_words()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.clear()
    starts(driver)
    driver.response_created()
    hears(driver, "Mm.", paused=True)
    assert driver.types_sent == []


def test_words_interrupt_an_answer_that_has_not_begun() -> None:
    driver = by_words()
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    starts(driver)
    hears(driver, "And the blue one?")
    assert driver.types_sent == ["response.cancel"]


def test_an_answer_to_the_agents_last_words_is_a_turn() -> None:
    driver, item_id = speaking(done=True, audio_ms=1000 + LAST_WORDS_MS)
    starts(driver)
    driver.reports(item_id, 1000)
    stops(driver)
    assert decided(driver) == []
    assert driver.requests == 1


@pytest.mark.parametrize("acts", ["types", "interrupts"])
def test_an_act_of_the_caller_ends_the_hold(acts: str) -> None:
    driver, item_id = speaking()
    starts(driver)
    if acts == "types":
        driver.types("Stop.")
    else:
        driver.interrupts()
    assert decided(driver)[-1] == log_events.AudioInterrupted(item_id=SPEECH, reason="caller_acted")
    driver.reports(item_id, 1000)
    assert driver.sent_of("conversation.item.truncate")[0]["audio_end_ms"] == 1000


def test_a_lost_session_ends_the_hold() -> None:
    driver, _item_id = speaking()
    starts(driver)
    driver.link_lost()
    assert decided(driver)[-1] == log_events.AudioResumed(item_id=SPEECH, reason="undecided")


def test_the_call_waits_for_the_agents_audio_again_after_a_murmur() -> None:
    driver, _item_id = speaking()
    starts(driver)
    hears(driver, "Mm.", paused=True)
    stops(driver)
    assert [event.reason for event in driver.logged(log_events.TurnWaiting)] == ["endpointing", "audio"]


# The service's transcripts ------------------------------------------------------------------------------------------


def says(driver: CallDriver, words: str) -> None:
    """Let the service transcribe words while the caller speaks; "" marks a pause."""
    driver.wire("conversation.item.input_audio_transcription.delta", item_id=SPEECH, delta=words)


def test_the_services_words_decide_without_a_recogniser_of_our_own() -> None:
    driver, _item_id = speaking(listens=False)
    starts(driver)
    assert driver.listens_to is None
    says(driver, "Wait,")
    assert decided(driver)[-1] == log_events.AudioInterrupted(item_id=SPEECH, reason="stop_word", words="Wait,")


def test_a_pause_in_the_services_words_resumes() -> None:
    driver, _item_id = speaking(listens=False)
    starts(driver)
    says(driver, "Mm-hmm.")
    says(driver, "")
    assert decided(driver)[-1] == log_events.AudioResumed(item_id=SPEECH, reason="backchannel", words="Mm-hmm.")


def test_the_services_words_after_a_pause_are_a_stretch_of_their_own() -> None:
    driver, _item_id = speaking(listens=False)
    starts(driver)
    says(driver, "Mm-hmm.")
    says(driver, "")
    driver.wait(1500)
    says(driver, "yeah")
    assert isinstance(decided(driver)[-1], log_events.AudioResumed)
    says(driver, " but what")
    assert isinstance(decided(driver)[-1], log_events.AudioInterrupted)


def test_a_backchannel_that_the_log_shows_already_ends_as_ignored() -> None:
    driver, _item_id = speaking(listens=False)
    starts(driver)
    says(driver, "Mm-hmm.")
    says(driver, "")
    stops(driver)
    assert driver.logged(log_events.MessageDone) == [
        log_events.MessageDone(item_id=SPEECH, role="user", text="Mm-hmm.", status="ignored")
    ]


@pytest.mark.parametrize(
    ("text", "requests", "deleted"), [("Mm-hmm.", 0, 1), ("I need my bill.", 1, 0)], ids=["backchannel", "content"]
)
def test_a_transcript_after_the_turn_decides_late(text: str, requests: int, deleted: int) -> None:
    driver, item_id = speaking(listens=False, done=True)
    starts(driver)
    driver.wait(600)
    stops(driver)
    assert driver.requests == 0
    driver.transcribes(text)
    driver.reports(item_id, 1000)
    assert driver.requests == requests
    assert len(driver.sent_of("conversation.item.delete")) == deleted


def test_an_empty_delta_after_the_turn_is_no_pause() -> None:
    driver, _item_id = speaking(listens=False)
    starts(driver)
    stops(driver)
    says(driver, "")
    assert decided(driver) == [DUCKED]


# Other detectors, and other ways ------------------------------------------------------------------------------------


class Cough:
    """A detector that interrupts on the word "cough" and otherwise lets the agent continue at each pause."""

    def decide(self, speech: OverlappingSpeech) -> Interrupt | Resume | None:
        if speech.words and speech.words[-1].text == "cough":
            return Interrupt("coughed", "cough")
        return Resume("polite") if speech.paused else None


@pytest.mark.parametrize(("text", "reason"), [("cough", "coughed"), ("Wait, stop", "polite")])
def test_the_scenarios_own_detector_decides(text: str, reason: str) -> None:
    driver, _item_id = speaking(detector=Cough())
    starts(driver)
    hears(driver, text, paused=True)
    (event,) = driver.logged(log_events.AudioResumed, log_events.AudioInterrupted)
    assert event.reason == reason


class Broken:
    """A detector that fails."""

    def decide(self, speech: OverlappingSpeech) -> Interrupt | Resume | None:
        raise KeyError("lexicon")


def test_a_detector_that_fails_is_reported_and_replaced() -> None:
    driver, _item_id = speaking(detector=Broken())
    starts(driver)
    hears(driver, "Wait, stop.")
    (error,) = driver.logged(log_events.CallError)
    assert (error.code, error.source) == ("detector_failed", "scenario")
    assert isinstance(decided(driver)[-1], log_events.AudioInterrupted)


def test_without_words_speech_interrupts_and_a_notice_says_so_once() -> None:
    driver = CallDriver(interruption="words")
    driver.link_up()
    driver.caller_joins()
    driver.caller_leaves()
    driver.caller_joins("leg_2")
    (notice,) = driver.logged(log_events.Notice)
    assert notice.code == "interruption_by_speech"
    driver.answers("Hello.", audio_ms=4000)
    driver.clear()
    driver.reports("msg_2", 100)
    starts(driver)
    assert decided(driver) == []


def test_interruption_off_lets_the_agent_finish() -> None:
    driver = call(interruption="off")
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    driver.agent_says("one two three", audio_ms=4000)
    driver.clear()
    starts(driver)
    assert decided(driver) == []
    assert driver.sent == []
    assert driver.logged(log_events.AudioCleared) == []


def test_push_to_talk_interrupts_without_words() -> None:
    driver, _item_id = speaking()
    driver.commands(commands.PushToTalk(True))
    driver.clear()
    driver.commands(commands.Press())
    assert driver.sent_of("response.cancel")
    assert decided(driver) == []


def test_the_effects_are_orders_for_the_shell() -> None:
    driver, _item_id = speaking()
    starts(driver)
    listening = [one for _, _, out in driver.history for one in out if isinstance(one, effects.ListenForWords)]
    assert listening == [effects.ListenForWords(SPEECH)]
