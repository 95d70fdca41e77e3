"""Audio formats: G.711 by the tables of the recommendation, resampling without clicks, durations."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trunkline.realtime.audio import (
    FORMATS,
    SAMPLE_RATE,
    Converter,
    Resampler,
    _decode_table,
    _encode_table,
    bytes_to_ms,
    ms_to_bytes,
)

pytestmark = pytest.mark.pure
RATES = [(24_000, 16_000), (24_000, 8000), (8000, 24_000), (22_050, 24_000), (48_000, 24_000), (24_000, 48_000)]


def tone(hz: float, rate: int, seconds: float = 0.5, level: float = 8000) -> bytes:
    moments = np.arange(int(rate * seconds)) / rate
    return np.rint(np.sin(2 * np.pi * hz * moments) * level).astype("<i2").tobytes()


def samples(sound: bytes) -> NDArray[np.float64]:
    return np.frombuffer(sound, "<i2").astype(np.float64)


def convert(converter: Converter, sound: bytes, sizes: list[int]) -> bytes:
    out, at = [], 0
    for size in sizes:
        out.append(converter.feed(sound[at : at + size]))
        at += size
    out.append(converter.feed(sound[at:]))
    out.append(converter.flush())
    return b"".join(out)


# G.711 itself: values from tables 1a to 2b of the recommendation, scaled to 16 bits.


@pytest.mark.parametrize(
    ("code", "value"),
    [(0x80, 32124), (0x00, -32124), (0xFF, 0), (0x7F, 0), (0x8F, 16764), (0xEF, 132), (0xFE, 8), (0x6F, -132)],
)
def test_mu_law_codes_mean_the_recommended_values(code: int, value: int) -> None:
    assert _decode_table("audio/pcmu")[code] == value


@pytest.mark.parametrize(
    ("code", "value"),
    [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xC5, 264), (0xD4, 24), (0x80, 5504)],
)
def test_a_law_codes_mean_the_recommended_values(code: int, value: int) -> None:
    assert _decode_table("audio/pcma")[code] == value


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_a_decoded_code_encodes_to_itself(law: str) -> None:
    again = _encode_table(law)[_decode_table(law).view(np.uint16)]
    different = np.flatnonzero(again != np.arange(256))
    # mu-law has two zeros; the positive one is what zero encodes to.
    assert different.tolist() == ([0x7F] if law == "audio/pcmu" else [])


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_encoding_rises_with_the_value_and_errs_by_at_most_half_a_step(law: str) -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    back = _decode_table(law)[_encode_table(law)[every.view(np.uint16)]].astype(np.int32)
    assert (np.diff(back) >= 0).all()
    size = np.abs(every.astype(np.int32))
    error = np.abs(back - every)
    assert (error <= size / 30 + 8)[size < 32_000].all()  # a step is a 16th of its chord; 8 is the smallest


@pytest.mark.skipif(importlib.util.find_spec("audioop") is None, reason="audioop left the library in 3.13")
def test_both_laws_agree_with_audioop_for_every_value() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop

    codes, every = bytes(range(256)), np.arange(65536).astype("<u2").tobytes()
    assert _decode_table("audio/pcmu").tobytes() == audioop.ulaw2lin(codes, 2)
    assert _decode_table("audio/pcma").tobytes() == audioop.alaw2lin(codes, 2)
    assert _encode_table("audio/pcmu").tobytes() == audioop.lin2ulaw(every, 2)
    assert _encode_table("audio/pcma").tobytes() == audioop.lin2alaw(every, 2)


# Resampling.


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 3001), max_size=12))
def test_the_cuts_of_the_stream_make_no_difference(from_rate: int, to_rate: int, sizes: list[int]) -> None:
    sound = tone(440, from_rate, 0.1)
    cut = samples(convert(Resampler(from_rate, to_rate), sound, sizes))
    whole = samples(convert(Resampler(from_rate, to_rate), sound, []))
    assert cut.size == whole.size
    assert np.abs(cut - whole).max() <= 1  # the last bit may round otherwise


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_a_tone_keeps_its_phase_level_and_purity(from_rate: int, to_rate: int) -> None:
    out = samples(convert(Resampler(from_rate, to_rate), tone(1000, from_rate), [960, 17, 5]))
    assert out.size == to_rate // 2
    expected = samples(tone(1000, to_rate))
    settled = slice(to_rate // 100, -to_rate // 100)
    assert np.abs(out - expected)[settled].max() < 12  # -56 dB of the tone, in the worst sample


@pytest.mark.parametrize(
    ("from_rate", "to_rate", "hz"), [(24_000, 16_000, 8200), (24_000, 8000, 4200), (48_000, 24_000, 13_000)]
)
def test_frequencies_above_the_lower_rate_are_removed(from_rate: int, to_rate: int, hz: float) -> None:
    out = samples(convert(Resampler(from_rate, to_rate), tone(hz, from_rate), []))
    assert np.abs(out[to_rate // 50 : -to_rate // 50]).max() < 8000 * 10 ** (-60 / 20)


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_the_quality_is_that_of_soxr_on_speech_like_noise(from_rate: int, to_rate: int) -> None:
    low = min(from_rate, to_rate)
    spectrum = np.fft.rfft(np.random.default_rng(7).normal(0, 3000, from_rate))
    spectrum[int(low * 0.38) :] = 0
    noise = np.rint(np.fft.irfft(spectrum, from_rate)).astype("<i2")
    ours = samples(convert(Resampler(from_rate, to_rate), noise.tobytes(), []))
    theirs = soxr.resample(noise.astype(np.float64), from_rate, to_rate, quality="VHQ")
    middle = slice(to_rate // 10, -to_rate // 10)
    error = np.sqrt(np.mean((ours - theirs)[middle] ** 2)) / np.sqrt(np.mean(theirs[middle] ** 2))
    assert 20 * np.log10(error) < -55


@pytest.mark.parametrize(
    ("from_rate", "to_rate", "lag_ms"), [(24_000, 16_000, 2), (24_000, 8000, 4), (8000, 24_000, 4)]
)
def test_the_delay_is_a_few_milliseconds(from_rate: int, to_rate: int, lag_ms: int) -> None:
    resampler = Resampler(from_rate, to_rate)
    out = len(resampler.feed(tone(440, from_rate, 0.02)))
    assert out / 2 / to_rate * 1000 >= 20 - lag_ms


def test_silence_stays_silent_and_the_loudest_audio_does_not_wrap() -> None:
    assert not any(convert(Resampler(24_000, 16_000), bytes(9600), []))
    square = np.where(np.arange(4800) // 50 % 2, 32767, -32768).astype("<i2").tobytes()
    out = samples(convert(Resampler(24_000, 8000), square, []))
    crossings = np.count_nonzero(np.diff(np.sign(out[25:-25])))
    assert crossings == 95 - 2  # one at each edge of the wave but the first and the last, so that nothing wrapped


def test_a_flush_resets_the_resampler() -> None:
    resampler = Resampler(24_000, 16_000)
    first = convert(resampler, tone(300, 24_000), [100])
    assert convert(resampler, tone(300, 24_000), [100]) == first


# Formats.


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 700), max_size=8))
def test_g711_round_trips_a_tone_in_pieces(law: str, sizes: list[int]) -> None:
    sound = tone(700, SAMPLE_RATE)
    line = convert(FORMATS[law].encoder(), sound, sizes)
    assert len(line) == 4000
    back = samples(convert(FORMATS[law].decoder(), line, sizes))
    assert back.size == 12_000
    middle = slice(500, -500)
    error = (back - samples(sound))[middle]
    assert 10 * np.log10(np.mean(samples(sound)[middle] ** 2) / np.mean(error**2)) > 33  # dB, G.711's own noise


def test_pcm_passes_unchanged_in_whole_samples() -> None:
    decoder = FORMATS["audio/pcm"].decoder()
    assert [decoder.feed(piece) for piece in (b"abc", b"de", b"f", b"gh")] == [b"ab", b"cd", b"ef", b"gh"]


@pytest.mark.parametrize(("type_", "bytes_of_20_ms"), [("audio/pcm", 960), ("audio/pcmu", 160), ("audio/pcma", 160)])
def test_durations(type_: str, bytes_of_20_ms: int) -> None:
    assert FORMATS[type_].ms_to_bytes(20) == bytes_of_20_ms
    assert FORMATS[type_].bytes_to_ms(bytes_of_20_ms) == 20
    assert FORMATS[type_].bytes_to_ms(bytes_of_20_ms - 1) == 19


def test_native_durations() -> None:
    assert ms_to_bytes(1000) == 48_000
    assert bytes_to_ms(ms_to_bytes(1234)) == 1234
