"""Push-to-talk: a press interrupts and clears, a release commits, and one response is requested."""

from __future__ import annotations

import pytest

from tests.calls.call_driver import CallDriver, call
from trunkline.calls import commands, log_events
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.push_to_talk import WEBRTC_LAG_MS

pytestmark = pytest.mark.pure
ON, OFF = commands.PushToTalk(True), commands.PushToTalk(False)


def talking() -> CallDriver:
    driver = call()
    driver.commands(ON)
    driver.clear()
    return driver


def next_session(driver: CallDriver) -> effects.Connecting:
    """Return the settings that the next session would get."""
    purpose = driver.machine.configuration().purpose
    assert isinstance(purpose, effects.Connecting)
    return purpose


def test_switching_it_on_removes_turn_detection() -> None:
    driver = call()
    driver.commands(ON)
    (update,) = driver.sent_of("session.update")
    assert update["session"]["audio"]["input"]["turn_detection"] is None
    assert driver.logged(log_events.CallSettings) == [log_events.CallSettings(push_to_talk=True)]


def test_switching_it_off_restores_the_scenarios_turn_detection() -> None:
    driver = talking()
    driver.commands(OFF)
    (update,) = driver.sent_of("session.update")
    detection = update["session"]["audio"]["input"]["turn_detection"]
    assert detection == {"type": "server_vad", "create_response": True, "interrupt_response": True}


def test_switching_twice_changes_nothing() -> None:
    driver = talking()
    driver.commands(ON)
    assert driver.sent == []


def test_switching_it_off_without_turn_detection_repeats_the_settings() -> None:
    driver = call(turn_detection=None)
    driver.commands(OFF)
    assert driver.logged(log_events.CallSettings) == [log_events.CallSettings(push_to_talk=True)]
    assert driver.sent == []


def test_press_interrupts_and_clears() -> None:
    driver = talking()
    driver.types("Tell me something long.")
    driver.confirms_items()
    driver.response_created()
    driver.agent_says("Once upon a time", finished=False)
    driver.clear()
    driver.commands(commands.Press())
    assert driver.types_sent == ["response.cancel", "input_audio_buffer.clear"]
    assert driver.logged(log_events.AudioCleared)


def test_release_commits_and_the_response_is_requested_after_the_commit() -> None:
    driver = talking()
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    assert driver.types_sent == ["input_audio_buffer.clear", "input_audio_buffer.commit"]
    assert driver.requests == 0
    driver.wire("input_audio_buffer.committed", item_id="speech_1")
    assert driver.requests == 1


def test_over_webrtc_the_commit_waits_for_the_audio() -> None:
    driver = talking()
    driver.feed(inputs.CallerJoined("leg_1", "webrtc"))
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    driver.wait(WEBRTC_LAG_MS - 1)
    assert driver.sent_of("input_audio_buffer.commit") == []
    driver.wait(1)
    assert len(driver.sent_of("input_audio_buffer.commit")) == 1


def test_a_press_before_the_commit_continues_the_turn() -> None:
    driver = talking()
    driver.feed(inputs.CallerJoined("leg_1", "webrtc"))
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    driver.clear()
    driver.wait(WEBRTC_LAG_MS / 2)
    driver.commands(commands.Press())
    assert driver.sent_of("input_audio_buffer.clear") == []  # it would drop the first part of the turn
    driver.wait(5_000)
    assert driver.sent_of("input_audio_buffer.commit") == []
    driver.commands(commands.Release())
    driver.wait(WEBRTC_LAG_MS)
    assert len(driver.sent_of("input_audio_buffer.commit")) == 1


def test_a_press_without_speech_requests_nothing() -> None:
    driver = talking()
    driver.commands(commands.Press())
    driver.commands(commands.Release())
    event_id = driver.sent_of("input_audio_buffer.commit")[-1]["event_id"]
    driver.wire("error", error={"code": "input_audio_buffer_commit_empty", "event_id": event_id, "message": "empty"})
    assert driver.requests == 0
    assert driver.logged(log_events.CallError) == []
    assert driver.logged(log_events.TurnWaiting)[-1].reason == "caller"


def test_the_agent_does_not_speak_while_the_button_is_held() -> None:
    driver = talking()
    driver.types("A question.")
    driver.confirms_items()
    driver.commands(commands.Press())
    driver.clear()
    driver.wait(5_000)
    assert driver.requests == 0


def test_repeated_and_misplaced_presses_do_nothing() -> None:
    driver = call()
    for command in (commands.Press(), commands.Release()):
        driver.commands(command)
    assert driver.sent == []
    driver.commands(ON)
    driver.clear()
    for command in (commands.Release(), commands.Press(), commands.Press(), commands.Release(), commands.Release()):
        driver.commands(command)
    assert driver.types_sent == ["input_audio_buffer.clear", "input_audio_buffer.commit"]


def test_it_survives_a_new_link() -> None:
    driver = talking()
    driver.link_lost()
    driver.link_up()
    assert next_session(driver).turn_detection is None
    assert next_session(driver).settings.push_to_talk


def test_speech_without_a_link_is_committed_when_it_is_restored() -> None:
    driver = talking()
    driver.commands(commands.Press())
    driver.link_lost()
    driver.commands(commands.Release())
    driver.clear()
    driver.link_up()
    assert driver.sent_of("input_audio_buffer.commit") == []  # the resent audio goes first
    driver.wait(1_000)
    assert len(driver.sent_of("input_audio_buffer.commit")) == 1


def test_the_turn_of_a_caller_who_leaves_is_dropped() -> None:
    driver = talking()
    driver.commands(commands.Press())
    driver.caller_leaves()
    driver.caller_joins("leg_2")
    driver.clear()
    driver.commands(commands.Release())
    assert driver.sent == []


def test_a_scenario_without_turn_detection_is_always_push_to_talk() -> None:
    driver = CallDriver(turn_detection=None)
    assert next_session(driver).settings.push_to_talk
    driver.link_up()
    driver.commands(OFF)
    assert next_session(driver).settings.push_to_talk


def test_dtmf_digits_go_to_the_model_as_text() -> None:
    driver = call()
    driver.commands(commands.Dtmf("12#"))
    (created,) = driver.sent_of("conversation.item.create")
    assert created["item"]["content"] == [{"type": "input_text", "text": "12#"}]


def test_a_new_speed_is_sent_to_the_session_and_kept() -> None:
    driver = call()
    driver.commands(commands.Voice(speed=1.25))
    (update,) = driver.sent_of("session.update")
    assert update["session"] == {"type": "realtime", "audio": {"output": {"speed": 1.25}}}
    assert next_session(driver).settings == log_events.CallSettings(speed=1.25)


def test_the_response_is_requested_if_the_service_does_not_create_it() -> None:
    driver = call(turn_detection={"type": "server_vad", "create_response": False})
    driver.caller_starts_to_speak()
    driver.caller_stops_speaking()
    assert driver.requests == 1


def test_speech_does_not_interrupt_if_the_scenario_disables_it() -> None:
    driver = call(interruption="off")
    driver.types("Tell me something long.")
    driver.confirms_items()
    driver.response_created()
    driver.agent_says("Once upon a time", finished=False)
    driver.caller_starts_to_speak(cuts=False)
    assert driver.logged(log_events.AudioCleared) == []


def test_a_response_cancelled_before_it_began_is_cancelled_again() -> None:
    driver = talking()
    driver.types("A question.")
    driver.confirms_items()
    driver.commands(commands.Press())  # the response is requested, but has not begun
    driver.wire("error", error={"code": "response_cancel_not_active", "message": "nothing to cancel"})
    driver.clear()
    response_id = driver.response_created()
    assert [event["response_id"] for event in driver.sent_of("response.cancel")] == [response_id]


def test_another_codec_on_the_relay_renews_the_session() -> None:
    driver = call()
    driver.feed(inputs.CodecChosen("pcmu"))
    assert [renewal.make_before_break for renewal in driver.renewals] == [True]
    driver.feed(inputs.CodecChosen("pcmu"))
    assert len(driver.renewals) == 1
    assert next_session(driver).settings.codec == "pcmu"


def test_another_codec_over_webrtc_needs_no_new_session() -> None:
    driver = call()
    driver.feed(inputs.CallerJoined("leg_1", "webrtc"))
    driver.feed(inputs.CodecChosen("pcma"))
    assert driver.renewals == []
    assert driver.logged(log_events.LegReofferRequested) == []
    assert next_session(driver).settings.codec == "pcma"
