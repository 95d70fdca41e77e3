"""Reading fields of events that a service may have sent wrong."""

from __future__ import annotations

from trunkline.realtime.events import Event


def text_field(event: Event, key: str) -> str:
    """A field that must be text.

    Raises:
        TypeError, KeyError: it is not.
    """
    value = event[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def ms_field(event: Event, key: str) -> int | None:
    """A number of milliseconds; None where there is none."""
    value = event.get(key)
    return round(value) if isinstance(value, int | float) else None
