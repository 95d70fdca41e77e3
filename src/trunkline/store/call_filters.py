"""Filters of a list of stored calls, from the texts of a query or of a command's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args, get_type_hints

import msgspec

from trunkline.store.call_rows import ms_of
from trunkline.store.summary import CallStatus


class CallFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of a list; a call has to pass all of them.

    Attributes:
        q: words that were said, all in one utterance; the last one may be the beginning of a word.
        outcome: the reason of the call's end.
        agent: an agent that had the call.
        since, until: limits of the start, times of day in ISO 8601.
        errors, trips: True for calls with at least one.
        metadata: pairs that the client gave.
    """

    q: str = ""
    scenario: str | None = None
    status: CallStatus | None = None
    outcome: str | None = None
    agent: str | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    since: str | None = None
    until: str | None = None
    errors: bool = False
    trips: bool = False
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


NO_FILTERS = CallFilters()
_TIME = "a day or a time in ISO 8601, such as 2026-11-30 or 2026-11-30T12:00"
_MS = "a whole number of milliseconds"
_EXPECTED = {
    "status": f"one of {', '.join(get_args(CallStatus))}",
    "min_ms": _MS,
    "max_ms": _MS,
    "since": _TIME,
    "until": _TIME,
    "errors": "true or false",
    "trips": "true or false",
}


def filters_of(texts: Mapping[str, str], metadata: Mapping[str, str] | None = None) -> CallFilters:
    """Return the filters with these values, by their names.

    Raises:
        ValueError: a value does not fit its filter; the message says what would.
    """
    types = get_type_hints(CallFilters)
    values: dict[str, object] = {}
    for name, text in texts.items():
        try:
            values[name] = msgspec.convert(text, types[name], strict=False)
            if name in ("since", "until"):
                ms_of(text)
        except ValueError:  # also msgspec's
            raise ValueError(f"{name} must be {_EXPECTED[name]}, not {text!r}.") from None
    return msgspec.structs.replace(NO_FILTERS, **values, metadata=dict(metadata or {}))
