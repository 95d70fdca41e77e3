"""Whisper's input: the log-mel spectrogram of audio, as the model was trained with it."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Hz of the audio."""
FRAMES_PER_S = 100
_HOP = RATE // FRAMES_PER_S
_FFT = 400
_LINEAR_HZ, _LINEAR_MELS = 1000.0, 15.0  # Slaney's mel scale: linear up to here, logarithmic above
_LOG_STEP = np.log(6.4) / 27


def log_mel(pcm: bytes, bands: int = 80) -> NDArray[np.float32]:
    """Return the spectrogram of PCM16 mono at 16 kHz: `bands` rows, a column for each 10 ms.

    Values are scaled as Whisper expects them: a unit is 40 dB, and all are at most two units below the loudest.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    if samples.size < _FFT:
        samples = np.pad(samples, (0, _FFT - samples.size))
    padded = np.pad(samples, _FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][:-1]
    spectrum = np.fft.rfft(frames * _window())
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    level = np.log10(np.maximum(_mel_filters(bands) @ power.T, 1e-10))
    scaled: NDArray[np.float32] = ((np.maximum(level, level.max() - 8) + 4) / 4).astype(np.float32)
    return scaled


def in_window(mel: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return a batch of one spectrogram of exactly `frames` columns, cut or filled with zeros.

    Zeros in this domain are the padding that Whisper handles best: after silent samples it repeats itself.
    """
    batch = np.zeros((1, mel.shape[0], frames), np.float32)
    kept = min(mel.shape[1], frames)
    batch[0, :, :kept] = mel[:, :kept]
    return batch


@functools.cache
def _window() -> NDArray[np.float32]:
    return np.hanning(_FFT + 1)[:-1].astype(np.float32)


@functools.cache
def _mel_filters(bands: int) -> NDArray[np.float32]:
    """Return triangular filters of equal area: a row for each band, a column for each bin of the spectrum."""
    bins = np.linspace(0, RATE / 2, _FFT // 2 + 1)
    highest = _LINEAR_MELS + np.log(RATE / 2 / _LINEAR_HZ) / _LOG_STEP
    mels = np.linspace(0, highest, bands + 2)
    edges = np.where(
        mels < _LINEAR_MELS,
        mels * _LINEAR_HZ / _LINEAR_MELS,
        _LINEAR_HZ * np.exp((mels - _LINEAR_MELS) * _LOG_STEP),
    )
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.maximum(0, np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid)))
    of_equal_area: NDArray[np.float32] = (filters * 2 / (high - low)).astype(np.float32)
    return of_equal_area
