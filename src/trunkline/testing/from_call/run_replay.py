"""Replay of a call on the rehearsal, or on the configured model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trunkline.calls.log_events import CallStarted
from trunkline.scenario.loading import load
from trunkline.scenario.scenario import AnyScenario
from trunkline.settings import Settings
from trunkline.testing.caller_voice import missing_part
from trunkline.testing.environment import Environment
from trunkline.testing.from_call.comparison import Replay
from trunkline.testing.from_call.recorded_call import CallerAction, RecordedCall
from trunkline.testing.from_call.recording import cut_clips
from trunkline.testing.from_call.replay import Caller, replay_call
from trunkline.testing.from_call.test_file import clip_of
from trunkline.testing.llm_judge import NoTextModelError, TextModel, configured_model
from trunkline.testing.virtual_time import run_in_virtual_time
from trunkline.testing.voice_call import VoiceCall


class ReplayError(Exception):
    """A call that cannot be replayed. The message has the reason and the fix."""


@dataclass(frozen=True)
class ReplayOptions:
    """Options of a replay.

    Attributes:
        targets: files, folders or modules that hold the scenario, in addition to the built-in and the installed ones.
        recording: the recording with the audio that the caller plays; None for a caller who types the words.
        run_tools: run the tools; otherwise they answer from the record.
        rehearsal: play the rehearsal although a model is configured.
        folder: a folder for the caller's audio.
    """

    targets: Sequence[str] = ()
    recording: Path | None = None
    run_tools: bool = False
    rehearsal: bool = False
    folder: Path = Path()


def run_replay(recorded: RecordedCall, settings: Settings, options: ReplayOptions) -> Replay:
    """Replay a call against today's agents, and compare.

    Without a configured model, the scenario's rehearsal plays it: typed in virtual time, or spoken with the recording.

    Raises:
        ReplayError: the call cannot be replayed here.
        RecordingError: the recording cannot be used.
        TextModelError: the judge did not answer.
        ProviderError: the model cannot be reached.
    """
    environment = Environment(options.targets, settings)
    try:
        scenario = _scenario(recorded.scenario, options.targets)
        uses_model = environment.has_model and not options.rehearsal
        mode = "live" if uses_model else "typed" if options.recording is None else "spoken"
        if mode != "live" and scenario.rehearsal is None:
            raise ReplayError(
                f"The scenario {scenario.name!r} has no rehearsal, which plays the model without a key. Give it one, "
                "or configure a model."
            )
        speaks = options.recording is not None
        if speaks and (problem := environment.unavailable_reason(mode)) is not None:
            raise ReplayError(problem)
        work = _replay(environment, scenario, recorded, options, mode)
        return run_in_virtual_time(work) if mode == "typed" else asyncio.run(work)
    finally:
        environment.close()


def _scenario(name: str, targets: Sequence[str]) -> AnyScenario:
    loaded = load(targets)
    if name in loaded.by_name:
        return loaded.by_name[name]
    problems = "".join(f"{problem}\n" for problem in loaded.problems)
    raise ReplayError(
        f"{problems}The scenario {name!r} of the call is not among {', '.join(loaded.by_name) or 'the loaded ones'}. "
        "Name its file: trunkline replay CALL FILE"
    )


async def _replay(
    environment: Environment, scenario: AnyScenario, recorded: RecordedCall, options: ReplayOptions, mode: str
) -> Replay:
    has_agent = any(agent.name == recorded.first_agent for agent in scenario.agents)
    speaks = options.recording is not None
    async with await environment.call_factory(mode, speaks=speaks) as factory:
        call = await factory.call(
            scenario,
            agent=recorded.first_agent if has_agent else None,
            codec=recorded.codec if recorded.codec in ("pcmu", "pcma") else "pcm16",
            stt="whisper" if speaks and missing_part("", "whisper") is None else None,
            metadata=recorded.metadata,
        )
        judge = _judge() if mode == "live" else None
        return await replay_call(
            call,
            recorded,
            model="rehearsal" if mode != "live" else _model_of(call),
            on_rehearsal=mode != "live",
            run_tools=options.run_tools,
            caller=_caller(recorded, options, mode),
            judge=judge,
        )


def _model_of(call: VoiceCall) -> str:
    started = call.log[0].event
    return f"{started.provider}, {started.model}" if isinstance(started, CallStarted) else "unknown"


def _caller(recorded: RecordedCall, options: ReplayOptions, mode: str) -> Caller:
    if options.recording is None:
        return Caller(speaks=mode == "typed", shows_images=mode == "live")
    clips: dict[int, Path] = {}
    spans = {}
    for place, turn in enumerate(recorded.turns):
        if turn.action is not None and (span := clip_of(recorded, turn.action)) is not None:
            clips[id(turn.action)] = options.folder / f"{place:03}.wav"
            spans[clips[id(turn.action)]] = span
    cut_clips(options.recording, spans)

    def clip(action: CallerAction) -> Path | None:
        return clips.get(id(action))

    return Caller(speaks=True, shows_images=mode == "live", clip=clip)


def _judge() -> TextModel | None:
    try:
        return configured_model()
    except NoTextModelError:
        return None
