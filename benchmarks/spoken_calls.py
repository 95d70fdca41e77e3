"""Hold whole spoken calls: `nice python benchmarks/spoken_calls.py`, about ten minutes.

Callers with a goal talk to the built-in scenarios: 20 calls for each, clean and on the telephone band. The voices are
Piper's, and flite's where it is installed. The engine's session, Silero and Whisper are the real ones. The calls run in
virtual time, and a decoding takes none of it: the figures show understanding, not speed.

A caller knows the question that they are asked, and not the agent's rules. They answer it in one of several wordings,
and in another one if it comes again. They correct a telephone number that is read back with other digits. A call gets
through if its goal is reached with the right values.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hearing import FLITE, Samples, flite, over_line, piper

from trunkline.builtin_scenarios.chat_supervisor import chat_supervisor
from trunkline.builtin_scenarios.customer_service_retail import customer_service_retail
from trunkline.builtin_scenarios.simple_handoff import simple_handoff
from trunkline.calls.call import Call
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.speech import SpeechChunk
from trunkline.engine.speech.silero import SileroVoiceActivity
from trunkline.engine.speech.stt.decode_queue import Urgency
from trunkline.engine.speech.stt.whisper import BEAMS, WhisperStt, chosen_text
from trunkline.engine.speech.stt.whisper_ipc import Decoded, Hypothesis
from trunkline.engine.speech.stt.whisper_model import WhisperModel
from trunkline.engine.speech.weights import find
from trunkline.scenario.rehearsed_text_model import RehearsedTextModel
from trunkline.scenario.scenario import AnyScenario
from trunkline.testing.caller_input import CallerInput, SpokenInput
from trunkline.testing.caller_playout import CallerPlayout
from trunkline.testing.channel_impairment import UNIMPAIRED
from trunkline.testing.failures import VoiceFailure
from trunkline.testing.fault_injection import FaultInjector, FaultyProvider
from trunkline.testing.in_memory_provider import InMemoryProvider
from trunkline.testing.virtual_time import run_in_virtual_time
from trunkline.testing.voice_call import VoiceCall

CONDITIONS = ("clean", "telephone")
WEIGHTS = "whisper-tiny.en"
MAX_TURNS = 25
MODELS_DIR = Path("models")


@dataclass(frozen=True)
class Goal:
    """A caller's goal.

    Attributes:
        answers: for each question, a pattern in the agent's last words, and wordings of the answer.
        reached: returns whether the call got through.
        number: the caller's telephone number, and wordings by which they correct another one that is read back.
    """

    name: str
    scenario: AnyScenario
    answers: Sequence[tuple[str, Sequence[str]]]
    reached: Callable[[VoiceCall, str], bool]
    number: tuple[str, Sequence[str]] = ("", ())

    def sentences(self) -> set[str]:
        """Return all sentences that a caller may say."""
        return {CONFUSED, *self.number[1], *(wording for _question, wordings in self.answers for wording in wordings)}


READ_BACK = re.compile(r"\bI have ((?:\d[, ]*){10})\. Is that right")
CONFUSED = "Sorry, could you say that again?"
YES = ("yes", "yes, that's right", "yeah, correct", "yep, that's it")


GOALS = (
    Goal(
        "haiku",
        simple_handoff,
        (
            (
                "Would you like|change your mind|to hear a haiku",
                ("Yes, please.", "Sure, go ahead.", "I'd love to.", "Yeah, okay."),
            ),
            (
                "What shall .* be about|Name a topic",
                ("About the ocean.", "The ocean, please.", "Something about the ocean.", "How about the ocean?"),
            ),
            (
                "Shall I write another",
                (
                    "No thanks, goodbye.",
                    "That's all, thank you. Goodbye.",
                    "No, thank you very much.",
                    "No thanks, that's enough for today.",
                ),
            ),
        ),
        lambda _call, heard: "ocean" in heard.lower() and "It was a pleasure to write for you" in heard,
    ),
    Goal(
        "bill",
        chat_supervisor,
        (
            (
                "phone number|digits",
                (
                    "It's two oh six, five five five, oh one four two.",
                    "Two zero six, five five five, zero one four two.",
                    "My number is two oh six, five five five, oh one four two.",
                    "Sure, it's two oh six, triple five, oh one four two.",
                ),
            ),
            (
                "Is the number right",
                (
                    "No, it's two oh six, five five five, oh one four two.",
                    "No. It is two zero six, five five five, zero one four two.",
                    "No, two oh six, five five five, oh one four two.",
                    "No, my number is two oh six, triple five, oh one four two.",
                ),
            ),
            ("Is (that|it) .*right|really that", YES),
            (
                "How can I help|I can look at your bill|can help with your bill|would you like",
                (
                    "Why is my last bill so high?",
                    "I have a question about my bill.",
                    "Can you tell me why my bill went up?",
                    "My bill is higher than last month, why is that?",
                ),
            ),
        ),
        lambda call, heard: "$42.17" in heard and any("0142" in str(one.arguments) for one in call.tools),
    ),
    Goal(
        "return",
        customer_service_retail,
        (
            ("Is that the one", ("Yes.", "Yes, that's the one.", "Yes it is.", "Yeah, that one.")),
            ("[Ii]s (that|it) (right|really)|Is that right|really that", YES),
            ("first name|one word", ("Dana.", "My name is Dana.", "It's Dana.", "I'm Dana.")),
            (
                "four digits|credit card or your Social|credit card or from",
                (
                    "Four three two one, from my credit card.",
                    "It's four three two one, credit card.",
                    "The last four are four three two one, on my credit card.",
                    "Four, three, two, one. It's my credit card.",
                ),
            ),
            (
                "phone number|10 digits|too many digits|digits one by one",
                (
                    "It's two oh six, five five five, oh one double oh.",
                    "Two zero six, five five five, zero one zero zero.",
                    "My phone number is two oh six, five five five, oh one oh oh.",
                    "Two oh six, five five five, oh one hundred.",
                ),
            ),
            (
                "When were you born|Day, month",
                (
                    "The fifth of March, nineteen ninety.",
                    "I was born on March fifth, nineteen ninety.",
                    "March the fifth, nineteen ninety.",
                    "It's the fifth of March nineteen ninety.",
                ),
            ),
            ("address", ("It hasn't changed.", "I'd rather not say.", "Skip it, please.", "It's still the same.")),
            ("Summit Circle", ("No, thank you.", "No thanks.", "Yes, please.", "Remind me later.")),
            (
                "Why would you like to return|condition|What was wrong|know a little more",
                (
                    "It's broken, there is a big crack.",
                    "It broke after three runs.",
                    "The board is defective, an edge came off.",
                    "The board cracked, and it was used three times.",
                ),
            ),
            (
                "Which one is it|the board, the boots",
                ("The twin tip snowboard.", "The snowboard.", "It's the board.", "The twin tip."),
            ),
            ("put you through", ("No.", "No, thanks.", "No.", "No, thank you.")),
            (
                "What can I do for you|What is it about|Anything else",
                (
                    "I'd like to return my snowboard.",
                    "I want to return a snowboard.",
                    "I need to return my board, please.",
                    "Hi, I'd like to send back my snowboard.",
                ),
            ),
        ),
        lambda call, heard: (
            re.search("that's accepted|can't take it back", heard) is not None
            and {"(206) 555-0100", "1990-03-05", "4321", "credit_card"} <= set(verified(call).values())
        ),
        (
            "2065550100",
            (
                "No, it's two oh six, five five five, oh one double oh.",
                "No. It is two zero six, five five five, zero one zero zero.",
                "No, two oh six, five five five, oh one oh oh.",
                "No, that's wrong.",
            ),
        ),
    ),
)


def verified(call: VoiceCall) -> Mapping[str, str]:
    """Return the identity by which the caller was verified last."""
    found = [one.arguments for one in call.tools if one.name == "authenticate_user_information"]
    return found[-1] if found and isinstance(found[-1], dict) else {}


class InlineWhisper(WhisperStt):
    """Whisper in this process: a decoding is complete at once, and no time passes on the loop's clock."""

    def __init__(self, model: WhisperModel) -> None:
        super().__init__(WEIGHTS, MODELS_DIR)
        self._model = model

    def _serve(self) -> None:
        while (decoding := self._queue.next()) is not None:
            beams = 1 if decoding.urgency is Urgency.PARTIAL else BEAMS
            found = self._model.decode(decoding.pcm, language=decoding.language, prompt=decoding.prompt, beams=beams)
            hypotheses = tuple(Hypothesis(text, score) for text, score in found.hypotheses)
            decoding.text.set_result(chosen_text(Decoded(0, hypotheses, found.no_speech), decoding.expects))


class EngineProvider(InMemoryProvider):
    """The engine in memory, with the turn detection of `trunkline serve`."""

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        if scenario.has_default_turn_detection:
            return {"type": "semantic_vad", "eagerness": "auto"}
        return scenario.turn_detection


class PreparedVoice:
    """A caller's voice with the audio of each sentence, as it arrives over a line."""

    def __init__(self, audio: Mapping[str, bytes]) -> None:
        self._audio = audio

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        yield SpeechChunk(self._audio[text])

    async def aclose(self) -> None:
        return


@cache
def whisper() -> WhisperModel:
    return WhisperModel(find(WEIGHTS, MODELS_DIR).folder)


async def hold(goal: Goal, audio: Mapping[str, bytes], number: int) -> tuple[bool, VoiceCall, str]:
    """Hold the call with this number; return whether it got through, and the reason if it did not."""
    async with asyncio.TaskGroup() as tasks:
        rehearsal = goal.scenario.rehearsal
        assert rehearsal is not None
        provider = EngineProvider(
            lambda _model, _settings: RehearsalBrain(goal.scenario, rehearsal),
            tasks,
            stt=InlineWhisper(whisper()),
            text_model=RehearsedTextModel({goal.scenario.name: goal.scenario}),
            activity=SileroVoiceActivity,
        )
        faults = FaultInjector()
        call = Call(goal.scenario, FaultyProvider(provider, faults))
        running = tasks.create_task(call.run())
        microphones: list[asyncio.Task[None]] = []

        def caller_input(call: Call, playout: CallerPlayout) -> CallerInput:
            spoken = SpokenInput(call, playout, PreparedVoice(audio), UNIMPAIRED)
            microphones.append(tasks.create_task(spoken.run()))
            return spoken

        caller = VoiceCall(call, mode="spoken", link=faults, caller_input=caller_input)
        try:
            reached, why = await converse(goal, caller, number)
        except VoiceFailure as failure:
            reached, why = False, str(failure).partition("\n")[0]
        finally:
            for microphone in microphones:
                microphone.cancel()
            call.hang_up()
            await running
    return reached, caller, why


async def converse(goal: Goal, caller: VoiceCall, number: int) -> tuple[bool, str]:
    asked: Counter[int] = Counter()
    corrected = 0
    await caller.hears(re.compile(r"\?|\bsay\b|\."))
    heard = ""
    await caller._until_quiet("before the caller could speak")
    said = caller.turns[0].text
    for _turn in range(MAX_TURNS):
        heard += f"\n{said}"
        if goal.reached(caller, heard):
            return True, ""
        question = " ".join(said.split())[-220:]
        right, corrections = goal.number
        read_back = READ_BACK.search(question)
        if read_back is not None and right and re.sub(r"\D", "", read_back[1]) != right:
            said = (await caller.say(corrections[(number + corrected) % len(corrections)])).text
            corrected += 1
            continue
        best = -1, -1
        for index, (pattern, _wordings) in enumerate(goal.answers):
            for match in re.finditer(pattern, question):
                best = max(best, (match.start(), -index))
        if best[0] < 0:
            said = (await caller.say(CONFUSED)).text
            continue
        index = -best[1]
        wordings = goal.answers[index][1]
        said = (await caller.say(wordings[(number + asked[index]) % len(wordings)])).text
        asked[index] += 1
    return False, f"not reached in {MAX_TURNS} turns"


def voices(sentences: Sequence[str]) -> Mapping[str, Mapping[str, Samples]]:
    """Return the sentences in each voice."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = {"piper joe": dict(zip(sentences, asyncio.run(piper(sentences, Path(folder))), strict=True))}
        if shutil.which("flite"):
            for voice in FLITE:
                spoken[f"flite {voice}"] = {text: flite(text, voice, Path(folder)) for text in sentences}
    return spoken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="calls for each scenario and line")
    parser.add_argument("--goal", choices=[goal.name for goal in GOALS], help="only this scenario")
    parser.add_argument("--line", choices=CONDITIONS, help="only this line")
    parser.add_argument("--failures", action="store_true", help="print the conversations that did not get through")
    options = parser.parse_args()
    goals = [goal for goal in GOALS if options.goal in (None, goal.name)]
    spoken = voices(sorted(set().union(*(goal.sentences() for goal in goals))))
    names = list(spoken)
    print(f"{'call':8} {'line':10} {'through':>9}  turns  not through, by voice")
    for goal in goals:
        for line in CONDITIONS:
            if options.line not in (None, line):
                continue
            failed: Counter[str] = Counter()
            turns = through = 0
            for number in range(options.calls):
                voice = names[number % len(names)]
                audio = {text: over_line(samples.copy(), line) for text, samples in spoken[voice].items()}
                reached, caller, why = run_in_virtual_time(hold(goal, audio, number // len(names)))
                through += reached
                turns += len(caller.turns) - 1
                if not reached:
                    failed[voice] += 1
                    if options.failures:
                        print(f"--- {goal.name}, {line}, {voice}: {why}\n{caller.timeline()}\n")
            detail = ", ".join(f"{voice} {count}" for voice, count in failed.items()) or "–"
            share = through / options.calls
            print(f"{goal.name:8} {line:10} {share:>8.0%}  {turns / options.calls:5.1f}  {detail}", flush=True)


if __name__ == "__main__":
    main()
