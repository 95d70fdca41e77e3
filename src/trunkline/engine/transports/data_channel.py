"""A WebRTC data channel as a session's channel: events out, bounded, and filtered where not all are for the caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from trunkline.engine.session.validation import error_event
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.realtime.events import Event, encode

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

HIGH_WATER_BYTES = 256 << 10
"""Bytes waiting for the caller beyond which no more audio is made."""
MAX_QUEUED_BYTES = 8 << 20
"""Bytes waiting for the caller beyond which the call ends."""
DRAIN_TIMEOUT_S = 0.5
"""How long closing waits for what was sent."""

SHOWN_WHEN_FILTERED = frozenset(
    {
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.added",
        "conversation.item.created",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
    }
)
"""What Azure lets through with `webrtcfilter=on`."""


class DataChannel:
    """The sending side of the data channel. Events wait until the caller has opened it.

    Args:
        filtered: whether only `SHOWN_WHEN_FILTERED` goes out, and of items only what was said speakable or typed.
        stuck: called when the caller does not read what it is sent.
        translator: what the caller speaks; None is GA.
    """

    def __init__(
        self, *, filtered: bool, on_stalled: Callable[[], None], translator: EventTranslator | None = None
    ) -> None:
        self._filtered = filtered
        self._translator = translator
        self._on_stalled = on_stalled
        self._channel: RTCDataChannel | None = None
        self._early: deque[str] = deque()
        self._early_bytes = 0
        self._closed = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the caller has opened the channel."""
        return self._channel is not None

    def open(self, channel: RTCDataChannel) -> None:
        """The caller has opened the channel: what waited is sent."""
        self._channel = channel
        channel.bufferedAmountLowThreshold = HIGH_WATER_BYTES // 2
        channel.on("bufferedamountlow", self._writable.set)
        channel.on("close", self._left)
        while self._early:
            self._send(channel, self._early.popleft())

    def send(self, event: Event) -> None:
        """An event for the caller."""
        if self._closed or self._gone.is_set() or (self._filtered and not _is_shown(event)):
            return
        told = event if self._translator is None else self._translator.from_ga(event)
        if told is None:
            return
        text = encode(told).decode()
        if self._channel is not None:
            self._send(self._channel, text)
            return
        self._early.append(text)
        self._early_bytes += len(text)
        if self._early_bytes > MAX_QUEUED_BYTES:
            self._give_up()

    def to_ga(self, event: Event) -> Event:
        """What the caller sent, in GA."""
        return event if self._translator is None else self._translator.to_ga(event)

    def close(self, code: int, reason: str) -> None:
        """The session has ended. A data channel has no close code to tell."""
        self._closed = True
        self._writable.set()

    async def wait_writable(self) -> None:
        """Waits until little is on its way. Before the channel is open nothing holds the session up."""
        await self._writable.wait()

    async def drain(self) -> None:
        """Closes the channel once what was sent has gone out, or after `DRAIN_TIMEOUT_S`."""
        self.close(1000, "")
        if self._channel is None or self._gone.is_set():
            return
        self._channel.close()
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            return

    def _send(self, channel: RTCDataChannel, text: str) -> None:
        if channel.readyState != "open":
            return
        try:
            channel.send(text)
        except ValueError:  # beyond the largest message the caller's offer allows
            channel.send(_too_large(len(text)))
        if channel.bufferedAmount > MAX_QUEUED_BYTES:
            self._give_up()
        elif channel.bufferedAmount > HIGH_WATER_BYTES:
            self._writable.clear()

    def _give_up(self) -> None:
        self._early.clear()
        self.close(1008, "")
        self._on_stalled()

    def _left(self) -> None:
        self._gone.set()
        self._writable.set()


def _is_shown(event: Event) -> bool:
    item = event.get("item")
    if item is not None and (item.get("type") != "message" or item.get("role") == "system"):
        return False
    return event["type"] in SHOWN_WHEN_FILTERED


def _too_large(size: int) -> str:
    message = f"An event of {size} characters is larger than what your data channel accepts, and was not sent."
    return encode(error_event(message, code="event_too_large", kind="server_error")).decode()
