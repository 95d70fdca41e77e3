"""Limits of a session, and results that arrive after their response, message or item has ended."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.engine.engine_fakes import loud, silence
from tests.engine.engine_rig import Rig, error_of, every, only
from trunkline.engine.brains import TextDelta, ToolCallDelta
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.input_audio import MAX_BYTES
from trunkline.engine.session.response import MAX_OUTPUT_TOKENS
from trunkline.engine.session.session import MAX_RESPONSES
from trunkline.engine.speech import SpeechChunk
from trunkline.realtime.validation import InvalidRequest

pytestmark = pytest.mark.pure


def test_a_frame_that_is_no_event_is_an_error() -> None:
    error = error_of(Rig().post(inputs.MalformedFrame("not valid JSON")))
    assert (error["code"], error["message"]) == ("invalid_json", "not valid JSON")


def test_an_event_that_the_dialect_refuses_is_an_error_about_that_event() -> None:
    rig = Rig()
    event = {"type": "session.update", "event_id": "mine", "session": {}}
    refusal = InvalidRequest("The preview has no such voice.", "invalid_value", "session.voice")
    error = error_of(rig.post(inputs.ClientEvent(event, refusal)))
    assert (error["event_id"], error["param"]) == ("mine", "session.voice")


def test_responses_outside_the_conversation_are_limited() -> None:
    rig = Rig(answer=None)
    for _number in range(MAX_RESPONSES):
        rig.send("response.create", response={"conversation": "none"})
    assert error_of(rig.send("response.create", response={"conversation": "none"}))["code"] == "too_many_responses"


def test_a_response_cannot_change_the_voice_of_a_conversation_with_audio() -> None:
    rig = Rig()
    rig.send("response.create")
    other = {"audio": {"output": {"voice": "marin"}}}
    assert error_of(rig.send("response.create", response=other))["code"] == "cannot_update_voice"
    done = only(rig.send("response.create", response={"conversation": "none", **other}), "response.done")
    assert done["response"]["audio"]["output"]["voice"] == "marin"


def test_a_reference_to_an_item_that_does_not_exist_is_refused_by_its_path() -> None:
    error = error_of(Rig().send("response.create", response={"input": [{"type": "item_reference", "id": "nobody"}]}))
    assert (error["code"], error["param"]) == ("item_not_found", "response.input[0].id")


@pytest.mark.parametrize("missing", ["content_index", "audio_end_ms"])
def test_a_truncation_needs_its_place(missing: str) -> None:
    rig = Rig()
    item_id = rig.type("hi")[0]["item"]["id"]
    place = {"content_index": 0, "audio_end_ms": 10}
    del place[missing]
    assert error_of(rig.send("conversation.item.truncate", item_id=item_id, **place))["param"] == missing


def test_push_to_talk_has_a_full_buffer_at_its_limit() -> None:
    rig = Rig()
    rig.turn_detection()
    most = base64.b64encode(bytes(MAX_BYTES)).decode()
    assert rig.send("input_audio_buffer.append", audio=most) == []
    assert error_of(rig.send("input_audio_buffer.append", audio="AAA="))["code"] == "input_audio_buffer_full"


def test_an_item_whose_audio_is_recognised_may_be_deleted() -> None:
    rig = Rig(words=None)
    rig.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
    item_id = only(rig.hear(loud(600) + silence(900)), "input_audio_buffer.committed")["item_id"]
    finish = rig.took(effects.FinishUtterance)
    rig.send("conversation.item.delete", item_id=item_id)
    assert rig.took(effects.AbandonUtterance).utterance_id == finish.utterance_id
    assert rig.post(inputs.FinalTranscript(finish.utterance_id, "too late")) == []


def test_an_answer_of_too_many_pieces_is_incomplete() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One."), *[ToolCallDelta("a", "f", "")] * (MAX_OUTPUT_TOKENS + 1)])
    rig.speaks = False
    done = only(rig.send("response.create"), "response.done")["response"]
    assert done["status_details"]["reason"] == "max_output_tokens"


def test_an_answer_may_begin_without_words() -> None:
    rig = Rig(answer=lambda request: [TextDelta(""), ToolCallDelta("a", "f", "{}")])
    (item,) = only(rig.send("response.create"), "response.done")["response"]["output"]
    assert item["type"] == "function_call"


def test_a_function_call_that_continues_after_its_end_fails_the_response() -> None:
    calls = [ToolCallDelta("a", "f", "{}"), ToolCallDelta("b", "f", "{}"), ToolCallDelta("a", "f", "{}")]
    rig = Rig(answer=lambda request: list(calls))
    done = only(rig.send("response.create"), "response.done")["response"]
    assert done["status"] == "failed"
    assert "continued the function call a after its end" in done["status_details"]["error"]["message"]


@pytest.mark.parametrize("given", [inputs.PlayoutStarted("resp_1"), inputs.PlayoutEnded("resp_1")])
def test_a_client_over_a_websocket_plays_by_itself(given: inputs.Input) -> None:
    assert Rig().post(given) == []


def test_reports_about_the_playout_of_an_unknown_response_are_ignored() -> None:
    rig = Rig(paced=True)
    assert rig.post(inputs.PlayoutStarted("resp_1")) == []
    assert rig.post(inputs.PlayoutEnded("resp_1")) == []


def test_the_playout_of_a_response_is_announced_once() -> None:
    rig = Rig(paced=True)
    response = only(rig.send("response.create"), "response.done")["response"]
    started = [rig.post(inputs.PlayoutStarted(response["id"])) for _time in range(2)]
    assert [len(every(events, "output_audio_buffer.started")) for events in started] == [1, 0]


def test_audio_of_a_sentence_that_has_ended_has_no_transcript_left() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One two.")], speaks=False)
    rig.send("response.create")
    speak = rig.took(effects.StartSpeech)
    where = (speak.response_id, speak.generation)
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(bytes(4_800))))
    events = rig.post(inputs.SpeechDone(*where))
    assert only(events, "response.output_audio_transcript.done")["transcript"] == "One two."
    assert rig.post(inputs.SpeechDone(*where)) == []


def test_a_prompts_variables_are_its_texts() -> None:
    rig = Rig()
    variables: dict[str, Any] = {
        "name": "Ada",
        "topic": {"type": "input_text", "text": "poems"},
        "photo": {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
    }
    rig.configure(prompt={"id": "shop", "variables": variables})
    rig.send("response.create")
    assert rig.requests[-1].prompt_variables == {"name": "Ada", "topic": "poems"}
