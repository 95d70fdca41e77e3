"""Effects of an impaired channel on a voice."""

from __future__ import annotations

import numpy as np
import pytest

from trunkline.realtime.audio import SAMPLE_RATE
from trunkline.testing.channel_impairment import ChannelImpairment

FRAME = SAMPLE_RATE // 50 * 2


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 8000) -> bytes:
    at = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes()


def impaired(line: ChannelImpairment, sound: bytes) -> bytes:
    open_line = line.open()
    return b"".join(open_line.apply(sound[start : start + FRAME]) for start in range(0, len(sound), FRAME))


def level_dbfs(sound: bytes) -> float:
    samples = np.frombuffer(sound, "<i2").astype(float)
    return float(10 * np.log10((samples @ samples) / samples.size / 32768**2))


def test_noise_at_a_signal_to_noise_ratio_follows_the_level_of_the_voice() -> None:
    for amplitude in (2_000, 8_000):
        channel = ChannelImpairment(snr_db=10).open()
        channel.set_voice(tone(440, amplitude=amplitude))
        noise = channel.apply(bytes(SAMPLE_RATE * 4))
        assert level_dbfs(noise) == pytest.approx(level_dbfs(tone(440, amplitude=amplitude)) - 10, abs=1)


def test_two_levels_of_noise_are_refused() -> None:
    with pytest.raises(ValueError, match="Remove one"):
        ChannelImpairment(noise_dbfs=-40, snr_db=10)


def test_no_impairment_changes_nothing() -> None:
    assert impaired(ChannelImpairment(), tone(440)) == tone(440)


@pytest.mark.parametrize("level", [-20.0, -40.0, -60.0])
def test_noise_has_the_requested_level(level: float) -> None:
    assert level_dbfs(impaired(ChannelImpairment(noise_dbfs=level), bytes(SAMPLE_RATE * 4))) == pytest.approx(
        level, abs=0.5
    )


def test_noise_is_the_same_in_every_run_and_different_with_another_seed() -> None:
    silence = bytes(SAMPLE_RATE)
    assert impaired(ChannelImpairment(noise_dbfs=-30), silence) == impaired(ChannelImpairment(noise_dbfs=-30), silence)
    assert impaired(ChannelImpairment(noise_dbfs=-30), silence) != impaired(
        ChannelImpairment(noise_dbfs=-30, seed=2), silence
    )


def test_loud_noise_does_not_wrap_around() -> None:
    loud = impaired(ChannelImpairment(noise_dbfs=-3), tone(440, amplitude=32000))
    assert np.abs(np.frombuffer(loud, "<i2").astype(int)).max() <= 32768


def test_a_telephone_carries_the_voice_band_only() -> None:
    line = ChannelImpairment(telephone=True)
    assert level_dbfs(impaired(line, tone(1000))) == pytest.approx(level_dbfs(tone(1000)), abs=1)
    assert level_dbfs(impaired(line, tone(6000))) < level_dbfs(tone(6000)) - 30


def test_a_telephone_keeps_the_length() -> None:
    assert len(impaired(ChannelImpairment(telephone=True), tone(1000))) == len(tone(1000))


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_lost_packets_are_silent(share: float) -> None:
    sound = impaired(ChannelImpairment(loss=share), tone(440, seconds=40))
    frames = [sound[start : start + FRAME] for start in range(0, len(sound), FRAME)]
    lost = sum(not any(frame) for frame in frames) / len(frames)
    assert lost == pytest.approx(share, abs=0.03)
    assert tone(440)[:FRAME] in (frames[0], tone(440)[:FRAME])
