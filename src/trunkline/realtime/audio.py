"""Audio formats of the Realtime protocol, their conversion, and resampling with little delay.

Native audio is signed 16-bit little-endian mono at 24 kHz, the protocol's `audio/pcm`. The other two formats,
`audio/pcmu` and `audio/pcma`, are ITU-T G.711 at 8 kHz. Every converter is a stream: its input may come in pieces of
any size, cut anywhere, and the joined output is that of the whole.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import gcd
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 24_000
"""Hz of native audio."""

BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
"""Bytes in one millisecond of native audio."""


def ms_to_bytes(ms: int) -> int:
    """Return the bytes of `ms` milliseconds of native audio."""
    return ms * BYTES_PER_MS


def bytes_to_ms(size: int) -> int:
    """Return the duration of `size` bytes of native audio, in whole milliseconds."""
    return size // BYTES_PER_MS


class Converter(Protocol):
    """A converter of an audio stream."""

    def feed(self, audio: bytes) -> bytes:
        """Convert as much audio as possible, and keep the rest for the next piece."""

    def flush(self) -> bytes:
        """End the stream and return the rest. The converter can then begin another stream."""


@dataclass(frozen=True)
class AudioFormat:
    """An audio format of the protocol: its `type`, rate in Hz, and bytes per sample."""

    type: str
    rate: int
    bytes_per_sample: int

    def ms_to_bytes(self, ms: int) -> int:
        """Return the bytes of `ms` milliseconds of audio."""
        return ms * self.rate * self.bytes_per_sample // 1000

    def bytes_to_ms(self, size: int) -> int:
        """Return the duration of `size` bytes, in whole milliseconds."""
        return size * 1000 // (self.rate * self.bytes_per_sample)

    def decoder(self) -> Converter:
        """Make a converter from this format to native audio."""
        return _WholeSamples() if self.type == "audio/pcm" else _FromG711(_decode_table(self.type))

    def encoder(self) -> Converter:
        """Make a converter from native audio to this format."""
        return _WholeSamples() if self.type == "audio/pcm" else _ToG711(_encode_table(self.type))


FORMATS = {
    "audio/pcm": AudioFormat("audio/pcm", SAMPLE_RATE, 2),
    "audio/pcmu": AudioFormat("audio/pcmu", 8000, 1),
    "audio/pcma": AudioFormat("audio/pcma", 8000, 1),
}
"""The protocol's formats by their `type`."""


class Resampler:
    """Changes the rate of a PCM16 stream with little delay.

    A polyphase filter: flat to 80 % of the lower Nyquist frequency, and 75 dB down from that frequency on. The output
    lags the input by 24 samples of the lower rate (1.5 ms at 16 kHz, 3 ms at 8 kHz) and is otherwise aligned with it.
    `flush` returns that rest, so that the output is as long as the input. Block-wise resamplers, such as soxr, delay
    the audio by 20 to 60 ms at these rates, which slows each answer.

    Args:
        from_rate: the input's rate in Hz.
        to_rate: the output's rate in Hz.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        shared = gcd(from_rate, to_rate)
        self._up, self._down = to_rate // shared, from_rate // shared
        self._filter, self._lag = _polyphase(self._up, self._down)
        self._span = len(self._filter)
        self._half = b""
        self._fed = self._given = 0
        self._pending = self._silence_before()

    def feed(self, audio: bytes) -> bytes:
        """Resample as much audio as possible. Half a sample waits for its other half."""
        if self._half:
            audio = self._half + audio
        even = len(audio) & ~1
        self._half = audio[even:]
        samples = np.frombuffer(audio, "<i2", count=even // 2)
        self._fed += len(samples)
        return self._resample(samples.astype(np.float32))

    def flush(self) -> bytes:
        """End the stream and return the rest, without half a sample at the end."""
        due = -(-self._fed * self._up // self._down) - self._given
        rest = self._resample(np.zeros(self._span + self._down, np.float32))[: 2 * due]
        self._half = b""
        self._fed = self._given = 0
        self._pending = self._silence_before()
        return rest

    def _silence_before(self) -> NDArray[np.float32]:
        return np.zeros(self._lag, np.float32)

    def _resample(self, samples: NDArray[np.float32]) -> bytes:
        known = np.concatenate((self._pending, samples))
        steps = (len(known) - self._span) // self._down + 1
        if steps <= 0:
            self._pending = known
            return b""
        # Overlapping windows of the same memory. `ndarray` and `dot` are the fastest ways to make and multiply them.
        windows: NDArray[np.float32] = np.ndarray((steps, self._span), np.float32, known, strides=(4 * self._down, 4))
        out = windows.dot(self._filter)
        self._pending = known[steps * self._down :]
        self._given += out.size
        rounded: NDArray[np.int16] = np.rint(out, out=out).clip(-32768, 32767).astype("<i2")
        return rounded.tobytes()


_LOBES = 24
_ROLL_OFF = 0.9
_KAISER_BETA = 7.5


@functools.cache
def _polyphase(up: int, down: int) -> tuple[NDArray[np.float32], int]:
    """Return the matrix from `span` input samples to the next `up` output samples, and its lag in input samples.

    The window moves by `down` samples each step. Its last `down + lag` samples are those of the step and the following
    ones, so that the output is aligned with the input.
    """
    wider = max(up, down)  # the lower of the two rates sets the width of the filter's lobes
    reach = _LOBES * wider  # of the filter to each side, at the common multiple of the rates
    lag = -(-reach // up)
    span = lag + down + lag
    place_in = (np.arange(span) - lag) * up
    place_out = np.arange(up) * down
    distance = place_in[:, None] - place_out[None, :]
    inside = np.abs(distance) <= reach
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / reach) ** 2, 0, None))) / np.i0(_KAISER_BETA)
    weights = np.where(inside, np.sinc(distance * _ROLL_OFF / wider) * window, 0.0)
    return (weights / weights.sum(axis=0)).astype(np.float32), lag


class _WholeSamples:
    """Passes PCM16 through in whole samples, since a frame may be cut anywhere."""

    def __init__(self) -> None:
        self._half = b""

    def feed(self, audio: bytes) -> bytes:
        if not self._half and not len(audio) & 1:
            return audio
        audio = self._half + audio
        even = len(audio) & ~1
        self._half = audio[even:]
        return audio[:even]

    def flush(self) -> bytes:
        self._half = b""
        return b""


class _FromG711:
    def __init__(self, table: NDArray[np.int16]) -> None:
        self._table = table
        self._resampler = Resampler(8000, SAMPLE_RATE)

    def feed(self, audio: bytes) -> bytes:
        return self._resampler.feed(self._table[np.frombuffer(audio, np.uint8)].tobytes())

    def flush(self) -> bytes:
        return self._resampler.flush()


class _ToG711:
    def __init__(self, table: NDArray[np.uint8]) -> None:
        self._table = table
        self._resampler = Resampler(SAMPLE_RATE, 8000)

    def feed(self, audio: bytes) -> bytes:
        return self._compress(self._resampler.feed(audio))

    def flush(self) -> bytes:
        return self._compress(self._resampler.flush())

    def _compress(self, pcm: bytes) -> bytes:
        codes: NDArray[np.uint8] = self._table[np.frombuffer(pcm, "<u2")]
        return codes.tobytes()


def decode_pcmu(codes: bytes) -> bytes:
    """Return the PCM16 of G.711 μ-law codes, at the same rate."""
    return _decode_table("audio/pcmu")[np.frombuffer(codes, np.uint8)].tobytes()


@functools.cache
def _decode_table(type_: str) -> NDArray[np.int16]:
    """Return the PCM16 value of each of G.711's 256 codes, scaled to 16 bits."""
    code = np.arange(256)
    if type_ == "audio/pcmu":
        code = ~code & 0xFF  # mu-law is sent with all bits inverted
        magnitude = (((code & 0x0F) * 2 + 33 << (code >> 4 & 7)) - 33) * 4
        negative = code >= 0x80
    else:
        code = code ^ 0x55  # A-law with the even bits inverted
        chord, step = code >> 4 & 7, code & 0x0F
        magnitude = np.where(chord == 0, step * 2 + 1, step * 2 + 33 << np.maximum(chord - 1, 0)) * 8
        negative = code < 0x80
    return np.where(negative, -magnitude, magnitude).astype("<i2")


@functools.cache
def _encode_table(type_: str) -> NDArray[np.uint8]:
    """Return the G.711 code of each PCM16 value, indexed by the value's bits as an unsigned number."""
    value = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    if type_ == "audio/pcmu":
        linear = value >> 2  # 14 bits, by the recommendation
        magnitude = np.minimum(np.abs(linear), 8158) + 33
        chord = np.clip(np.floor(np.log2(magnitude)).astype(np.int32) - 5, 0, 7)
        code = chord << 4 | (magnitude >> chord + 1) & 0x0F
        mask = np.where(linear < 0, 0x7F, 0xFF)
    else:
        linear = value >> 3  # 13 bits
        magnitude = np.where(linear < 0, ~linear, linear)
        chord = np.clip(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0, 7)
        code = chord << 4 | (magnitude >> np.maximum(chord, 1)) & 0x0F
        mask = np.where(linear < 0, 0x55, 0xD5)
    coded: NDArray[np.uint8] = (code ^ mask).astype(np.uint8)
    return coded
