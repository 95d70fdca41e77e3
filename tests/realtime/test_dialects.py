"""Translation between GA and preview: only fields that the other dialect lacks are lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.official_preview_events import check, check_client, check_session
from trunkline.realtime.dialects import (
    client_event_to_ga,
    client_event_to_preview,
    item_to_ga,
    item_to_preview,
    response_to_ga,
    server_event_to_ga,
    server_event_to_preview,
    session_to_ga,
    session_to_preview,
    transcription_session_to_ga,
)

pytestmark = pytest.mark.pure
words = st.text(max_size=12)
maybe = st.booleans()
formats = st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw"])
tools = st.fixed_dictionaries(
    {"type": st.just("function"), "name": st.text(min_size=1, max_size=9)},
    optional={"description": words, "parameters": st.just({"type": "object", "properties": {}})},
)
turn_detections = st.fixed_dictionaries(
    {"type": st.just("server_vad")},
    optional={
        "threshold": st.floats(0, 1),
        "prefix_padding_ms": st.integers(0, 500),
        "silence_duration_ms": st.integers(0, 500),
        "create_response": maybe,
        "interrupt_response": maybe,
    },
) | st.fixed_dictionaries(
    {"type": st.just("semantic_vad")}, optional={"eagerness": st.sampled_from(["low", "medium", "high", "auto"])}
)
preview_sessions = st.fixed_dictionaries(
    {},
    optional={
        "model": st.just("gpt-4o-realtime-preview"),
        "instructions": words,
        "modalities": st.sampled_from([["text"], ["audio", "text"]]),
        "voice": st.sampled_from(["alloy", "sage"]),
        "speed": st.floats(0.25, 1.5),
        "input_audio_format": formats,
        "output_audio_format": formats,
        "input_audio_transcription": st.none() | st.fixed_dictionaries({"model": words}, optional={"language": words}),
        "input_audio_noise_reduction": st.none() | st.fixed_dictionaries({"type": st.sampled_from(["near_field"])}),
        "turn_detection": st.none() | turn_detections,
        "tools": st.lists(tools, max_size=2),
        "tool_choice": st.sampled_from(["auto", "none", "required", "lookup"]),
        "max_response_output_tokens": st.integers(1, 4096) | st.just("inf"),
        "tracing": st.none() | st.just("auto"),
    },
)
parts = {
    "user": st.fixed_dictionaries({"type": st.just("input_text"), "text": words})
    | st.fixed_dictionaries({"type": st.just("input_audio"), "audio": st.just("AAAA")}, optional={"transcript": words}),
    "assistant": st.fixed_dictionaries({"type": st.just("text"), "text": words})
    | st.fixed_dictionaries({"type": st.just("audio"), "transcript": words}),
    "system": st.fixed_dictionaries({"type": st.just("input_text"), "text": words}),
}
preview_items = st.one_of(
    *(
        st.fixed_dictionaries(
            {"type": st.just("message"), "role": st.just(role), "content": st.lists(part, max_size=3)},
            optional={"id": words, "status": st.sampled_from(["completed", "incomplete"])},
        )
        for role, part in parts.items()
    ),
    st.fixed_dictionaries({"type": st.just("function_call"), "name": words, "call_id": words, "arguments": words}),
    st.fixed_dictionaries({"type": st.just("function_call_output"), "call_id": words, "output": words}),
)


def has_spoken(item: dict[str, Any]) -> bool:
    """Return whether it is an answer in audio, which the types do not allow in the input of a response."""
    return any(part["type"] == "audio" for part in item.get("content", ()))


preview_responses = st.fixed_dictionaries(
    {},
    optional={
        "instructions": words,
        "modalities": st.sampled_from([["text"], ["audio", "text"]]),
        "voice": st.just("sage"),
        "output_audio_format": formats,
        "max_response_output_tokens": st.integers(1, 4096),
        "conversation": st.sampled_from(["auto", "none"]),
        "metadata": st.dictionaries(words, words, max_size=2),
        "tool_choice": st.sampled_from(["auto", "lookup"]),
        "input": st.lists(preview_items.filter(lambda item: not has_spoken(item)), max_size=2),
    },
)
json = st.recursive(
    st.none() | maybe | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(preview_sessions)
def test_a_preview_session_comes_back_from_ga_as_it_was(session: dict[str, Any]) -> None:
    before = copy.deepcopy(session)
    assert session_to_preview(session_to_ga(session)) == session
    assert session == before, "the original was changed"


@given(preview_sessions)
def test_a_session_with_common_fields_comes_back_from_the_preview_as_it_was(session: dict[str, Any]) -> None:
    ga = session_to_ga(session)
    preview = session_to_preview(ga, temperature=0.7)
    check_session(preview)
    assert preview["temperature"] == 0.7
    assert session_to_ga(preview) == ga


@given(preview_items)
def test_a_preview_item_comes_back_as_it_was(item: dict[str, Any]) -> None:
    ga = item_to_ga(item)
    assert not {"text", "audio"} & {part["type"] for part in ga.get("content", ())}
    assert item_to_preview(ga) == item


@given(
    st.fixed_dictionaries({"type": st.just("session.update"), "session": preview_sessions})
    | st.fixed_dictionaries({"type": st.just("response.create")}, optional={"response": preview_responses})
    | st.fixed_dictionaries(
        {"type": st.just("conversation.item.create"), "item": preview_items}, optional={"previous_item_id": words}
    )
    | st.fixed_dictionaries({"type": st.just("input_audio_buffer.append"), "audio": st.just("AAAA")})
)
def test_a_clients_event_comes_back_as_it_was(event: dict[str, Any]) -> None:
    check_client(event)
    assert client_event_to_preview(client_event_to_ga(event)) == event


@given(st.dictionaries(words, json, max_size=4), st.sampled_from(["session", "item", "response", "error"]), json)
def test_malformed_events_do_not_raise(rest: dict[str, Any], name: str, inner: Any) -> None:
    event = {**rest, "type": "session.update", name: inner}
    client_event_to_ga(event)
    client_event_to_preview(event)
    server_event_to_ga(event)
    server_event_to_preview(event)


def test_fields_unknown_in_both_dialects_stay_as_they_arrived() -> None:
    assert session_to_ga({"surprise": 1, "voice": "sage"}) == {
        "type": "realtime",
        "surprise": 1,
        "audio": {"output": {"voice": "sage"}},
    }
    event = {"type": "party.started", "event_id": "e", "surprise": 1}
    assert client_event_to_ga(event) == event
    assert server_event_to_preview(event) == event


def test_only_the_fields_of_an_update_are_translated() -> None:
    assert session_to_ga({"turn_detection": None}) == {
        "type": "realtime",
        "audio": {"input": {"turn_detection": None}},
    }


def test_a_function_that_must_be_called_may_be_named_as_in_ga() -> None:
    choice = {"type": "function", "name": "lookup"}
    assert session_to_ga({"tool_choice": choice})["tool_choice"] == choice


@pytest.mark.parametrize("modalities", [["audio", "text"], ["text", "audio"]])
def test_audio_and_text_are_one_modality_in_ga(modalities: list[str]) -> None:
    assert session_to_ga({"modalities": modalities})["output_modalities"] == ["audio"]


def test_only_the_preview_has_a_temperature() -> None:
    assert session_to_ga({"temperature": 0.6}) == {"type": "realtime"}
    assert response_to_ga({"temperature": 0.6}) == {}


def test_fields_that_the_preview_lacks_are_left_out() -> None:
    ga = {
        "type": "realtime",
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": None, "threshold": 0.5}}},
    }
    assert session_to_preview(ga) == {"turn_detection": {"type": "server_vad", "threshold": 0.5}}


@pytest.mark.parametrize(
    "kind",
    [
        "conversation.item.done",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "conversation.item.input_audio_transcription.segment",
        "mcp_list_tools.completed",
        "response.mcp_call_arguments.delta",
        "response.mcp_call.failed",
    ],
)
def test_events_that_the_preview_lacks_are_dropped(kind: str) -> None:
    assert server_event_to_preview({"type": kind, "event_id": "e"}) is None


@pytest.mark.parametrize(
    ("ga", "preview"),
    [
        ("response.output_audio", "response.audio"),
        ("response.output_audio_transcript", "response.audio_transcript"),
        ("response.output_text", "response.text"),
    ],
)
@pytest.mark.parametrize("end", ["delta", "done"])
def test_the_names_of_output_events(ga: str, preview: str, end: str) -> None:
    told = {"type": f"{ga}.{end}", "event_id": "e", "delta": "x"}
    assert server_event_to_preview(told) == {**told, "type": f"{preview}.{end}"}
    assert server_event_to_ga({**told, "type": f"{preview}.{end}"}) == (told,)


def test_microsofts_none_is_push_to_talk() -> None:
    off = {"turn_detection": {"type": "none"}}
    assert session_to_ga(off) == {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    assert transcription_session_to_ga(off)["audio"] == {"input": {"turn_detection": None}}


def test_the_arguments_of_a_function_call_name_the_function() -> None:
    done = {"type": "response.function_call_arguments.done", "event_id": "e", "name": "weather", "arguments": "{}"}
    assert server_event_to_preview(done) == done


def test_an_item_is_created_in_the_preview_when_it_is_added_in_ga() -> None:
    item = {"id": "i", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    told = server_event_to_preview(
        {"type": "conversation.item.added", "event_id": "e", "previous_item_id": "h", "item": item}
    )
    assert told == {
        "type": "conversation.item.created",
        "event_id": "e",
        "previous_item_id": "h",
        "item": {**item, "content": [{"type": "text", "text": "Hi."}]},
    }
    check(told)


def test_an_item_that_is_complete_when_created_is_added_and_done_in_ga() -> None:
    created = {"type": "conversation.item.created", "event_id": "e", "previous_item_id": None}
    item = {"id": "i", "type": "function_call_output", "call_id": "c", "output": "1", "status": "completed"}
    added, done = server_event_to_ga({**created, "item": item})
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert added["event_id"] != done["event_id"]
    (only,) = server_event_to_ga({**created, "item": {**item, "status": "in_progress"}})
    assert only["type"] == "conversation.item.added"


def test_an_error_has_the_names_of_the_clients_dialect() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "Not for 'session.audio.output.format.type': 'opus'. There are 'audio/pcm' and 'audio/pcmu'.",
        "param": "session.audio.output.format.type",
        "event_id": None,
    }
    told = server_event_to_preview({"type": "error", "event_id": "e", "error": error})
    assert told is not None
    check(told)
    assert told["error"]["param"] == "session.output_audio_format"
    assert "session.output_audio_format': 'opus'. There are 'pcm16' and 'g711_ulaw'." in told["error"]["message"]
    (back,) = server_event_to_ga({**told, "error": {**error, "message": "no", "param": "session.turn_detection.type"}})
    assert back["error"]["param"] == "session.audio.input.turn_detection.type"


TRANSCRIPTION = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "whisper-1", "language": "en"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        }
    },
}


def test_the_preview_has_separate_events_for_transcription_sessions() -> None:
    update = {"type": "session.update", "event_id": "e", "session": TRANSCRIPTION}
    told = client_event_to_preview(update)
    assert told["type"] == "transcription_session.update"
    assert told["session"]["input_audio_format"] == "g711_ulaw"
    assert client_event_to_ga(told) == update


@pytest.mark.parametrize("moment", ["created", "updated"])
def test_events_of_a_transcription_session_are_translated_both_ways(moment: str) -> None:
    event = {"type": f"session.{moment}", "event_id": "e", "session": {**TRANSCRIPTION, "id": "sess_1"}}
    told = server_event_to_preview(event)
    assert told is not None
    assert told["type"] == f"transcription_session.{moment}"
    assert server_event_to_ga(told) == (event,)


def test_a_whole_response_is_translated() -> None:
    ga = {
        "object": "realtime.response",
        "output_modalities": ["audio"],
        "max_output_tokens": 100,
        "output": [{"type": "message", "content": [{"type": "output_audio", "transcript": "Hello."}]}, "no item"],
        "usage": {"input_token_details": {"text_tokens": 1, "image_tokens": 2, "cached_tokens_details": {}}},
    }
    preview = server_event_to_preview({"type": "response.done", "response": ga}, 0.8)
    assert preview is not None
    assert preview["response"] == {
        "object": "realtime.response",
        "modalities": ["audio", "text"],
        "max_output_tokens": 100,
        "output": [{"type": "message", "content": [{"type": "audio", "transcript": "Hello."}]}, "no item"],
        "usage": {"input_token_details": {"text_tokens": 1}},
        "temperature": 0.8,
    }


def test_a_usage_without_details_stays_as_it_is() -> None:
    preview = server_event_to_preview({"type": "response.done", "response": {"usage": {"total_tokens": 5}}}, 0.8)
    assert preview is not None
    assert preview["response"] == {"usage": {"total_tokens": 5}, "temperature": 0.8}


def test_the_preview_has_a_voice_of_ones_own_by_its_id() -> None:
    assert session_to_preview({"audio": {"output": {"voice": {"id": "voice_1"}}}})["voice"] == "voice_1"


def test_the_preview_names_a_function_that_must_be_called_by_its_name_alone() -> None:
    assert session_to_preview({"tool_choice": {"type": "function", "name": "lookup"}})["tool_choice"] == "lookup"
    assert session_to_ga({"tool_choice": "lookup"})["tool_choice"] == {"type": "function", "name": "lookup"}


@pytest.mark.parametrize("kind", ["mcp_call", "mcp_list_tools"])
def test_items_that_the_preview_lacks_have_no_event(kind: str) -> None:
    assert server_event_to_preview({"type": "conversation.item.created", "item": {"type": kind}}) is None


def test_images_are_left_out_of_the_previews_messages() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    text = {"type": "input_text", "text": "What is it?"}
    assert item_to_preview({"type": "message", "content": [image, text]})["content"] == [text]


def test_fields_of_a_transcription_session_stay_in_the_preview() -> None:
    update = {"type": "session.update", "session": {"type": "transcription", "include": ["logprobs"]}}
    assert client_event_to_preview(update)["session"]["include"] == ["logprobs"]
