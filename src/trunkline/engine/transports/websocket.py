"""WebSocket of a session: bounded in both directions, and closed with a reason if the client is too slow."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Iterator

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from trunkline.engine.session import inputs
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.time_limits import DEFAULT_TIME_LIMITS
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.realtime.events import Event, MalformedEventError, decode, encode
from trunkline.realtime.validation import InvalidRequest
from trunkline.send_queue import CloseFrame, SendQueue, send_frames

HIGH_WATER_BYTES = 1 << 20
"""Size of the queued data above which speech synthesis pauses."""
MAX_QUEUED_BYTES = 32 << 20
"""Size of the queued data above which the socket is closed."""
TOO_SLOW = CloseFrame(1008, "the client does not read its events")
MAX_APPEND_CHARACTERS = 64_000
"""Base64 characters in one piece of an append: one second of PCM16."""


class WebSocketChannel:
    """The sending side of one WebSocket. `write` sends the queued frames; the other methods do not block.

    Args:
        translator: the client's dialect; None means GA.
        send_timeout_s: time for sending one frame, after which the client is closed.
    """

    def __init__(
        self,
        websocket: WebSocket,
        translator: EventTranslator | None = None,
        *,
        send_timeout_s: float = DEFAULT_TIME_LIMITS.send_s,
    ) -> None:
        self._websocket = websocket
        self._send_timeout_s = send_timeout_s
        self._translator = translator
        self._queue: SendQueue[bytes] = SendQueue(MAX_QUEUED_BYTES, TOO_SLOW, high_water_bytes=HIGH_WATER_BYTES)

    def send(self, event: Event) -> None:
        """Queue an event. If too much data is queued, close the channel instead."""
        if self._queue.is_closing:
            return
        translated = event if self._translator is None else self._translator.from_ga(event)
        if translated is not None:
            self._queue.push(encode(translated))

    def close(self, code: int, reason: str) -> None:
        """Close the socket after the queued frames. Later calls do not change the code and reason."""
        self._queue.close(code, reason)

    def refusal(self, event: Event) -> InvalidRequest | None:
        """Return the reason to refuse an event that only the client's dialect refuses."""
        return None if self._translator is None else self._translator.refusal(event)

    def to_ga(self, event: Event) -> Event:
        """Convert a client's event to GA."""
        return event if self._translator is None else self._translator.to_ga(event)

    async def wait_writable(self) -> None:
        """Wait until little data is queued."""
        await self._queue.wait_writable()

    async def write(self) -> None:
        """Send the queued frames until the channel is closed or the client disconnects."""
        with contextlib.suppress(WebSocketDisconnect):
            try:
                await send_frames(self._queue, self._send_frame, self._send_timeout_s)
            except TimeoutError:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._send_timeout_s):
                        await self._send_frame(TOO_SLOW)
            finally:
                self._queue.close(1006, "")
                self._queue.clear()

    async def _send_frame(self, frame: bytes | CloseFrame) -> None:
        if isinstance(frame, bytes):
            await self._websocket.send_text(frame.decode())
        elif self._websocket.application_state is WebSocketState.CONNECTED:
            await self._websocket.close(frame.code, frame.reason)


async def serve(websocket: WebSocket, channel: WebSocketChannel, runner: SessionRunner) -> None:
    """Carry events in both directions until the client disconnects or the session closes the channel."""
    reading = asyncio.create_task(_read(websocket, channel, runner), name="socket reader")
    writing = asyncio.create_task(channel.write(), name="socket writer")
    try:
        await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        runner.detach(channel)
        channel.close(1000, "")
        await writing
    finally:
        reading.cancel()
        writing.cancel()
        await asyncio.wait((reading, writing))
    if not reading.cancelled():
        reading.result()


async def _read(websocket: WebSocket, channel: WebSocketChannel, runner: SessionRunner) -> None:
    """Pass a client's events to the session until it disconnects."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        frame = message.get("text")
        if frame is None:
            frame = message.get("bytes") or b""
        try:
            given = decode(frame)
            event = channel.to_ga(given)
        except MalformedEventError as error:
            runner.post(inputs.MalformedFrame(f"This frame is not a Realtime event: {error}."))
            continue
        for piece in _split_append(event):
            runner.post(inputs.ClientEvent(piece, channel.refusal(given)))
            await asyncio.sleep(0)


def _split_append(event: Event) -> Iterator[Event]:
    """Split a long append into pieces of one second, so that other sessions can run between them."""
    audio = event.get("audio")
    if (
        event.get("type") != "input_audio_buffer.append"
        or not isinstance(audio, str)
        or len(audio) <= MAX_APPEND_CHARACTERS
    ):
        yield event
        return
    try:
        base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        yield event  # the session rejects it as a whole
        return
    for start in range(0, len(audio), MAX_APPEND_CHARACTERS):
        yield {**event, "audio": audio[start : start + MAX_APPEND_CHARACTERS]}
