"""A WebSocket as a session's channel: bounded both ways, and closed with a reason when a client cannot keep up."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections import deque
from collections.abc import Iterator

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from trunkline.engine.session import inputs
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.realtime.events import Event, MalformedEventError, decode, encode

HIGH_WATER_BYTES = 1 << 20
"""Bytes waiting for a client beyond which no more audio is made for it."""
MAX_QUEUED_BYTES = 32 << 20
"""Bytes waiting for a client beyond which it is closed."""
SEND_TIMEOUT_S = 30.0
"""Seconds a client may take to accept one frame."""
SLOW = "the client does not read what it is sent"
MAX_APPEND_CHARACTERS = 64_000
"""Base64 characters of one appended piece of audio: one second of PCM16."""


class WebSocketChannel:
    """The sending side of one WebSocket. `write` does the sending; everything else returns at once.

    Args:
        translator: what the client speaks; None is GA.
    """

    def __init__(self, websocket: WebSocket, translator: EventTranslator | None = None) -> None:
        self._websocket = websocket
        self._translator = translator
        self._frames: deque[bytes] = deque()
        self._waiting = 0
        self._closing: tuple[int, str] | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def send(self, event: Event) -> None:
        """Queues an event. A client that has let too much pile up is closed instead."""
        if self._closing is not None:
            return
        told = event if self._translator is None else self._translator.from_ga(event)
        if told is None:
            return
        frame = encode(told)
        self._frames.append(frame)
        self._waiting += len(frame)
        if self._waiting > MAX_QUEUED_BYTES:
            self._frames.clear()
            self.close(1008, SLOW)
        elif self._waiting > HIGH_WATER_BYTES:
            self._writable.clear()
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        """Closes after what is queued. The first reason given is the one sent."""
        self._closing = self._closing or (code, reason)
        self._writable.set()
        self._news.set()

    def to_ga(self, event: Event) -> Event:
        """What the client sent, in GA."""
        return event if self._translator is None else self._translator.to_ga(event)

    async def wait_writable(self) -> None:
        """Waits until little is queued."""
        await self._writable.wait()

    async def write(self) -> None:
        """Sends what is queued, until the channel is closed or the client has gone."""
        try:
            while True:
                while self._frames:
                    await self._write_one(self._frames.popleft())
                if self._closing is not None:
                    break
                self._news.clear()
                await self._news.wait()
            await self._close(*self._closing)
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect):
                await self._close(1008, SLOW)
        finally:
            self._closing = self._closing or (1006, "")
            self._frames.clear()
            self._writable.set()

    async def _write_one(self, frame: bytes) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._websocket.send_text(frame.decode())
        self._waiting -= len(frame)
        if self._waiting < HIGH_WATER_BYTES // 2:
            self._writable.set()

    async def _close(self, code: int, reason: str) -> None:
        if self._websocket.application_state is WebSocketState.CONNECTED:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._websocket.close(code, reason)


async def serve(websocket: WebSocket, channel: WebSocketChannel, runner: SessionRunner) -> None:
    """Carries events both ways until the client goes, or the session closes the channel."""
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
    """Gives what a client sends to the session, until the client goes."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        frame = message.get("text")
        if frame is None:
            frame = message.get("bytes") or b""
        try:
            event = channel.to_ga(decode(frame))
        except MalformedEventError as error:
            runner.post(inputs.MalformedFrame(f"This is no Realtime event: {error}."))
            continue
        for piece in _sliced(event):
            runner.post(inputs.ClientEvent(piece))
            await asyncio.sleep(0)


def _sliced(event: Event) -> Iterator[Event]:
    """A long append as several short ones, so that one caller's minute of audio does not hold up the others."""
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
        yield event  # refused as a whole
        return
    for start in range(0, len(audio), MAX_APPEND_CHARACTERS):
        yield {**event, "audio": audio[start : start + MAX_APPEND_CHARACTERS]}
