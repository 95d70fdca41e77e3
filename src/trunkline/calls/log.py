"""The call's log: one ordered, numbered, append-only sequence of events.

Everything that happens in a call is an event of its log; the console, meters and tests read it. Each event has a
sequence number (from 1, without gaps) and `at_ms`, the time since the start of the call on the monotonic clock, in ms.
`call.started` holds the wall-clock start, so that a reader can show times of day.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from trunkline.calls.log_events import LogEvent, LogEventUnion, PageEventUnion, UnknownEvent
from trunkline.realtime.json_values import to_json


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of a log with its sequence number and time."""

    seq: int
    at_ms: int
    event: LogEventUnion | UnknownEvent

    def frame(self) -> str:
        """Return the event as JSON text, as `frame_of` describes it."""
        return frame_of(self.event, self.seq, self.at_ms)


Reader = Callable[[Entry], None]
Kind = type[LogEvent]


class ReaderOfKinds(NamedTuple):
    """A reader, and the classes of the events that it reads."""

    read: Reader
    kinds: frozenset[Kind]


LogReaderFactory = Callable[["Log"], Reader | ReaderOfKinds]
"""Makes a reader for one call, before its first event."""
MAX_KEPT_EVENTS = 20_000
"""Number of events kept in memory for each call; audio is not among them."""
MAX_LOG_BYTES = 16 << 20
"""Size of the events kept in memory for each call, as JSON text."""


class LogBudget:
    """Sizes of logs, in bytes of JSON text: the limit of each, and the sum of all.

    Args:
        max_bytes_each: the size beyond which a log drops its oldest events.
        max_bytes: the size of all logs together; infinite by default.
        on_excess: makes room; it is called when all logs together exceed their size.

    Attributes:
        used_bytes: the size of all logs.
    """

    def __init__(
        self,
        max_bytes_each: int = MAX_LOG_BYTES,
        max_bytes: float = math.inf,
        on_excess: Callable[[], None] = lambda: None,
    ) -> None:
        self.max_bytes_each = max_bytes_each
        self.max_bytes = max_bytes
        self.on_excess = on_excess
        self.used_bytes = 0

    def release(self, size: int) -> None:
        """Note that a log of this size is gone."""
        self.used_bytes -= size


class Log:
    """An append-only sequence of events.

    It keeps the events as JSON text, which needs a third of the memory of the objects. Readers get the objects.

    Args:
        now_ms: returns the time since the start of the call, in ms.
        budget: the size of logs; by default one of this log alone.
        max_kept: number of events to keep; older ones are dropped.
    """

    def __init__(
        self, now_ms: Callable[[], float], budget: LogBudget | None = None, *, max_kept: int = MAX_KEPT_EVENTS
    ) -> None:
        self._now_ms = now_ms
        self._budget = budget or LogBudget()
        self._max_kept = max_kept
        self._tail: deque[str] = deque()
        """The kept events, each as the JSON text that pages get."""
        self._readers: list[tuple[Reader, tuple[Kind, ...]]] = []
        self._readers_of: dict[Kind, tuple[Reader, ...]] = {}
        """The readers of each kind that was appended, in the order of their subscription."""
        self._has_gap = False
        self.last_seq = 0
        self.epoch = 0
        """Counts the owners of a call with a live record: only the latest one writes the events. 0 without a record."""
        self.size_bytes = 0
        """Size of the kept events, as JSON text."""

    def append(self, event: LogEventUnion) -> Entry:
        """Append an event, pass it to the readers, and return it with its number and time."""
        seq = self.last_seq = self.last_seq + 1
        at_ms = round(self._now_ms())
        self._keep(frame_of(event, seq, at_ms))
        entry = Entry(seq, at_ms, event)
        kind = type(event)
        for reader in self._readers_of.get(kind) or self._find_readers(kind):
            reader(entry)
        return entry

    def _find_readers(self, kind: Kind) -> tuple[Reader, ...]:
        found = tuple(reader for reader, kinds in self._readers if not kinds or kind in kinds)
        self._readers_of[kind] = found
        return found

    def restore(self, entries: Sequence[Entry], last_seq: int) -> None:
        """Take the events of a log that another server began. The next event follows `last_seq`.

        No reader gets them.
        """
        for entry in entries:
            self._keep(entry.frame())
        self.last_seq = last_seq
        self._has_gap = True

    def frame(self, entry: Entry) -> str:
        """Return an event as JSON text. The latest event is not encoded again."""
        return self._tail[-1] if entry.seq == self.last_seq and self._tail else entry.frame()

    def _keep(self, frame: str) -> None:
        tail, budget, size = self._tail, self._budget, len(frame)
        tail.append(frame)
        own = self.size_bytes = self.size_bytes + size
        used = budget.used_bytes = budget.used_bytes + size
        if own > budget.max_bytes_each or len(tail) > self._max_kept or used > budget.max_bytes:
            self._make_room()

    def _make_room(self) -> None:
        tail, budget = self._tail, self._budget
        while (self.size_bytes > budget.max_bytes_each or len(tail) > self._max_kept) and len(tail) > 1:
            self._drop_first()
        if budget.used_bytes > budget.max_bytes:
            budget.on_excess()

    def _drop_first(self) -> None:
        size = len(self._tail.popleft())
        self.size_bytes -= size
        self._budget.release(size)

    def drop_oldest(self, size: int) -> None:
        """Drop the oldest events, of `size` bytes in all or more. The latest event stays."""
        until = self.size_bytes - size
        while len(self._tail) > 1 and self.size_bytes > until:
            self._drop_first()

    def drop_all(self) -> None:
        """Drop all events, since the call is removed.

        The parts of a call refer to each other. Without this, its events would stay until a garbage collection.
        """
        self._budget.release(self.size_bytes)
        self.size_bytes = 0
        self._tail.clear()

    def since(self, after: int) -> list[Entry]:
        """Return the kept events with a sequence number above `after`, in order."""
        return [parse_frame(frame) for frame in self.frames_since(after)]

    def frames_since(self, after: int) -> list[str]:
        """Return the kept events with a sequence number above `after`, as JSON text, in order."""
        if self._has_gap:  # some numbers are missing, so a number is not a position
            return [frame for frame in self._tail if seq_of(frame) > after]
        first = seq_of(self._tail[0]) if self._tail else 0
        return list(islice(self._tail, max(0, after + 1 - first), None))

    def subscribe(self, reader: Reader, *kinds: Kind) -> Callable[[], None]:
        """Call `reader` for each new event until the returned function is called.

        A reader must not raise or block.

        Args:
            reader: gets each entry, in order.
            kinds: the classes of the events that it reads; without any, it reads all.
        """
        subscription = (reader, kinds)
        self._readers.append(subscription)
        self._readers_of.clear()

        def unsubscribe() -> None:
            if subscription in self._readers:
                self._readers.remove(subscription)
                self._readers_of.clear()

        return unsubscribe


def frame_of(event: PageEventUnion | UnknownEvent, seq: int, at_ms: int) -> str:
    """Return an event as the JSON text that pages get: `{"seq", "at_ms", "kind", …}`."""
    if type(event) is UnknownEvent:
        return _encode({"seq": seq, "at_ms": at_ms, "kind": event.original_kind, **event.fields}).decode()
    try:
        encoded = _encode(event)
    except (TypeError, ValueError, RecursionError, OverflowError):  # it holds a value that JSON cannot represent
        encoded = to_json({"kind": event.__struct_config__.tag, **msgspec.structs.asdict(event)})
    return f'{{"seq":{seq},"at_ms":{at_ms},{str(encoded, "utf-8")[1:]}'


def seq_of(frame: str) -> int:
    """Return the number of the event in a frame that `frame_of` made."""
    return int(frame[_SEQ_AT : frame.index(",", _SEQ_AT)])


def kind_of(event: LogEventUnion | UnknownEvent) -> str:
    """Return the kind of an event, such as `message.done`."""
    return event.original_kind if isinstance(event, UnknownEvent) else str(event.__struct_config__.tag)


def parse_frame(text: str | bytes) -> Entry:
    """Return the entry of a frame that `frame_of` made, in this or another version of Trunkline.

    Unknown fields are dropped. An event of an unknown kind, or with fields that do not fit, is an `UnknownEvent`.

    Raises:
        ValueError: the text is not a JSON object with `seq`, `at_ms` and `kind`.
    """
    try:
        head = _head_decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"This is not an event of a call's log: {error}.") from None
    try:
        event: LogEventUnion | UnknownEvent = _event_decoder.decode(text)
    except msgspec.ValidationError:
        fields = msgspec.json.decode(text, type=dict[str, object])
        rest = {name: value for name, value in fields.items() if name not in _HEAD}
        event = UnknownEvent(original_kind=head.kind, fields=rest)
    return Entry(head.seq, head.at_ms, event)


class _Head(msgspec.Struct):
    """The fields that all frames have."""

    seq: int
    at_ms: int
    kind: str


_SEQ_AT = len('{"seq":')
_HEAD = frozenset(_Head.__struct_fields__)
_encode = msgspec.json.Encoder().encode
_head_decoder = msgspec.json.Decoder(_Head)
_event_decoder = msgspec.json.Decoder(LogEventUnion)
