"""Pacer: a queue of answers' audio, which leaves it in frames of 20 ms.

It has no clock. The sender takes a frame every 20 ms, and passes the playout events to the session.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from trunkline.engine.session.inputs import InterruptedMessage, PlayoutEnded, PlayoutStarted
from trunkline.realtime.audio import bytes_to_ms, ms_to_bytes

FRAME_MS = 20
FRAME_BYTES = ms_to_bytes(FRAME_MS)
"""Size of one frame: 480 samples of PCM16 at 24 kHz."""
MAX_QUEUED_MS = 30_000
"""Queued audio above which speech synthesis pauses. The services also run ahead of the playout."""
_MAX_MESSAGES = 32
"""Number of messages with a recorded played duration."""


@dataclass
class _QueuedAudio:
    """Queued audio of one message. `taken` bytes of it have been sent."""

    response_id: str
    item_id: str
    pcm: bytes
    taken: int = 0


class Pacer:
    """Queue of audio for frame-by-frame playout; the `Player` of a `SessionRunner`."""

    def __init__(self) -> None:
        self._queue: deque[_QueuedAudio] = deque()
        self._queued_bytes = 0
        self._playing: str | None = None
        self._sent_bytes: dict[str, int] = {}
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def queued_ms(self) -> int:
        """The duration of the queued audio."""
        return bytes_to_ms(self._queued_bytes)

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Queue audio of a message: PCM16 at 24 kHz."""
        self._queue.append(_QueuedAudio(response_id, item_id, pcm))
        self._queued_bytes += len(pcm)
        if self.queued_ms > MAX_QUEUED_MS:
            self._writable.clear()

    def clear(self) -> tuple[InterruptedMessage, ...]:
        """Drop the queue, and return its messages with their played durations."""
        interrupted: dict[str, InterruptedMessage] = {}
        for queued in self._queue:
            played_ms = bytes_to_ms(self._sent_bytes.get(queued.item_id, 0))
            interrupted.setdefault(queued.item_id, InterruptedMessage(queued.response_id, queued.item_id, played_ms))
        self._queue.clear()
        self._queued_bytes = 0
        self._playing = None
        self._writable.set()
        return tuple(interrupted.values())

    async def wait_writable(self) -> None:
        """Wait until at most `MAX_QUEUED_MS` is queued."""
        await self._writable.wait()

    def next_frame(self) -> tuple[bytes | None, list[PlayoutStarted | PlayoutEnded]]:
        """Return the next 20 ms of audio, and the playout events that it causes.

        The last frame of the audio is filled up with silence. None means a frame of silence. A response ends one frame
        after its last audio, when that audio has been played.
        """
        playout_events: list[PlayoutStarted | PlayoutEnded] = []
        frame = bytearray()
        while self._queue and len(frame) < FRAME_BYTES:
            queued = self._queue[0]
            self._switch_to(queued.response_id, playout_events)
            frame += self._take_from(queued, FRAME_BYTES - len(frame))
        if not frame:
            self._switch_to(None, playout_events)
            return None, playout_events
        self._queued_bytes -= len(frame)
        if self.queued_ms <= MAX_QUEUED_MS:
            self._writable.set()
        return bytes(frame.ljust(FRAME_BYTES, b"\0")), playout_events

    def _switch_to(self, response_id: str | None, playout_events: list[PlayoutStarted | PlayoutEnded]) -> None:
        if response_id == self._playing:
            return
        if self._playing is not None and all(one.response_id != self._playing for one in self._queue):
            playout_events.append(PlayoutEnded(self._playing))
        self._playing = response_id
        if response_id is not None:
            playout_events.append(PlayoutStarted(response_id))

    def _take_from(self, queued: _QueuedAudio, max_bytes: int) -> bytes:
        taken = queued.pcm[queued.taken : queued.taken + max_bytes]
        queued.taken += len(taken)
        self._sent_bytes[queued.item_id] = self._sent_bytes.get(queued.item_id, 0) + len(taken)
        if len(self._sent_bytes) > _MAX_MESSAGES:
            del self._sent_bytes[next(iter(self._sent_bytes))]
        if queued.taken == len(queued.pcm):
            self._queue.popleft()
        return taken
