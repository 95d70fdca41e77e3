"""The moments at which the recogniser beside the relay looks for words."""

from __future__ import annotations

import pytest

from tests.engine.engine_fakes import FakeActivity, loud, silence
from trunkline.calls.speech_looks import LEAD_IN_MS, LOOKS_MS, MAX_STRETCH_MS, UNFOUND_MS, Look, SpeechLooks
from trunkline.realtime.audio import BYTES_PER_MS

pytestmark = pytest.mark.pure

FRAME_MS = 20


def fed(looks: SpeechLooks, audio: bytes) -> list[Look]:
    """Feed audio in frames, as a microphone sends it; return the looks."""
    step = FRAME_MS * BYTES_PER_MS
    return [look for start in range(0, len(audio), step) for look in looks.feed(audio[start : start + step])]


def faint(ms: int) -> bytes:
    """Return PCM16 at 24 kHz that is neither silence nor speech."""
    return (600).to_bytes(2, "little", signed=True) * (24 * ms)


def begun(before: bytes = silence(1000) + loud(100)) -> SpeechLooks:
    """Return looks at a caller who has begun to speak 100 ms ago."""
    looks = SpeechLooks(FakeActivity())
    assert fed(looks, before) == []
    assert looks.begin() == []
    return looks


def test_the_looks_come_after_these_durations_of_speech() -> None:
    found = fed(begun(), loud(2000))
    assert [look.speech_ms for look in found] == pytest.approx(list(LOOKS_MS), abs=FRAME_MS + 32)
    assert [look.first for look in found] == [True, *[False] * (len(LOOKS_MS) - 1)]
    assert not any(look.paused for look in found)


def test_a_look_has_the_speech_from_300_ms_before_it_on() -> None:
    first = fed(begun(), loud(2000))[0]
    assert len(first.pcm) / BYTES_PER_MS == pytest.approx(LEAD_IN_MS + first.speech_ms, abs=64)
    spoken = memoryview(first.pcm).cast("h")
    assert sum(abs(sample) > 3000 for sample in spoken) / 24 == pytest.approx(first.speech_ms, abs=64)


def test_a_pause_is_looked_at_after_64_ms() -> None:
    looks = begun()
    assert fed(looks, loud(280) + silence(40)) == []  # although 400 ms have passed since the onset
    (look,) = fed(looks, silence(60))
    assert (look.paused, look.first) == (True, True)
    assert look.speech_ms == pytest.approx(380, abs=40)


def test_speech_after_a_pause_is_a_stretch_of_its_own() -> None:
    looks = begun()
    fed(looks, loud(200) + silence(400))
    found = fed(looks, loud(700))
    assert [(look.first, look.paused) for look in found] == [(True, False), (False, False)]
    assert len(found[0].pcm) / BYTES_PER_MS < 800


def test_a_single_loud_frame_is_looked_at_too_so_that_the_hold_ends_at_once() -> None:
    looks = SpeechLooks(FakeActivity())
    fed(looks, silence(1000) + loud(40))
    found = [*looks.begin(), *fed(looks, silence(160))]
    assert [(look.first, look.paused) for look in found] == [(True, True)]


def test_a_reported_sound_that_is_no_speech_is_looked_at_once_after_200_ms() -> None:
    looks = begun(silence(1000) + faint(100))
    assert fed(looks, faint(UNFOUND_MS - 32)) == []
    (look,) = fed(looks, faint(2000))
    assert (look.first, look.paused) == (True, True)
    assert len(look.pcm) / BYTES_PER_MS == pytest.approx(LEAD_IN_MS + UNFOUND_MS, abs=FRAME_MS + 32)


def test_speech_after_a_reported_sound_is_a_stretch_of_its_own() -> None:
    looks = begun(silence(1000) + faint(100))
    found = fed(looks, faint(400) + loud(480))
    assert [(look.first, look.paused) for look in found] == [(True, True), (True, False)]


def test_nothing_is_looked_at_after_the_end() -> None:
    looks = begun()
    looks.end()
    assert fed(looks, loud(2000)) == []


def test_silence_from_the_beginning_gives_no_look() -> None:
    assert fed(begun(silence(1000)), silence(3000)) == []


def test_a_look_at_long_speech_has_its_latest_part() -> None:
    looks = begun()
    fed(looks, loud(6000))
    (look,) = fed(looks, silence(300))
    assert len(look.pcm) == MAX_STRETCH_MS * BYTES_PER_MS


def test_audio_is_kept_for_a_short_time_only() -> None:
    looks = SpeechLooks(FakeActivity())
    fed(looks, silence(60_000))
    looks.begin()
    fed(looks, silence(60_000))
    assert len(looks._audio) <= 2000 * BYTES_PER_MS
