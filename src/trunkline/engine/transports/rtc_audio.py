"""Audio on its way through a WebRTC peer: what arrives is made PCM16 at 24 kHz, what leaves is encoded and paced.

Imports aiortc: only `webrtc.py` and those who have it anyway import this.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av import AudioFrame, CodecContext, FFmpegError, Packet

from trunkline.engine.transports.pacing import FRAME_BYTES, FRAME_MS
from trunkline.realtime.audio import FORMATS, SAMPLE_RATE, Resampler, bytes_to_ms, ms_to_bytes

CODECS = ("opus", "PCMU", "PCMA")
"""What is spoken and understood, by the names of SDP."""

MAX_GAP_MS = 2000
"""Silence put in for audio that never came, at most: enough to end a turn."""
REORDER_PACKETS = 4
"""Packets that may wait for a missing one before it is given up: 80 ms of audio."""
MAX_AHEAD_MS = 5000
"""Audio that may come faster than it lasts, at once: what was held up on its way, or a pause that is filled in."""
MAX_DROPPED_MS = 60_000
"""Audio dropped beyond that, after which the caller is no caller."""
MAX_SOURCES = 64
"""Streams a caller may begin anew within its one track."""
_PACE = 1.1  # a caller's clock may be faster than ours, though never by as much
_JUMP = 100
_STEP_BYTES = ms_to_bytes(100)
_LATE_S = 0.1


class AudioReceiver:
    """Turns the packets of an incoming track into one stream of PCM16 at 24 kHz, as they come.

    It takes the place of aiortc's jitter buffer, and with it of its decoder: that one holds audio back for 80 ms, and
    once a packet was lost for 300 ms; and its thread and its tasks cost more than the decoding. A listener that is a
    machine needs no steady stream, only one in order. A gap in the time stamps (packets lost, or not sent because the
    caller was silent) is filled with silence, so that a pause lasts as long as it did.

    Audio lasts as long as it lasts. Packets that bring more of it than there is time for are dropped before they are
    decoded, so that a caller who floods its track costs the others little.

    Args:
        heard: is given the audio, in pieces of at most 100 ms.
        clock: seconds, by which audio is too much.
    """

    def __init__(self, on_audio: Callable[[bytes], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_audio = on_audio
        self._clock = clock
        self._ahead_ms = 0.0
        self._dropped_ms = 0.0
        self._counted_at = clock()
        self._sources: set[int] = set()
        self._codecs: dict[int, str] = {}
        self._waiting: dict[int, RtpPacket] = {}
        self._source = self._payload_type = -1
        self._sequence = self._timestamp = 0
        self._decoding: _Decoding | None = None

    @property
    def flooded(self) -> bool:
        """Whether what comes is more than any caller sends."""
        return self._dropped_ms > MAX_DROPPED_MS or len(self._sources) > MAX_SOURCES

    def set_codecs(self, codecs: dict[int, str]) -> None:
        """Says which payload types were agreed on, as names of `CODECS`."""
        self._codecs = codecs

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """A packet has come. (The result says that aiortc has nothing to decode, and no picture to ask for.)"""
        if packet.ssrc != self._source or _JUMP < (packet.sequence_number - self._sequence) % (1 << 16) < 1 << 15:
            self._source, self._sequence = packet.ssrc, packet.sequence_number
            self._waiting.clear()
            if len(self._sources) <= MAX_SOURCES:
                self._sources.add(packet.ssrc)
        if (packet.sequence_number - self._sequence) % (1 << 16) < 1 << 15:  # else it is late, or has come twice
            self._waiting[packet.sequence_number] = packet
        if len(self._waiting) > REORDER_PACKETS:
            self._sequence = min(self._waiting, key=lambda number: (number - self._sequence) % (1 << 16))
        while (next_one := self._waiting.pop(self._sequence, None)) is not None:
            self._sequence = (self._sequence + 1) % (1 << 16)
            self._decode(next_one)
        return False, None

    def _decode(self, packet: RtpPacket) -> None:
        codec = self._codecs.get(packet.payload_type)
        if codec is None or not packet.payload:
            return
        if self._decoding is None or packet.payload_type != self._payload_type:
            self._payload_type, self._timestamp = packet.payload_type, packet.timestamp
            self._decoding = _OpusDecoding() if codec == "opus" else _G711Decoding(f"audio/{codec.lower()}")
        rate = self._decoding.clock_rate
        if self._is_too_fast():
            self._dropped_ms += FRAME_MS
            self._timestamp = packet.timestamp  # no gap to fill when it is heard again
            return
        gap = (packet.timestamp - self._timestamp) % (1 << 32)
        gap = min(gap, rate * MAX_GAP_MS // 1000) if gap < 1 << 31 else 0
        samples, pcm = self._decoding.decode(packet.payload, gap)
        self._timestamp = (packet.timestamp + samples) % (1 << 32)
        self._ahead_ms += bytes_to_ms(len(pcm))
        for start in range(0, len(pcm), _STEP_BYTES):
            self._on_audio(pcm[start : start + _STEP_BYTES])

    def _is_too_fast(self) -> bool:
        now, before = self._clock(), self._counted_at
        self._counted_at = now
        self._ahead_ms = max(0.0, self._ahead_ms - (now - before) * 1000 * _PACE)
        return self._ahead_ms > MAX_AHEAD_MS


class _Decoding(Protocol):
    clock_rate: int

    def decode(self, payload: bytes, gap: int) -> tuple[int, bytes]:
        """`gap` samples of silence and then a packet's audio: how many samples it has, and all as native audio."""


class _OpusDecoding:
    clock_rate = 48_000

    def __init__(self) -> None:
        self._codec = CodecContext.create("libopus", "r")
        self._codec.format = "s16"
        self._codec.layout = "mono"  # a stereo stream is mixed down by the decoder itself
        self._codec.sample_rate = self.clock_rate
        self._resampler = Resampler(self.clock_rate, SAMPLE_RATE)

    def decode(self, payload: bytes, gap: int) -> tuple[int, bytes]:
        audio = bytearray(2 * gap)
        try:
            for frame in self._codec.decode(Packet(payload)):
                audio += bytes(frame.planes[0])[: 2 * frame.samples]
        except FFmpegError:  # not Opus at all: as if it had been lost
            return 0, b""
        return len(audio) // 2 - gap, self._resampler.feed(bytes(audio))


class _G711Decoding:
    clock_rate = 8000

    def __init__(self, type_: str) -> None:
        self._decoder = FORMATS[type_].decoder()
        self._silence = b"\xff" if type_ == "audio/pcmu" else b"\xd5"

    def decode(self, payload: bytes, gap: int) -> tuple[int, bytes]:
        return len(payload), self._decoder.feed(self._silence * gap + payload)


class _Encoding(Protocol):
    clock_rate: int

    def encode(self, pcm: bytes | None) -> bytes:
        """20 ms of PCM16 at 24 kHz, or of silence, as one packet's payload."""


class _OpusEncoding:
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
        # Silence that goes on is always the same packet, once the codec's memory of the audio before has faded.
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


class _G711Encoding:
    clock_rate = 8000

    def __init__(self, type_: str) -> None:
        self._encoder = FORMATS[type_].encoder()
        self._encoder.feed(bytes(ms_to_bytes(3)))  # what the resampler lags: from now on a frame in is a frame out

    def encode(self, pcm: bytes | None) -> bytes:
        return self._encoder.feed(pcm if pcm is not None else bytes(FRAME_BYTES))


def _encoding(codec: str) -> _Encoding:
    name = codec.lower()
    return _OpusEncoding() if name == "opus" else _G711Encoding(f"audio/{name}")


class PacedTrack(MediaStreamTrack):
    """The outgoing track: every 20 ms one packet, of audio or of silence.

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

    def set_codec(self, codec: str) -> None:
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
