"""`session.update`: changed, kept and rejected fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_rig import Rig, error_of, only
from trunkline.engine.brains import TextDelta

pytestmark = pytest.mark.pure


def updated(rig: Rig, **session: Any) -> dict[str, Any]:
    told: dict[str, Any] = only(rig.configure(**session), "session.updated")["session"]
    return told


def test_absent_fields_keep_their_values() -> None:
    rig = Rig()
    before = updated(rig, instructions="Be kind.", audio={"output": {"voice": "sage"}})
    after = updated(rig, audio={"output": {"speed": 1.2}})
    assert after["instructions"] == "Be kind."
    assert after["audio"]["output"] == {**before["audio"]["output"], "speed": 1.2}
    assert after["audio"]["input"] == before["audio"]["input"]


def test_null_clears() -> None:
    rig = Rig()
    updated(rig, tools=[{"type": "function", "name": "f"}], audio={"input": {"transcription": {"model": "whisper-1"}}})
    after = updated(
        rig, tools=None, instructions=None, audio={"input": {"transcription": None, "turn_detection": None}}
    )
    assert after["tools"] == []
    assert after["instructions"] == ""
    assert after["audio"]["input"]["transcription"] is None
    assert after["audio"]["input"]["turn_detection"] is None


def test_turn_detection_of_the_same_type_keeps_absent_options() -> None:
    rig = Rig()
    rig.turn_detection(type="server_vad", threshold=0.9)
    told = only(rig.turn_detection(type="server_vad", silence_duration_ms=200), "session.updated")
    assert told["session"]["audio"]["input"]["turn_detection"]["threshold"] == 0.9


def test_turn_detection_of_another_type_starts_from_its_defaults() -> None:
    rig = Rig()
    told = only(rig.turn_detection(type="semantic_vad", eagerness="low"), "session.updated")["session"]
    assert told["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"mood": "sunny"}, "unknown_parameter", "session.mood"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"max_output_tokens": -5}, "integer_below_min_value", "session.max_output_tokens"),
        ({"audio": {"output": {"speed": 9}}}, "decimal_above_max_value", "session.audio.output.speed"),
        ({"audio": {"output": {"format": {"type": "audio/mp3"}}}}, "invalid_value", "session.audio.output.format.type"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1.5}}}},
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        ({"audio": {"output": {"voice": "nova"}}}, "invalid_value", "session.audio.output.voice"),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "fast"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.eagerness",
        ),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tools": [{"type": "function", "name": "get weather"}]}, "invalid_value", "session.tools[0].name"),
        (
            {"tools": [{"type": "function", "name": "f", "description": "x" * 1025}]},
            "string_above_max_length",
            "session.tools[0].description",
        ),
        ({"type": "transcription"}, "invalid_value", "session.type"),
    ],
)
def test_an_invalid_update_changes_nothing_and_names_the_path(session: dict[str, Any], code: str, param: str) -> None:
    rig = Rig()
    before = rig.session.configuration
    error = error_of(rig.configure(**{"instructions": "new", **session}))
    assert (error["code"], error["param"]) == (code, param)
    assert rig.session.configuration is before


def test_the_model_of_an_update_has_no_effect_on_the_model() -> None:
    after = updated(Rig(), model="gpt-realtime", instructions="Be kind.")
    assert (after["model"], after["instructions"]) == ("test-model", "Be kind.")


def test_log_probabilities_are_refused() -> None:
    error = error_of(Rig().configure(include=["item.input_audio_transcription.logprobs"]))
    assert (error["code"], error["param"]) == ("unsupported_value", "session.include")
    assert updated(Rig(), include=[])["include"] is None


def test_mcp_tools_are_refused() -> None:
    error = error_of(Rig().configure(tools=[{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "x"}]))
    assert (error["code"], error["param"]) == ("invalid_value", "session.tools[1]")


def test_a_voice_of_the_users_own_is_named_by_its_id() -> None:
    voice = {"id": "af_heart"}
    assert updated(Rig(), audio={"output": {"voice": voice}})["audio"]["output"]["voice"] == voice


def test_a_session_needs_its_type() -> None:
    error = error_of(Rig().send("session.update", session={}))
    assert error["message"] == "Missing required parameter: 'session.type'."


def test_the_voice_cannot_change_after_assistant_audio() -> None:
    rig = Rig(answer=lambda request: [TextDelta("Hello.")])
    updated(rig, audio={"output": {"voice": "sage"}})
    rig.send("response.create")
    assert error_of(rig.configure(audio={"output": {"voice": "cedar"}}))["code"] == "cannot_update_voice"
    assert updated(rig, instructions="x", audio={"output": {"voice": "sage"}})["instructions"] == "x"


def test_a_prompt_names_scenario_and_agent() -> None:
    rig = Rig()
    updated(rig, prompt={"id": "shop", "variables": {"agent": "returns", "x": {"type": "input_text", "text": "y"}}})
    rig.send("response.create")
    assert rig.requests[-1].prompt_id == "shop"
    assert rig.requests[-1].prompt_variables == {"agent": "returns", "x": "y"}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "make.tea"},
        {"type": "session.update"},
        {"type": "session.update", "session": []},
        {"type": "input_audio_buffer.append"},
        {"type": "input_audio_buffer.append", "audio": 7},
        {"type": "conversation.item.create"},
        {"type": "conversation.item.retrieve"},
        {"type": "conversation.item.delete", "item_id": 3},
        {"type": "conversation.item.truncate", "item_id": "x"},
        {"type": "response.create", "response": "now"},
        {"type": "response.create", "response": {"input": [3]}},
        {"type": "response.create", "response": {"metadata": {"a": 1}}},
        {"type": "response.create", "tempo": "fast"},
        {"type": "response.cancel", "response_id": 3},
        {"type": "output_audio_buffer.clear"},
    ],
)
def test_an_invalid_event_is_an_error_and_the_session_continues(event: dict[str, Any]) -> None:
    rig = Rig()
    assert error_of(rig.send(type_=event.pop("type"), event_id="mine", **event))["event_id"] == "mine"
    assert rig.type("still there?")


def test_a_session_ends_after_its_lifetime() -> None:
    from trunkline.engine.session import effects, inputs

    rig = Rig(lifetime_ms=60_000 * 60)
    wake = rig.took(effects.SetTimer)
    assert wake.at_ms == 3_600_000
    assert error_of(rig.post(inputs.TimerFired(wake.timer)))["code"] == "session_expired"
    assert rig.took(effects.Close).code == 1001
    assert rig.type("anybody?") == []
