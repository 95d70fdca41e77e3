"""Rows of the table `calls`, from summaries and back."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Row

from trunkline.realtime.json_values import valid_unicode
from trunkline.store.summary import CallSummary

SUMMARY_FIELDS = tuple(
    name for name in CallSummary.__struct_fields__ if name not in ("started_at", "ended_at", "agents", "metadata")
)
"""The fields of a summary that are columns of the same name."""


def columns_of(summary: CallSummary) -> dict[str, object]:
    """Return the columns of a summary."""
    columns: dict[str, object] = {name: getattr(summary, name) for name in SUMMARY_FIELDS}
    for name, value in columns.items():
        if isinstance(value, str):
            columns[name] = storable(value)
    return columns | {
        "started_ms": ms_of(summary.started_at),
        "ended_ms": None if summary.ended_at is None else ms_of(summary.ended_at),
        "agents": msgspec.json.encode([valid_unicode(agent) for agent in summary.agents]).decode(),
        "metadata": msgspec.json.encode(
            {valid_unicode(key): valid_unicode(value) for key, value in summary.metadata.items()}
        ).decode(),
    }


def summary_of(row: Row[tuple[object, ...]]) -> CallSummary:
    """Return the summary in a row that has all columns of the table."""
    return CallSummary(
        **{name: getattr(row, name) for name in SUMMARY_FIELDS},
        started_at=iso_of(row.started_ms),
        ended_at=None if row.ended_ms is None else iso_of(row.ended_ms),
        agents=tuple(msgspec.json.decode(row.agents, type=list[str])),
        metadata=msgspec.json.decode(row.metadata, type=dict[str, str]),
    )


def storable(text: str) -> str:
    """Return a text without the characters that a database refuses: NUL, and halves of surrogate pairs."""
    return valid_unicode(text).replace("\0", "")


def ms_of(moment: str) -> int:
    """Return a time of day in ISO 8601 as ms since 1970; without a time zone it is in UTC.

    Raises:
        ValueError: the text is not a time of day.
    """
    parsed = datetime.fromisoformat(moment)
    return round(1000 * (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp())


def iso_of(ms: int) -> str:
    """Return ms since 1970 as a time of day in ISO 8601, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
