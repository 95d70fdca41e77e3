"""Checked access to fields of events, since a service may send malformed ones."""

from __future__ import annotations

from trunkline.realtime.events import Event


def text_field(event: Event, key: str) -> str:
    """Return a text field.

    Raises:
        KeyError: the field is missing.
        TypeError: the field is not text.
    """
    value = event[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not text")
    return value


def ms_field(event: Event, key: str) -> int | None:
    """Return a field in whole milliseconds, None if it is not a number."""
    value = event.get(key)
    return round(value) if isinstance(value, int | float) else None
