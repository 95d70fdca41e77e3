"""Typed conversations per second on one core: through Trunkline's test kit, and through the Agents SDK's own.

    python benchmarks/typed_conversations.py [--seconds 5] [--profile]

The conversation has five turns of the caller. One of them calls a tool, and one hands over to another agent, which
answers the rest. Both sides run the same agents and tools in one process, in alternating slices, so that other work of
the machine affects both. Rates use the wall clock and the processor time; on a busy machine the latter is the figure
for one core. The script checks the course of each conversation on both sides.

The two do not do the same amount of work. The kit runs whole calls: the engine's session (conversation, responses,
audio as long as speech would be), the wire's JSON both ways, the call with its log, and a caller who lets the agent
finish. `agents.realtime.testing.ScriptedRealtimeModel` hands ready-made events to a `RealtimeSession`.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import platform
import pstats
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime import model_events as happened
from agents.realtime import model_inputs as sent
from agents.realtime.items import AssistantAudio, AssistantMessageItem
from agents.realtime.testing import RealtimeStep, ScriptedRealtimeModel

from trunkline import Caller, Lines, Phrases, Rehearsal, Scenario, Words, call_tool, transfer
from trunkline.testing.call_factory import CallFactory
from trunkline.testing.virtual_time import VirtualTimeLoop

ORDER = "A-17"
SAYS = ["hello", f"where is my order {ORDER}", "I want to send it back", "tomorrow", "thank you"]
ANSWERS = [
    "Welcome to the shop! What can I do for you?",
    "Hello to you too. Which order is it about?",
    "It was sent yesterday and should be with you on Friday.",
    "I'll hand you over to returns.",
    "Hello, this is returns. When shall we collect it?",
    "Good, we'll collect it then. Anything else?",
    "You're welcome. Goodbye!",
]


@function_tool
async def look_up_order(order: str) -> str:
    """Return the state of an order."""
    return "sent yesterday"


returns: RealtimeAgent[Any] = RealtimeAgent(name="returns", instructions="Arrange returns.")
clerk: RealtimeAgent[Any] = RealtimeAgent(
    name="clerk", instructions="Answer questions about orders.", tools=[look_up_order], handoffs=[returns]
)
rehearsal = Rehearsal()
WHERE = Phrases("where is my order {order}", order=Words((), open=True))


@rehearsal.plays("clerk")
async def clerk_part(caller: Caller) -> Lines:
    yield ANSWERS[0]
    await caller.says()
    yield ANSWERS[1]
    asked = await caller.says(WHERE)
    yield call_tool("look_up_order", order=asked.slots.get("order", ""))
    yield ANSWERS[2]
    await caller.says()
    yield ANSWERS[3]
    yield transfer("returns")


@rehearsal.plays("returns")
async def returns_part(caller: Caller) -> Lines:
    yield ANSWERS[4]
    await caller.says()
    yield ANSWERS[5]
    await caller.says()
    yield ANSWERS[6]


shop: Scenario[None] = Scenario("shop", agents=[clerk, returns], rehearsal=rehearsal)


async def with_the_kit() -> None:
    """Hold one conversation through `trunkline.testing`."""
    async with CallFactory() as factory:
        conversation = await factory.call(shop)
        await conversation.hears("Welcome")
        for words in SAYS[:2]:
            turn = await conversation.say(words)
        assert turn.called("look_up_order").result == "sent yesterday"
        turn = await conversation.say(SAYS[2])
        assert turn.handed_to == "returns"
        for words in SAYS[3:]:
            turn = await conversation.say(words)
        assert turn.text == ANSWERS[6]


async def with_the_sdk() -> None:
    """Hold the same conversation through the Agents SDK's session and its scripted model."""
    script = _Script()
    model = ScriptedRealtimeModel(script.steps(), strict=False)
    runner = RealtimeRunner(clerk, model=model)
    said: list[str] = []
    tools, agents = [], []
    session = await runner.run()
    async with session:
        events = session.__aiter__()
        for number, words in enumerate(["hi", *SAYS]):
            await session.send_message(words)
            wanted = script.messages_after[number]
            while len(said) < wanted:
                event = await anext(events)
                if event.type == "tool_end":
                    tools.append(event.output)
                elif event.type == "handoff":
                    agents.append(event.to_agent.name)
                elif event.type == "history_updated":
                    said = [_words(item) for item in event.history if isinstance(item, AssistantMessageItem)]
    assert said == ANSWERS, said
    assert tools == ["sent yesterday"]
    assert agents == ["returns"]


def _words(message: AssistantMessageItem) -> str:
    return "".join(part.transcript or "" for part in message.content if part.type == "audio")


class _Script:
    """Answers of the scripted model to each message and tool output."""

    messages_after = (1, 2, 3, 5, 6, 7)

    def steps(self) -> list[RealtimeStep]:
        return [
            self._on(sent.RealtimeModelSendUserInput, *self._says(0)),
            self._on(sent.RealtimeModelSendUserInput, *self._says(1)),
            self._on(sent.RealtimeModelSendUserInput, self._calls("look_up_order", f'{{"order":"{ORDER}"}}')),
            self._on(sent.RealtimeModelSendToolOutput, *self._says(2)),
            self._on(sent.RealtimeModelSendUserInput, *self._says(3), self._calls("transfer_to_returns", "{}")),
            self._on(sent.RealtimeModelSendToolOutput, *self._says(4)),
            self._on(sent.RealtimeModelSendUserInput, *self._says(5)),
            self._on(sent.RealtimeModelSendUserInput, *self._says(6)),
        ]

    @staticmethod
    def _on(expected: type, *events: Any) -> RealtimeStep:
        return RealtimeStep(expected, [happened.RealtimeModelTurnStartedEvent(), *events, _ENDED])

    @staticmethod
    def _calls(name: str, arguments: str) -> Any:
        return happened.RealtimeModelToolCallEvent(name=name, call_id=f"call_{name}", arguments=arguments)

    @staticmethod
    def _says(index: int) -> list[Any]:
        item_id, words = f"item_{index}", ANSWERS[index]
        item = AssistantMessageItem(
            item_id=item_id,
            type="message",
            role="assistant",
            status="completed",
            content=[AssistantAudio(type="audio", transcript=words)],
        )
        return [
            happened.RealtimeModelTranscriptDeltaEvent(item_id=item_id, delta=words, response_id=f"resp_{index}"),
            happened.RealtimeModelItemUpdatedEvent(item=item),
        ]


_ENDED = happened.RealtimeModelTurnEndedEvent()


def main() -> None:
    """Measure both sides and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seconds", type=float, default=10.0, help="for each side")
    arguments.add_argument("--profile", action="store_true", help="of the kit's side")
    options = arguments.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sides: dict[str, tuple[Callable[[], Awaitable[None]], Callable[[], asyncio.AbstractEventLoop]]] = {
        "trunkline.testing": (with_the_kit, VirtualTimeLoop),
        "agents.realtime.testing": (with_the_sdk, asyncio.new_event_loop),
    }
    if options.profile:
        _profile(*sides["trunkline.testing"])
        return
    rates: dict[str, list[_Rate]] = {name: [] for name in sides}
    for conversation, loop in sides.values():
        _measure(conversation, loop, 0.5)  # imports and caches
    gc.collect()
    gc.freeze()  # as the kit's plugin does at its first call: the collector skips imported objects
    for _ in range(SLICES):
        for name, (conversation, loop) in sides.items():
            rates[name].append(_measure(conversation, loop, options.seconds / SLICES))
    print(f"Python {platform.python_version()}, one core, {options.seconds:g} s for each side in {SLICES} slices")
    print("five turns, a tool, a handoff; conversations per second: median (slowest to fastest slice)")
    for name, found in rates.items():
        print(f"  {name:<26} by the clock {_spread([rate.clock for rate in found])}", end="")
        print(f"   by processor time {_spread([rate.processor for rate in found])}")


SLICES = 10


@dataclass(frozen=True)
class _Rate:
    """Conversations per second of wall-clock time and of processor time."""

    clock: float
    processor: float


def _spread(rates: list[float]) -> str:
    return f"{statistics.median(rates):5.0f} ({min(rates):.0f} to {max(rates):.0f})"


def _measure(
    conversation: Callable[[], Awaitable[None]], loop: Callable[[], asyncio.AbstractEventLoop], seconds: float
) -> _Rate:
    async def repeat() -> _Rate:
        count, began, began_working = 0, time.perf_counter(), time.process_time()
        while (taken := time.perf_counter() - began) < seconds:
            await conversation()
            count += 1
        return _Rate(count / taken, count / (time.process_time() - began_working))

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(repeat())


def _profile(conversation: Callable[[], Awaitable[None]], loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    _measure(conversation, loop, 0.5)
    profile = cProfile.Profile()
    profile.runcall(_measure, conversation, loop, 3.0)
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
