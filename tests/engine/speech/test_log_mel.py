"""Whisper's spectrogram: its shape, its scale, and its bands."""

from __future__ import annotations

import numpy as np
import pytest

from trunkline.engine.speech.stt.log_mel import RATE, in_window, log_mel


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> bytes:
    samples = amplitude * np.sin(2 * np.pi * hz * np.arange(int(RATE * seconds)) / RATE)
    return (samples * 32767).astype("<i2").tobytes()


def test_it_has_a_column_for_each_10_ms() -> None:
    assert log_mel(tone(440, 1.0)).shape == (80, 100)
    assert log_mel(tone(440, 2.5), bands=128).shape == (128, 250)


def test_audio_shorter_than_a_frame_is_filled_up() -> None:
    assert log_mel(bytes(20)).shape == (80, 2)


@pytest.mark.parametrize(("hz", "band"), [(200, 5), (1000, 26), (4000, 61)])
def test_a_tone_is_loudest_in_the_band_of_its_pitch(hz: float, band: int) -> None:
    """The mel scale is linear up to 1 kHz (40 Hz a band with 80 bands) and logarithmic above."""
    loudest = log_mel(tone(hz))[:, 50].argmax()
    assert abs(int(loudest) - band) <= 2


def test_values_span_80_db_below_the_loudest() -> None:
    mel = log_mel(tone(1000))
    assert mel.max() - mel.min() == pytest.approx(2.0, abs=0.01)


def test_ten_times_the_amplitude_is_half_a_unit_louder() -> None:
    assert log_mel(tone(1000)).max() - log_mel(tone(1000, amplitude=0.05)).max() == pytest.approx(0.5, abs=0.01)


def test_digital_silence_is_one_even_level() -> None:
    assert log_mel(bytes(RATE)) == pytest.approx(-1.5)


def test_a_window_is_filled_with_zeros_of_the_spectrogram_and_cuts_the_rest() -> None:
    mel = log_mel(tone(440, 1.0)) + 1
    filled = in_window(mel, 1000)
    assert filled.shape == (1, 80, 1000)
    assert (filled[0, :, :100] == mel).all()
    assert not filled[0, :, 100:].any()
    assert in_window(mel, 60).shape == (1, 80, 60)
