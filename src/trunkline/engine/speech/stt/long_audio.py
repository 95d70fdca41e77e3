"""Cutting long audio where the speaker pauses, for a recogniser with a limited window."""

from __future__ import annotations

import numpy as np

from trunkline.engine.speech.stt.log_mel import RATE

MAX_PART_S = 25.0
"""Audio that is decoded at once, at most."""
_SEARCH_S = 10.0
_BLOCK_S = 0.2
_BLOCK = int(_BLOCK_S * RATE)


def quiet_cut(pcm: bytes | bytearray) -> int:
    """Return the byte in the middle of the quietest 200 ms of the last 10 s of PCM16 at 16 kHz."""
    samples = np.frombuffer(pcm, "<i2")
    start = max(samples.size - int(_SEARCH_S * RATE), 0)
    blocks = samples[start:].astype(np.float32)
    blocks = blocks[: blocks.size // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    quietest = int((blocks * blocks).mean(axis=1).argmin())
    return 2 * (start + quietest * _BLOCK + _BLOCK // 2)
