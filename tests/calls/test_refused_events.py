"""Refused session updates and items: corrected once and sent again, or the end of the call; never a log line alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.calls.call_driver import CallDriver, call, items_of
from tests.calls.webrtc_driver import WebRtcDriver
from trunkline.calls import commands, log_events
from trunkline.calls.machine import inputs
from trunkline.calls.machine.outbox import CONFIRMATION_WAIT_MS, MAX_UNCONFIRMED, UnconfirmedEvents
from trunkline.calls.machine.refused_events import MAX_RENEWALS
from trunkline.calls.machine.refused_parts import (
    MAX_LOGGED_CHARS,
    MAX_TOOL_OUTPUT_CHARS,
    corrected_item,
    cut_output,
    session_without,
)
from trunkline.calls.machine.transcript import tool_output_item
from trunkline.realtime.events import Event

pytestmark = pytest.mark.pure

SESSION: Event = {
    "type": "realtime",
    "instructions": "Be kind.",
    "tools": [{"type": "function", "name": "weather"}, {"type": "function", "name": "the clock"}],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "turn_detection": {"type": "server_vad", "silence_ms": 5},
        },
        "output": {"voice": "nova", "speed": 1.2},
    },
}


def error(code: str | None, param: str | None, event_id: str | None = None, message: str = "It is wrong.") -> Event:
    return {"type": "invalid_request_error", "code": code, "param": param, "message": message, "event_id": event_id}


def refuses(driver: CallDriver, kind: str, code: str | None, param: str | None, **fields: Any) -> None:
    """Let the service refuse the last event of a kind."""
    driver.wire("error", error=error(code, param, driver.sent_of(kind)[-1]["event_id"], **fields))


def connected(session: Event = SESSION) -> CallDriver:
    """Return a call whose session was sent, with the greeting's request, and not confirmed."""
    driver = CallDriver(configures=False, confirms=False)
    driver.link_up()
    driver.caller_joins()
    asked = driver.configuring.pop()
    driver.feed(inputs.AgentConfigured(asked.agent, session, asked.purpose))
    return driver


def handing_over() -> CallDriver:
    """Return a call that has sent the poet's session, which is not confirmed."""
    driver = call()
    driver.confirms = False
    driver.types("A haiku, please.")
    driver.confirms_items()
    driver.response_created()
    driver.clear()
    driver.model_calls("transfer_to_poet", call_id="fc_transfer")
    return driver


def errors(driver: CallDriver) -> list[log_events.CallError]:
    return driver.logged(log_events.CallError)


def output_of(driver: CallDriver, call_id: str) -> str:
    """Return the last output of a tool call that was sent to the model."""
    items = [event["item"] for event in driver.sent_of("conversation.item.create")]
    return str([item["output"] for item in items if item.get("call_id") == call_id and "output" in item][-1])


# The first session ---------------------------------------------------------------------------------------------------
def test_the_session_is_sent_again_without_the_refused_part() -> None:
    driver = connected()
    refuses(driver, "session.update", "invalid_value", "session.audio.output.voice")
    first, again = driver.sent_of("session.update")
    assert again["session"] == {**SESSION, "audio": {**SESSION["audio"], "output": {"speed": 1.2}}}
    assert again["event_id"] != first["event_id"]
    assert driver.ended is None


def test_the_page_reads_the_problem_and_its_fix() -> None:
    driver = connected()
    message = "Invalid value: 'nova'."
    refuses(driver, "session.update", "invalid_value", "session.audio.output.voice", message=message)
    (shown,) = errors(driver)
    assert (shown.code, shown.source) == ("invalid_value", "provider")
    assert message in shown.message
    assert shown.hint == "Choose another voice for the scenario."


def test_no_answer_is_requested_before_the_service_follows_the_session() -> None:
    driver = connected()
    refuses(driver, "session.update", "invalid_value", "session.audio.output.voice")
    assert driver.requests == 0
    driver.confirms_session()
    assert driver.requests == 1


def test_a_service_that_confirms_nothing_delays_the_greeting_only() -> None:
    driver = connected()
    driver.wait(CONFIRMATION_WAIT_MS - 1)
    assert driver.requests == 0
    driver.wait(1)
    assert driver.requests == 1


def test_an_answer_without_the_session_is_cancelled_and_requested_again() -> None:
    driver = connected()
    driver.wait(CONFIRMATION_WAIT_MS)
    assert driver.requests == 1
    refuses(driver, "session.update", "invalid_value", "session.audio.output.voice")
    assert driver.types_sent[-2:] == ["session.update", "response.cancel"]
    driver.confirms_items()
    driver.response_created()
    driver.response_done("cancelled")
    driver.confirms_session()
    assert driver.requests == 2
    assert driver.answers("Hello, I am the host.") in driver.played


def test_a_tool_is_left_out_as_a_whole() -> None:
    driver = connected()
    refuses(driver, "session.update", "invalid_value", "session.tools[1].name")
    assert driver.sent_of("session.update")[-1]["session"]["tools"] == [SESSION["tools"][0]]
    assert errors(driver)[0].hint == "Correct the tool 'the clock'; the agent continues without it."


def test_a_second_refusal_ends_the_call_with_its_reason() -> None:
    driver = connected()
    refuses(driver, "session.update", "invalid_value", "session.audio.output.voice")
    refuses(driver, "session.update", "invalid_value", "session.tools[1].name", message="A bad name.")
    assert driver.ended == "the model's service refused the session: A bad name."
    assert len(errors(driver)) == 2
    assert driver.logged(log_events.CallEnded)[0].reason == driver.ended


@pytest.mark.parametrize("param", ["session.instructions", "session.tools", "session.audio.input.format.rate", None])
def test_a_session_without_an_essential_part_ends_the_call(param: str | None) -> None:
    driver = connected()
    refuses(driver, "session.update", "string_above_max_length", param, message="Too long.")
    assert driver.ended == "the model's service refused the session: Too long."
    assert len(driver.sent_of("session.update")) == 1


def test_an_error_that_names_no_event_concerns_the_oldest_session_that_is_not_confirmed() -> None:
    driver = connected()
    driver.wire("error", error=error("invalid_value", "session.audio.output.voice"))
    assert "voice" not in driver.sent_of("session.update")[-1]["session"]["audio"]["output"]
    driver.confirms_session()
    driver.wire("error", error=error("invalid_value", "session.audio.output.speed"))
    assert len(driver.sent_of("session.update")) == 2  # nothing is open any more


def test_a_service_that_fails_to_take_the_session_gets_it_in_a_new_one() -> None:
    driver = connected()
    for renewals in range(1, MAX_RENEWALS + 1):
        failed = {**error(None, None, driver.sent_of("session.update")[-1]["event_id"]), "type": "server_error"}
        driver.wire("error", error=failed)
        assert len(driver.renewals) == renewals
        driver.link_lost(retry_in_ms=0)
        driver.link_up()
        asked = driver.configuring.pop()
        driver.feed(inputs.AgentConfigured(asked.agent, SESSION, asked.purpose))
    failed = {**error(None, None, driver.sent_of("session.update")[-1]["event_id"]), "type": "server_error"}
    driver.wire("error", error=failed)
    assert driver.ended == "the model's service fails to take the session: It is wrong."


# Handoffs ------------------------------------------------------------------------------------------------------------
def test_a_handoff_is_done_when_the_service_has_confirmed_the_next_agents_session() -> None:
    driver = handing_over()
    driver.response_done()
    assert driver.types_sent == ["session.update"]
    assert driver.logged(log_events.AgentChanged) == []
    driver.confirms_session()
    assert driver.logged(log_events.AgentChanged) == [log_events.AgentChanged(agent="poet", previous="host")]
    assert driver.types_sent == ["session.update", "conversation.item.create", "response.create"]


def test_a_refused_handoff_leaves_the_caller_with_the_agent_that_the_model_follows() -> None:
    driver = handing_over()
    refuses(driver, "session.update", "string_above_max_length", "session.instructions", message="Too long.")
    assert driver.logged(log_events.AgentChanged) == []
    assert driver.machine.agent == "host"
    assert driver.ended is None
    told = msgspec.json.decode(output_of(driver, "fc_transfer"))
    assert told == {"error": "poet is not available: Too long. Go on yourself."}
    assert errors(driver)[0].hint == "Correct the next agent; the former one continues."
    driver.response_done()
    driver.confirms_items()
    assert driver.requests == 1
    driver.response_created()
    driver.model_calls("weather", call_id="fc_weather")
    assert driver.tools["fc_weather"].agent == "host"


def test_a_corrected_handoff_changes_the_agent_when_it_is_confirmed() -> None:
    session = {"type": "realtime", "instructions": "be poet", "tool_choice": "any"}
    driver = call(configures=False)
    driver.confirms = False
    driver.types("A haiku, please.")
    driver.confirms_items()
    driver.response_created()
    driver.model_calls("transfer_to_poet", call_id="fc_transfer")
    asked = driver.configuring.pop()
    driver.feed(inputs.AgentConfigured(asked.agent, session, asked.purpose))
    driver.clear()
    driver.wire("error", error=error("invalid_value", "session.tool_choice"))
    (again,) = driver.sent_of("session.update")
    assert again["session"] == {"type": "realtime", "instructions": "be poet"}
    assert driver.logged(log_events.AgentChanged) == []
    driver.confirms_session()
    assert [changed.agent for changed in driver.logged(log_events.AgentChanged)] == ["poet"]


def test_a_service_that_confirms_nothing_delays_a_handoff_only() -> None:
    driver = handing_over()
    driver.response_done()
    driver.wait(CONFIRMATION_WAIT_MS - 1)
    assert driver.machine.agent == "host"
    driver.wait(1)
    assert driver.machine.agent == "poet"
    assert driver.requests == 1


def test_a_handoff_of_which_the_session_is_lost_is_done_in_the_next_session() -> None:
    driver = handing_over()
    driver.link_lost()
    assert driver.machine.agent == "poet"
    driver.clear()
    driver.link_up()
    assert driver.sent_of("session.update")[0]["session"] == {"instructions": "be poet"}
    assert output_of(driver, "fc_transfer") == '{"assistant":"poet"}'


def test_text_during_an_unconfirmed_handoff_waits_for_the_next_agent() -> None:
    driver = handing_over()
    driver.response_done()
    driver.types("About the sea.")
    driver.confirms_items()
    assert driver.requests == 0
    driver.confirms_session()
    assert driver.requests == 1


# Settings ------------------------------------------------------------------------------------------------------------
def test_a_refused_voice_returns_to_the_former_one_and_the_speed_stays() -> None:
    driver = call()
    driver.commands(commands.Voice(voice="cedar", speed=1.25))
    refuses(driver, "session.update", "cannot_update_voice", None, message="Assistant audio is present.")
    settings = driver.logged(log_events.CallSettings)
    assert [(one.voice, one.speed) for one in settings] == [("cedar", 1.25), (None, 1.25)]
    assert driver.sent_of("session.update")[-1]["session"] == {"type": "realtime", "audio": {"output": {"speed": 1.25}}}
    assert "Assistant audio is present." in errors(driver)[0].message
    assert driver.ended is None


def test_a_refused_voice_alone_is_not_sent_again() -> None:
    driver = call()
    driver.commands(commands.Voice(voice="cedar"))
    refuses(driver, "session.update", "cannot_update_voice", None)
    assert len(driver.sent_of("session.update")) == 1
    assert driver.logged(log_events.CallSettings)[-1].voice is None


def test_a_confirmed_voice_stays_when_a_later_one_is_refused() -> None:
    driver = call()
    driver.commands(commands.Voice(voice="cedar"))
    driver.confirms_session()
    driver.commands(commands.Voice(voice="marin"))
    refuses(driver, "session.update", "cannot_update_voice", None)
    assert driver.logged(log_events.CallSettings)[-1].voice == "cedar"


def test_a_refused_switch_to_push_to_talk_is_taken_back() -> None:
    driver = call()
    driver.commands(commands.PushToTalk(on=True))
    refuses(driver, "session.update", "invalid_value", None)
    assert [one.push_to_talk for one in driver.logged(log_events.CallSettings)] == [True, False]
    assert driver.ended is None


# Items ---------------------------------------------------------------------------------------------------------------
def asking_the_weather() -> CallDriver:
    """Return a call in which the weather tool runs."""
    driver = call()
    driver.types("How is the weather?")
    driver.confirms_items()
    driver.response_created()
    driver.model_calls("weather", call_id="fc_weather")
    driver.response_done()
    driver.clear()
    return driver


def test_a_tools_output_over_the_services_limit_is_cut_to_it_with_a_note() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "x" * 50_000)
    message = "Invalid 'item.output': string too long. Expected a string with maximum length 32768, but got 50000."
    refuses(driver, "conversation.item.create", "string_above_max_length", "item.output", message=message)
    cut = output_of(driver, "fc_weather")
    assert len(cut) == 32_768
    assert cut.endswith("… [cut: the result has 50000 characters, and this is its beginning]")
    assert errors(driver)[0].hint == "Let the tool return less, as text or JSON."


def test_an_answer_that_would_be_given_blind_is_cancelled_and_requested_again() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "x" * 50_000)
    assert driver.requests == 1
    refuses(driver, "conversation.item.create", "string_above_max_length", "item.output")
    assert driver.types_sent[-2:] == ["conversation.item.create", "response.cancel"]
    driver.response_created()
    driver.response_done("cancelled")
    assert driver.requests == 2
    driver.confirms_items()
    assert driver.answers("It is sunny.") in driver.played


def test_another_refused_output_becomes_an_error_for_the_model() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "sunny")
    refuses(driver, "conversation.item.create", "invalid_value", "item.output", message="No such characters.")
    told = msgspec.json.decode(output_of(driver, "fc_weather"))
    assert told == {"error": "The tool has run, but its result could not be passed on: No such characters."}


def test_an_output_that_is_refused_again_ends_the_call() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "sunny")
    refuses(driver, "conversation.item.create", "invalid_value", "item.output")
    refuses(driver, "conversation.item.create", "invalid_value", "item.call_id", message="No such call.")
    assert driver.ended == "the model's service refused a part of the conversation: No such call."


def test_a_new_session_gets_the_output_in_its_corrected_form() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "sunny")
    refuses(driver, "conversation.item.create", "invalid_value", "item.output", message="Odd.")
    driver.link_lost()
    driver.clear()
    driver.link_up()
    assert "could not be passed on: Odd." in output_of(driver, "fc_weather")


def test_a_refused_message_ends_the_call_since_the_model_would_not_know_it() -> None:
    driver = call()
    driver.types("Hello?")
    refuses(driver, "conversation.item.create", "invalid_value", "item.content[0].type", message="Not so.")
    assert driver.ended == "the model's service refused a part of the conversation: Not so."


def test_a_message_that_is_too_long_is_cut() -> None:
    driver = call()
    driver.types("x" * 500)
    message = "string too long. Expected a string with maximum length 200, but got a string with length 500 instead."
    refuses(driver, "conversation.item.create", "string_above_max_length", "item.content[0].text", message=message)
    text = driver.sent_of("conversation.item.create")[-1]["item"]["content"][0]["text"]
    assert len(text) == 200
    assert driver.ended is None


def test_an_item_that_the_conversation_has_already_is_no_reason_to_end_the_call() -> None:
    driver = call()
    driver.types("Hello?")
    refuses(driver, "conversation.item.create", "invalid_value", "item.id", message="It exists already.")
    assert driver.ended is None
    assert len(driver.sent_of("conversation.item.create")) == 1


def test_a_new_session_continues_without_a_tool_call_that_it_refuses() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "sunny")
    driver.confirms_items()
    driver.response_created()
    driver.response_done()
    driver.link_lost()
    driver.clear()
    driver.link_up()
    sent = driver.sent_of("conversation.item.create")
    made, output = [event for event in sent if event["item"].get("call_id") == "fc_weather"]
    driver.wire("error", error=error("invalid_value", "item.name", made["event_id"]))
    driver.wire("error", error=error("invalid_value", "item.call_id", output["event_id"]))
    assert driver.ended is None
    assert len(driver.sent_of("conversation.item.create")) == len(sent)


def test_a_very_long_output_is_cut_before_it_is_sent() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "x" * 100_000)
    assert len(output_of(driver, "fc_weather")) == MAX_TOOL_OUTPUT_CHARS
    (shown,) = errors(driver)
    assert (shown.code, shown.source) == ("tool_output_cut", "tool")
    assert shown.message == "weather returned 100000 characters; the model gets 65536 of them."
    assert driver.logged(log_events.ToolDone)[0].result == "x" * 100_000  # the log has all of it


def test_the_log_gets_the_beginning_of_an_enormous_result_or_error() -> None:
    driver = asking_the_weather()
    driver.tool_finishes("fc_weather", "x" * (MAX_LOGGED_CHARS + 1))
    (done,) = driver.logged(log_events.ToolDone)
    assert len(str(done.result)) == MAX_LOGGED_CHARS
    failing = asking_the_weather()
    failing.tool_finishes("fc_weather", error="y" * (MAX_LOGGED_CHARS + 1))
    (failed,) = failing.logged(log_events.ToolDone)
    assert failed.error is not None
    assert len(failed.error) == MAX_LOGGED_CHARS


def test_other_errors_are_reported_as_before() -> None:
    driver = call()
    driver.wire("error", error=error("odd", None, "event_of_nobody"))
    driver.wire("error", error=error("odd", "response.voice"))
    assert [shown.code for shown in errors(driver)] == ["odd", "odd"]
    assert driver.sent == []


# The parts of a session ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("param", "removed"),
    [
        ("session.audio.output.voice", "session.audio.output.voice"),
        ("session.audio.input.turn_detection.silence_ms", "session.audio.input.turn_detection.silence_ms"),
        ("session.audio.input.turn_detection.type", "session.audio.input.turn_detection"),
        ("session.audio.input.turn_detection.threshold", "session.audio.input.turn_detection"),
        ("session.tools[1].name", "session.tools[1]"),
        ("session.tools[1].parameters.properties.x", "session.tools[1]"),
        ("session.tools[0]", "session.tools[0]"),
    ],
)
def test_a_refused_part_is_removed(param: str, removed: str) -> None:
    corrected = session_without(SESSION, param)
    assert corrected is not None
    rest, path = corrected
    assert path == removed
    assert rest != SESSION
    assert SESSION["audio"]["output"]["voice"] == "nova"  # the original stays


@pytest.mark.parametrize(
    "param",
    ["", "session", "session.type", "session.instructions", "session.tools", "session.tools[7].name", "session.mood",
     "session.audio", "session.audio.input.format", "session.audio.output.format.type", "item.output"],
)  # fmt: skip
def test_an_essential_or_unknown_part_is_not_removed(param: str) -> None:
    assert session_without(SESSION, param) is None


def test_an_output_within_the_limit_is_not_cut() -> None:
    assert cut_output("x" * MAX_TOOL_OUTPUT_CHARS) == "x" * MAX_TOOL_OUTPUT_CHARS
    assert cut_output("x" * 100, 10) == "x" * 10


def test_an_output_without_a_named_limit_is_cut_to_the_known_one() -> None:
    item = tool_output_item("item_1", "c", "x" * 11_000_000)
    corrected = corrected_item(
        item, {"code": "string_above_max_length", "param": "item.output", "message": "Too long."}
    )
    assert corrected is not None
    assert corrected["type"] == "function_call_output"
    assert len(corrected["output"]) == 10_485_760


def test_unconfirmed_events_are_bounded() -> None:
    unconfirmed = UnconfirmedEvents(lambda prefix: prefix)
    for number in range(MAX_UNCONFIRMED + 1):
        unconfirmed.add({"type": "session.update", "event_id": f"event_{number}", "session": {}})
    assert unconfirmed.take_refused({"event_id": "event_0"}) is None
    assert unconfirmed.take_refused({"event_id": f"event_{MAX_UNCONFIRMED}"}) is not None
    assert unconfirmed.add({"type": "input_audio_buffer.clear"}) == {"type": "input_audio_buffer.clear"}


def test_the_greeting_is_given_in_a_session_that_is_corrected() -> None:
    driver = connected()
    assert items_of(driver.sent) == ["user: hi"]


def test_over_webrtc_the_offer_has_set_the_session_up_and_no_request_waits() -> None:
    driver = WebRtcDriver(confirms=False)
    driver.webrtc_connects()
    driver.link_up()
    assert driver.requests == 1
