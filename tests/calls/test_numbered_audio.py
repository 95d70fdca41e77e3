"""Numbered audio of a caller on the relay: repeated, late, and acknowledged audio."""

from __future__ import annotations

import pytest

from trunkline.calls import commands
from trunkline.calls.numbered_audio import NumberedAudio
from trunkline.realtime.audio import BYTES_PER_MS

pytestmark = pytest.mark.pure

FRAME = bytes(20 * BYTES_PER_MS)
SAMPLES = len(FRAME) // 2


def after_frames(count: int) -> NumberedAudio:
    """Return the audio of a leg with a page that numbers it and has sent some frames of 20 ms."""
    audio = NumberedAudio()
    audio.on_socket()
    audio.begin(0, 0)
    for _ in range(count):
        audio.add(len(FRAME))
    return audio


def test_audio_continues_after_the_latest_sample() -> None:
    assert after_frames(3).end == 3 * SAMPLES


def test_repeated_audio_is_dropped() -> None:
    audio = after_frames(3)
    audio.on_socket()
    audio.begin(2 * SAMPLES - 4, 0)
    frames = [audio.take(FRAME)[0] for _ in range(2)]
    assert [len(frame) for frame in frames] == [0, len(FRAME) - 8]
    assert audio.end == 4 * SAMPLES - 4
    assert not audio.is_resent


def test_late_audio_was_spoken_before_that_which_follows() -> None:
    audio = after_frames(1)
    audio.on_socket()
    audio.begin(SAMPLES, 40)
    assert [audio.take(FRAME) for _ in range(2)] == [(FRAME, 20.0), (FRAME, 0.0)]
    assert not audio.is_resent


def test_audio_that_the_page_has_lost_leaves_a_gap_in_the_positions() -> None:
    audio = after_frames(1)
    audio.begin(5 * SAMPLES, 0)
    audio.add(len(FRAME))
    assert audio.end == 6 * SAMPLES


def test_another_socket_may_have_a_page_that_numbers_nothing() -> None:
    audio = after_frames(1)
    audio.on_socket()
    assert (audio.is_used, audio.is_resent, audio.end) == (False, False, SAMPLES)


def test_a_position_is_acknowledged_once_and_never_backwards() -> None:
    audio = after_frames(4)
    first, second = audio.position_before(2 * len(FRAME)), audio.position_before(3 * len(FRAME))
    assert audio.take_acknowledgement(first) == 2 * SAMPLES
    assert audio.take_acknowledgement(first) is None
    assert audio.take_acknowledgement(second) is None


def test_a_page_that_numbers_nothing_gets_no_acknowledgement() -> None:
    audio = NumberedAudio()
    audio.add(len(FRAME))
    assert audio.take_acknowledgement(SAMPLES) is None


@pytest.mark.parametrize("frame", ['"position": -1', '"position": 1, "late_ms": 30001', '"position": 9007199254740993'])
def test_a_position_out_of_range_is_refused(frame: str) -> None:
    with pytest.raises(commands.CommandError, match="audio_from is out of range"):
        commands.parse(f'{{"type": "audio_from", {frame}}}')
