"""Chunks of a recording that the caller's page makes: binary frames on the call's socket while audio flows over WebRTC.

A chunk is `TLA1`, the time of its last sample in ms of the call (unsigned 32 bits, little-endian), and G.711 μ-law at
24 kHz in stereo. The caller is on the left, and the agent on the right as the page plays it.
"""

from __future__ import annotations

import struct

from trunkline.realtime.audio import decode_pcmu
from trunkline.store.audio.placement import SAMPLES_PER_MS

MAX_CHUNK_MS = 2_000
MAX_EARLY_MS = 1_500
"""Time by which the page's clock may be ahead."""
MAX_LATE_MS = 60_000
"""Age of a chunk: a page keeps some while its socket is lost."""
_HEAD = struct.Struct("<4sI")
_FRAME_BYTES = 2


class PageAudioError(ValueError):
    """The frame is not a chunk of a recording. The message says why."""


def read_chunk(frame: bytes, now_ms: float) -> tuple[bytes, int]:
    """Return a chunk's audio, PCM16 in stereo, and the time of its last sample in ms.

    Args:
        frame: the binary frame.
        now_ms: the present time of the call.

    Raises:
        PageAudioError: the frame is not a chunk, or its time cannot be right.
    """
    if len(frame) <= _HEAD.size or frame[:4] != b"TLA1":
        raise PageAudioError("A binary frame over WebRTC is not a chunk of a recording. Send TLA1, a time, and audio.")
    (_magic, end_ms), codes = _HEAD.unpack_from(frame), frame[_HEAD.size :]
    if len(codes) % _FRAME_BYTES:
        raise PageAudioError("A chunk of the recording has half a frame. Send μ-law in stereo.")
    duration_ms = len(codes) / _FRAME_BYTES / SAMPLES_PER_MS
    if duration_ms > MAX_CHUNK_MS:
        raise PageAudioError(f"A chunk of the recording is longer than {MAX_CHUNK_MS} ms. Send shorter ones.")
    if end_ms > now_ms + MAX_EARLY_MS or end_ms < now_ms - MAX_LATE_MS or end_ms < duration_ms - MAX_EARLY_MS:
        raise PageAudioError("The time of a chunk of the recording cannot be right. Count ms from the call's start.")
    return decode_pcmu(codes), end_ms
