"""One stored call: its summary, its log and its audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trunkline.calls.log import Entry
from trunkline.store.summary import CallSummary


@dataclass(frozen=True)
class StoredCall:
    """A call that was read from the store or from an exported file.

    Attributes:
        entries: the stored events, in order. Modes other than `full` leave gaps in their numbers.
        audio: a file in Ogg Opus, stereo: the caller on the left, the agent on the right. Its sample 0 is at `at_ms` 0
            of the log. None without recorded audio.
    """

    summary: CallSummary
    entries: tuple[Entry, ...]
    audio: Path | None = None
