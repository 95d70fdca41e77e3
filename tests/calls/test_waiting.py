"""The one thing that a call waits for, as `turn.waiting` in its log."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.calls.call_driver import CallDriver, asked_something, call
from tests.calls.webrtc_driver import WebRtcDriver
from trunkline.calls import commands, log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.caller_activity import ANSWER_WAIT_MS
from trunkline.calls.machine.push_to_talk import WEBRTC_LAG_MS
from trunkline.calls.machine.relay_playout import MAX_EXTRAPOLATION_MS

pytestmark = pytest.mark.pure
GUARDED: dict[str, Any] = {"guardrails": {"host": ["moderation"]}}


def waits(driver: CallDriver) -> list[str]:
    return [event.reason for event in driver.logged(log_events.TurnWaiting)]


def last(driver: CallDriver) -> log_events.TurnWaiting:
    latest: log_events.TurnWaiting = driver.logged(log_events.TurnWaiting)[-1]
    return latest


def test_a_new_call_waits_for_its_caller_then_for_the_link_then_for_the_greeting() -> None:
    driver = CallDriver()
    driver.caller_joins()
    driver.link_up()
    driver.response_created()
    item_id = driver.agent_says("Hello.")
    driver.response_done()
    driver.reports(item_id, 1000)
    assert waits(driver) == ["caller", "link", "model", "audio", "caller"]


def test_a_call_can_wait_for_each_of_the_ten_things() -> None:
    driver = CallDriver(configures=False, **GUARDED)
    driver.caller_joins()
    driver.link_up()
    driver.configured()
    driver.answers("Hello.")
    driver.guardrail_finishes()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.response_created()
    driver.model_calls("weather", call_id="c1")
    driver.response_done()
    driver.feed(inputs.ApprovalRequested("c1", "{}"))
    driver.commands(commands.Approve("c1", approved=True))
    driver.tool_finishes("c1")
    driver.response_created()
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    assert set(waits(driver)) == set(get_args(log_events.WaitReason))


def test_a_wait_is_logged_only_when_it_changes() -> None:
    driver = call()
    asked_something(driver)
    item_id = driver.agent_says("One.", finished=False)
    for _frame in range(5):
        driver.audio(item_id, 20)
    driver.message_done(item_id, "One.")
    assert waits(driver) == ["audio"]


def test_audio_before_the_first_words_ends_the_wait_for_the_model() -> None:
    driver = call()
    asked_something(driver)
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    driver.wire("response.output_item.added", item=item)
    driver.audio("msg_1", 20)
    assert waits(driver) == ["audio"]


def test_a_spoken_turn_waits_for_the_service_to_answer_by_itself() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wait(2_000)
    driver.caller_stops_speaking()
    assert waits(driver) == ["endpointing", "request"]
    driver.transcribes("Hello?")
    assert waits(driver) == ["endpointing", "request"]
    driver.answers("Yes?")
    assert waits(driver) == ["endpointing", "request", "model", "audio", "caller"]


def test_a_response_that_the_service_does_not_start_is_requested() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    driver.wait(ANSWER_WAIT_MS - 1)
    assert driver.requests == 0
    driver.wait(1)
    assert driver.requests == 1
    assert last(driver).reason == "model"


def test_the_end_of_a_spoken_turn_says_how_long_endpointing_took() -> None:
    driver = call()
    detection = {"type": "server_vad", "silence_duration_ms": 700}
    driver.wire("session.updated", session={"audio": {"input": {"turn_detection": detection}}})
    driver.caller_starts_to_speak()
    driver.wait(2_000)
    driver.caller_stops_speaking()
    assert last(driver) == log_events.TurnWaiting(reason="request", endpointing_ms=700)


def test_a_session_without_a_silence_uses_the_services_default() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wait(2_000)
    driver.caller_stops_speaking()
    assert last(driver).endpointing_ms == 500


def test_semantic_turn_detection_has_no_known_silence() -> None:
    driver = call()
    driver.wire("session.updated", session={"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    driver.caller_starts_to_speak()
    driver.wait(2_000)
    driver.caller_stops_speaking()
    assert last(driver).endpointing_ms == 0


def test_endpointing_takes_no_longer_than_the_speech() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wait(300)
    driver.caller_stops_speaking()
    assert last(driver).endpointing_ms == 300


def test_speech_that_the_session_never_ends_is_not_a_turn() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.link_lost()
    assert last(driver) == log_events.TurnWaiting(reason="link")


def test_the_turn_of_a_pressed_button_ends_with_the_commit() -> None:
    driver = call()
    driver.commands(commands.PushToTalk(on=True))
    driver.clear()
    driver.commands(commands.Press())
    driver.wait(1_000)
    driver.commands(commands.Release())
    assert driver.logged(log_events.TurnWaiting) == [
        log_events.TurnWaiting(reason="endpointing"),
        log_events.TurnWaiting(reason="request", endpointing_ms=0),
    ]
    driver.wire("input_audio_buffer.committed", item_id="speech_1")
    assert last(driver).reason == "model"


def test_over_webrtc_the_lag_after_a_release_counts_as_endpointing() -> None:
    driver = WebRtcDriver()
    driver.link_up()
    driver.webrtc_connects()
    driver.commands(commands.PushToTalk(on=True))
    driver.commands(commands.Press())
    driver.wait(1_000)
    driver.commands(commands.Release())
    assert last(driver).reason == "endpointing"
    driver.wait(WEBRTC_LAG_MS)
    assert last(driver) == log_events.TurnWaiting(reason="request", endpointing_ms=round(WEBRTC_LAG_MS))


def test_an_empty_press_waits_for_the_caller_again() -> None:
    driver = call()
    driver.commands(commands.PushToTalk(on=True))
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    event_id = driver.sent_of("input_audio_buffer.commit")[-1]["event_id"]
    driver.wire("error", error={"code": "input_audio_buffer_commit_empty", "event_id": event_id, "message": "empty"})
    assert last(driver).reason == "caller"


def test_a_turn_that_had_ended_before_a_lost_link_is_not_heard_as_a_new_one() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.wait(1_000)
    driver.caller_stops_speaking()
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.caller_starts_to_speak("speech_2")
    driver.wait(300)
    driver.caller_stops_speaking("speech_2")
    driver.response_created()
    assert driver.logged(log_events.TurnWaiting) == [log_events.TurnWaiting(reason="model")]


def test_a_turn_that_a_lost_link_cut_off_goes_on_in_the_next_session() -> None:
    driver = call()
    driver.caller_starts_to_speak()
    driver.link_lost()
    driver.link_up()
    driver.clear()
    driver.caller_starts_to_speak("speech_2")
    driver.wait(1_000)
    driver.caller_stops_speaking("speech_2")
    assert driver.logged(log_events.TurnWaiting) == [
        log_events.TurnWaiting(reason="endpointing"),
        log_events.TurnWaiting(reason="request", endpointing_ms=500),
    ]


def test_the_running_tools_are_named() -> None:
    driver = call()
    asked_something(driver)
    driver.model_calls("weather", call_id="c1")
    driver.model_calls("clock", call_id="c2")
    driver.response_done()
    driver.tool_finishes("c1")
    driver.tool_finishes("c2")
    assert driver.logged(log_events.TurnWaiting) == [
        log_events.TurnWaiting(reason="tools", tools=("weather",)),
        log_events.TurnWaiting(reason="tools", tools=("weather", "clock")),
        log_events.TurnWaiting(reason="tools", tools=("clock",)),
        log_events.TurnWaiting(reason="model"),
    ]


def test_an_approval_comes_before_the_other_tools() -> None:
    driver = call()
    asked_something(driver)
    driver.model_calls("weather", call_id="c1")
    driver.model_calls("clock", call_id="c2")
    driver.response_done()
    driver.clear()
    driver.feed(inputs.ApprovalRequested("c2", "{}"))
    driver.commands(commands.Approve("c2", approved=True))
    assert driver.logged(log_events.TurnWaiting) == [
        log_events.TurnWaiting(reason="approval", tools=("clock",)),
        log_events.TurnWaiting(reason="tools", tools=("weather", "clock")),
    ]


def test_a_caller_who_types_does_not_wait_for_the_running_tools() -> None:
    driver = call()
    asked_something(driver)
    driver.model_calls("weather", call_id="c1")
    driver.response_done()
    driver.types("Never mind.")
    assert last(driver).reason == "model"


def test_a_handoff_names_the_next_agent() -> None:
    driver = call(configures=False)
    asked_something(driver)
    driver.model_calls("transfer_to_poet")
    driver.response_done()
    assert last(driver) == log_events.TurnWaiting(reason="handoff", agent="poet")
    driver.configured()
    assert last(driver).reason == "model"


def test_a_held_back_answer_waits_for_its_guardrails() -> None:
    driver = call(hold=True, **GUARDED)
    driver.guardrail_finishes()
    driver.wait(2_000)  # the greeting is played
    driver.clear()
    asked_something(driver)
    driver.agent_says("It is fine.")
    driver.response_done()
    assert waits(driver) == ["guardrails"]
    driver.guardrail_finishes()
    assert waits(driver) == ["guardrails", "caller"]


def test_an_answer_that_is_not_held_back_waits_for_the_end_of_its_checks() -> None:
    driver = call(**GUARDED)
    driver.guardrail_finishes()
    asked_something(driver)
    driver.agent_says("It is fine.")
    driver.response_done()
    assert waits(driver) == ["audio", "guardrails"]
    driver.guardrail_finishes()
    assert waits(driver) == ["audio", "guardrails", "caller"]


def test_an_interrupted_answer_waits_for_its_end_and_the_heard_position() -> None:
    driver = call()
    asked_something(driver)
    item_id = driver.agent_says("A long story.", audio_ms=9_000, finished=False)
    driver.wait(MAX_EXTRAPOLATION_MS)
    driver.types("Stop.")
    driver.response_done("cancelled")
    assert waits(driver) == ["audio", "request"]
    driver.reports(item_id, 400)
    assert waits(driver) == ["audio", "request", "model"]


def test_without_a_caller_nothing_else_is_waited_for() -> None:
    driver = call()
    asked_something(driver)
    driver.caller_leaves()
    assert waits(driver) == ["caller"]
