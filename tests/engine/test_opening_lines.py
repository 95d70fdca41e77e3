"""Opening lines: each agent's first line is made before a call needs it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from agents.realtime import RealtimeAgent

from tests.engine.engine_fakes import FakeTts
from trunkline import Caller, Lines, Rehearsal, Scenario, say
from trunkline.engine import default
from trunkline.engine.opening_lines import prepare_opening_lines
from trunkline.engine.speech import SpeechError
from trunkline.scenario.scenario import AnyScenario
from trunkline.settings import Settings


@dataclass
class PreparingFake(FakeTts):
    """A voice that notes the lines to prepare."""

    prepared: list[tuple[str, str | None, float, str | None]] = field(default_factory=list)
    missing: bool = False

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        self.prepared.append((text, voice, speed, language))
        if self.missing:
            raise SpeechError("Piper is not installed.")


def scenario(name: str, **more: Any) -> AnyScenario:
    rehearsal = Rehearsal()

    @rehearsal.plays("desk")
    async def desk(caller: Caller) -> Lines:
        yield "Welcome to Bergün. What can I do for you?"
        await caller.says()

    @rehearsal.plays("doctor")
    async def doctor(caller: Caller) -> Lines:
        yield say("Guten Tag.", "de", 1.2)
        await caller.says()

    @rehearsal.plays("silent")
    async def silent(caller: Caller) -> Lines:
        await caller.says()
        yield "Hello."

    agents: list[RealtimeAgent[Any]] = [RealtimeAgent(name=agent) for agent in ("desk", "doctor", "silent")]
    return Scenario(name, agents=agents, rehearsal=rehearsal, **more)


async def test_first_lines_are_prepared_with_the_scenario_s_voice_and_spelling_first_agents_first() -> None:
    tts = PreparingFake()
    plain, named = scenario("plain"), scenario("named", voice="cedar", pronunciations={"Bergün": "bear goon"})
    await prepare_opening_lines([plain, named], tts)
    assert tts.prepared == [
        ("Welcome to Bergün.", "alloy", 1.0, None),
        ("Welcome to bear goon.", "cedar", 1.0, None),
        ("Guten Tag.", "alloy", 1.2, "de"),
        ("Guten Tag.", "cedar", 1.2, "de"),
    ]


async def test_nothing_is_prepared_without_a_rehearsal_or_by_a_voice_that_cannot() -> None:
    tts = PreparingFake()
    host: RealtimeAgent[Any] = RealtimeAgent(name="host")
    await prepare_opening_lines([Scenario("bare", agents=[host])], tts)
    assert tts.prepared == []
    await prepare_opening_lines([scenario("plain")], FakeTts())


@pytest.mark.parametrize("count", [1, 2])
async def test_a_missing_voice_is_asked_once(count: int) -> None:
    tts = PreparingFake(missing=True)
    await prepare_opening_lines([scenario(f"plain{number}") for number in range(count)], tts)
    assert len(tts.prepared) == 1


async def test_an_engine_prepares_them_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    tts = PreparingFake()
    monkeypatch.setattr(default, "create_tts", lambda _settings: tts)
    settings = Settings.model_validate({"provider": "local", "stt": "sphinx"})
    async with default.local_engine({"plain": scenario("plain")}, settings, key="k"), asyncio.timeout(10):
        while len(tts.prepared) < 2:  # noqa: ASYNC110 - a task of the engine
            await asyncio.sleep(0.001)
    assert tts.prepared[0] == ("Welcome to Bergün.", "alloy", 1.0, None)
