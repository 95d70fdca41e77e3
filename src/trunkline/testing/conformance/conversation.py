"""Conformance checks of the conversation's items."""

from __future__ import annotations

from trunkline.realtime.events import Event
from trunkline.realtime.ids import new_id
from trunkline.testing.conformance.client import ConformanceClient, InconclusiveError, require

WORDS = "Please tell me, in a few sentences, about the sea."


async def items_created(client: ConformanceClient) -> None:
    """Require conversation.item.added and then .done for a created item.

    Both must have the client's id; the first also the id of the item before.
    """
    first, second = new_id("item"), new_id("item")
    for item_id, before in ((first, None), (second, first)):
        item = await client.send_text("Good morning.", item_id)
        added = client.events[-1] if client.events[-1]["type"] == "conversation.item.added" else _added(client, item_id)
        require(item.get("id") == item_id, f"the item was given the id {item.get('id')!r}, not the client's")
        if before is not None:
            previous = added.get("previous_item_id")
            require(previous == before, f"previous_item_id is {previous!r}, not the item before")
        content = item.get("content") or [{}]
        require(content[0].get("text") == "Good morning.", f"its content is {content}")
        done = await client.expect("conversation.item.done")
        require(done["item"].get("id") == item_id, "conversation.item.done names another item")


def _added(client: ConformanceClient, item_id: str) -> Event:
    return next(
        event
        for event in reversed(client.events)
        if event["type"] == "conversation.item.added" and event["item"].get("id") == item_id
    )


async def items_inserted(client: ConformanceClient) -> None:
    """Require that previous_item_id inserts an item after another one, and "root" at the beginning."""
    first = (await client.send_text("First."))["id"]
    last = (await client.send_text("Last."))["id"]
    item: Event = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Between."}]}
    await client.send("conversation.item.create", item=item, previous_item_id=first)
    added = await client.expect("conversation.item.added", lambda event: event["item"].get("id") not in (first, last))
    require(added.get("previous_item_id") == first, f"it was put behind {added.get('previous_item_id')!r}")
    await client.send("conversation.item.create", item=item, previous_item_id="root")
    added = await client.expect("conversation.item.added")
    require(added.get("previous_item_id") is None, f"it was put behind {added.get('previous_item_id')!r}, not first")


async def items_retrieved(client: ConformanceClient) -> None:
    """Require that conversation.item.retrieve returns the item; an unknown id must be an error."""
    item = await client.send_text("Remember this.")
    await client.send("conversation.item.retrieve", item_id=item["id"])
    got = (await client.expect("conversation.item.retrieved"))["item"]
    require(got.get("id") == item["id"], "another item came")
    sent = await client.send("conversation.item.retrieve", item_id=new_id("item"))
    error = (await client.expect("error")).get("error") or {}
    require(error.get("event_id") == sent, "the error does not name the request")


async def items_deleted(client: ConformanceClient) -> None:
    """Require that conversation.item.delete is confirmed and forgets the item."""
    item = await client.send_text("Forget this.")
    await client.send("conversation.item.delete", item_id=item["id"])
    deleted = await client.expect("conversation.item.deleted")
    require(deleted.get("item_id") == item["id"], "another item was deleted")
    await client.send("conversation.item.delete", item_id=item["id"])
    await client.expect("error")


async def truncated(client: ConformanceClient) -> None:
    """Require that spoken messages can be truncated with the same time in the answer, but not beyond their end."""
    await client.configure(output_modalities=["audio"])
    await client.send_text(WORDS)
    await client.send("response.create")
    done = await client.expect("response.done")
    messages = [item for item in done["response"].get("output") or () if item.get("type") == "message"]
    if not messages:
        raise InconclusiveError("the model said nothing")
    item_id = messages[0]["id"]
    await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    event = await client.expect("conversation.item.truncated")
    named = (event.get("item_id"), event.get("content_index"), event.get("audio_end_ms"))
    require(named == (item_id, 0, 100), f"it names {named}, not {(item_id, 0, 100)}")
    sent = await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=9_999_999)
    error = (await client.expect("error")).get("error") or {}
    require(error.get("event_id") == sent, "the error does not name the request")


CHECKS = {
    "items-created": items_created,
    "items-inserted": items_inserted,
    "items-retrieved": items_retrieved,
    "items-deleted": items_deleted,
    "truncated": truncated,
}
