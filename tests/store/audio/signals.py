"""Signals whose place in a recording can be found exactly, and the search for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 24_000


def noise(ms: float, seed: int, peak: float = 0.3) -> NDArray[np.int16]:
    """Return noise in the band of a voice: no two seeds resemble each other."""
    samples = np.random.default_rng(seed).standard_normal(round(ms * RATE / 1000) + 64)
    smooth = np.convolve(samples, np.hanning(16) / np.hanning(16).sum(), "same")[32:-32]
    scaled: NDArray[np.int16] = (smooth / np.abs(smooth).max() * peak * 32767).astype(np.int16)
    return scaled


def place_ms(signal: NDArray[np.int16], track: NDArray[np.int16]) -> tuple[float, float]:
    """Return the place of a signal in a track, in ms, and their correlation there from 0 to 1."""
    wanted, heard = signal.astype(np.float64), track.astype(np.float64)
    size = 1 << int(np.ceil(np.log2(len(wanted) + len(heard))))
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    products = products[: max(1, len(heard) - len(wanted) + 1)]
    at = int(np.argmax(products))
    part = heard[at : at + len(wanted)]
    norm = np.sqrt((wanted[: len(part)] ** 2).sum() * (part**2).sum())
    return at * 1000 / RATE, float(products[at] / norm) if norm else 0.0


def level_dbfs(track: NDArray[np.int16], start_ms: float, end_ms: float) -> float:
    """Return the level of a part of a track."""
    part = track[round(start_ms * RATE / 1000) : round(end_ms * RATE / 1000)].astype(np.float64)
    return float(20 * np.log10(max(1e-9, np.sqrt((part**2).mean()) / 32768))) if part.size else -200.0


def place_by_level_ms(signal: NDArray[np.int16], track: NDArray[np.int16]) -> tuple[int, float]:
    """Return the place of a signal in a track by their levels, in ms, and the correlation there from -1 to 1."""
    wanted, heard = _levels(signal), _levels(track)
    wanted -= wanted.mean()
    size = len(wanted)
    sums, squares = (np.concatenate([[0.0], np.cumsum(values)]) for values in (heard, heard**2))
    variances = (squares[size:] - squares[:-size]) / size - ((sums[size:] - sums[:-size]) / size) ** 2
    deviations = np.sqrt(np.maximum(variances, 0.0))
    products = np.correlate(heard, wanted, "valid") / size
    # Silence resembles nothing.
    correlations = np.where(deviations > 1.0, products / np.maximum(deviations, 1.0) / wanted.std(), 0.0)
    at = int(np.argmax(correlations))
    return at, float(correlations[at])


def _levels(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the RMS of each ms, smoothed over 9 ms."""
    step = RATE // 1000
    blocks = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    levels: NDArray[np.float64] = np.convolve(np.sqrt((blocks**2).mean(axis=1)), np.full(9, 1 / 9), "same")
    return levels
