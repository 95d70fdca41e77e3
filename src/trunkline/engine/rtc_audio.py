"""Sound on its way through a WebRTC peer: what arrives becomes PCM16 at 24 kHz, what leaves is encoded and paced.

Imports aiortc: only `webrtc.py` and those who have it anyway import this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, CodecContext, Packet

from trunkline.engine.pacing import FRAME_BYTES, FRAME_MS
from trunkline.realtime.audio import FORMATS, SAMPLE_RATE, Resampler, ms_to_bytes

CODECS = ("opus", "PCMU", "PCMA")
"""What is spoken and understood, by the names of SDP."""

LONGEST_GAP_MS = 2000
"""Silence put in for sound that never came, at most: enough to end a turn."""
_STEP_BYTES = ms_to_bytes(100)
_LATE_S = 0.1


class Hearing:
    """Turns the frames of an incoming track into one stream of PCM16 at 24 kHz.

    Opus arrives as 48 kHz stereo, G.711 as 8 kHz mono. A gap in the time stamps (packets lost, or not sent because
    the caller was silent) is filled with silence, so that a pause lasts as long as it did.
    """

    def __init__(self) -> None:
        self._rate = 0
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)
        self._expected = 0

    def feed(self, frame: AudioFrame) -> Iterator[bytes]:
        """The sound of one frame, in pieces of at most 100 ms."""
        gap = self._gap(frame)
        channels = frame.layout.nb_channels
        sound = bytes(frame.planes[0])[: 2 * channels * frame.samples]
        if channels == 2:
            sides = np.frombuffer(sound, "<i2").reshape(-1, 2) >> 1
            sound = (sides[:, 0] + sides[:, 1]).tobytes()
        pcm = self._resampler.feed(bytes(2 * gap) + sound)
        for start in range(0, len(pcm), _STEP_BYTES):
            yield pcm[start : start + _STEP_BYTES]

    def _gap(self, frame: AudioFrame) -> int:
        """Samples that are missing before this frame."""
        at = frame.pts or 0
        if frame.sample_rate != self._rate:
            self._rate, self._expected = frame.sample_rate, at
            self._resampler = Resampler(self._rate, SAMPLE_RATE)
        gap = at - self._expected
        self._expected = at + frame.samples
        return min(max(gap, 0), self._rate * LONGEST_GAP_MS // 1000)


class _Encoding(Protocol):
    clock_rate: int

    def encode(self, pcm: bytes | None) -> bytes:
        """20 ms of PCM16 at 24 kHz, or of silence, as one packet's payload."""


class _Opus:
    """Opus in its low-delay mode: 4 ms less delay than for voice, a third of the work, and as good at this rate."""

    clock_rate = 48_000

    def __init__(self) -> None:
        self._codec = CodecContext.create("libopus", "w")
        self._codec.bit_rate = 48_000
        self._codec.format = "s16"
        self._codec.layout = "mono"
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.time_base = Fraction(1, SAMPLE_RATE)
        self._codec.options = {"application": "lowdelay", "compression_level": "5"}
        self._frames = 0
        self._last = b""
        self._steady = False

    def encode(self, pcm: bytes | None) -> bytes:
        # Silence that goes on is always the same packet, once the codec's memory of the sound before has faded.
        if pcm is None and self._steady:
            return self._last
        payload = self._encode(pcm if pcm is not None else bytes(FRAME_BYTES))
        self._steady = pcm is None and payload == self._last
        self._last = payload
        return payload

    def _encode(self, pcm: bytes) -> bytes:
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._frames * (FRAME_BYTES // 2)
        self._frames += 1
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


class _G711:
    clock_rate = 8000

    def __init__(self, type_: str) -> None:
        self._encoder = FORMATS[type_].encoder()
        self._encoder.feed(bytes(ms_to_bytes(3)))  # what the resampler lags: from now on a frame in is a frame out

    def encode(self, pcm: bytes | None) -> bytes:
        return self._encoder.feed(pcm if pcm is not None else bytes(FRAME_BYTES))


def _encoding(codec: str) -> _Encoding:
    name = codec.lower()
    return _Opus() if name == "opus" else _G711(f"audio/{name}")


class PacedTrack(MediaStreamTrack):
    """The outgoing track: every 20 ms one packet, of sound or of silence.

    Args:
        take: the next 20 ms of PCM16 at 24 kHz, or None for silence.
    """

    kind = "audio"

    def __init__(self, take: Callable[[], bytes | None]) -> None:
        super().__init__()
        self._take = take
        self._encoding: _Encoding | None = None
        self._packets = 0
        self._due = 0.0

    def speak(self, codec: str) -> None:
        """Says which of `CODECS` was agreed on."""
        self._encoding = _encoding(codec)

    async def recv(self) -> Packet[Any]:
        """The next packet, when its time has come."""
        if self.readyState != "live" or self._encoding is None:
            raise MediaStreamError
        await self._tick()
        packet = Packet(self._encoding.encode(self._take()))
        packet.time_base = Fraction(1, self._encoding.clock_rate)
        packet.pts = self._packets * self._encoding.clock_rate * FRAME_MS // 1000
        self._packets += 1
        return packet

    async def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        self._due += FRAME_MS / 1000
        if now - self._due > _LATE_S:  # the first, or the machine was held up: no burst to make up for it
            self._due = now
        # Also when late: the session must have its turn between two packets.
        await asyncio.sleep(max(0.0, self._due - now))
