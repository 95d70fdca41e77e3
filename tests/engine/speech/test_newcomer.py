"""A newcomer's first call: no setting at all, a stranger's voice, and the best recogniser and voice installed."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from trunkline.builtin_scenarios.simple_handoff import simple_handoff
from trunkline.engine.default import local_engine
from trunkline.engine.speech.factory import RECOGNISERS
from trunkline.engine.speech.tts.piper import PiperTts
from trunkline.settings import Settings

pytestmark = [pytest.mark.speech, pytest.mark.realtime]
FRAME = 960  # 20 ms


async def test_a_newcomer_speaks_freely_and_is_handed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRUNKLINE_STT", raising=False)
    monkeypatch.setenv("TRUNKLINE_MODELS_DIR", str(tmp_path))
    settings = Settings(_env_file=None)  # type: ignore[call-arg]  # only pydantic's mypy plugin knows it
    assert RECOGNISERS.name(settings) == "whisper"
    caller = PiperTts(tmp_path)
    pcm = b"".join([chunk.pcm async for chunk in caller.speak("Um, yes please, I would love that.")])
    await caller.aclose()
    async with (
        local_engine({simple_handoff.name: simple_handoff}, settings, key="key") as server,
        AsyncOpenAI(base_url=server.url, api_key="key") as client,
        client.realtime.connect(model=simple_handoff.name) as connection,
        asyncio.timeout(60),
    ):
        detection = {"type": "server_vad", "silence_duration_ms": 500}
        heard: Any = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
        tools = [{"type": "function", "name": "transfer_to_haikuwriter", "parameters": {"type": "object"}}]
        session: Any = {"type": "realtime", "audio": {"input": heard}, "tools": tools}
        await connection.session.update(session=session)
        await connection.response.create()  # the greeting
        await receive(connection, "response.done")
        speaking = asyncio.create_task(speak(connection, pcm + bytes(72_000)))
        events = await receive(connection, "response.done")
        await speaking
    transcript = next((event.transcript for event in events if event.type.endswith("transcription.completed")), "")
    assert "yes please" in transcript.lower().replace(",", "")
    called = [item.name for item in events[-1].response.output if item.type == "function_call"]
    assert called == ["transfer_to_haikuwriter"]


async def receive(connection: Any, until: str) -> list[Any]:
    """Return the events up to the first of a type."""
    events = []
    async for event in connection:
        events.append(event)
        if event.type == until:
            break
    return events


async def speak(connection: Any, pcm: bytes) -> None:
    """Send audio at the pace of speech, as a microphone does."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for count, start in enumerate(range(0, len(pcm), FRAME)):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + FRAME]).decode())
        await asyncio.sleep(max(0.0, began + 0.02 * (count + 1) - loop.time()))
