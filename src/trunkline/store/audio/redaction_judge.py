"""Judge of a call's words for its recording: the redaction of the stored log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trunkline.calls.log import Entry
from trunkline.calls.log_events import CallStarted
from trunkline.store.audio.redacted_spans import Verdict
from trunkline.store.redaction import CallRedactor


class RedactionJudge:
    """Judge of one call.

    Args:
        make_redactor: makes the redactor of a call of a scenario, by its name.
    """

    def __init__(self, make_redactor: Callable[[str], CallRedactor]) -> None:
        self._make_redactor = make_redactor
        self._redactor: CallRedactor | None = None

    def __call__(self, entry: Entry) -> Iterable[Verdict]:
        """Return the messages that this entry decides."""
        if isinstance(entry.event, CallStarted):
            self._redactor = self._make_redactor(entry.event.scenario)
        if self._redactor is None:
            return ()
        decided = self._redactor.read(entry).decided
        return [Verdict(one.item_id, bool(one.spans)) for one in decided]
