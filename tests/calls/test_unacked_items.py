"""What is sent once more when a session goes on with another connection."""

from __future__ import annotations

from trunkline.calls.model_link.unacked_items import MAX_UNACKED, UnackedItems
from trunkline.realtime.events import Event, decode, encode


def creates(item_id: str) -> Event:
    return {"type": "conversation.item.create", "item": {"id": item_id, "type": "message"}}


def sent(items: UnackedItems, *events: Event) -> list[str]:
    """Sends them; gives their frames."""
    frames = [encode(event).decode() for event in events]
    for event, frame in zip(events, frames, strict=True):
        items.will_send(event, frame)
        items.sent(frame)
    return frames


def items_in(frames: list[str]) -> list[str]:
    """The ids of the items in frames that are sent again."""
    return [decode(frame.encode())["item"]["id"] for frame in frames]


def test_items_that_the_service_has_not_told_of_are_sent_again_in_order() -> None:
    items = UnackedItems()
    sent(items, creates("a"), creates("b"), creates("c"))
    items.told({"type": "conversation.item.added", "item": {"id": "b"}})
    assert items_in(items.again()) == ["a", "c"]


def test_what_is_lost_a_second_time_is_sent_a_third_time() -> None:
    items = UnackedItems()
    sent(items, creates("a"))
    (frame,) = items.again()
    items.sent(frame)
    assert items.again() == [frame]


def test_a_service_that_has_the_item_already_may_say_so() -> None:
    items = UnackedItems()
    sent(items, creates("a"))
    (frame,) = items.again()
    refused = {"type": "error", "error": {"message": "It is there.", "event_id": decode(frame.encode())["event_id"]}}
    assert items.had_arrived(refused)
    assert not items.had_arrived({"type": "error", "error": {"message": "No.", "event_id": "event_1"}})
    assert not items.had_arrived({"type": "error", "error": None})
    assert not items.had_arrived({"type": "response.done"})


def test_what_was_not_sent_yet_is_still_in_the_queue_and_not_doubled() -> None:
    items = UnackedItems()
    event = creates("a")
    items.will_send(event, encode(event).decode())
    assert items.again() == []


def test_requests_and_settings_are_not_repeated() -> None:
    items = UnackedItems()
    sent(
        items,
        {"type": "response.create"},
        {"type": "session.update", "session": {}},
        {"type": "input_audio_buffer.commit"},
    )
    assert items.again() == []


def test_another_session_knows_nothing_of_it() -> None:
    items = UnackedItems()
    sent(items, creates("a"))
    items.forget()
    assert items.again() == []


def test_a_service_that_tells_of_nothing_does_not_grow_us() -> None:
    items = UnackedItems()
    sent(items, *[creates(f"item_{number}") for number in range(MAX_UNACKED + 5)])
    assert len(items.again()) == MAX_UNACKED


def test_malformed_events_tell_of_nothing() -> None:
    items = UnackedItems()
    sent(items, creates("a"))
    items.told({"type": "conversation.item.added", "item": None})
    items.told({"type": "conversation.item.added"})
    assert items_in(items.again()) == ["a"]
