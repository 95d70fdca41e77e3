"""WebRTC data channel of a session: bounded output, and a filter for callers that must not see all events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.realtime.events import Event, encode
from trunkline.realtime.ids import new_id
from trunkline.realtime.validation import InvalidRequest, error_event

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

HIGH_WATER_BYTES = 256 << 10
"""Size of the queued data above which speech synthesis pauses."""
MAX_QUEUED_BYTES = 8 << 20
"""Size of the queued data above which the call ends."""
DRAIN_TIMEOUT_S = 0.5
"""Time limit for sending the queued data on close."""

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
"""Events that Azure sends with `webrtcfilter=on`."""


class DataChannel:
    """The sending side of a data channel. Events are queued until the caller opens it.

    Args:
        filtered: True to send only `SHOWN_WHEN_FILTERED`, and of the items only user and assistant messages.
        on_stalled: called when the caller does not read its events.
        translator: the caller's dialect; None means GA.
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
        self._channel_closed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """True after the caller opened the channel."""
        return self._channel is not None

    def open(self, channel: RTCDataChannel) -> None:
        """Attach the caller's channel, and send the queued events."""
        self._channel = channel
        channel.bufferedAmountLowThreshold = HIGH_WATER_BYTES // 2
        channel.on("bufferedamountlow", self._writable.set)
        channel.on("close", self._on_close)
        while self._early:
            self._send(channel, self._early.popleft())

    def send(self, event: Event) -> None:
        """Send an event to the caller."""
        if self._closed or self._channel_closed.is_set() or (self._filtered and not _is_shown(event)):
            return
        translated = event if self._translator is None else self._translator.from_ga(event)
        if translated is None:
            return
        text = encode(translated).decode()
        if self._channel is not None:
            self._send(self._channel, text)
            return
        self._early.append(text)
        self._early_bytes += len(text)
        if self._early_bytes > MAX_QUEUED_BYTES:
            self._stall()

    def refusal(self, event: Event) -> InvalidRequest | None:
        """Return the reason to refuse an event that only the caller's dialect refuses."""
        return None if self._translator is None else self._translator.refusal(event)

    def to_ga(self, event: Event) -> Event:
        """Convert a caller's event to GA."""
        return event if self._translator is None else self._translator.to_ga(event)

    def close(self, code: int, reason: str) -> None:
        """Stop sending, because the session has ended. A data channel has no close code."""
        self._closed = True
        self._writable.set()

    async def wait_writable(self) -> None:
        """Wait until little data is queued. An unopened channel never delays the session."""
        await self._writable.wait()

    async def drain(self) -> None:
        """Close the channel after the queued data was sent, or after `DRAIN_TIMEOUT_S`."""
        self.close(1000, "")
        if self._channel is None or self._channel_closed.is_set():
            return
        self._channel.close()
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._channel_closed.wait()
        except TimeoutError:
            return

    def _send(self, channel: RTCDataChannel, text: str) -> None:
        if channel.readyState != "open":
            return
        try:
            channel.send(text)
        except ValueError:  # exceeds the largest message in the caller's offer
            channel.send(_too_large(len(text)))
        if channel.bufferedAmount > MAX_QUEUED_BYTES:
            self._stall()
        elif channel.bufferedAmount > HIGH_WATER_BYTES:
            self._writable.clear()

    def _stall(self) -> None:
        self._early.clear()
        self.close(1008, "")
        self._on_stalled()

    def _on_close(self) -> None:
        self._channel_closed.set()
        self._writable.set()


def _is_shown(event: Event) -> bool:
    item = event.get("item")
    if item is not None and (item.get("type") != "message" or item.get("role") == "system"):
        return False
    return event["type"] in SHOWN_WHEN_FILTERED


def _too_large(size: int) -> str:
    message = f"The data channel does not accept an event of {size} characters. Offer a larger max-message-size."
    return encode(error_event(new_id("event"), message, code="event_too_large", kind="server_error")).decode()
