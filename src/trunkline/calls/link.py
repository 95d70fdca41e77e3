"""The link to the model: connecting, sending, losing it and making it anew."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from trunkline.calls.steps import Input, LinkDropped, LinkOpened, SoundArrived, WireArrived
from trunkline.providers import Connection, ConnectionLostError, ProviderError
from trunkline.realtime import events

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 5.0
GIVE_UP_AFTER_S = 60.0
HELD_SOUND_BYTES = 20 * 48_000
"""How much of the caller's sound is kept while there is no link: 20 s. The oldest goes first."""
MOST_QUEUED_FRAMES = 1_000
"""Frames waiting for a slow link, 20 to 40 s of sound; beyond it new sound is dropped, events never are."""
BYTES_PER_MS = 48


class _SoundDelta(msgspec.Struct):
    type: str
    item_id: str
    delta: bytes  # msgspec decodes the base64


_sound_decoder = msgspec.json.Decoder(_SoundDelta)
_SOUND = b'"response.output_audio.delta"'


class Link:
    """One call's link. `run` keeps it connected and delivers what arrives; `send` and `hear` never wait."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], deliver: Callable[[Input], None]) -> None:
        self._connect = connect
        self._deliver = deliver
        self._queue: deque[str] = deque()
        self._held: deque[str] = deque()
        self._held_bytes = 0
        self._waiting = asyncio.Event()
        self._ready = False
        """Whether the session is set up, so that the caller's sound may go out."""
        self.sent_ms = 0.0
        self.sent_frames = 0

    async def run(self) -> None:
        """Connects, and again when the connection is lost, until cancelled or until there is no hope."""
        loop = asyncio.get_running_loop()
        attempts, lost_at = 0, loop.time()
        while True:
            attempts += 1
            try:
                connection = await self._connect()
            except ProviderError as error:
                lost_for = loop.time() - lost_at
                retry_s = _retry_after(attempts) if error.retry and lost_for < GIVE_UP_AFTER_S else None
                reason = f"{error} {error.hint}" if error.hint else str(error)
                self._deliver(LinkDropped(reason, error.code, None if retry_s is None else round(retry_s * 1000)))
                if retry_s is None:
                    return
                await asyncio.sleep(retry_s)
                continue
            self._deliver(LinkOpened(attempts, round((loop.time() - lost_at) * 1000)))
            opened_at = loop.time()
            lost = await self._converse(connection)
            lost_at = loop.time()
            # A link that breaks at once is as bad as one that does not come: the back-off goes on.
            attempts = 0 if lost_at - opened_at > LONGEST_RETRY_S else attempts
            retry_s = _retry_after(max(1, attempts))
            self._ready = False
            self._queue.clear()
            self._deliver(LinkDropped(lost.reason, lost.code, round(retry_s * 1000)))
            await asyncio.sleep(retry_s)

    def send(self, event: events.Event) -> None:
        """Queues an event. The first `session.update` on a connection lets the held sound follow."""
        self._put(events.encode(event).decode())
        if not self._ready and event["type"] == "session.update":
            self._ready = True
            # After what is sent in the same step: the replayed conversation goes before new sound.
            asyncio.get_running_loop().call_soon(self._release_held)

    def hear(self, pcm: bytes) -> None:
        """Queues sound of the caller: PCM16, 24 kHz, mono."""
        frame = '{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm).decode() + '"}'
        self.sent_ms += len(pcm) / BYTES_PER_MS
        self.sent_frames += 1
        if self._ready and not self._held:
            if len(self._queue) < MOST_QUEUED_FRAMES:  # else the network is too slow for live sound anyway
                self._put(frame)
            return
        self._held.append(frame)
        self._held_bytes += len(pcm)
        while self._held_bytes > HELD_SOUND_BYTES and self._held:
            dropped = self._held.popleft()
            self._held_bytes -= len(dropped) * 3 // 4

    def forget_sound(self) -> None:
        """Drops the sound that is held back: its caller has gone."""
        self._held.clear()
        self._held_bytes = 0

    def _release_held(self) -> None:
        self._queue.extend(self._held)
        self.forget_sound()
        self._waiting.set()

    def _put(self, frame: str) -> None:
        self._queue.append(frame)
        self._waiting.set()

    async def _converse(self, connection: Connection) -> ConnectionLostError:
        writer = asyncio.create_task(self._write(connection))
        try:
            while True:
                self._on_frame(await connection.receive())
        except ConnectionLostError as lost:
            return lost
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await connection.close()

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                while self._queue:
                    await connection.send(self._queue.popleft())
                self._waiting.clear()
                await self._waiting.wait()
        except ConnectionLostError:
            return  # the reader is told too, and says why

    def _on_frame(self, frame: bytes) -> None:
        if _SOUND in frame[:200]:
            try:
                delta = _sound_decoder.decode(frame)
            except msgspec.DecodeError:
                delta = None
            if delta is not None and delta.type == "response.output_audio.delta":
                self._deliver(SoundArrived(delta.item_id, delta.delta, len(delta.delta) / BYTES_PER_MS))
                return
        try:
            event = events.decode(frame)
        except events.MalformedEventError as error:
            message = f"The model sent something that is no event ({error})."
            self._deliver(WireArrived({"type": "error", "error": {"message": message, "code": "malformed_event"}}))
            return
        sound = events.sound_of(event)
        if sound is not None:
            self._deliver(SoundArrived(str(event.get("item_id")), sound, len(sound) / BYTES_PER_MS))
        else:
            self._deliver(WireArrived(event))


def _retry_after(attempts: int) -> float:
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, so that many calls do not come back at once
