"""Images of the caller: a command of the page, an item for the model, and a part of the transcript."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tests.calls.call_driver import CallDriver, call
from tests.calls.call_harness import calling, text_frames
from tests.calls.model_fake import FakeModel
from trunkline.calls import commands, log_events
from trunkline.calls.call import MAX_IMAGES
from trunkline.realtime import service_rules
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure
IMAGE = f"data:image/png;base64,{base64.b64encode(b'pixels').decode()}"


def shown(text: str = "What is this?") -> CallDriver:
    driver = call()
    driver.commands(commands.ShowImage(IMAGE, text))
    return driver


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (
            "What is this?",
            [{"type": "input_image", "image_url": IMAGE}, {"type": "input_text", "text": "What is this?"}],
        ),
        ("", [{"type": "input_image", "image_url": IMAGE}]),
    ],
)
def test_the_model_gets_the_image_and_is_asked_once(text: str, content: Any) -> None:
    driver = shown(text)
    (created,) = driver.sent_of("conversation.item.create")
    assert created["item"]["content"] == content
    assert service_rules.refusal(created) is None
    assert driver.requests == 1


def test_the_transcript_has_the_image_and_raw_events_do_not() -> None:
    driver = shown()
    (added,) = driver.logged(log_events.MessageAdded)
    assert (added.role, added.images) == ("user", (IMAGE,))
    driver.confirms_items()
    raw = driver.logged(log_events.WireSent, log_events.WireReceived)
    assert raw
    assert all(IMAGE not in repr(event) for event in raw)


def test_an_image_interrupts_the_agent() -> None:
    driver = call()
    driver.types("Go on.")
    driver.confirms_items()
    driver.response_created()
    driver.commands(commands.ShowImage(IMAGE))
    assert driver.sent_of("response.cancel")


def test_a_new_session_gets_the_image_again() -> None:
    driver = shown()
    driver.confirms_items()
    driver.answers("A cat.")
    driver.clear()
    driver.link_lost()
    driver.link_up()
    items = [event["item"] for event in driver.sent_of("conversation.item.create")]
    assert {"type": "input_image", "image_url": IMAGE} in items[-2]["content"]


def test_a_refused_image_leaves_the_call_and_a_note_for_the_model() -> None:
    driver = shown()
    (created,) = driver.sent_of("conversation.item.create")
    driver.wire(
        "error",
        error={
            "code": "invalid_value",
            "message": "This model takes no images.",
            "event_id": created["event_id"],
            "param": "item.content[0]",
        },
    )
    again = driver.sent_of("conversation.item.create")[-1]["item"]
    assert again["id"] == created["item"]["id"]
    assert [part["type"] for part in again["content"]] == ["input_text", "input_text"]
    assert "could not be passed on" in again["content"][0]["text"]
    assert driver.ended is None
    (error,) = driver.logged(log_events.CallError)
    assert "may not take any" in error.hint


# Commands -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_url": "https://example.com/cat.png"}, "'image_url' is not an image. Send a data URL"),
        ({"image_url": "data:image/svg+xml;base64,AAAA"}, "'image_url' is not an image."),
        ({"image_url": "data:image/png;base64,%%%"}, "'image_url' is not valid base64."),
        ({"image_url": "data:image/png;base64,"}, "'image_url' is not valid base64."),
        ({"image_url": "data:image/png;base64," + "A" * 700_000}, "Send at most 700000: make it smaller."),
        ({"image_url": IMAGE, "text": "x" * 16_001}, "The text has 16001 characters."),
    ],
)
def test_other_images_are_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(commands.CommandError, match=message):
        commands.parse(msgspec.json.encode({"type": "show_image", **fields}))


@in_virtual_time
async def test_a_model_that_takes_no_images_refuses_them_with_the_reason() -> None:
    async with calling(FakeModel(blind="A rehearsal takes no images.")) as caller:
        await caller.greeted()
        caller.command(type="show_image", image_url=IMAGE)
        error = [frame for frame in text_frames(caller.page) if frame["kind"] == "error"][-1]
        assert (error["code"], error["message"]) == ("no_images", "A rehearsal takes no images.")
        assert "conversation.item.create" not in caller.model.now.types()[4:]


@in_virtual_time
async def test_a_call_takes_a_limited_number_of_images() -> None:
    async with calling() as caller:
        await caller.greeted()
        for _ in range(MAX_IMAGES + 1):
            caller.command(type="show_image", image_url=IMAGE)
        errors = [frame for frame in text_frames(caller.page) if frame["kind"] == "error"]
        assert [error["code"] for error in errors] == ["no_images"]
        assert "10 images already" in errors[0]["message"]


# Phases of answers ----------------------------------------------------------------------------------------------------
def test_an_answer_of_a_model_that_reasons_has_its_phases() -> None:
    driver = call()
    driver.types("How much is it?")
    driver.confirms_items()
    driver.response_created()
    for item_id, phase in (("one", "commentary"), ("two", "final_answer"), ("three", "something new")):
        item = {"id": item_id, "type": "message", "role": "assistant", "content": [], "phase": phase}
        driver.wire("response.output_item.added", response_id="resp_1", item=item)
    added = [one for one in driver.logged(log_events.MessageAdded) if one.role == "assistant"]
    assert [one.phase for one in added] == ["commentary", "final_answer", None]
