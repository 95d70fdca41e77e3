"""Live record of a call: the facts that its log does not have, for a server that takes the call over.

It holds the secrets of the call, so it is deleted when the call ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from trunkline.calls.log import Entry
from trunkline.calls.log_events import Codec, Transport

MAX_GAP = 10_000
"""The most events that a server can have lost: a page that claims to have seen more is not believed."""


class LiveRecord(msgspec.Struct, frozen=True):
    """All facts of a running call beside its log.

    Attributes:
        audio_position: the position up to which the log has the caller's audio on the relay, in samples since the start
            of the leg; None if the page does not number it.
        state: the value of the scenario's `state`, as JSON text; None if it cannot be saved, or the scenario has none.
    """

    call_id: str
    caller_key: str
    scenario: str
    first_agent: str
    model: str
    started_at: str
    transport: Transport
    codec: Codec
    leg_id: str
    legs: int
    leg_reason: str | None = None
    caller_id: str | None = None
    client: str = ""
    metadata: dict[str, str] = {}
    images: int = 0
    rtc_call_id: str | None = None
    state: str | None = None
    audio_position: int | None = None


def seconds_since(started_at: str) -> float:
    """Return the age of a call by the wall clock, in seconds; it is never negative."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(started_at)).total_seconds())


@dataclass(frozen=True)
class TakenOverCall:
    """A call that another server ran, with its committed log.

    Attributes:
        seen: the number of the last event that the caller's page has seen; it may be beyond the committed log.
        server: the id of the server that runs the call now; empty if it has none.
        handed_over: True if the former server has handed the call over, False if it has gone.
    """

    record: LiveRecord
    entries: Sequence[Entry]
    seen: int = 0
    server: str = ""
    handed_over: bool = False

    @property
    def committed(self) -> int:
        """The number of the last committed event."""
        return self.entries[-1].seq if self.entries else 0

    @property
    def committed_ms(self) -> int:
        """The time of the last committed event, in ms of the call."""
        return self.entries[-1].at_ms if self.entries else 0

    @property
    def last_seq(self) -> int:
        """The number that the next event follows: no page has seen another event with a later one."""
        return max(self.committed, min(self.seen, self.committed + MAX_GAP))
