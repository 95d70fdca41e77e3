"""Answers that are prepared in the silence that may end a turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.engine.engine_fakes import FakeActivity, FakeStt, FakeTts, loud, silence
from tests.engine.engine_rig import Rig
from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.session import inputs
from trunkline.engine.session.output_message import Sentence, first_sentence
from trunkline.engine.session.session import Session
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.speech import SpeechError
from trunkline.realtime.ids import new_id

pytestmark = pytest.mark.pure

PAUSE = loud(500) + silence(300)


def words(request: BrainRequest) -> object:
    return request.items[-1]["content"][0]["transcript"]


def say_so_far(rig: Rig, text: str) -> None:
    (utterance,) = rig.utterances
    rig.post(inputs.PartialTranscript(utterance, text))


def test_the_words_before_a_pause_order_the_preparation_of_their_answer() -> None:
    rig = Rig(words="yes please")
    rig.configure(audio={"output": {"voice": "verse", "speed": 1.2}})
    rig.hear(PAUSE)
    say_so_far(rig, "yes please")
    (prepared,) = rig.preparations
    assert (words(prepared.request), prepared.voice, prepared.speed) == ("yes please", "verse", 1.2)
    rig.hear(silence(400))
    assert rig.requests == [prepared.request]
    assert len(rig.preparations) == 1


def test_words_that_came_while_the_caller_spoke_count_when_the_caller_pauses() -> None:
    rig = Rig()
    rig.hear(loud(500))
    say_so_far(rig, "yes please")
    assert rig.preparations == []
    rig.hear(silence(300))
    assert [words(prepared.request) for prepared in rig.preparations] == ["yes please"]


def test_other_words_order_another_preparation_and_speech_after_the_pause_a_new_one() -> None:
    rig = Rig()
    rig.hear(PAUSE)
    say_so_far(rig, "yes")
    say_so_far(rig, "yes please")
    rig.hear(loud(300))
    say_so_far(rig, "yes please not")
    assert len(rig.preparations) == 2
    rig.hear(silence(300))
    assert [words(prepared.request) for prepared in rig.preparations] == ["yes", "yes please", "yes please not"]


def test_nothing_is_prepared_for_a_session_without_audio_output() -> None:
    rig = Rig()
    rig.configure(output_modalities=["text"])
    rig.hear(PAUSE)
    say_so_far(rig, "yes please")
    assert rig.preparations == []


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ([TextDelta("One moment. I look it up.")], Sentence("One moment.")),
        ([TextDelta("Gern"), TextDelta(" **geschehen**", "de")], Sentence("Gern")),
        ([TextDelta("The terms are", None, 1.3), TextDelta(" Agreed?")], Sentence("The terms are", None, 1.3)),
        ([TextDelta("All ri"), TextDelta("ght", None), ToolCallDelta("call_1", "f", "{}")], Sentence("All right")),
        ([ToolCallDelta("call_1", "f", "{}"), TextDelta("Done.")], None),
        ([Usage(1, 1)], None),
        ([], None),
    ],
)
def test_the_first_sentence_of_an_answer(outputs: list[BrainOutput], sentence: Sentence | None) -> None:
    assert first_sentence(outputs) == sentence


class Brain:
    """A brain that repeats the caller's words, also ahead."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        if self._error is not None:
            raise self._error
        yield TextDelta(f"You said {words(request)}. Right?")

    def prepare(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        return self.respond(request)

    def grammar(self, request: BrainRequest) -> str | None:
        return None

    async def aclose(self) -> None:
        pass


class _OnlyAnswers:
    """A brain without `prepare`, as a chat model has none."""

    respond = Brain().respond
    grammar = Brain().grammar
    aclose = Brain().aclose


class Voice(FakeTts):
    """A voice that records the texts it prepares; `hold` keeps it at work."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[str] = []
        self.cancelled = 0
        self.hold = False
        self.error: SpeechError | None = None

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        self.prepared.append(text)
        if self.error is not None:
            raise self.error
        try:
            while self.hold:  # noqa: ASYNC110 - the test ends it
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Running:
    """A running session with a caller who pauses after "yes please"."""

    def __init__(self, voice: Voice, brain: Brain | _OnlyAnswers | None = None) -> None:
        self.session = Session("m", activity=FakeActivity(), new_id=new_id)
        self.runner = SessionRunner(self.session, brain=brain or Brain(), stt=FakeStt("yes please"), tts=voice)

    async def __aenter__(self) -> Running:
        self._task = asyncio.create_task(self.runner.run())
        await asyncio.sleep(0)
        self.hear(PAUSE)
        utterance = self.session._user_turns._utterance
        assert utterance is not None
        self.runner.post(inputs.PartialTranscript(utterance, "yes please"))
        await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.runner.end()
        await self._task

    def hear(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            self.runner.post(inputs.AudioReceived(pcm[start : start + 960]))


async def test_the_first_sentence_of_the_answer_is_made_in_the_silence() -> None:
    voice = Voice()
    async with Running(voice) as running:
        assert voice.prepared == ["You said yes please."]
        assert voice.said == []
        running.hear(silence(400))
        await asyncio.sleep(0.02)
        assert voice.said[0][0] == "You said yes please."


async def test_a_preparation_is_stopped_when_the_caller_speaks_on() -> None:
    voice = Voice()
    voice.hold = True
    async with Running(voice) as running:
        running.hear(loud(200))
        await asyncio.sleep(0.01)
        assert voice.cancelled == 1


async def test_a_preparation_that_is_not_done_continues_when_the_turn_ends() -> None:
    voice = Voice()
    voice.hold = True
    async with Running(voice) as running:
        running.hear(silence(400))
        await asyncio.sleep(0.01)
        assert voice.cancelled == 0
        voice.hold = False


async def test_a_brain_that_does_not_answer_ahead_prepares_nothing() -> None:
    voice = Voice()
    async with Running(voice, _OnlyAnswers()):
        assert voice.prepared == []


@pytest.mark.parametrize("error", [BrainError("The rehearsal failed."), ValueError("a user's mistake")])
async def test_a_failed_preparation_harms_nothing(error: Exception) -> None:
    async with Running(Voice(), Brain(error)) as running:
        assert not running.runner.has_ended


async def test_a_voice_that_cannot_prepare_harms_nothing() -> None:
    voice = Voice()
    voice.error = SpeechError("Piper is not installed.")
    async with Running(voice) as running:
        running.hear(silence(400))
        await asyncio.sleep(0.02)
        assert voice.said
