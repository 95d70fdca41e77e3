"""The parts of a turn's latency, measured from the log that a call's machine writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.calls.call_driver import CallDriver, call
from tests.calls.webrtc_driver import WebRtcDriver
from trunkline.calls import commands, log, log_events
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.push_to_talk import WEBRTC_LAG_MS
from trunkline.calls.metrics.meters import Meters
from trunkline.scenario.interruption import HeardWords

pytestmark = pytest.mark.pure
GUARDED: dict[str, Any] = {"guardrails": {"host": ["moderation"]}, "hold": True}


def measured(driver: CallDriver) -> list[log_events.TurnLatency]:
    """Return the latencies of the turns, the greeting's first, as meters read them from the driver's log."""
    meters, found = Meters(), []
    now_ms = 0.0
    tape = log.Log(lambda: now_ms)
    for _given, at_ms, emitted in driver.history:
        now_ms = at_ms
        for effect in emitted:
            if isinstance(effect, effects.AppendToLog):
                appended = meters.read(tape.append(effect.event))
                found += [event for event in appended if isinstance(event, log_events.TurnLatency)]
    return found


def latency(driver: CallDriver) -> log_events.TurnLatency:
    """Return the latency of the only turn after the greeting."""
    _greeting, turn = measured(driver)
    assert sum(part.ms for part in turn.parts) == turn.total_ms
    return turn


def parts(driver: CallDriver) -> Mapping[str, int]:
    return {part.name: part.ms for part in latency(driver).parts}


def answers_after(driver: CallDriver, *, words_ms: float, audio_ms: float = 0, text: str = "Hello.") -> str:
    """Let the response in progress have words after `words_ms`, and audio `audio_ms` later."""
    driver.wait(words_ms)
    item_id = driver.agent_says(text, audio_ms=0, finished=False)
    driver.wait(audio_ms)
    driver.audio(item_id, 1_000)
    return item_id


def speaks(driver: CallDriver, ms: float, item_id: str = "speech_1") -> None:
    driver.caller_starts_to_speak(item_id)
    driver.caller_audio(ms)
    driver.caller_stops_speaking(item_id)


def types(driver: CallDriver, text: str = "Something?") -> None:
    driver.types(text)
    driver.confirms_items()


def detects_turns(driver: CallDriver, **detection: Any) -> None:
    driver.wire("session.updated", session={"audio": {"input": {"turn_detection": detection}}})


def test_latency_counts_from_the_end_of_speech_and_not_of_the_silence() -> None:
    driver = call()
    detects_turns(driver, type="server_vad", silence_duration_ms=700)
    speaks(driver, 3_000)
    driver.wait(10)
    driver.response_created()
    item_id = answers_after(driver, words_ms=190, audio_ms=30)
    assert parts(driver) == {"endpointing": 700, "request": 10, "model": 190, "audio": 30}
    turn = latency(driver)
    assert (turn.after, turn.total_ms, turn.item_id) == ("speech", 930, item_id)


def test_semantic_turn_detection_has_no_known_silence() -> None:
    driver = call()
    detects_turns(driver, type="semantic_vad")
    speaks(driver, 3_000)
    driver.wait(100)
    driver.response_created()
    answers_after(driver, words_ms=0, audio_ms=20)
    assert parts(driver) == {"request": 100, "audio": 20}


def test_the_page_knows_the_silence_of_semantic_turn_detection() -> None:
    driver = call()
    detects_turns(driver, type="semantic_vad")
    driver.caller_starts_to_speak("speech_1")
    driver.caller_audio(2_000)
    driver.commands(commands.VoiceEnded(ms=160))
    driver.wait(240)
    driver.caller_stops_speaking("speech_1")
    driver.wait(10)
    driver.response_created()
    answers_after(driver, words_ms=0, audio_ms=20)
    assert parts(driver) == {"endpointing": 400, "request": 10, "audio": 20}


def test_the_page_knows_the_silence_better_than_the_sessions_setting() -> None:
    driver = call()
    detects_turns(driver, type="server_vad", silence_duration_ms=500)
    driver.caller_starts_to_speak("speech_1")
    driver.caller_audio(2_000)
    driver.commands(commands.VoiceEnded(ms=160))
    driver.wait(380)
    driver.caller_stops_speaking("speech_1")
    driver.response_created()
    answers_after(driver, words_ms=20)
    assert parts(driver) == {"endpointing": 540, "model": 20}


def test_the_end_of_an_earlier_voice_does_not_count() -> None:
    driver = call()
    detects_turns(driver, type="server_vad", silence_duration_ms=500)
    driver.commands(commands.VoiceEnded(ms=160))  # a cough
    driver.wait(3_000)
    driver.caller_starts_to_speak("speech_1")
    driver.caller_audio(2_000)
    driver.caller_stops_speaking("speech_1")
    driver.response_created()
    answers_after(driver, words_ms=20)
    assert parts(driver) == {"endpointing": 500, "model": 20}


def test_the_delay_to_the_callers_ear_is_a_part() -> None:
    driver = call()
    driver.commands(commands.AudioReport(buffer_ms=70, output_ms=20))
    types(driver)
    driver.response_created()
    answers_after(driver, words_ms=100)
    assert parts(driver) == {"model": 100, "playout": 90}


def test_a_typed_message_counts_from_its_sending() -> None:
    driver = call()
    types(driver)
    driver.wait(40)
    driver.response_created()
    answers_after(driver, words_ms=160)
    assert parts(driver) == {"model": 200}
    assert latency(driver).after == "text"


def test_the_greeting_is_measured_as_a_greeting() -> None:
    driver = CallDriver()
    driver.link_up()
    driver.caller_joins()
    driver.response_created()
    answers_after(driver, words_ms=80)
    [greeting] = measured(driver)
    assert (greeting.after, greeting.total_ms) == ("greeting", 80)


def test_the_time_before_the_request_is_a_part() -> None:
    driver = call()
    types(driver, "Tell me a story.")
    driver.response_created()
    driver.agent_says("A long story.", audio_ms=9_000)
    driver.response_done()
    driver.wait(1_000)
    driver.types("Stop.")
    driver.wait(250)  # the page does not report the heard position
    driver.response_created()
    answers_after(driver, words_ms=50)
    _greeting, _story, stop = measured(driver)
    assert {part.name: part.ms for part in stop.parts} == {"request": 250, "model": 50}


def test_a_tool_and_the_answer_after_it_are_parts() -> None:
    driver = call()
    types(driver)
    driver.response_created()
    driver.wait(100)
    driver.model_calls("weather", call_id="c1")
    driver.response_done()
    driver.wait(500)
    driver.tool_finishes("c1")
    driver.response_created()
    answers_after(driver, words_ms=100, audio_ms=20)
    assert parts(driver) == {"model": 200, "tools": 500, "audio": 20}
    assert latency(driver).tool_ms == 500


def test_two_tools_at_once_count_once() -> None:
    driver = call()
    types(driver)
    driver.response_created()
    driver.model_calls("weather", call_id="c1")
    driver.model_calls("clock", call_id="c2")
    driver.response_done()
    driver.wait(100)
    driver.tool_finishes("c1")
    driver.wait(100)
    driver.tool_finishes("c2")
    driver.response_created()
    answers_after(driver, words_ms=90)
    assert parts(driver) == {"model": 90, "tools": 200}
    assert latency(driver).tool_ms == 200


def test_the_wait_for_approval_is_a_part() -> None:
    driver = call()
    types(driver)
    driver.response_created()
    driver.model_calls("weather", call_id="c1")
    driver.response_done()
    driver.wait(5)
    driver.feed(inputs.ApprovalRequested("c1", "{}"))
    driver.wait(2_000)
    driver.commands(commands.Approve("c1", approved=True))
    driver.wait(30)
    driver.tool_finishes("c1")
    driver.response_created()
    answers_after(driver, words_ms=100)
    assert parts(driver) == {"model": 100, "tools": 35, "approval": 2_000}
    assert latency(driver).tool_ms == 35


def test_a_handoff_lasts_until_the_next_agent_is_configured() -> None:
    driver = call(configures=False)
    types(driver)
    driver.response_created()
    driver.wait(100)
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    driver.wait(40)
    driver.configured()
    driver.response_created()
    answers_after(driver, words_ms=60)
    assert parts(driver) == {"model": 160, "handoff": 40}
    assert latency(driver).tool_ms == 0


def test_the_time_without_a_link_is_a_part() -> None:
    driver = call()
    types(driver)
    driver.response_created()
    driver.wait(100)
    driver.link_lost()
    driver.wait(300)
    driver.link_up()
    driver.response_created()
    answers_after(driver, words_ms=90)
    assert parts(driver) == {"model": 190, "link": 300}


def test_a_new_session_that_is_not_configured_yet_is_no_link() -> None:
    driver = call(configures=False)
    types(driver)
    driver.link_lost()
    driver.link_up()
    driver.wait(70)
    driver.configured()
    driver.response_created()
    answers_after(driver, words_ms=90)
    assert parts(driver) == {"model": 90, "link": 70}


def test_a_spoken_turn_that_a_new_session_hears_again_stays_one_turn() -> None:
    driver = call()
    speaks(driver, 1_000)
    driver.wait(100)
    driver.link_lost()
    driver.wait(300)
    driver.link_up()
    driver.wait(50)
    speaks(driver, 200, "speech_2")
    driver.response_created()
    answers_after(driver, words_ms=90)
    assert parts(driver) == {"endpointing": 500, "request": 350, "link": 300, "model": 90}


def test_a_turn_of_the_talk_button_that_a_new_session_hears_again_stays_one_turn() -> None:
    driver = call()
    driver.commands(commands.PushToTalk(on=True))
    driver.commands(commands.Press())
    driver.wait(1_000)
    driver.commands(commands.Release())
    driver.wire("input_audio_buffer.committed", item_id="speech_1")
    driver.response_created()
    driver.wait(100)
    driver.link_lost()
    driver.wait(300)
    driver.link_up()
    driver.wait(400)  # the resent audio is committed again
    assert len(driver.sent_of("input_audio_buffer.commit")) == 2
    driver.wire("input_audio_buffer.committed", item_id="speech_2")
    driver.response_created()
    answers_after(driver, words_ms=90)
    assert parts(driver) == {"model": 190, "link": 300, "request": 400}


def test_holding_an_answer_back_is_a_part() -> None:
    driver = call(**GUARDED)
    driver.guardrail_finishes()
    driver.wait(2_000)
    types(driver)
    driver.response_created()
    driver.wait(200)
    item_id = driver.agent_says("It is fine.", finished=False)
    driver.wait(60)
    driver.message_done(item_id, "It is fine.")
    driver.response_done()
    driver.wait(240)
    driver.guardrail_finishes()
    assert parts(driver) == {"model": 200, "guardrails": 300}
    assert latency(driver).guardrail_ms == 240


def test_a_stopped_answer_and_its_replacement_are_one_latency() -> None:
    driver = call(**GUARDED)
    driver.guardrail_finishes()
    driver.wait(2_000)
    types(driver)
    driver.response_created()
    driver.wait(100)
    driver.agent_says("It is bad. And", finished=False)
    driver.wait(80)
    driver.guardrail_finishes("fail")
    driver.wait(10)
    driver.response_done("cancelled")
    driver.confirms_items()
    driver.wait(60)
    driver.response_created()
    driver.wait(50)
    driver.agent_says("It is good.")
    driver.response_done()
    driver.wait(50)
    driver.guardrail_finishes()
    assert parts(driver) == {"model": 210, "guardrails": 130, "request": 10}
    assert latency(driver).guardrail_ms == 130


def test_a_caller_who_continues_speaking_is_answered_once() -> None:
    driver = call()
    speaks(driver, 1_000)
    driver.response_created()
    driver.wait(100)
    speaks(driver, 2_000, "speech_2")
    driver.wait(10)
    driver.response_created()
    answers_after(driver, words_ms=190)
    assert parts(driver) == {"endpointing": 500, "request": 10, "model": 190}


def test_a_response_that_is_being_cancelled_is_not_the_answer() -> None:
    driver = call()
    types(driver, "One.")
    driver.response_created()
    driver.wait(100)
    types(driver, "Two.")
    driver.wait(60)
    driver.response_done("cancelled")
    driver.response_created()
    answers_after(driver, words_ms=140)
    assert parts(driver) == {"request": 60, "model": 140}


def test_tools_of_an_earlier_turn_do_not_count() -> None:
    driver = call()
    types(driver)
    driver.response_created()
    driver.model_calls("weather", call_id="c1")
    driver.response_done()
    driver.wait(500)
    types(driver, "Never mind.")
    driver.response_created()
    driver.wait(100)
    driver.tool_finishes("c1")
    answers_after(driver, words_ms=100)
    assert parts(driver) == {"model": 200}
    assert latency(driver).tool_ms == 0


def test_only_the_first_audio_of_an_answer_counts() -> None:
    driver = call()
    types(driver)
    driver.response_created()
    first = driver.agent_says("One moment.")
    driver.wait(5_000)
    driver.agent_says("Here it is.")
    assert latency(driver).item_id == first


def test_a_turn_of_a_caller_who_left_is_not_measured() -> None:
    driver = call()
    speaks(driver, 2_000)
    driver.caller_leaves()
    driver.wait(1_000)
    driver.caller_joins()
    driver.response_created()
    answers_after(driver, words_ms=100)
    assert [turn.after for turn in measured(driver)] == ["greeting"]


def test_speech_cut_off_by_a_lost_link_is_not_a_turn() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wait(900)
    driver.link_lost()
    driver.link_up()
    driver.response_created()
    answers_after(driver, words_ms=500)
    assert [turn.after for turn in measured(driver)] == ["greeting"]


def test_push_to_talk_counts_from_the_release() -> None:
    driver = call()
    driver.commands(commands.PushToTalk(on=True))
    driver.commands(commands.Press())
    driver.caller_audio(2_000)
    driver.commands(commands.Release())
    driver.wait(50)
    driver.wire("input_audio_buffer.committed", item_id="speech_1")
    driver.response_created()
    answers_after(driver, words_ms=50)
    assert parts(driver) == {"request": 50, "model": 50}
    assert latency(driver).after == "speech"


def test_over_webrtc_the_wait_for_the_released_audio_is_a_part() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.webrtc_connects()
    driver.begins_to_speak()
    driver.response_done()
    driver.wire("output_audio_buffer.stopped")
    driver.commands(commands.PushToTalk(on=True))
    driver.commands(commands.Press())
    driver.wait(2_000)
    driver.commands(commands.Release())
    driver.wait(WEBRTC_LAG_MS)
    driver.wire("input_audio_buffer.committed", item_id="speech_1")
    driver.response_created()
    driver.wait(50)
    driver.speaks("Yes.")
    assert parts(driver) == {"endpointing": WEBRTC_LAG_MS, "model": 50}


def test_over_webrtc_audio_that_starts_after_the_response_is_complete_ends_the_latency() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.webrtc_connects()
    driver.begins_to_speak(audible=False)
    driver.wait(30)
    driver.response_done()
    driver.wait(20)
    driver.wire("output_audio_buffer.started", response_id="resp_1")
    [greeting] = measured(driver)
    assert [(part.name, part.ms) for part in greeting.parts] == [("audio", 50)]


def test_malformed_events_are_ignored() -> None:
    driver = call()
    types(driver)
    driver.wire("response.created", response=7)
    driver.wire("session.updated", session=[])
    driver.wait(100)
    driver.wire("response.output_item.done", item={"type": "function_call"})
    driver.response_created()
    answers_after(driver, words_ms=100)
    assert parts(driver) == {"model": 200}


def test_a_backchannel_during_the_wait_leaves_the_turn_as_it_is() -> None:
    driver = call(interruption="words", listens=True)
    driver.types("Tell me everything.")
    driver.confirms_items()
    driver.response_created()
    driver.wait(300)
    driver.caller_starts_to_speak(cuts=False)
    driver.wait(500)
    heard = HeardWords("Mm-hmm.", -0.2, 0.1)
    driver.feed(inputs.WordsHeard("speech_1", heard, 400.0, first=True, paused=True))
    driver.caller_stops_speaking()
    answers_after(driver, words_ms=200)
    turn = latency(driver)
    assert (turn.after, turn.total_ms) == ("text", 1000)


def test_a_commentary_and_its_answer_have_a_latency_each_from_the_same_end_of_the_turn() -> None:
    driver = call()
    driver.types("How much is it?")
    driver.confirms_items()
    driver.wait(300)
    driver.response_created()
    for item_id, phase in (("thinks", "commentary"), ("answers", "final_answer")):
        driver.wait(700)
        item = {"id": item_id, "type": "message", "role": "assistant", "content": [], "phase": phase}
        driver.wire("response.output_item.added", response_id="resp_1", item=item)
        driver.audio(item_id, 400)
        driver.message_done(item_id, "Let me see.")
        driver.reports(item_id, 400)
    found = measured(driver)[-2:]
    assert [(one.item_id, one.phase) for one in found] == [("thinks", "commentary"), ("answers", "final_answer")]
    assert found[1].total_ms - found[0].total_ms == 700
    assert all(sum(part.ms for part in one.parts) == one.total_ms for one in found)
