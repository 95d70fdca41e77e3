"""Conformance checks of responses: their order, one at a time, cancelling, functions."""

from __future__ import annotations

import base64
import binascii

from trunkline.realtime.events import Event
from trunkline.realtime.ids import new_id
from trunkline.testing.conformance.client import ConformanceClient, InconclusiveError, require
from trunkline.testing.conformance.conversation import WORDS


async def text_response(client: ConformanceClient) -> None:
    """Require the events of a text response in order.

    The order is created, item added, part added, deltas, text done, part done, item done, done.
    """
    await client.configure(output_modalities=["text"])
    await client.send_text(WORDS)
    events = await _response(client)
    _in_order(
        events,
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    )
    _completed(events[-1])


async def audio_response(client: ConformanceClient) -> None:
    """Require that a spoken response has decodable audio and a transcript, and that both end before their part."""
    await client.configure(output_modalities=["audio"])
    await client.send_text(WORDS)
    events = await _response(client)
    for kind in ("output_audio", "output_audio_transcript"):
        _in_order(
            events,
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            f"response.{kind}.delta",
            f"response.{kind}.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        )
    size = 0
    for event in events:
        if event["type"] == "response.output_audio.delta":
            try:
                size += len(base64.b64decode(event.get("delta", ""), validate=True))
            except (binascii.Error, ValueError):
                require(False, "a part of the audio is not base64")
    require(size and size % 2 == 0, f"the audio has {size} bytes, which cannot be PCM16")
    _completed(events[-1])


async def response_fills_conversation(client: ConformanceClient) -> None:
    """Require that a response adds its message to the conversation, with the events of any other item."""
    await client.configure(output_modalities=["text"])
    asked = await client.send_text(WORDS)
    events = await _response(client)
    items = {event["item"]["id"] for event in events if event["type"] == "response.output_item.added"}
    added = [event for event in events if event["type"] == "conversation.item.added" and event["item"]["id"] in items]
    require(added, "no conversation.item.added came for it")
    require(added[0].get("previous_item_id") == asked["id"], "it does not follow the message that it answers")


async def one_response_at_a_time(client: ConformanceClient) -> None:
    """Require the error conversation_already_has_active_response for a second response.create."""
    await client.configure(output_modalities=["audio"])
    await client.send_text(WORDS)
    await client.send("response.create")
    second = await client.send("response.create")
    before = len(client.events)
    await client.settle_or_error()
    events = client.events[before:]
    errors = [event.get("error") or {} for event in events if event["type"] == "error"]
    kinds = [event["type"] for event in events]
    if not errors and "response.done" in kinds[: _last(kinds, "response.created")]:
        raise InconclusiveError("the first response was over before the second was asked for")
    require(errors, "the second was not refused")
    require(
        errors[0].get("code") == "conversation_already_has_active_response",
        f"it was refused with the code {errors[0].get('code')!r}",
    )
    require(errors[0].get("event_id") == second, "the error does not name the second request")


async def cancelled(client: ConformanceClient) -> None:
    """Require that response.cancel ends a response as cancelled; without a response, it must be an error."""
    await client.configure(output_modalities=["audio"])
    await client.send_text(WORDS)
    await client.send("response.create")
    created = await client.expect("response.created")
    await client.send("response.cancel", response_id=created["response"]["id"])
    done = await client.expect("response.done")
    status = done["response"].get("status")
    if status == "completed":
        raise InconclusiveError("the response was over before it could be cancelled")
    require(status == "cancelled", f"its status is {status!r}")
    sent = await client.send("response.cancel")
    error = (await client.expect("error")).get("error") or {}
    require(error.get("event_id") == sent, "the error does not name the request")


async def out_of_band(client: ConformanceClient) -> None:
    """Require that a response with conversation "none" keeps its metadata and leaves the conversation unchanged."""
    await client.expect("session.created")
    item: Event = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": WORDS}]}
    await client.send(
        "response.create",
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [item],
            "metadata": {"purpose": "aside"},
        },
    )
    done = await client.expect("response.done")
    metadata = done["response"].get("metadata")
    require(metadata == {"purpose": "aside"}, f"its metadata is {metadata!r}")
    added = [event for event in client.events if event["type"] == "conversation.item.added"]
    require(not added, "something was added to the conversation")


async def function_call(client: ConformanceClient) -> None:
    """Require name, call_id and JSON arguments of a function call, and that its output can be answered."""
    tool = {
        "type": "function",
        "name": "get_tide",
        "description": "The tide at a harbour.",
        "parameters": {
            "type": "object",
            "properties": {"harbour": {"type": "string"}},
            "required": ["harbour"],
            "additionalProperties": False,
        },
    }
    choice = {"type": "function", "name": "get_tide"}
    await client.configure(output_modalities=["text"], tools=[tool], tool_choice=choice)
    await client.send_text("How is the tide at Hamburg?")
    events = await _response(client)
    calls = [
        event["item"]
        for event in events
        if event["type"] == "response.output_item.done" and event["item"].get("type") == "function_call"
    ]
    if not calls:
        raise InconclusiveError("the model called no function, although tool_choice required it")
    require(calls[0].get("name") == "get_tide", f"it is called {calls[0].get('name')!r}")
    call_id = calls[0].get("call_id")
    require(isinstance(call_id, str) and call_id, "it has no call_id")
    _in_order(
        events, "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.done"
    )
    output: Event = {"id": new_id("item"), "type": "function_call_output", "call_id": call_id, "output": '"high"'}
    await client.send("conversation.item.create", item=output)
    await client.expect("conversation.item.added", lambda event: event["item"].get("call_id") == call_id)
    await client.send("response.create", response={"tool_choice": "none"})
    await client.expect("response.done")


async def _response(client: ConformanceClient) -> list[Event]:
    before = len(client.events)
    await client.send("response.create")
    await client.expect("response.done")
    return client.events[before:]


def _in_order(events: list[Event], *types: str) -> None:
    """Require that the first event of each type comes in this order."""
    kinds = [event["type"] for event in events]
    place, former = -1, "the beginning"
    for type_ in types:
        require(type_ in kinds, f"no {type_} came")
        at = kinds.index(type_)
        require(at > place, f"{type_} came before {former}")
        place, former = at, type_


def _last(kinds: list[str], type_: str) -> int:
    return len(kinds) - 1 - kinds[::-1].index(type_) if type_ in kinds else 0


def _completed(done: Event) -> None:
    response = done["response"]
    require(response.get("status") == "completed", f"its status is {response.get('status')!r}")
    require(response.get("output"), "response.done has no output")
    require(isinstance(response.get("usage"), dict), "response.done has no usage")


CHECKS = {
    "text-response": text_response,
    "audio-response": audio_response,
    "response-fills-conversation": response_fills_conversation,
    "one-response-at-a-time": one_response_at_a_time,
    "cancelled": cancelled,
    "out-of-band": out_of_band,
    "function-call": function_call,
}
