"""The server of a call over WebRTC dies at any moment of a conversation; the engine's session lives on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from agents import function_tool

from tests.calls.call_harness import Caller, scenario
from tests.calls.paced_media import PacedMedia
from tests.engine.engine_fakes import FakeBrain, FakeTts
from trunkline.calls import call as call_module
from trunkline.calls import log_events
from trunkline.calls.live_record import TakenOverCall
from trunkline.calls.log import Entry
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.engine.brains import BrainOutput, BrainRequest, TextDelta, ToolCallDelta
from trunkline.realtime.events import Item, text_of
from trunkline.testing.virtual_time import in_virtual_time

UNCOMMITTED_MS = 250
AWAY_S = 0.5
AT_ONCE = (
    log_events.MessageAdded, log_events.MessageDone, log_events.AudioStarted, log_events.ToolStarted,
    log_events.ToolDone, log_events.AgentChanged,
)  # fmt: skip
"""Events that are committed within milliseconds, with all before them."""


def answer(request: BrainRequest) -> list[BrainOutput]:
    """Call a tool for "weather", hand over for "poem"; else answer in eight words."""
    last = request.items[-1]
    if last.get("type") == "function_call_output":
        return _words(f"It gave {last['output']} today, as you can see")
    users = [text_of(item) for item in request.items if item.get("role") == "user"]
    calls = sum(item.get("type") == "function_call" for item in request.items)
    if users[-1] == "weather":
        return [*_words("Let me look at that now."), ToolCallDelta(f"call_{calls}", "weather", "{}")]
    if users[-1] == "poem":
        return [ToolCallDelta(f"call_{calls}", "transfer_to_poet", "{}")]
    return _words(f"You said {users[-1]} and I have heard all of it")


def _words(text: str) -> list[BrainOutput]:
    return [TextDelta(f"{word} ") for word in text.split()]


def committed(entries: Sequence[Entry], now_ms: float) -> Sequence[Entry]:
    """Return the events of a log that were committed when the server died."""
    length = 0
    for number, entry in enumerate(entries, 1):
        if isinstance(entry.event, AT_ONCE) or entry.at_ms <= now_ms - UNCOMMITTED_MS:
            length = number
    return entries[:length]


class Conversation:
    """A call that changes its server at some moment.

    Attributes:
        caller: the caller of the present server.
        runs: the number of times the tool has run.
    """

    def __init__(self, model: PacedMedia) -> None:
        self.model = model
        self.runs = 0
        self.events: list[log_events.LogEventUnion | log_events.UnknownEvent] = []
        """The log that every server has committed."""

        @function_tool
        async def weather() -> str:
            """Return the weather."""
            self.runs += 1
            await asyncio.sleep(0.3)
            return "sunny"

        self.scenario = scenario(tools=[weather])

    async def until_the_kill(self, registry: CallRegistry, question: str, kill_ms: int) -> tuple[Caller, TakenOverCall]:
        """Greet, ask, and let the server die; return what it leaves behind."""
        call = registry.start(self.scenario, self.model, agent=None, transport="webrtc")
        caller = Caller(call, self.model)  # type: ignore[arg-type]  # the driver needs only a part of the model
        await call.answer_offer("offer")
        caller.joins()
        caller.command(type="media_ready")
        await asyncio.sleep(4)
        if question:
            caller.types(question)
        await asyncio.sleep(kill_ms / 1000)
        entries = committed(call.log.since(0), call._now_ms())
        self.events += [entry.event for entry in entries]
        call.abandon()
        return caller, TakenOverCall(call.live_record(), entries)

    async def after_it(self, registry: CallRegistry, taken_over: TakenOverCall) -> Caller:
        """Let another server continue the call, and ask once more."""
        call = registry.take_over(self.scenario, self.model, taken_over)
        caller = Caller(call, self.model)  # type: ignore[arg-type]  # the driver needs only a part of the model
        caller.joins()
        caller.command(type="media_ready")
        await asyncio.sleep(16)
        caller.types("next")
        await asyncio.sleep(8)
        self.events += [entry.event for entry in call.log.since(taken_over.committed)]
        return caller

    def said(self) -> dict[str, str]:
        """Return the final texts of the agents' messages, by item id."""
        done = [event for event in self.events if isinstance(event, log_events.MessageDone)]
        return {event.item_id: event.text.strip() for event in done if event.role == "assistant"}


def texts(items: Sequence[Item], role: str) -> list[str]:
    return [text_of(item).strip() for item in items if item.get("role") == role]


async def conversation(
    monkeypatch: pytest.MonkeyPatch, question: str, kill_ms: int, away_s: float = AWAY_S
) -> tuple[Conversation, list[Item]]:
    """Hold a conversation; return it with the items that the session has at the end."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        brain = FakeBrain(answer, delay=0.03)
        model = PacedMedia(lambda _model, _settings: brain, tasks, tts=FakeTts(delay=0.04))
        held = Conversation(model)
        async with CallRegistry(time_limits=CallTimeLimits()) as first:
            began_s = loop.time()
            _caller, taken_over = await held.until_the_kill(first, question, kill_ms)
            monkeypatch.setattr(call_module, "seconds_since", lambda _started_at: loop.time() - began_s)
            await asyncio.sleep(away_s)
            async with CallRegistry(time_limits=CallTimeLimits()) as second:
                (runner,) = model.sessions.values()
                await held.after_it(second, taken_over)
                items = list(runner.session.conversation)
    return held, items


@pytest.mark.parametrize("kill_ms", range(0, 3000, 370))
@pytest.mark.parametrize("question", ["hello", "weather", "poem"])
def test_each_question_is_answered_once(question: str, kill_ms: int) -> None:
    @in_virtual_time
    async def run() -> None:
        with pytest.MonkeyPatch.context() as patched:
            held, items = await conversation(patched, question, kill_ms)
        assert texts(items, "user") == ["hi", question, "next"]
        assert texts(items, "system") == []
        answers = texts(items, "assistant")
        assert answers[0] == "You said hi and I have heard all of it"
        assert answers[-1] == "You said next and I have heard all of it"
        assert len(answers) > 2
        assert len(set(answers)) == len(answers)
        assert held.runs <= (question == "weather")
        outputs = [item for item in items if item.get("type") == "function_call_output"]
        assert len(outputs) == (question != "hello")
        kinds = {type(event) for event in held.events}
        assert not kinds & {log_events.LegReofferRequested, log_events.AudioCleared, log_events.MessageTruncated}
        spoken = {item["id"]: text_of(item).strip() for item in items if item.get("role") == "assistant"}
        unknown = set(spoken) - set(held.said())
        assert held.said() == {item_id: text for item_id, text in spoken.items() if item_id not in unknown}
        assert len(unknown) <= (question == "weather")  # a message before a tool call, both in the gap

    run()
