"""The answers' audio on its way to a caller in real time: a queue that is emptied 20 ms at a time.

It knows of no clock: whoever sends the frames takes one every 20 ms, and passes on what became of the audio.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from trunkline.engine.session.inputs import InterruptedMessage, PlayoutEnded, PlayoutStarted
from trunkline.realtime.audio import bytes_to_ms, ms_to_bytes

FRAME_MS = 20
FRAME_BYTES = ms_to_bytes(FRAME_MS)
"""One frame: 480 samples of PCM16 at 24 kHz."""
MAX_QUEUED_MS = 30_000
"""Audio queued beyond which no more is made; the services run ahead of what is heard, too."""
_MAX_MESSAGES = 32
"""Messages of which it is remembered how much was given out."""


@dataclass
class _QueuedAudio:
    """Audio of one message in the queue; `taken` bytes of it are gone."""

    response_id: str
    item_id: str
    pcm: bytes
    taken: int = 0


class Pacer:
    """Queues audio and gives it out frame by frame. It is the `Player` of a `SessionRunner`."""

    def __init__(self) -> None:
        self._queue: deque[_QueuedAudio] = deque()
        self._queued = 0
        self._heard: str | None = None
        self._given: dict[str, int] = {}
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def queued_ms(self) -> int:
        """Audio that is still to be heard."""
        return bytes_to_ms(self._queued)

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Queues audio of a message: PCM16 at 24 kHz."""
        self._queue.append(_QueuedAudio(response_id, item_id, pcm))
        self._queued += len(pcm)
        if self.queued_ms > MAX_QUEUED_MS:
            self._writable.clear()

    def clear(self) -> tuple[InterruptedMessage, ...]:
        """Drops the queue; the messages in it, with how much of each has been given out."""
        interrupted: dict[str, InterruptedMessage] = {}
        for stretch in self._queue:
            played_ms = bytes_to_ms(self._given.get(stretch.item_id, 0))
            interrupted.setdefault(stretch.item_id, InterruptedMessage(stretch.response_id, stretch.item_id, played_ms))
        self._queue.clear()
        self._queued = 0
        self._heard = None
        self._writable.set()
        return tuple(interrupted.values())

    async def wait_writable(self) -> None:
        """Waits until less than `MAX_QUEUED_MS` is queued."""
        await self._writable.wait()

    def next_frame(self) -> tuple[bytes | None, list[PlayoutStarted | PlayoutEnded]]:
        """The next 20 ms of audio (the last of it filled up with silence), or None for silence; and what that changed.

        A response has ended one frame after its last, when that has been heard.
        """
        playout_events: list[PlayoutStarted | PlayoutEnded] = []
        frame = bytearray()
        while self._queue and len(frame) < FRAME_BYTES:
            stretch = self._queue[0]
            self._turn_to(stretch.response_id, playout_events)
            frame += self._take_from(stretch, FRAME_BYTES - len(frame))
        if not frame:
            self._turn_to(None, playout_events)
            return None, playout_events
        self._queued -= len(frame)
        if self.queued_ms <= MAX_QUEUED_MS:
            self._writable.set()
        return bytes(frame.ljust(FRAME_BYTES, b"\0")), playout_events

    def _turn_to(self, response_id: str | None, playout_events: list[PlayoutStarted | PlayoutEnded]) -> None:
        if response_id == self._heard:
            return
        if self._heard is not None and all(one.response_id != self._heard for one in self._queue):
            playout_events.append(PlayoutEnded(self._heard))
        self._heard = response_id
        if response_id is not None:
            playout_events.append(PlayoutStarted(response_id))

    def _take_from(self, stretch: _QueuedAudio, most: int) -> bytes:
        taken = stretch.pcm[stretch.taken : stretch.taken + most]
        stretch.taken += len(taken)
        self._given[stretch.item_id] = self._given.get(stretch.item_id, 0) + len(taken)
        if len(self._given) > _MAX_MESSAGES:
            del self._given[next(iter(self._given))]
        if stretch.taken == len(stretch.pcm):
            self._queue.popleft()
        return taken
