"""The recogniser: words while they are said, nothing for what is not in the grammar, and a worker that may die."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.processes import children_of, command_of
from trunkline import NO, YES
from trunkline.builtin_scenarios.customer_service_retail import customer_service_retail
from trunkline.builtin_scenarios.simple_handoff import simple_handoff
from trunkline.builtin_scenarios.simple_handoff.rehearsal import SAID
from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.stt import sphinx
from trunkline.engine.speech.stt.sphinx import SphinxStt
from trunkline.engine.speech.stt.sphinx_fork_pool import MAX_IDLE
from trunkline.realtime.audio import ms_to_bytes
from trunkline.scenario.expected_reply import ExpectedReply
from trunkline.scenario.performance import perform
from trunkline.scenario.phrases import grammar as grammar_of
from trunkline.scenario.phrases import normalise
from trunkline.scenario.scenario import AnyScenario

pytestmark = pytest.mark.speech

Says = Callable[..., Awaitable[bytes]]


def grammar(expansion: str) -> str:
    return f"#JSGF V1.0;\ngrammar caller;\npublic <said> = {expansion};\n"


ANSWERS = grammar("yes [please] | sure | okay | of course | why not | no [thank you] | no thanks | not now")
PHONE = grammar(" ".join(["( zero | oh | one | two | three | four | five | six | seven | eight | nine )"] * 10))


def first_grammar(scenario: AnyScenario) -> str | None:
    """Return the grammar of the answers to a scenario's first question."""
    assert scenario.rehearsal is not None
    first = scenario.agents[0].name
    turn = perform(scenario.rehearsal, [], first_agent=first, transfer_tool=scenario.transfer_tool)
    return ExpectedReply(turn.expects).grammar()


@asynccontextmanager
async def recogniser(**how: bool) -> AsyncIterator[SphinxStt]:
    recogniser = SphinxStt(**how)
    try:
        yield recogniser
    finally:
        await recogniser.aclose()
    assert not worker_pids(), "the process is still there"


_others: set[int] = set()
"""The workers of whoever else hears with a recogniser in this process: the testing kit keeps an engine."""


@pytest.fixture(autouse=True)
def own_workers_only() -> None:
    _others.clear()
    _others.update(worker_pids())


def worker_pids() -> list[int]:
    """The workers that a test started."""
    return [pid for pid in children_of() if b"sphinx_worker" in command_of(pid) and pid not in _others]


async def heard(ears: SphinxStt, sound: bytes, expected: str | None) -> str:
    utterance = ears.open(grammar=expected)
    utterance.feed(sound)
    return (await utterance.finish()).text


@pytest.mark.parametrize("words", ["yes please", "sure", "of course", "no", "no thank you", "not now"])
async def test_it_hears_an_answer(says: Says, words: str) -> None:
    async with recogniser() as ears:
        assert await heard(ears, await says(words), ANSWERS) == words


async def test_it_hears_an_answer_wherever_the_utterance_starts_on_a_line_without_noise(says: Says) -> None:
    greeting = grammar_of([YES, NO, SAID["what"], SAID["hello"]])
    sound = await says("no thank you", noise=0)
    async with recogniser() as ears:
        for start in range(0, ms_to_bytes(280), ms_to_bytes(16)):
            assert normalise(await heard(ears, sound[start:], greeting)) == "no thank you", start


@pytest.mark.parametrize(
    "digits", ["five five five oh one two three nine eight six", "two oh six seven one four nine three eight zero"]
)
async def test_it_hears_a_phone_number(says: Says, digits: str) -> None:
    async with recogniser() as ears:
        assert await heard(ears, await says(digits, speed=0.9), PHONE) == digits


@pytest.mark.parametrize(
    "words",
    [
        "maybe later",
        "what time is it",
        "the weather is nice today",
        "my order has not arrived",
        "nobody told me",
        "snowboard boots",
    ],
)
async def test_what_the_grammar_does_not_have_is_no_words_at_all(says: Says, words: str) -> None:
    async with recogniser() as ears:
        assert await heard(ears, await says(words), ANSWERS) == ""


@pytest.mark.parametrize(
    "words", ["the train leaves at a quarter past", "could you pass me the salt", "the coffee machine is broken"]
)
async def test_speech_about_something_else_is_no_words_at_a_question_with_many_answers(says: Says, words: str) -> None:
    async with recogniser() as stt:
        assert await heard(stt, await says(words), first_grammar(customer_service_retail)) == ""


async def test_an_answer_whose_words_are_common_is_heard(says: Says) -> None:
    async with recogniser() as stt:
        assert await heard(stt, await says("Sure, go ahead."), first_grammar(simple_handoff)) == "sure go ahead"


async def test_silence_is_no_words() -> None:
    async with recogniser() as ears:
        assert await heard(ears, bytes(48_000), ANSWERS) == ""
        assert await heard(ears, b"", ANSWERS) == ""
        assert await heard(ears, bytes(48_000), None) == ""


async def test_without_a_grammar_it_writes_down_what_it_can(says: Says) -> None:
    async with recogniser() as ears:
        words = (await heard(ears, await says("the weather is nice today"), None)).split()
    assert len({"the", "weather", "is", "nice", "today"} & set(words)) >= 3


async def test_the_words_so_far_come_while_sound_arrives(says: Says) -> None:
    sound = await says("no thank you")
    async with recogniser() as ears:
        await ears.warm()
        so_far: list[str] = []
        complete = asyncio.Event()

        def listen(words: str) -> None:
            so_far.append(words)
            if words == "no thank you":
                complete.set()

        utterance = ears.open(grammar=ANSWERS, on_partial=listen)
        for at in range(0, len(sound), 4800):
            utterance.feed(sound[at : at + 4800])
        async with asyncio.timeout(5):
            await complete.wait()
        assert so_far[0] == "no"
        await utterance.finish()


async def test_the_words_come_again_in_the_pause_after_a_sound_that_added_none(says: Says) -> None:
    async with recogniser() as ears:
        so_far: list[str] = []
        told = asyncio.Event()

        def listen(words: str) -> None:
            so_far.append(words)
            told.set()

        utterance = ears.open(grammar=ANSWERS, on_partial=listen)
        utterance.feed(await says("yes please") + bytes(24_000))
        async with asyncio.timeout(10):
            while so_far[-1:] != ["yes please"]:
                told.clear()
                await told.wait()
            utterance.pause()
            utterance.resume()
            told.clear()
            utterance.pause()
            await told.wait()
        assert so_far[-2:] == ["yes please", "yes please"]
        utterance.abandon()


@pytest.mark.realtime
async def test_the_words_are_there_soon_after_the_last_sound(says: Says) -> None:
    sound = await says("yes please")
    async with recogniser() as ears:
        await ears.warm()
        utterance = ears.open(grammar=ANSWERS)
        for at in range(0, len(sound), 960):
            utterance.feed(sound[at : at + 960])
            await asyncio.sleep(0.01)  # twice as fast as it is said
        began = time.perf_counter()
        assert (await utterance.finish()).text == "yes please"
        assert time.perf_counter() - began < 0.15


@pytest.mark.parametrize("fork", [True, False])
async def test_several_utterances_are_open_at_once(says: Says, fork: bool) -> None:
    said = {"yes please": ANSWERS, "no thank you": ANSWERS, "the red fox": grammar("the ( red | blue ) ( fox | dog )")}
    sounds = {words: await says(words) for words in said}
    async with recogniser(fork=fork) as ears:
        open_ = {words: ears.open(grammar=expected) for words, expected in said.items()}
        for at in range(0, max(map(len, sounds.values())), 960):
            for words, utterance in open_.items():
                utterance.feed(sounds[words][at : at + 960])
        assert {words: (await utterance.finish()).text for words, utterance in open_.items()} == {w: w for w in said}


@pytest.mark.parametrize("fork", [True, False])
async def test_a_long_utterance_does_not_keep_a_short_one_waiting(says: Says, fork: bool) -> None:
    sound = await says("yes please")
    async with recogniser(fork=fork) as ears:
        await ears.warm()
        long = ears.open(grammar=ANSWERS)
        long.feed(sound * 30)
        lasting = asyncio.create_task(long.finish())
        assert await heard(ears, sound, ANSWERS) == "yes please"
        assert not lasting.done()
        long.abandon()
        with pytest.raises(SpeechError, match="abandoned"):
            await lasting


async def test_words_that_no_dictionary_has_are_guessed(says: Says) -> None:
    async with recogniser() as ears:
        names = grammar("( call | text ) ( Brunhilde | Xanthippos | Zürich | o'flannagan )")
        assert await heard(ears, await says("call Brunhilde"), names) == "call Brunhilde"
        assert await heard(ears, await says("text Zürich"), names) == "text Zürich"


@pytest.mark.parametrize(
    "bad", ["garbage", "", grammar("yes [please"), grammar("<missing>"), grammar("<VOID>"), "\0", "#JSGF V1.0;" * 9]
)
async def test_a_bad_grammar_costs_its_utterance_only(says: Says, bad: str) -> None:
    async with recogniser() as ears:
        utterance = ears.open(grammar=bad)
        utterance.feed(bytes(9600))
        with pytest.raises(SpeechError, match="grammar"):
            await utterance.finish()
        before = worker_pids()
        assert await heard(ears, await says("yes please"), ANSWERS) == "yes please"
        assert worker_pids() == before


async def test_when_the_worker_dies_open_utterances_fail_and_the_next_one_works(says: Says) -> None:
    async with recogniser() as ears:
        await ears.warm()
        utterance = ears.open(grammar=ANSWERS)
        utterance.feed(bytes(9600))
        os.kill(worker_pids()[0], signal.SIGKILL)
        with pytest.raises(SpeechError, match="died"):
            await utterance.finish()
        utterance.feed(bytes(960))
        utterance.abandon()
        assert await heard(ears, await says("no thank you"), ANSWERS) == "no thank you"


async def test_callers_who_speak_at_once_have_a_process_each_and_they_are_kept(says: Says) -> None:
    sound = await says("yes please")
    async with recogniser(fork=True) as ears:
        await ears.warm()
        open_ = [ears.open(grammar=ANSWERS) for _ in range(3)]
        for utterance in open_:
            utterance.feed(sound)
        assert [(await utterance.finish()).text for utterance in open_] == ["yes please"] * 3
        processes = children_of(worker_pids()[0])
        assert len(processes) == 3
        assert await heard(ears, sound, ANSWERS) == "yes please"
        assert children_of(worker_pids()[0]) == processes


async def test_a_child_that_dies_costs_its_utterance_only(says: Says) -> None:
    sound = await says("yes please")
    async with recogniser(fork=True) as ears:
        await ears.warm()
        worker = worker_pids()
        doomed = ears.open(grammar=ANSWERS)
        doomed.feed(bytes(9600))
        other = ears.open(grammar=ANSWERS)
        other.feed(sound)
        async with asyncio.timeout(5):
            while len(children_of(worker[0])) < 2:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)
        os.kill(children_of(worker[0])[0], signal.SIGKILL)
        with pytest.raises(SpeechError, match="died"):
            await doomed.finish()
        assert (await other.finish()).text == "yes please"
        assert await heard(ears, sound, ANSWERS) == "yes please"
        assert worker_pids() == worker


async def test_more_children_than_are_worth_keeping_are_ended(says: Says) -> None:
    async with recogniser(fork=True) as ears:
        open_ = [ears.open(grammar=ANSWERS) for _ in range(MAX_IDLE + 3)]
        for utterance in open_:
            await utterance.finish()
        async with asyncio.timeout(5):
            while len(children_of(worker_pids()[0])) > MAX_IDLE:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)


def test_the_worker_dies_with_its_parent() -> None:
    program = (
        "import asyncio, os\nfrom pathlib import Path\n"
        "from trunkline.engine.speech.stt.sphinx import SphinxStt\n"
        "async def main():\n    ears = SphinxStt()\n    await ears.warm()\n"
        "    print(Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text(), flush=True)\n"
        "    os._exit(1)\nasyncio.run(main())"
    )
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    process = Path(f"/proc/{int(parent.stdout)}")
    deadline = time.monotonic() + 5
    while process.exists() and " Z " not in (process / "stat").read_text():
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.02)


async def test_closing_fails_what_is_open_and_refuses_what_comes() -> None:
    ears = SphinxStt()
    utterance = ears.open(grammar=ANSWERS)
    await ears.aclose()
    await ears.aclose()
    with pytest.raises(SpeechError, match="closed"):
        await utterance.finish()
    with pytest.raises(SpeechError, match="closed"):
        ears.open()


async def test_finishing_twice_gives_the_same_words_and_abandoning_after_is_harmless(says: Says) -> None:
    async with recogniser() as ears:
        utterance = ears.open(grammar=ANSWERS)
        utterance.feed(await says("sure"))
        assert await utterance.finish() == await utterance.finish()
        utterance.abandon()
        assert (await utterance.finish()).text == "sure"


async def test_cancelling_the_wait_abandons_the_utterance() -> None:
    async with recogniser() as ears:
        utterance = ears.open(grammar=ANSWERS)
        utterance.feed(bytes(480_000))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await utterance.finish()
        with pytest.raises(SpeechError, match="abandoned"):
            await utterance.finish()


async def test_more_sound_than_can_be_kept_is_refused_not_hoarded() -> None:
    async with recogniser() as ears:
        utterance = ears.open(grammar=ANSWERS)
        for _second in range(120):
            utterance.feed(bytes(48_000))
        with pytest.raises(SpeechError, match="keep up"):
            await utterance.finish()


async def test_opening_does_not_wait_for_the_worker() -> None:
    async with recogniser() as ears:
        began = time.perf_counter()
        utterance = ears.open(grammar=ANSWERS)
        utterance.feed(bytes(48_000))
        assert time.perf_counter() - began < 0.05
        utterance.abandon()


async def test_without_the_package_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with recogniser() as ears:
        with pytest.raises(SpeechError, match=r"pip install 'trunkline\[speech\]'"):
            await ears.warm()
        with pytest.raises(SpeechError, match=r"pip install 'trunkline\[speech\]'"):
            await heard(ears, bytes(960), ANSWERS)


def on_telephone(pcm: bytes) -> bytes:
    """Return audio in the telephone band, 300 to 3,400 Hz, ten times softer."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(samples.size, 1 / 24_000)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    return (np.fft.irfft(spectrum, samples.size) / 10).astype("<i2").tobytes()


async def test_the_line_of_a_session_is_remembered_and_no_other_session_gets_it(says: Says) -> None:
    pcm = on_telephone(await says("no thank you"))
    async with recogniser() as stt:
        for session_id in ("a", "a", "b"):
            utterance = stt.open(grammar=ANSWERS, session_id=session_id)
            utterance.feed(pcm)
            await utterance.finish()
        one, other = stt._means["a"], stt._means["b"]
        assert one != other  # the second utterance of a started from the first one's mean
        utterance = stt.open(grammar=ANSWERS)
        utterance.feed(pcm)
        await utterance.finish()
        assert set(stt._means) == {"a", "b"}


async def test_the_lines_of_at_most_so_many_sessions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphinx, "MAX_LINES", 2)
    async with recogniser() as stt:
        for session_id in "abcb":
            utterance = stt.open(grammar=ANSWERS, session_id=session_id)
            utterance.feed(bytes(24_000))
            await utterance.finish()
        assert list(stt._means) == ["c", "b"]
