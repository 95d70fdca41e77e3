"""Calls as an export holds them, for tests of everything that reads stored calls."""

from __future__ import annotations

from collections.abc import Sequence

from tests.store.samples import conversation, entries
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.export_file import ExportedCall
from trunkline.store.mode import StoreMode
from trunkline.store.stored_call import StoredCall
from trunkline.store.summary import SummaryMeter


def exported_call(
    call_id: str,
    words: tuple[str, ...] = ("Where is my order", "It is on its way"),
    *,
    mode: StoreMode = "full",
    events: Sequence[LogEventUnion] | None = None,
    **fields: object,
) -> ExportedCall:
    """Return a call with an event each 100 ms: a conversation of these words, or these events."""
    made = conversation(call_id, words, **fields) if events is None else events
    log = entries(*((100 * place, event) for place, event in enumerate(made)))
    meter = SummaryMeter(mode)
    for entry in log:
        meter.read(entry)
    summary = meter.summary()
    assert summary is not None
    return ExportedCall(StoredCall(summary, tuple(log)))
