"""Where a test's calls take place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self

from trunkline.calls.call import Call
from trunkline.calls.log_events import Codec
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.http.app import BrainFactory
from trunkline.engine.speech import Tts
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.providers import Provider
from trunkline.scenario.rehearsed_text_model import RehearsedTextModel
from trunkline.scenario.scenario import Scenario
from trunkline.testing.caller_input import Mouth, SpeakingMouth, TypingMouth
from trunkline.testing.caller_playout import REPORT_EVERY_MS, Ear
from trunkline.testing.channel_impairment import CLEAR, Line
from trunkline.testing.fault_injection import FaultyProvider, LinkFaults
from trunkline.testing.in_memory_provider import MemoryProvider
from trunkline.testing.llm_judge import TextModel
from trunkline.testing.tool_mocks import replaceable
from trunkline.testing.voice_call import PATIENCE_MS, VoiceCall

TYPED_REPORT_EVERY_MS = 1000
"""In virtual time nothing drifts, so a page need not report often; what is cut off is reported to the millisecond."""
_TIMES = CallTimeLimits()
Way = Literal["typed", "spoken", "live"]
WAYS: tuple[Way, ...] = ("typed", "spoken", "live")


class Room:
    """Makes calls; leaving it ends them. It belongs to one event loop.

    Args:
        way: how its callers talk.
        provider_of: where the calls of a scenario go; they stay in memory without it.
        tts: the voice of the callers who speak; without one they type. The room closes it.
        times: the calls' time limits.
        judge: the text model for `VoiceCall.judge`; the configured one by default.
    """

    def __init__(
        self,
        way: Way = "typed",
        *,
        provider_of: Callable[[Scenario[Any]], Provider] | None = None,
        tts: Tts | None = None,
        times: CallTimeLimits = _TIMES,
        judge: TextModel | None = None,
    ) -> None:
        self.way = way
        self.calls: list[VoiceCall] = []
        self._provider_of = provider_of
        self._tts = tts
        self._times = times
        self._judge = judge
        self._stack = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._running: list[tuple[Call, asyncio.Task[None]]] = []
        self._mouths: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._tasks)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for made in self.calls:
            made.test_ends()
        for mouth in self._mouths:
            mouth.cancel()
        for call, _task in self._running:
            call.hang_up("the test is over")
        if self._running:
            await asyncio.wait([task for _call, task in self._running])
        # Without the test's own error: the group would wrap it.
        await self._stack.__aexit__(None, None, None)
        if self._tts is not None:
            await self._tts.aclose()

    async def call(
        self,
        scenario: Scenario[Any],
        *,
        agent: str | None = None,
        line: Line = CLEAR,
        codec: Codec = "pcm16",
        patience_ms: float = PATIENCE_MS,
    ) -> VoiceCall:
        """Calls a scenario. Nothing has happened yet when this returns.

        Args:
            agent: who answers; the scenario's first agent by default.
            line: what the caller's line does to their voice.
            codec: how sound travels between the call and the model: `pcmu` and `pcma` as on a telephone.
            patience_ms: how long the caller waits while nothing happens.

        Raises:
            LookupError: there is no agent of that name.
        """
        own = replaceable(scenario)
        faults = LinkFaults()
        stt = ScriptedStt()
        if self._provider_of is not None:
            provider = self._provider_of(own)
        else:
            provider = MemoryProvider(
                _rehearsed(own), self._tasks, stt=stt, text_model=RehearsedTextModel({own.name: own})
            )
        call = Call(own, FaultyProvider(provider, faults), first_agent=agent, codec=codec, time_limits=self._times)
        task = self._tasks.create_task(call.run(), name=f"call {call.call_id}")
        self._running.append((call, task))

        def mouth(call: Call, ear: Ear) -> Mouth:
            if self._tts is None:
                return TypingMouth(call, ear, stt)
            speaking = SpeakingMouth(call, ear, self._tts, line, ear.hear_caller)
            self._mouths.append(self._tasks.create_task(speaking.run(), name=f"microphone {call.call_id}"))
            return speaking

        voice_call = VoiceCall(
            call,
            way=self.way,
            link=faults,
            mouth=mouth,
            patience_ms=patience_ms,
            keeps_sound=self._tts is not None,
            report_every_ms=REPORT_EVERY_MS if self._tts is not None else TYPED_REPORT_EVERY_MS,
            judge=self._judge,
        )
        self.calls.append(voice_call)
        return voice_call


@asynccontextmanager
async def typed_call(scenario: Scenario[Any], **options: Any) -> AsyncIterator[VoiceCall]:
    """A typed call without pytest, on a loop in virtual time (`run_in_virtual_time`). An error is told with its
    timeline."""
    async with Room() as room:
        call = await room.call(scenario, **options)
        try:
            yield call
        except Exception as error:
            error.add_note(call.timeline(error))
            raise


def _rehearsed(scenario: Scenario[Any]) -> BrainFactory:
    def brain_of(_model: str, _settings: dict[str, Any] | None) -> Brain:
        if scenario.rehearsal is None:
            raise BrainError(
                f"The scenario {scenario.name!r} has no rehearsal, which typed and spoken tests need in a model's "
                "place. Give it one, or test it with --voice=live."
            )
        return RehearsalBrain(scenario, scenario.rehearsal)

    return brain_of


__all__ = ["WAYS", "Room", "Way", "typed_call"]
