"""The agent's voice over WebRTC: the stream of the engine, as the page holds and mutes it."""

from __future__ import annotations

import pytest

from tests.store.audio.signals import noise
from tests.store.audio.test_placement import joined
from trunkline.store.audio.placement import Placed
from trunkline.store.audio.streamed_voice import StreamedVoice

pytestmark = pytest.mark.pure
MS = 48


def stream(voice: StreamedVoice, pcm: bytes, at_ms: float, until_ms: float | None = None) -> list[Placed]:
    """Send audio in frames of 20 ms from `at_ms` on."""
    found = []
    for i in range(len(pcm) // (20 * MS)):
        if until_ms is not None and at_ms + 20 * i >= until_ms:
            break
        voice.on_streamed(pcm[i * 20 * MS : (i + 1) * 20 * MS], at_ms + 20 * i)
        found += voice.settle(at_ms + 20 * i)
    return found


def test_the_stream_is_heard_after_the_pages_delays() -> None:
    voice, pcm = StreamedVoice(), noise(400, 1).tobytes()
    voice.on_delays(80, 30)
    voice.on_started("item_1", 1000)
    track = joined([*stream(voice, pcm, 1000), *voice.finish(3000)])
    assert track[1110 * MS : 1510 * MS] == pcm


def test_a_report_is_about_the_audio_before_it() -> None:
    voice, pcm = StreamedVoice(), noise(20, 1).tobytes()
    voice.on_delays(80, 30)
    voice.on_streamed(pcm, 1000)
    voice.on_delays(250, 30)
    track = joined([*voice.settle(1100), *voice.finish(3000)])
    assert track[1280 * MS : 1300 * MS] == pcm


def test_a_held_stream_is_played_later_and_catches_up_in_silence() -> None:
    voice, one, two = StreamedVoice(), noise(800, 2).tobytes(), noise(400, 3).tobytes()
    found = stream(voice, one, 0, until_ms=300)
    found += voice.on_held(300)
    found += stream(voice, one[300 * MS :], 300, until_ms=700)
    voice.on_released(700)
    found += stream(voice, one[700 * MS :], 700)
    found += stream(voice, two, 3000)
    track = joined([*found, *voice.finish(6000)])
    assert track[: 300 * MS] == one[: 300 * MS]
    assert not any(track[300 * MS : 700 * MS])
    assert track[700 * MS : 1200 * MS] == one[300 * MS :]
    assert track[3000 * MS : 3400 * MS] == two


def test_an_interruption_mutes_the_rest_of_the_utterance_alone() -> None:
    voice, one, two = StreamedVoice(), noise(800, 4).tobytes(), noise(400, 5).tobytes()
    voice.on_started("item_1", 0)
    found = stream(voice, one, 0, until_ms=300)
    found += voice.on_cleared(300)
    found += stream(voice, one[300 * MS :], 300, until_ms=500)
    found += voice.on_started("item_2", 1000)
    found += stream(voice, two, 1000)
    track = joined([*found, *voice.finish(3000)])
    assert track[: 280 * MS] == one[: 280 * MS]
    assert not any(track[300 * MS : 1000 * MS])
    assert track[1000 * MS : 1400 * MS] == two


def test_held_audio_is_dropped_at_the_interruption() -> None:
    voice, one = StreamedVoice(), noise(600, 6).tobytes()
    found = stream(voice, one, 0, until_ms=200)
    found += voice.on_held(200)
    found += stream(voice, one[200 * MS :], 200, until_ms=500)
    found += voice.on_cleared(500)
    voice.on_released(500)
    assert len(joined([*found, *voice.finish(2000)])) == 200 * MS


def test_a_pause_ends_the_mute_if_the_next_utterance_was_not_announced() -> None:
    voice, two = StreamedVoice(), noise(400, 7).tobytes()
    found = voice.on_cleared(300)
    found += stream(voice, two, 1000)
    assert joined([*found, *voice.finish(3000)])[1000 * MS :] == two
