"""Placement of a stream: jitter is no gap, a pause is one, and the drift of two clocks is made up for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.store.audio.signals import noise
from trunkline.store.audio.placement import Placed, StreamPlacement

pytestmark = pytest.mark.pure
MS = 24


def placed(arrivals: list[tuple[float, bytes]]) -> list[Placed]:
    """Place chunks that arrive at given times."""
    stream, found = StreamPlacement(), []
    for at_ms, pcm in arrivals:
        found += stream.add(pcm, at_ms)
    return [*found, *stream.finish()]


def frames(pcm: bytes, ms: int = 20) -> list[bytes]:
    """Cut audio into frames."""
    return [pcm[at : at + ms * 48] for at in range(0, len(pcm), ms * 48)]


def joined(parts: list[Placed]) -> bytes:
    """Return the track that the placed audio gives."""
    track = bytearray(max(one.start * 2 + len(one.pcm) for one in parts))
    for one in parts:
        track[one.start * 2 : one.start * 2 + len(one.pcm)] = one.pcm
    return bytes(track)


def test_the_first_chunk_ends_when_it_arrives() -> None:
    pcm = noise(20, 1).tobytes()
    assert placed([(1020, pcm)]) == [Placed(1000 * MS, pcm)]


def test_frames_with_jitter_follow_one_another_without_a_gap() -> None:
    pcm = noise(1000, 2).tobytes()
    late = np.random.default_rng(3).uniform(0, 45, 50)
    found = placed([(500 + 20 * (i + 1) + late[i], frame) for i, frame in enumerate(frames(pcm))])
    assert joined(found)[-len(pcm) :] == pcm
    assert found[0].start == pytest.approx(500 * MS, abs=8 * MS)


def test_a_pause_of_the_stream_is_a_gap_of_its_length() -> None:
    first, second = noise(200, 4).tobytes(), noise(200, 5).tobytes()
    arrivals = [(100.0 + 20 * (i + 1), frame) for i, frame in enumerate(frames(first))]
    arrivals += [(1000 + 20 * (i + 1), frame) for i, frame in enumerate(frames(second))]
    track = joined(placed(arrivals))
    assert track[100 * 48 : 300 * 48] == first
    assert track[1000 * 48 : 1200 * 48] == second
    assert not any(track[300 * 48 : 1000 * 48])


def test_a_network_that_stood_still_leaves_no_gap() -> None:
    pcm = noise(1000, 6).tobytes()
    arrivals = []
    for i, frame in enumerate(frames(pcm)):
        due = 20 * (i + 1)
        arrivals.append((710.0 + i * 0.1 if 400 < due <= 700 else float(due), frame))  # 300 ms come at once
    assert joined(placed(arrivals)) == pcm


def test_a_stream_that_catches_up_slowly_is_in_place_again_after_a_silence() -> None:
    first, second = noise(3000, 10, peak=0.3).tobytes(), noise(1000, 11).tobytes()
    pcm = first + bytes(3000 * 48) + second
    arrivals, at_ms = [], 0.0
    for i, frame in enumerate(frames(pcm)):
        at_ms = max(20.0 * (i + 1), 1850.0 if i == 50 else at_ms + 12)  # 850 ms late, then 8 ms less with each frame
        arrivals.append((at_ms, frame))
    track = joined(placed(arrivals))
    assert track[6000 * 48 - 20 * 48 : 7000 * 48 + 20 * 48].find(second) >= 0
    assert first[1000 * 48 :] in track


def test_audio_that_was_sent_at_once_is_kept_whole() -> None:
    pcm = noise(3000, 7).tobytes()
    assert joined(placed([(0, pcm)])) == pcm


@pytest.mark.parametrize("parts_per_million", [-200, 200])
def test_after_an_hour_the_two_clocks_differ_by_less_than_20_ms(parts_per_million: int) -> None:
    frame = noise(100, 8, peak=0.005).tobytes()
    stream, last = StreamPlacement(), Placed(0, b"")
    for i in range(36_000):
        at_ms = 100 * (i + 1) * (1 + parts_per_million / 1e6)
        last = [last, *stream.add(frame, at_ms)][-1]
    assert last.start / MS + 100 == pytest.approx(at_ms, abs=20)


def test_a_correction_waits_for_a_quiet_place() -> None:
    stream, loud, quiet = StreamPlacement(), noise(100, 9, peak=0.5).tobytes(), bytes(100 * 48)
    found = []
    for i in range(60):
        found += stream.add(quiet if i == 45 else loud, 100 * (i + 1) + (10 if i else 0))
    gaps = [two.start - one.start - len(one.pcm) // 2 for one, two in pairwise(found)]
    assert [i + 1 for i, gap in enumerate(gaps) if gap] == [45]
    assert sum(gaps) == 10 * MS


def test_a_chunk_of_half_a_sample_is_ignored() -> None:
    assert placed([(20, b"\x01")]) == []
