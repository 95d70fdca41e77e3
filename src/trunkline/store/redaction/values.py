"""Redaction of JSON values: tools' arguments and results, notes, metadata, and the provider's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from trunkline.realtime.json_values import decode_or_text, to_json_value
from trunkline.store.redaction.checksums import is_card_number
from trunkline.store.redaction.detectors import Kind
from trunkline.store.redaction.topics import Topic, topic_of_field

RedactText = Callable[[str], str]
_KINDS = {
    Topic.CARD: Kind.CARD,
    Topic.ACCOUNT: Kind.ACCOUNT,
    Topic.IDENTITY: Kind.IDENTITY,
    Topic.PHONE: Kind.PHONE,
    Topic.CODE: Kind.CODE,
    Topic.BIRTH: Kind.BIRTH,
    Topic.EMAIL: Kind.EMAIL,
}
_MIN_DIGITS = 3
_WORDS_IN_WIRE = frozenset(("delta", "transcript", "text", "arguments", "output"))
"""Fields of the provider's events with the conversation's words and with tools' payloads."""
_NAMES_IN_WIRE = frozenset(("type", "event_id", "object", "status", "model", "role", "voice"))
OMITTED = "[omitted]"


def redacted_value(value: object, redact: RedactText, redact_number: RedactText, topic: Topic | None = None) -> object:
    """Return a copy of a JSON value with personal data replaced.

    Args:
        redact: redacts a text.
        redact_number: redacts the digits of a number that is not a card's.
        topic: the topic of the field that has the value: `phone`, `card_number` and the like hold personal data
            in any form.
    """
    match value:
        case str():
            return _redacted_text(value, redact, redact_number, topic)
        case bool() | None:
            return value
        case int() | float():
            digits = "".join(filter(str.isdigit, str(value)))
            if topic is not None and topic is not Topic.EMAIL and len(digits) >= _MIN_DIGITS:
                return _KINDS[topic].value
            text = Kind.CARD.value if is_card_number(digits) else redact_number(digits)
            return value if text == digits else text
        case dict():
            return {
                key: redacted_value(
                    inner, redact, redact_number, topic_of_field(key) or topic if isinstance(key, str) else topic
                )
                for key, inner in value.items()
            }
        case list() | tuple():
            return [redacted_value(inner, redact, redact_number, topic) for inner in value]
        case _:  # any other value that a tool returned, as the log's encoder would write it
            return redacted_value(to_json_value(value), redact, redact_number, topic)


def redacted_wire_event(value: object, redact: RedactText) -> object:
    """Return a copy of a provider's event without the conversation's words, and with personal data replaced.

    The words are in the log's `message.*` and `tool.*` events, redacted.
    """
    if isinstance(value, dict):
        return {
            key: inner
            if key in _NAMES_IN_WIRE or (isinstance(key, str) and key.endswith("_id")) or key == "id"
            else OMITTED
            if key in _WORDS_IN_WIRE and isinstance(inner, str)
            else redacted_wire_event(inner, redact)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted_wire_event(inner, redact) for inner in value]
    return redact(value) if isinstance(value, str) else value


def scalars_in(value: object) -> Iterator[str]:
    """Yield the texts and numbers in a JSON value."""
    match value:
        case bool() | None:
            return
        case str():
            inner = decode_or_text(value) if value[:1] in "{[" else value
            if isinstance(inner, str):
                yield inner
            else:
                yield from scalars_in(inner)
        case int() | float():
            yield str(value)
        case dict():
            for inner in value.values():
                yield from scalars_in(inner)
        case list() | tuple():
            for inner in value:
                yield from scalars_in(inner)
        case _:
            yield from scalars_in(to_json_value(value))


def _redacted_text(text: str, redact: RedactText, redact_number: RedactText, topic: Topic | None) -> str:
    if text[:1] in ("{", "[") and not isinstance(inner := decode_or_text(text), str):
        return msgspec.json.encode(redacted_value(inner, redact, redact_number, topic)).decode()
    if topic is not None and topic is not Topic.EMAIL and len(re.findall(r"\d", text)) >= _MIN_DIGITS:
        return _KINDS[topic].value
    return redact(text)
