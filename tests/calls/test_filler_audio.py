"""Audio of fillers: from a voice of the machine, or from the recordings in the package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from trunkline import Fillers
from trunkline.calls.filler_audio import RECORDINGS, SPEAK_TIMEOUT_S, FillerAudio, recording
from trunkline.engine.speech import SpeechChunk, SpeechError
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.scenario.fillers import RECORDED_TEXTS, FillerKind, FillerLanguage
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure
OWN = Fillers(waiting="Let me look.")


class Voice:
    """A voice that says the number of its texts, after a while."""

    def __init__(self, takes_s: float = 0.0, error: Exception | None = None) -> None:
        self.spoken: list[tuple[str, str | None, str | None]] = []
        self._takes_s = takes_s
        self._error = error

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        """See `Tts.speak`."""
        self.spoken.append((text, voice, language))
        await asyncio.sleep(self._takes_s)
        if self._error is not None:
            raise self._error
        yield SpeechChunk(bytes([len(self.spoken), 0]) * 24)

    async def aclose(self) -> None:
        """See `Tts.aclose`."""


@pytest.mark.parametrize("language", list(RECORDED_TEXTS))
@pytest.mark.parametrize("kind", list(FillerKind))
def test_each_sentence_has_a_recording_of_a_plausible_length(language: FillerLanguage, kind: FillerKind) -> None:
    pcm = recording(language, kind)
    assert 40 < len(pcm) / BYTES_PER_MS / len(RECORDED_TEXTS[language][kind]) < 110
    samples = memoryview(pcm).cast("h")
    assert max(samples) > 3_000


def test_the_package_has_no_other_recording_and_they_are_small() -> None:
    files = sorted(RECORDINGS.iterdir())
    assert [file.stem for file in files] == sorted(
        f"{lang}_{kind.value}" for lang in RECORDED_TEXTS for kind in FillerKind
    )
    assert sum(file.stat().st_size for file in files) < 200_000


@in_virtual_time
async def test_without_a_voice_the_recording_plays_with_its_own_words() -> None:
    text, pcm = await FillerAudio().get(OWN, FillerKind.WAITING, "sage")
    assert (text, pcm) == ("One moment, please.", recording("en", FillerKind.WAITING))


@in_virtual_time
async def test_the_voice_speaks_each_sentence_once() -> None:
    voice = Voice()
    audio = FillerAudio(lambda: voice)
    for _ in range(2):
        assert await audio.get(OWN, FillerKind.WAITING, "sage") == ("Let me look.", b"\1\0" * 24)
    german = await audio.get(Fillers(language="de"), FillerKind.APOLOGY, None)
    assert german == (RECORDED_TEXTS["de"][FillerKind.APOLOGY], b"\2\0" * 24)
    assert voice.spoken == [("Let me look.", "sage", "en"), (RECORDED_TEXTS["de"][FillerKind.APOLOGY], None, "de")]


@pytest.mark.parametrize("voice", [Voice(takes_s=60.0), Voice(error=SpeechError("broken"))])
def test_a_voice_that_is_slow_or_fails_leaves_the_recording(voice: Voice) -> None:
    @in_virtual_time
    async def run() -> None:
        began = asyncio.get_running_loop().time()
        text, _pcm = await FillerAudio(lambda: voice).get(OWN, FillerKind.WAITING, None)
        assert text == "One moment, please."
        assert asyncio.get_running_loop().time() - began <= SPEAK_TIMEOUT_S

    run()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"language": "fr"}, "no language 'fr'"),
        ({"waiting": " … "}, "'waiting' has no word"),
        ({"waiting_after_s": 10.0}, "not in order"),
        ({"waiting_after_s": 0.0}, "not in order"),
    ],
)
def test_fillers_that_cannot_work_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fillers(**wrong)  # type: ignore[arg-type]  # wrong ones, which are refused
