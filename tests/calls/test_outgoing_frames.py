"""Frames to the model: unacknowledged items are sent again when a session resumes."""

from __future__ import annotations

import asyncio

from tests.calls.model_fake import FakeConnection, FakeModel
from trunkline.calls.machine.transcript import user_item
from trunkline.calls.model_link.outgoing_frames import MAX_UNACKED, OutgoingFrames, UnackedItems
from trunkline.realtime.client_events import ItemCreate, SessionUpdate
from trunkline.realtime.events import decode, encode


def creates(item_id: str) -> ItemCreate:
    return {"type": "conversation.item.create", "item": user_item(item_id, "Hello?")}


def session() -> SessionUpdate:
    return {"type": "session.update", "session": {}}


def send(items: UnackedItems, *item_ids: str) -> None:
    """Send an event that creates each item."""
    for item_id in item_ids:
        items.on_sent(item_id, encode(creates(item_id)).decode())


def resent(items: UnackedItems) -> list[str]:
    """Return the ids of the items in the frames to send again."""
    return [decode(frame.encode())["item"]["id"] for frame, _item_id in items.take_for_resend()]


async def test_a_resumed_session_gets_the_unacknowledged_items_before_queued_frames() -> None:
    outgoing, first, second = OutgoingFrames(), FakeConnection(FakeModel()), FakeConnection(FakeModel())
    for event in (session(), creates("acknowledged"), creates("lost")):
        outgoing.put_event(event)
    writing = asyncio.create_task(outgoing.write(first))
    await asyncio.sleep(0.01)
    writing.cancel()
    assert outgoing.on_received({"type": "conversation.item.added", "item": {"id": "acknowledged"}})
    outgoing.put_event(creates("later"))
    outgoing.resume_session()
    writing = asyncio.create_task(outgoing.write(second))
    await asyncio.sleep(0.01)
    writing.cancel()
    assert [item["id"] for item in second.items] == ["lost", "later"]
    assert second.types() == ["conversation.item.create"] * 2


def test_items_without_an_acknowledgement_are_sent_again_in_order() -> None:
    items = UnackedItems()
    send(items, "a", "b", "c")
    items.on_received({"type": "conversation.item.added", "item": {"id": "b"}})
    assert resent(items) == ["a", "c"]


def test_an_item_that_is_lost_twice_is_sent_a_third_time() -> None:
    items = UnackedItems()
    send(items, "a")
    ((frame, item_id),) = items.take_for_resend()
    items.on_sent(item_id, frame)
    assert items.take_for_resend() == [(frame, "a")]


def test_the_error_about_a_duplicate_item_is_recognised() -> None:
    items = UnackedItems()
    send(items, "a")
    ((frame, _item_id),) = items.take_for_resend()
    refused = {"type": "error", "error": {"message": "It exists.", "event_id": decode(frame.encode())["event_id"]}}
    assert items.is_duplicate_error(refused)
    assert not items.is_duplicate_error({"type": "error", "error": {"message": "No.", "event_id": "event_1"}})
    assert not items.is_duplicate_error({"type": "error", "error": None})
    assert not items.is_duplicate_error({"type": "response.done"})


def test_an_item_is_kept_only_once_it_is_sent() -> None:
    assert UnackedItems().take_for_resend() == []


def test_another_session_gets_no_items_again() -> None:
    items = UnackedItems()
    send(items, "a")
    items.clear()
    assert items.take_for_resend() == []


def test_the_number_of_kept_items_is_limited() -> None:
    items = UnackedItems()
    send(items, *[f"item_{number}" for number in range(MAX_UNACKED + 5)])
    assert len(items.take_for_resend()) == MAX_UNACKED


def test_malformed_events_acknowledge_nothing() -> None:
    items = UnackedItems()
    send(items, "a")
    items.on_received({"type": "conversation.item.added", "item": None})
    items.on_received({"type": "conversation.item.added"})
    assert resent(items) == ["a"]
