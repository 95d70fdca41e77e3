"""The recogniser beside the relay: it hears the caller's words while they speak over the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from tests.engine.engine_fakes import FakeActivity, loud, silence
from trunkline.calls.machine.inputs import WordsHeard
from trunkline.calls.word_listener import WordListener
from trunkline.engine.speech import ProbedWords, SpeechError
from trunkline.scenario.interruption import HeardWords


class SlowStt:
    """A recogniser that answers when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[ProbedWords]] = []

    async def probe(self, pcm: bytes, *, session_id: str) -> ProbedWords:
        assert session_id == "call_1"
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]


class Rig:
    """A listener with its recogniser, tasks and words."""

    def __init__(self) -> None:
        self.stt = SlowStt()
        self.heard: list[WordsHeard] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.listener = WordListener(self.stt, FakeActivity(), "call_1", self.spawn, self.heard.append)

    def spawn(self, work: Coroutine[object, None, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def hears(self, audio: bytes) -> None:
        for start in range(0, len(audio), 960):
            self.listener.feed(audio[start : start + 960])
        await asyncio.sleep(0)

    async def answers(self, text: str) -> None:
        self.stt.waiting.pop(0).set_result(ProbedWords(text, -0.3, 0.1))
        await asyncio.sleep(0.01)


async def test_words_come_with_the_speech_their_duration_and_their_doubts() -> None:
    rig = Rig()
    await rig.hears(silence(500) + loud(100))
    rig.listener.listen("speech_1")
    await rig.hears(loud(360))
    await rig.answers("wait")
    (heard,) = rig.heard
    assert (heard.speech_id, heard.words, heard.first, heard.paused) == (
        "speech_1", HeardWords("wait", -0.3, 0.1), True, False,
    )  # fmt: skip
    assert heard.speech_ms == pytest.approx(400, abs=40)


async def test_a_recogniser_that_is_behind_gets_the_last_look_only() -> None:
    rig = Rig()
    await rig.hears(silence(500) + loud(100))
    rig.listener.listen("speech_1")
    await rig.hears(loud(900))
    assert len(rig.stt.waiting) == 1
    await rig.hears(silence(300))
    assert len(rig.stt.waiting) == 2
    await rig.answers("mm")
    await rig.answers("mm-hm")
    assert [(one.words.text, one.paused) for one in rig.heard] == [("mm", False), ("mm-hm", True)]


async def test_nothing_is_recognised_unless_the_call_listens() -> None:
    rig = Rig()
    await rig.hears(loud(2000) + silence(1000))
    rig.listener.listen("speech_1")
    rig.listener.listen(None)
    await rig.hears(loud(2000) + silence(500))
    assert rig.stt.waiting == []


async def test_a_recogniser_that_fails_gives_no_words_and_is_asked_again() -> None:
    rig = Rig()
    await rig.hears(silence(500) + loud(100))
    rig.listener.listen("speech_1")
    await rig.hears(loud(360))
    rig.stt.waiting.pop().set_exception(SpeechError("overloaded"))
    await asyncio.sleep(0.01)
    await rig.hears(loud(200))
    await rig.answers("wait, stop")
    assert [one.words.text for one in rig.heard] == ["wait, stop"]
