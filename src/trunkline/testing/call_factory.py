"""Calls of one test, each with a caller, a link and a view of the conversation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self

from trunkline.calls.call import Call
from trunkline.calls.log_events import Codec
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.brains.rehearsal_brain import RehearsalBrain
from trunkline.engine.http.app import BrainFactory
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.providers import Provider
from trunkline.scenario.lookup import scenario_of
from trunkline.scenario.rehearsed_text_model import RehearsedTextModel
from trunkline.scenario.scenario import AnyScenario
from trunkline.testing.caller_input import CallerInput, SpokenInput, TypedInput
from trunkline.testing.caller_playout import REPORT_INTERVAL_MS, CallerPlayout
from trunkline.testing.caller_voice import CALLER_VOICE, CallerVoices, check_caller_voice
from trunkline.testing.channel_impairment import UNIMPAIRED, ChannelImpairment
from trunkline.testing.fault_injection import FaultInjector, FaultyProvider
from trunkline.testing.in_memory_provider import InMemoryProvider
from trunkline.testing.llm_judge import TextModel
from trunkline.testing.tool_mocks import with_own_tools
from trunkline.testing.voice_call import PATIENCE_MS, VoiceCall

TYPED_REPORT_INTERVAL_MS = 1000
"""Clocks do not drift in virtual time, so reports may be rare. An interruption is still reported to the millisecond."""
_TIMES = CallTimeLimits()
Mode = Literal["typed", "spoken", "live"]
SttName = Literal["whisper", "sphinx"]
MODES: tuple[Mode, ...] = ("typed", "spoken", "live")


class CallFactory:
    """Calls of one test, on one event loop. Leaving the context ends them.

    Args:
        mode: the way in which the callers talk.
        provider_of: returns the provider for the calls of a scenario; by default, calls stay in memory.
        stt_provider_of: the same, for a recogniser of the local engine.
        voices: the voices of callers who speak; without them, callers type.
        times: the calls' time limits.
        judge: the text model for `VoiceCall.judge`; by default, the one that the settings choose.
    """

    def __init__(
        self,
        mode: Mode = "typed",
        *,
        provider_of: Callable[[AnyScenario], Provider] | None = None,
        stt_provider_of: Callable[[AnyScenario, SttName], Provider] | None = None,
        voices: CallerVoices | None = None,
        times: CallTimeLimits = _TIMES,
        judge: TextModel | None = None,
    ) -> None:
        self.mode = mode
        self.calls: list[VoiceCall] = []
        self._provider_of = provider_of
        self._stt_provider_of = stt_provider_of
        self._voices = voices
        self._times = times
        self._judge = judge
        self._stack = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._call_tasks: list[tuple[Call, asyncio.Task[None]]] = []
        self._inputs: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._tasks)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for made in self.calls:
            made.on_test_end()
        for caller_input in self._inputs:
            caller_input.cancel()
        for call, _task in self._call_tasks:
            call.hang_up("the test is over")
        if self._call_tasks:
            await asyncio.wait([task for _call, task in self._call_tasks])
        # Without the test's error: the group would wrap it.
        await self._stack.__aexit__(None, None, None)

    async def call(
        self,
        scenario: AnyScenario,
        *,
        agent: str | None = None,
        impairment: ChannelImpairment = UNIMPAIRED,
        codec: Codec = "pcm16",
        patience_ms: float = PATIENCE_MS,
        caller_voice: str = CALLER_VOICE,
        stt: SttName | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> VoiceCall:
        """Start a call. The agent has not spoken yet when this returns.

        Args:
            agent: the name of the agent that answers; the scenario's first agent by default.
            impairment: the impairment of the caller's voice.
            codec: the encoding of audio between the call and the model: `pcmu` and `pcma` as on a telephone.
            patience_ms: the longest silence in ms before the caller gives up and the test fails.
            caller_voice: the voice of a caller who speaks: "joe", a natural voice from the extra `local`, or "espeak:"
                and a voice of eSpeak or of the Realtime protocol, such as "espeak:en-us+f5".
            stt: the local engine's recogniser; by default the one of the settings, and PocketSphinx for `auto`. Typed
                calls have none.
            metadata: pairs of the client, as in `POST /api/calls`.

        Raises:
            LookupError: the scenario has no agent of that name, or the voice is unknown.
        """
        check_caller_voice(caller_voice)
        scenario = with_own_tools(scenario)
        faults = FaultInjector()
        scripted_stt = ScriptedStt()
        if stt is not None and self._stt_provider_of is not None:
            provider = self._stt_provider_of(scenario, stt)
        elif self._provider_of is not None:
            provider = self._provider_of(scenario)
        else:
            provider = InMemoryProvider(
                _rehearsal_brains(scenario),
                self._tasks,
                stt=scripted_stt,
                text_model=RehearsedTextModel({scenario.name: scenario}),
            )
        call = Call(
            scenario,
            FaultyProvider(provider, faults),
            first_agent=agent,
            codec=codec,
            time_limits=self._times,
            metadata=metadata,
        )
        task = self._tasks.create_task(call.run(), name=f"call {call.call_id}")
        self._call_tasks.append((call, task))

        def caller_input(call: Call, playout: CallerPlayout) -> CallerInput:
            if self._voices is None:
                return TypedInput(call, playout, scripted_stt)
            tts, voice = self._voices.voice(caller_voice)
            spoken = SpokenInput(call, playout, tts, impairment, playout.record_caller, voice)
            self._inputs.append(self._tasks.create_task(spoken.run(), name=f"microphone {call.call_id}"))
            return spoken

        voice_call = VoiceCall(
            call,
            mode=self.mode,
            link=faults,
            caller_input=caller_input,
            patience_ms=patience_ms,
            records_audio=self._voices is not None,
            report_interval_ms=REPORT_INTERVAL_MS if self._voices is not None else TYPED_REPORT_INTERVAL_MS,
            judge=self._judge,
        )
        self.calls.append(voice_call)
        return voice_call


@asynccontextmanager
async def typed_call(scenario: AnyScenario | str | os.PathLike[str], **options: Any) -> AsyncIterator[VoiceCall]:
    """Open a typed call without pytest, on a loop in virtual time (`run_in_virtual_time`).

    An error gets the call's timeline as a note.

    Args:
        scenario: a scenario, the name of a built-in or installed one, or a file, folder or module, whose first
            scenario is called.
        options: see `CallFactory.call`.

    Raises:
        LookupError: the scenario is unknown or failed to load.
    """
    async with CallFactory() as factory:
        call = await factory.call(scenario_of(scenario), **options)
        try:
            yield call
        except Exception as error:
            error.add_note(call.timeline(error))
            raise


def _rehearsal_brains(scenario: AnyScenario) -> BrainFactory:
    def brain_of(_model: str, _settings: dict[str, object] | None) -> Brain:
        if scenario.rehearsal is None:
            raise BrainError(
                f"The scenario {scenario.name!r} has no rehearsal, which typed and spoken tests need in a model's "
                "place. Give it one, or test it with --voice=live."
            )
        return RehearsalBrain(scenario, scenario.rehearsal)

    return brain_of


__all__ = ["MODES", "CallFactory", "Mode", "typed_call"]
