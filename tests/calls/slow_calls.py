"""Calls in which a model or a tool is slow, with the silence that the caller hears, measured at their loudspeaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent

from trunkline import Caller, Fillers, Lines, Phrases, Rehearsal, Scenario, Words, call_tool
from trunkline.calls import log_events
from trunkline.engine.brains import Brain, BrainError, BrainOutput, BrainRequest
from trunkline.scenario.scenario import AnyScenario
from trunkline.testing import CallFactory, VoiceCall
from trunkline.testing.call_factory import _rehearsal_brains as rehearsal_brains
from trunkline.testing.fault_schedule import Fault
from trunkline.testing.in_memory_provider import InMemoryProvider

ANSWER = "There are plenty of pears. They came this morning. Would you like two, or three, or a whole box of them?"
PATIENCE_MS = 60_000.0
"""Time for which the caller waits for the answer."""


@dataclass
class Slowness:
    """A fault of a model or a tool.

    Attributes:
        begin: makes the fault strike, just before the caller's question.
        tool_s: the time that the tool takes.
        failures: the number of the model's responses that fail.
    """

    name: str
    begin: Callable[[VoiceCall], None] = lambda _call: None
    tool_s: float = 0.0
    failures: int = 0


def _stalls_before_the_answer(call: VoiceCall) -> None:
    call.link.delay(40_000, at="response.created")


def _stalls_in_the_answer(call: VoiceCall) -> None:
    call.link._schedule.add(Fault("delay", "response.output_audio.delta", skip=1, delay_ms=40_000))


def _loses_the_link(call: VoiceCall) -> None:
    call.link.refuse(8)
    call.link.drop(1011)


SLOWNESS = [
    Slowness("the model stalls before its answer", _stalls_before_the_answer),
    Slowness("the model stalls in its answer", _stalls_in_the_answer),
    Slowness("the service fails six times", failures=6),
    Slowness("the service always fails", failures=1_000),
    Slowness("the link is refused eight times", _loses_the_link),
    Slowness("a tool takes 25 s", tool_s=25.0),
    Slowness("a tool never returns", tool_s=3_600.0),
]


def scenario(slowness: Slowness, fillers: Fillers | None) -> AnyScenario:
    """Make a scenario with one agent and one tool."""

    @function_tool
    async def ask_warehouse(thing: str) -> str:
        """Ask the warehouse."""
        await asyncio.sleep(slowness.tool_s)
        return f"plenty of {thing}"

    rehearsal = Rehearsal()
    question = Phrases("do you have {thing}", thing=Words((), open=True))

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Welcome to the shop."
        while True:
            reply = await caller.says(question)
            yield call_tool("ask_warehouse", thing=reply["thing"])
            yield ANSWER

    agent = RealtimeAgent(name="clerk", instructions="Sell things.", tools=[ask_warehouse])
    return Scenario("slow", agents=[agent], rehearsal=rehearsal, fillers=fillers)


@dataclass(frozen=True)
class Heard:
    """The caller's experience of a slow answer.

    Attributes:
        longest_silence_ms: the longest time without audio, from the end of the question.
        answered: true if the answer was heard.
        fillers: the fillers, in order.
    """

    longest_silence_ms: float
    answered: bool
    fillers: list[str]


class FailingBrain:
    """A brain that fails while `failures` are left; the caller's greeting does not count."""

    def __init__(self, brain: Brain, failures: list[None]) -> None:
        self._brain = brain
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._brain, name)

    def grammar(self, request: BrainRequest) -> str | None:
        """See `Brain.grammar`."""
        return self._brain.grammar(request)

    async def aclose(self) -> None:
        """See `Brain.aclose`."""
        await self._brain.aclose()

    async def respond(self, request: BrainRequest) -> AsyncIterator[BrainOutput]:
        """See `Brain.respond`."""
        if self._failures:
            self._failures.pop()
            raise BrainError("the model is overloaded")
        async for output in self._brain.respond(request):
            yield output


async def hear(slowness: Slowness, fillers: Fillers | None) -> Heard:
    """Ask a question that gets a slow answer, and listen."""
    failures: list[None] = []

    def provider_of(called: AnyScenario) -> InMemoryProvider:
        brains = rehearsal_brains(called)
        return InMemoryProvider(lambda model, settings: FailingBrain(brains(model, settings), failures), tasks)

    async with asyncio.TaskGroup() as tasks, CallFactory(provider_of=provider_of) as factory:
        call = await factory.call(scenario(slowness, fillers), patience_ms=PATIENCE_MS)
        await call.hears("Welcome")
        await call.silent_for(5_000)
        slowness.begin(call)
        failures.extend([None] * slowness.failures)
        asked_ms = call.now_ms
        await call._caller_input.say("do you have pears")
        while not _is_settled(call):  # noqa: ASYNC110 - the playout has no event
            await asyncio.sleep(0.05)
        said = [entry.event.text for entry in call.log if isinstance(entry.event, log_events.FillerStarted)]
        return Heard(max(_silences(call, asked_ms)), _answered(call), said)


def _is_settled(call: VoiceCall) -> bool:
    """Return whether the answer is heard, or none follows and the caller knows it."""
    waits_for_caller = call.view.waiting is not None and call.view.waiting.reason == "caller"
    return _answered(call) or (waits_for_caller and call.playout.is_idle)


def _answered(call: VoiceCall) -> bool:
    answers = {item_id for item_id, message in call.view.messages.items() if message.done and message.text == ANSWER}
    return any(one.item_id in answers for one in call.playout.segments)


def _silences(call: VoiceCall, asked_ms: float) -> Iterator[float]:
    """Yield the times without audio from the question to the answer, or to the end."""
    spans = [(one.start_ms, one.end_ms) for one in call.playout.segments if one.end_ms > asked_ms]
    now = [] if _answered(call) else [(call.now_ms, call.now_ms)]
    for (_start, end), (start, _end) in pairwise([(asked_ms, asked_ms), *sorted(spans), *now]):
        yield max(0.0, start - end)
