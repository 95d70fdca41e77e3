"""Replay on a configured model, for which the local engine stands in: real sockets, and words that are typed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.testing.from_call import desk as desk_module
from tests.testing.from_call.recorded_logs import recorded
from trunkline.engine.default import local_engine
from trunkline.settings import Settings
from trunkline.testing import VoiceCall
from trunkline.testing.from_call.read_call import read_call
from trunkline.testing.from_call.run_replay import ReplayOptions, run_replay
from trunkline.testing.from_call.side_by_side import side_by_side

pytestmark = [pytest.mark.speech, pytest.mark.realtime]


async def hold(call: VoiceCall) -> None:
    await call.say("my printer is broken")
    await call.push_to_talk("my phone is broken")
    await call.say("I have a question about my invoice")
    await call.hang_up()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_MODEL", "TRUNKLINE_CHAT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TRUNKLINE_PROVIDER", raising=False)
    monkeypatch.chdir(tmp_path)


async def test_the_words_are_typed_to_the_configured_model(monkeypatch: pytest.MonkeyPatch) -> None:
    record = read_call(await asyncio.to_thread(recorded, desk_module.scenario, hold))
    async with local_engine({"desk": desk_module.scenario}, Settings(stt="sphinx", tts="espeak"), key="k") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_REALTIME_MODEL", "desk")
        options = ReplayOptions([desk_module.__file__])
        replayed = await asyncio.to_thread(run_replay, record, Settings(), options)
    assert replayed.now == "openai, desk"
    assert not replayed.diverges, side_by_side(replayed, 120)
    assert [turn.now is not None for turn in replayed.turns] == [True] * 4
    assert "no text model is configured" in replayed.note
