"""The call's log: one ordered, numbered, append-only sequence of events.

Everything that happens in a call is an event here; the console, saved calls, meters and tests read it. Each event is
stored with its sequence number (from 1, without gaps) and `at_ms`, the milliseconds since the call began on the
monotonic clock. The wall-clock start is in `call.started`, so a reader can show times of day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

import msgspec

from trunkline.calls.log_events import LogEvent, LogEventUnion
from trunkline.realtime.json_values import to_json


class Entry(msgspec.Struct, frozen=True):
    """One event of a log with its place and time."""

    seq: int
    at_ms: int
    event: LogEventUnion

    def frame(self) -> str:
        """See `frame_of`. It is not kept: whoever comes late is rare, and it would double the memory of a log."""
        return frame_of(self.event, self.seq, self.at_ms)


Reader = Callable[[Entry], None]
KEEP = 20_000
"""Events kept in memory for each call; sound is never among them."""


class Log:
    """An append-only sequence of events.

    Args:
        now_ms: the call's clock, in milliseconds since it began.
        keep: how many of the newest events are kept.
    """

    def __init__(self, now_ms: Callable[[], float], keep: int = KEEP) -> None:
        self._now_ms = now_ms
        self._tail: deque[Entry] = deque(maxlen=keep)
        self._readers: list[Reader] = []
        self.last_seq = 0

    def append(self, event: LogEventUnion) -> Entry:
        """Numbers, dates and keeps the event, and hands it to the readers."""
        self.last_seq += 1
        at_ms = round(self._now_ms())
        entry = Entry(self.last_seq, at_ms, event)
        self._tail.append(entry)
        for reader in tuple(self._readers):
            reader(entry)
        return entry

    def since(self, after: int) -> list[Entry]:
        """The kept events with a sequence number beyond `after`, in order."""
        first = self._tail[0].seq if self._tail else 0
        return list(islice(self._tail, max(0, after + 1 - first), None))

    def subscribe(self, reader: Reader) -> Callable[[], None]:
        """Calls `reader` for each new event until the returned function is called. A reader must not raise or wait."""
        self._readers.append(reader)

        def unsubscribe() -> None:
            if reader in self._readers:
                self._readers.remove(reader)

        return unsubscribe


def frame_of(event: LogEventUnion | LogEvent, seq: int, at_ms: int) -> str:
    """The event as the JSON text that pages get: `{"seq", "at_ms", "kind", …}`."""
    try:
        encoded = _encoder.encode(event)
    except (TypeError, ValueError, RecursionError, OverflowError):  # something in it that JSON cannot hold
        encoded = to_json({"kind": event.__struct_config__.tag, **msgspec.structs.asdict(event)})
    return f'{{"seq":{seq},"at_ms":{at_ms},{encoded[1:].decode()}'


_encoder = msgspec.json.Encoder()
