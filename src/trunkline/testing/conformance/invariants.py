"""Invariants: rules for all events that a server sends in one session."""

from __future__ import annotations

import functools
import importlib.util
import typing
from collections.abc import Callable

from trunkline.realtime.events import Event
from trunkline.testing.conformance.client import InconclusiveError, Violation, require

if typing.TYPE_CHECKING:
    from pydantic import BaseModel


def event_ids(events: list[Event]) -> None:
    """Require a different event_id for every event."""
    seen: set[str] = set()
    for event in events:
        event_id = event.get("event_id")
        require(isinstance(event_id, str) and event_id, f"{event['type']} has no event_id")
        require(event_id not in seen, f"the event_id {event_id} came twice, with {event['type']}")
        seen.add(str(event_id))


def added_then_done(events: list[Event]) -> None:
    """Require one done after each added.

    The rule holds for items of the conversation, and for items and parts of responses.
    """
    for family, key in (
        ("conversation.item", _item_id),
        ("response.output_item", _item_id),
        ("response.content_part", _part_id),
    ):
        open_: set[object] = set()
        closed: set[object] = set()
        for event in events:
            if event["type"] == f"{family}.added":
                require(key(event) not in open_ | closed, f"{family}.added came twice for {key(event)}")
                open_.add(key(event))
            elif event["type"] == f"{family}.done":
                require(key(event) in open_, f"{family}.done came for {key(event)}, which was not added before")
                open_.discard(key(event))
                closed.add(key(event))
        require(not open_, f"{family}.added has no done for {', '.join(map(str, open_))}")


def one_done(events: list[Event]) -> None:
    """Require exactly one response.done for each response, as its last event."""
    begun: set[str] = set()
    over: set[str] = set()
    for event in events:
        kind = event["type"]
        if kind == "response.created":
            begun.add(event["response"]["id"])
        elif kind == "response.done":
            response_id = event["response"]["id"]
            require(response_id in begun, f"response.done came for {response_id}, which was not created")
            require(response_id not in over, f"response.done came twice for {response_id}")
            over.add(response_id)
        elif kind.startswith("response.") and "response_id" in event:
            require(event["response_id"] in begun, f"{kind} came before its response was created")
            require(event["response_id"] not in over, f"{kind} came after its response was done")
    require(begun == over, f"no response.done came for {', '.join(begun - over)}")


def deltas_add_up(events: list[Event]) -> None:
    """Require that the joined deltas of text, transcript and arguments equal the text in their done."""
    joined: dict[tuple[str, object, object], str] = {}
    for event in events:
        family, _, last = event["type"].rpartition(".")
        field = _WHOLE.get(family)
        if field is None:
            continue
        key = (family, event.get("item_id"), event.get("content_index"))
        if last == "delta":
            joined[key] = joined.get(key, "") + str(event.get("delta"))
        elif last == "done":
            whole, sum_ = event.get(field), joined.pop(key, "")
            require(whole == sum_, f"{family}.done says {whole!r}, its deltas {sum_!r}")


_WHOLE = {
    "response.output_text": "text",
    "response.output_audio_transcript": "transcript",
    "response.function_call_arguments": "arguments",
}


def official_types(events: list[Event]) -> None:
    """Require that each event fits its type in the openai package. Events unknown to the package are skipped."""
    if importlib.util.find_spec("openai") is None:
        raise InconclusiveError("the openai package is not installed")
    for event in events:
        problem = _misfit(event)
        if problem is not None:
            raise Violation(f"{event['type']}: {problem}")


def _misfit(event: Event) -> str | None:
    from pydantic import ValidationError

    model = _official().get(event["type"])
    if model is None:
        return None  # newer than the package
    try:
        model.model_validate(event)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return None


@functools.cache
def _official() -> dict[str, type[BaseModel]]:
    """Return the package's types of server events, by their `type`."""
    from openai.types.realtime import RealtimeServerEvent

    union = typing.get_args(RealtimeServerEvent)[0]
    models = typing.get_args(union)
    return {typing.get_args(model.model_fields["type"].annotation)[0]: model for model in models}


def _item_id(event: Event) -> object:
    return event["item"].get("id")


def _part_id(event: Event) -> object:
    return event.get("item_id"), event.get("content_index")


INVARIANTS: dict[str, Callable[[list[Event]], None]] = {
    "event-ids": event_ids,
    "added-then-done": added_then_done,
    "one-done": one_done,
    "deltas-add-up": deltas_add_up,
    "official-types": official_types,
}
