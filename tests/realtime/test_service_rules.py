"""Rules of the Realtime services: each refusal has the services' code, param and message."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.realtime import service_rules
from trunkline.realtime.validation import InvalidRequest

pytestmark = pytest.mark.pure


def refusal(**session: Any) -> InvalidRequest | None:
    return service_rules.refusal({"type": "session.update", "session": {"type": "realtime", **session}})


def item_refusal(**item: Any) -> InvalidRequest | None:
    return service_rules.refusal({"type": "conversation.item.create", "item": item})


def output(**options: Any) -> dict[str, Any]:
    return {"audio": {"output": options}}


def detecting(**options: Any) -> dict[str, Any]:
    return {"audio": {"input": {"turn_detection": options}}}


def offering(**tool: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "name": "weather", **tool}]}


TURN_DETECTION = "session.audio.input.turn_detection"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        (output(voice="nova"), "invalid_value", "session.audio.output.voice"),
        (output(voice=""), "invalid_value", "session.audio.output.voice"),
        (output(speed=0.2), "decimal_below_min_value", "session.audio.output.speed"),
        (output(speed=1.6), "decimal_above_max_value", "session.audio.output.speed"),
        (output(format={"type": "audio/opus"}), "invalid_value", "session.audio.output.format.type"),
        (detecting(threshold=0.5), "missing_required_parameter", f"{TURN_DETECTION}.type"),
        (detecting(type="server-vad"), "invalid_value", f"{TURN_DETECTION}.type"),
        (detecting(type="server_vad", silence_ms=200), "unknown_parameter", f"{TURN_DETECTION}.silence_ms"),
        (detecting(type="server_vad", eagerness="low"), "unknown_parameter", f"{TURN_DETECTION}.eagerness"),
        (detecting(type="server_vad", threshold=2), "decimal_above_max_value", f"{TURN_DETECTION}.threshold"),
        (
            detecting(type="server_vad", idle_timeout_ms=4999),
            "integer_below_min_value",
            f"{TURN_DETECTION}.idle_timeout_ms",
        ),
        (
            detecting(type="server_vad", idle_timeout_ms=30001),
            "integer_above_max_value",
            f"{TURN_DETECTION}.idle_timeout_ms",
        ),
        (detecting(type="semantic_vad", eagerness="fast"), "invalid_value", f"{TURN_DETECTION}.eagerness"),
        (detecting(type="semantic_vad", threshold=0.5), "unknown_parameter", f"{TURN_DETECTION}.threshold"),
        (offering(name="get weather"), "invalid_value", "session.tools[0].name"),
        (offering(name="pos.add"), "invalid_value", "session.tools[0].name"),
        (offering(name="wetter_für"), "invalid_value", "session.tools[0].name"),
        (offering(name="weather\n"), "invalid_value", "session.tools[0].name"),
        (offering(name=""), "empty_string", "session.tools[0].name"),
        (offering(name="x" * 65), "string_above_max_length", "session.tools[0].name"),
        (offering(description="x" * 1025), "string_above_max_length", "session.tools[0].description"),
        (offering(parameters=[]), "invalid_type", "session.tools[0].parameters"),
        ({"tools": offering()["tools"] * 129}, "array_above_max_length", "session.tools"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"max_output_tokens": 4097}, "integer_above_max_value", "session.max_output_tokens"),
        ({"max_response_output_tokens": 100}, "unknown_parameter", "session.max_response_output_tokens"),
        (
            {"audio": {"input": {"transcription": {"model": "whisper-1", "prompt": "x" * 1025}}}},
            "string_above_max_length",
            "session.audio.input.transcription.prompt",
        ),
    ],
)
def test_a_session_is_refused(session: dict[str, Any], code: str, param: str) -> None:
    error = refusal(**session)
    assert error is not None
    assert (error.code, error.param) == (code, param)


@pytest.mark.parametrize(
    "session",
    [
        {},
        output(voice="marin", speed=1.5),
        output(voice={"id": "voice_1234"}),
        output(voice=None, speed=None),
        detecting(type="server_vad", threshold=0.9, prefix_padding_ms=300, silence_duration_ms=500),
        detecting(type="server_vad", idle_timeout_ms=5000, create_response=False),
        detecting(type="semantic_vad", eagerness="high", interrupt_response=False),
        {"audio": {"input": {"turn_detection": None}}},
        offering(name="a-B_1" + "x" * 59, description="x" * 1024),
        {"tools": offering()["tools"] * 128},
        {"max_output_tokens": "inf"},
    ],
)
def test_a_session_is_accepted(session: dict[str, Any]) -> None:
    assert refusal(**session) is None


@pytest.mark.parametrize(
    ("session", "message"),
    [
        (
            output(voice="Puck"),
            "Invalid value: 'Puck'. Supported values are: 'alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', "
            "'shimmer', 'verse', 'marin', and 'cedar'.",
        ),
        (
            output(format={"type": "audio/pcm", "rate": 16000}),
            "Invalid 'session.audio.output.format.rate': integer below minimum value. Expected a value >= 24000, but "
            "got 16000 instead.",
        ),
        (
            offering(name="pos.add"),
            "Invalid 'session.tools[0].name': string does not match pattern. Expected a string that matches the "
            "pattern '^[a-zA-Z0-9_-]+$'.",
        ),
        (
            offering(description="x" * 4394),
            "Invalid 'session.tools[0].description': string too long. Expected a string with maximum length 1024, but "
            "got a string with length 4394 instead.",
        ),
        (
            {"tools": offering()["tools"] * 200},
            "Invalid 'session.tools': array too long. Expected an array with maximum length 128, but got an array "
            "with length 200 instead.",
        ),
        ({"turn_detection": None}, "Unknown parameter: 'session.turn_detection'."),
    ],
)
def test_messages_are_those_that_the_services_send(session: dict[str, Any], message: str) -> None:
    assert str(refusal(**session)) == message


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (
            {"type": "function_call_output", "call_id": "c", "output": "x" * 10_485_761},
            "string_above_max_length",
            "item.output",
        ),
        (
            {"type": "function_call_output", "call_id": "c" * 33, "output": ""},
            "string_above_max_length",
            "item.call_id",
        ),
        ({"type": "function_call_output", "call_id": "c", "output": {"a": 1}}, "invalid_type", "item.output"),
        ({"type": "function_call_output", "call_id": "c"}, "missing_required_parameter", "item.output"),
        ({"type": "message", "role": "user", "content": [], "id": "i" * 33}, "string_above_max_length", "item.id"),
        (
            {"type": "message", "role": "user", "content": [{"type": "output_text", "text": "x"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "?"}]},
            "invalid_base64",
            "item.content[0].audio",
        ),
        (
            {"type": "function_call_output", "call_id": "c", "output": "x", "name": "f"},
            "unknown_parameter",
            "item.name",
        ),
    ],
)
def test_an_item_is_refused(item: dict[str, Any], code: str, param: str) -> None:
    error = item_refusal(**item)
    assert error is not None
    assert (error.code, error.param) == (code, param)


def test_a_long_id_is_refused_in_the_words_of_the_services() -> None:
    error = item_refusal(type="function_call_output", call_id="c" * 48, output="")
    assert str(error) == (
        "Invalid 'item.call_id': string too long. Expected a string with maximum length 32, but got a string with "
        "length 48 instead."
    )


@pytest.mark.parametrize("event", [{"type": "session.update"}, {"type": "conversation.item.create"}])
def test_an_event_without_its_content_is_refused(event: dict[str, Any]) -> None:
    error = service_rules.refusal(event)
    assert error is not None
    assert error.code == "missing_required_parameter"


def test_other_events_are_not_judged() -> None:
    assert service_rules.refusal({"type": "response.create", "response": "now"}) is None


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"voice": "marin"}, "invalid_value", "session.voice"),
        ({"temperature": 0.2}, "decimal_below_min_value", "session.temperature"),
        ({"temperature": 1.3}, "decimal_above_max_value", "session.temperature"),
    ],
)
def test_the_preview_refuses_more(session: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        service_rules.preview_session(session)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_the_preview_accepts_its_own_voices() -> None:
    service_rules.preview_session({"voice": "verse", "temperature": 0.6, "instructions": "Be kind."})
