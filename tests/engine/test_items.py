"""Conversation items: creation, retrieval, deletion and truncation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.engine.engine_rig import Rig, error_of, only, types
from trunkline.engine.brains import TextDelta
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.session import effects, inputs
from trunkline.engine.speech import SpeechChunk, SpeechMark

pytestmark = pytest.mark.pure


def item(rig: Rig, item_id: str) -> dict[str, Any]:
    found: dict[str, Any] = only(rig.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved")
    return dict(found["item"])


def spoken(rig: Rig) -> str:
    """Let the agent say "One two three four." in 400 ms, and return the item's id."""
    response = only(rig.send("response.create"), "response.done")["response"]
    return str(response["output"][0]["id"])


@pytest.fixture
def rig() -> Rig:
    return Rig(answer=lambda request: [TextDelta("One two three four.")])


def test_a_created_item_is_added_and_done(rig: Rig) -> None:
    events = rig.type("hi")
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    assert events[0]["item"]["content"] == [{"type": "input_text", "text": "hi"}]
    assert events[0]["item"]["status"] == "completed"


def test_items_follow_each_other(rig: Rig) -> None:
    first = rig.type("one")[0]
    second = rig.type("two")[0]
    assert first["previous_item_id"] is None
    assert second["previous_item_id"] == first["item"]["id"]


def test_an_item_may_go_anywhere(rig: Rig) -> None:
    one = rig.type("one")[0]["item"]["id"]
    rig.type("three")
    rig.type("two", previous_item_id=one)
    rig.type("zero", previous_item_id="root")
    assert [entry["content"][0]["text"] for entry in rig.session.conversation] == ["zero", "one", "two", "three"]


def test_an_item_may_bring_its_own_id(rig: Rig) -> None:
    given = {"id": "mine", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}
    assert rig.send("conversation.item.create", item=given)[0]["item"]["id"] == "mine"
    assert error_of(rig.send("conversation.item.create", item=given))["param"] == "item.id"


def test_an_unknown_previous_item_is_an_error(rig: Rig) -> None:
    error = error_of(rig.type("hi", previous_item_id="nobody"))
    assert (error["code"], error["param"]) == ("item_not_found", "previous_item_id")
    assert len(rig.session.conversation) == 0


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "item.type"),
        ({"type": "poem"}, "item.type"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "message", "role": "queen", "content": []}, "item.role"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "item.content[0].text"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "?"}]},
            "item.content[0].audio",
        ),
        ({"type": "message", "role": "user", "content": [], "colour": "red"}, "item.colour"),
        ({"type": "function_call_output", "output": "x"}, "item.call_id"),
        ("hello", "item"),
    ],
)
def test_a_malformed_item_is_refused_by_its_path(rig: Rig, given: object, param: str) -> None:
    assert error_of(rig.send("conversation.item.create", item=given))["param"] == param
    assert len(rig.session.conversation) == 0


def test_a_tool_s_answer_reaches_the_brain(rig: Rig) -> None:
    rig.send(
        "conversation.item.create", item={"type": "function_call_output", "call_id": "call_1", "output": '{"ok": true}'}
    )
    rig.send("response.create")
    assert rig.requests[-1].items[-1]["output"] == '{"ok": true}'


def test_a_spoken_item_is_retrieved_with_its_audio(rig: Rig) -> None:
    content = item(rig, spoken(rig))["content"][0]
    assert content["transcript"] == "One two three four."
    assert len(base64.b64decode(content["audio"])) == 400 * 48


def test_a_clients_audio_is_retrieved(rig: Rig) -> None:
    sound = base64.b64encode(bytes(480)).decode()
    given = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound}]}
    added = rig.send("conversation.item.create", item=given)[0]
    assert "audio" not in added["item"]["content"][0]
    assert item(rig, "a")["content"][0]["audio"] == sound


def test_a_deleted_item_is_gone(rig: Rig) -> None:
    item_id = rig.type("hi")[0]["item"]["id"]
    assert types(rig.send("conversation.item.delete", item_id=item_id)) == ["conversation.item.deleted"]
    assert error_of(rig.send("conversation.item.retrieve", item_id=item_id))["code"] == "item_retrieve_invalid_item_id"
    assert error_of(rig.send("conversation.item.delete", item_id=item_id))["code"] == "item_delete_invalid_item_id"


def test_truncating_cuts_audio_and_transcript(rig: Rig) -> None:
    item_id = spoken(rig)
    events = rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=250)
    assert only(events, "conversation.item.truncated")["audio_end_ms"] == 250
    content = item(rig, item_id)["content"][0]
    assert content["transcript"] == "One two"
    assert len(base64.b64decode(content["audio"])) == 250 * 48


def test_the_brain_gets_only_the_truncated_transcript(rig: Rig) -> None:
    item_id = spoken(rig)
    rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    rig.send("response.create")
    assert rig.requests[-1].items[0]["content"][0]["transcript"] == "One"


def test_truncating_beyond_the_end_is_an_error(rig: Rig) -> None:
    item_id = spoken(rig)
    error = error_of(rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=401))
    assert error["message"] == "Audio content of 400ms is already shorter than 401ms"
    assert item(rig, item_id)["content"][0]["transcript"] == "One two three four."


def test_only_spoken_messages_can_be_truncated(rig: Rig) -> None:
    item_id = rig.type("hi")[0]["item"]["id"]
    error = error_of(rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10))
    assert error["message"] == "Only model output audio messages can be truncated"
    error = error_of(rig.send("conversation.item.truncate", item_id="nobody", content_index=0, audio_end_ms=10))
    assert error["code"] == "item_truncate_invalid_item_id"


def test_a_message_may_be_truncated_before_it_is_done() -> None:
    rig = Rig(answer=lambda request: [TextDelta("One two three.")], speaks=False)
    rig.send("response.create")
    speak = rig.took(effects.StartSpeech)
    where = (speak.response_id, speak.generation)
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(bytes(48 * 300), (SpeechMark(100, 3), SpeechMark(200, 7)))))
    events = rig.send("conversation.item.truncate", item_id=speak.item_id, content_index=0, audio_end_ms=120)
    assert only(events, "conversation.item.truncated")
    rig.send("response.cancel")
    assert item(rig, speak.item_id)["content"][0]["transcript"] == "One"
    rig.watch.at_rest()


def test_a_voice_without_marks_is_truncated_by_proportion() -> None:
    rig = Rig(answer=lambda request: [TextDelta("aaaa bbbb cccc dddd")], speaks=False)
    rig.send("response.create")
    speak = rig.took(effects.StartSpeech)
    where = (speak.response_id, speak.generation)
    rig.post(inputs.SpeechProduced(*where, SpeechChunk(bytes(48 * 400))))
    rig.post(inputs.SpeechDone(*where))
    rig.send("conversation.item.truncate", item_id=speak.item_id, content_index=0, audio_end_ms=220)
    assert item(rig, speak.item_id)["content"][0]["transcript"] == "aaaa bbbb"


def test_a_clients_audio_is_recognised(rig: Rig) -> None:
    sound = base64.b64encode(bytes(4800)).decode()
    content = [{"type": "input_text", "text": "Listen:"}, {"type": "input_audio", "audio": sound}]
    rig.send("conversation.item.create", item={"id": "a", "type": "message", "role": "user", "content": content})
    assert len(rig.utterances["a"]) == 4800
    rig.send("response.create")
    assert [part.get("transcript") for part in rig.requests[-1].items[0]["content"]] == [None, "hello there"]


def test_audio_with_a_transcript_is_not_recognised(rig: Rig) -> None:
    sound = base64.b64encode(bytes(4800)).decode()
    content = [{"type": "input_audio", "audio": sound, "transcript": "good day"}]
    rig.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    assert not rig.utterances
    rig.send("response.create")
    assert rig.requests[-1].items[0]["content"][0]["transcript"] == "good day"


def test_the_size_of_clients_items_is_limited(rig: Rig) -> None:
    for _ in range(3):
        assert types(rig.type("x" * (10 << 20)))[0] == "conversation.item.added"
    assert error_of(rig.type("x" * (10 << 20)))["code"] == "conversation_too_large"
    rig.send("conversation.item.delete", item_id=next(iter(rig.session.conversation))["id"])
    assert types(rig.type("x" * (10 << 20)))[0] == "conversation.item.added"


# Images ---------------------------------------------------------------------------------------------------------------
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}


def shows_an_image(rig: Rig) -> list[dict[str, Any]]:
    content = [{"type": "input_text", "text": "What is this?"}, IMAGE]
    return rig.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})


def test_a_model_that_cannot_see_refuses_an_image_with_the_way_out() -> None:
    rig = Rig(takes_images=False)
    error = error_of(shows_an_image(rig))
    assert (error["code"], error["param"]) == ("invalid_value", "item.content[1]")
    assert error["message"].endswith("Use a chat model that can see.")
    assert len(rig.session.conversation) == 0


def test_any_other_model_gets_the_image(rig: Rig) -> None:
    shows_an_image(rig)
    rig.send("response.create")
    assert rig.requests[-1].items[-1]["content"][1]["image_url"] == IMAGE["image_url"]


def test_a_rehearsal_cannot_see() -> None:
    assert RehearsalBrain.takes_images is False
