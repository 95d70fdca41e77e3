"""Synthetic noises around a caller, for benchmarks: seeded, at three levels, half of them over a faint pink noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from trunkline.engine.speech import SAMPLE_RATE

Samples = NDArray[np.float32]
_Wave = NDArray[np.float64]
PEAKS = (18_000.0, 6_000.0, 2_000.0)
"""Peaks of the noises: the callers of the benchmarks have 6,000."""
_MAX_OFFSET = 768
"""Samples of silence before a noise, at most: a frame of voice activity detection."""


def noises(kind: str, count: int) -> Iterator[Samples]:
    """Yield so many variants of a kind at each level: samples at 24 kHz."""
    number = [*KINDS].index(kind)
    for variant in range(count):
        for peak in PEAKS:
            random = np.random.default_rng([number, variant, int(peak)])
            noise = np.concatenate([np.zeros(random.integers(0, _MAX_OFFSET)), _with_peak(KINDS[kind](random), peak)])
            if variant % 2:
                noise = noise + _with_peak(_pink(random, noise.size), random.choice([20.0, 100.0, 400.0]))
            yield noise.astype(np.float32)


def _breath(random: np.random.Generator) -> _Wave:
    at = _seconds(random.uniform(500, 1300))
    noise = _band(random.normal(0, 1, at.size), random.uniform(300, 700), random.uniform(3000, 8000))
    envelope: _Wave = np.maximum(np.sin(np.pi * at / at[-1]), 0) ** random.uniform(0.7, 2)
    return noise * envelope


def _click(random: np.random.Generator) -> _Wave:
    wave = np.zeros(_samples(800))
    for start in random.integers(0, wave.size - 600, random.integers(1, 4)):
        wave[start : start + random.integers(1, 500)] += random.choice([-1, 1]) * random.uniform(0.3, 1)
    return wave


def _cough(random: np.random.Generator) -> _Wave:
    parts: list[_Wave] = []
    for _ in range(random.integers(1, 4)):
        length_ms = random.uniform(180, 380)
        at = _seconds(length_ms)
        noise = random.normal(0, 1, at.size)
        tail = np.exp(-(((at - length_ms / 2000) / (length_ms / 4000)) ** 2))
        envelope = (1 - np.exp(-at / 0.004)) * (np.exp(-at / 0.05) + 0.35 * tail)
        formants = ((random.uniform(450, 750), 200, 1.0), (random.uniform(1200, 1700), 300, 0.8), (2800, 500, 0.5))
        wave = envelope * sum(
            share * _band(noise, max(middle - half, 60), middle + half) for middle, half, share in formants
        )
        if random.random() < 0.6:  # a voiced end
            phase = np.cumsum(2 * np.pi * random.uniform(110, 230) * (1 + 0.05 * np.sin(60 * np.pi * at)) / SAMPLE_RATE)
            voice = _band(np.sign(np.sin(phase)) + 0.2 * noise, 350, 1500)
            bump = np.exp(-(((at - length_ms * 0.0007) / (length_ms * 0.00012)) ** 2))
            wave += random.uniform(0.05, 0.35) * np.abs(wave).max() / np.abs(voice).max() * voice * bump
        parts += [wave, np.zeros(_samples(random.uniform(80, 300)))]
    return np.concatenate(parts)


def _dishes(random: np.random.Generator) -> _Wave:
    wave = np.zeros(_samples(700))
    for start in random.integers(0, wave.size // 2, random.integers(1, 5)):
        wave[start:] += _ringing(random, wave.size - start, random.uniform(1500, 8000, 5), (0.02, 0.15))
    return wave


def _dtmf(random: np.random.Generator) -> _Wave:
    at = _seconds(200)
    low, high = random.choice([697, 770, 852, 941]), random.choice([1209, 1336, 1477])
    wave: _Wave = np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at)
    return wave


def _hum(random: np.random.Generator) -> _Wave:
    return _harmonics(random, random.choice([50, 60]))


def _buzz(random: np.random.Generator) -> _Wave:
    return _harmonics(random, random.uniform(100, 130))


def _keys(random: np.random.Generator) -> _Wave:
    wave = np.zeros(_samples(2500))
    start = 0
    while start < wave.size - _samples(120):
        for delay_ms, loudness in ((0.0, 0.6), (random.uniform(20, 60), 1.0)):
            at = _seconds(40)
            stroke = _band(random.normal(0, 1, at.size), 1000, 9000) * np.exp(-at / random.uniform(0.002, 0.007))
            stroke += 0.3 * np.sin(2 * np.pi * random.uniform(150, 400) * at) * np.exp(-at / 0.01)
            first = start + _samples(delay_ms)
            wave[first : first + at.size] += loudness * random.uniform(0.4, 1) * stroke
        start += _samples(random.uniform(90, 280))
    return wave


def _knock(random: np.random.Generator) -> _Wave:
    wave = np.zeros(_samples(1200))
    start = 0
    for _ in range(random.integers(1, 4)):
        at = _seconds(250)
        blow = _ringing(random, at.size, random.uniform(90, 900, 5), (0.012, 0.05))
        wave[start : start + at.size] += (blow + random.normal(0, 0.4, at.size) * np.exp(-at / 0.004)) * random.uniform(
            0.6, 1
        )
        start += _samples(random.uniform(120, 300))
    return wave


def _paper(random: np.random.Generator) -> _Wave:
    size = _samples(900)
    envelope = np.abs(_band(random.normal(0, 1, size), 5, 40))
    loudness: _Wave = envelope**2
    return _band(random.normal(0, 1, size), 1000, 9000) * loudness


def _puff(random: np.random.Generator) -> _Wave:
    at = _seconds(random.uniform(60, 200))
    return _band(random.normal(0, 1, at.size), 20, random.uniform(120, 400)) * np.exp(-at / random.uniform(0.02, 0.06))


def _ring(random: np.random.Generator) -> _Wave:
    wave = np.zeros(_samples(1200))
    for number in range(random.integers(1, 4)):
        start = _samples(350 * number)
        wave[start:] += _ringing(random, wave.size - start, random.uniform(400, 2200, 1), (0.08, 0.4))
    return wave


def _squeak(random: np.random.Generator) -> _Wave:
    at = _seconds(random.uniform(120, 500))
    phase = np.cumsum(2 * np.pi * random.uniform(300, 1500) * np.exp(random.uniform(-1.5, 1.5) * at) / SAMPLE_RATE)
    wave: _Wave = np.sin(np.pi * at / at[-1]) * sum(np.sin(k * phase) / k for k in range(1, 5))
    return wave


def _steady(random: np.random.Generator) -> _Wave:
    at = _seconds(4000)
    noise = _pink(random, at.size) if random.random() < 0.5 else random.normal(0, 1, at.size)
    if random.random() < 0.5:
        noise = _band(noise, 100, random.uniform(1500, 8000))
    fade: _Wave = np.minimum(1, at / random.uniform(0.005, 1))
    return noise * fade


def _thud(random: np.random.Generator) -> _Wave:
    at = _seconds(500)
    return _band(random.normal(0, 1, at.size), 40, random.uniform(300, 1500)) * np.exp(-at / random.uniform(0.05, 0.15))


KINDS: dict[str, Callable[[np.random.Generator], _Wave]] = {
    "breath": _breath, "click": _click, "cough": _cough, "dishes": _dishes, "DTMF": _dtmf, "keys": _keys,
    "knock": _knock, "mains hum": _hum, "buzz of a device": _buzz, "paper": _paper, "puff on the microphone": _puff,
    "ringtone": _ring, "squeak": _squeak, "steady noise": _steady, "thud": _thud,
}  # fmt: skip


def _harmonics(random: np.random.Generator, base: float) -> _Wave:
    """Return 3 s of a tone with seven harmonics, which begins within half a second."""
    at = _seconds(3000)
    wave = np.zeros(at.size)
    for number in range(1, 8):
        tone = np.sin(2 * np.pi * base * number * at + random.uniform(0, 6))
        wave += tone * random.uniform(0.2, 1) / number
    fade: _Wave = np.minimum(1, at / random.uniform(0.005, 0.5))
    return wave * fade


def _ringing(random: np.random.Generator, size: int, frequencies: _Wave, decay_s: tuple[float, float]) -> _Wave:
    """Return decaying tones."""
    at = np.arange(size) / SAMPLE_RATE
    wave = np.zeros(size)
    for frequency in frequencies:
        wave += random.uniform(0.3, 1) * np.sin(2 * np.pi * frequency * at) * np.exp(-at / random.uniform(*decay_s))
    return wave


def _band(wave: _Wave, low: float, high: float) -> _Wave:
    """Return the part of a wave between two frequencies, with slopes of 12 dB an octave."""
    frequencies = np.maximum(np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE), 1e-3)
    gains = 1 / np.sqrt((1 + (low / frequencies) ** 4) * (1 + (frequencies / high) ** 4))
    return np.fft.irfft(np.fft.rfft(wave) * gains, wave.size)


def _pink(random: np.random.Generator, size: int) -> _Wave:
    frequencies = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 20)
    spectrum = random.normal(size=frequencies.size) + 1j * random.normal(size=frequencies.size)
    return np.fft.irfft(spectrum / np.sqrt(frequencies), size)


def _with_peak(wave: _Wave, peak: float) -> _Wave:
    return wave * (peak / float(np.abs(wave).max()))


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE / 1000)


def _seconds(ms: float) -> _Wave:
    return np.arange(_samples(ms)) / SAMPLE_RATE
