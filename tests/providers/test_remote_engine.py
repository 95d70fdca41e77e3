"""The local provider with engines that run elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack
from pydantic import SecretStr

from tests.calls.model_fake import FakeModel
from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts
from tests.ports import free_port
from tests.web.web_server import SCENARIO, client, listening, own_settings
from trunkline.doctor import examine
from trunkline.engine.abilities import EngineAbilities
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.webrtc import only_loopback
from trunkline.providers import ProviderError, decode_frame
from trunkline.providers.remote_engine import RemoteEngine, RemoteEngineProvider, start_remote_engines
from trunkline.settings import Settings, SettingsError, load_settings
from trunkline.web import create_app

KEY = "correct-horse"
WHISPER = EngineAbilities(stt="Whisper tiny.en", tts="Piper joe")


@asynccontextmanager
async def engine(port: int, abilities: EngineAbilities = WHISPER) -> AsyncIterator[EngineServer]:
    """Run an engine as `trunkline engine` does, with fake parts."""
    served = Engine(
        lambda _model, _settings: FakeBrain(),
        FakeStt(),
        FakeTts(),
        FakeActivity,
        key=KEY,
        ice=IceOptions(loopback=True),
        abilities=msgspec.to_builtins(abilities),
    )
    async with EngineServer(served, port=port) as server:
        yield server


@asynccontextmanager
async def provider_of(*ports: int, key: str = KEY) -> AsyncIterator[RemoteEngineProvider]:
    """Use the engines at these ports."""
    urls = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    settings = Settings.model_validate({"provider": "local", "engine_urls": urls, "engine_key": key})
    provider = await start_remote_engines(settings)
    try:
        yield provider
    finally:
        await provider.aclose()


async def opens_a_session(provider: RemoteEngineProvider) -> None:
    connection = await provider.connect("any")
    assert decode_frame(await connection.receive())["type"] == "session.created"
    await connection.close()


async def test_a_session_runs_on_the_engine_that_the_settings_name() -> None:
    port = free_port()
    async with engine(port), provider_of(port) as provider:
        await opens_a_session(provider)
    assert provider.abilities.stt == "Whisper tiny.en"


async def test_the_turn_detection_follows_the_abilities_of_the_engine() -> None:
    port = free_port()
    only_grammars = EngineAbilities(stt="PocketSphinx", any_words=False)
    async with engine(port, only_grammars), provider_of(port) as provider:
        assert provider.word_transports(None) == frozenset()  # type: ignore[arg-type]  # it is not read


async def test_a_missing_engine_is_a_problem_with_a_fix_and_no_session_begins() -> None:
    port = free_port()
    async with provider_of(port) as provider:
        assert f"The engine at http://127.0.0.1:{port} cannot be reached" in (provider.problem or "")
        with pytest.raises(ProviderError) as refused:
            await provider.connect("any")
    assert "TRUNKLINE_ENGINE_URL" in (refused.value.hint or "")


async def test_a_wrong_key_is_a_problem_that_names_the_variable() -> None:
    port = free_port()
    async with engine(port), provider_of(port, key="another-key") as provider:
        assert "refuses the key" in (provider.problem or "")
        assert "TRUNKLINE_ENGINE_KEY" in (provider.problem or "")


async def test_sessions_go_to_the_engines_in_turn_and_past_one_that_has_ended() -> None:
    ports = free_port(), free_port()
    async with engine(ports[0]) as first:
        async with engine(ports[1]) as second, provider_of(*ports) as provider:
            open_ = [await provider.connect("any") for _ in range(4)]
            assert [len(one.engine.sessions) for one in (first, second)] == [2, 2]
            for connection in open_:
                await connection.close()
        async with provider_of(*ports) as provider:
            for _ in range(3):
                await opens_a_session(provider)
            assert provider.problem is None


async def test_an_engine_that_comes_back_is_used_again() -> None:
    port = free_port()
    gone = RemoteEngine(f"http://127.0.0.1:{port}", SecretStr(KEY))
    provider = RemoteEngineProvider([gone])
    problems = []
    await gone.probe()
    problems.append(provider.problem)
    async with engine(port):
        await gone.probe()
        problems.append(provider.problem)
        await opens_a_session(provider)
    assert [problem is None for problem in problems] == [False, True]


async def test_another_server_finds_the_engine_of_a_webrtc_call() -> None:
    ports = free_port(), free_port()
    async with engine(ports[0]) as first, engine(ports[1]) as second:
        async with provider_of(*ports) as starts:
            answers = [await starts.start_webrtc_call(await offer(), {"type": "realtime", "model": "m"}) for _ in "12"]
            assert [len(one.engine.sessions) for one in (first, second)] == [1, 1]
        async with provider_of(*ports) as takes_over:
            for answer in answers:
                connection = await takes_over.connect("m", answer.rtc_call_id)
                assert decode_frame(await connection.receive())["type"] == "session.created"
                await connection.close()
                await takes_over.hang_up(answer.rtc_call_id)
            with pytest.raises(ProviderError) as unknown:
                await takes_over.connect("m", "rtc_unknown")
        assert unknown.value.code == 404


async def offer() -> str:
    """Return the SDP offer of a page, whose audio never flows."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    with only_loopback():
        await peer.setLocalDescription(await peer.createOffer())
    sdp: str = peer.localDescription.sdp
    await peer.close()
    return sdp


async def test_a_server_without_its_engine_is_not_ready_and_names_the_problem() -> None:
    settings = own_settings(engine_urls=f"http://127.0.0.1:{free_port()}")
    app = create_app([SCENARIO], settings)
    async with listening(app, settings) as url, client(url, FakeModel()) as caller:
        await caller.http.get("/api/scenarios")  # answers after the start
        ready = await caller.http.get("/api/ready")
        assert (ready.status_code, ready.json()["reasons"]) == (503, ["no_engine"])
        (problem,) = (await caller.http.get("/api/problems")).json()
    assert "cannot be reached" in problem["message"]


async def test_a_ready_server_names_the_parts_of_its_engine() -> None:
    port = free_port()
    settings = own_settings(engine_urls=f"http://127.0.0.1:{port}/", engine_key=KEY)
    app = create_app([SCENARIO], settings)
    async with engine(port), listening(app, settings) as url, client(url, FakeModel()) as caller:
        await caller.http.get("/api/scenarios")
        assert (await caller.http.get("/api/ready")).status_code == 200
        health = (await caller.http.get("/api/health")).json()
    assert health["engine"] == {"stt": "Whisper tiny.en", "tts": "Piper joe", "model": None, "advice": []}


async def test_the_doctor_checks_each_engine() -> None:
    ports = free_port(), free_port()
    urls = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    async with engine(ports[0]):
        report = await examine(own_settings(engine_urls=urls, engine_key=KEY))
    there, away = [one for one in report.findings if one.check == "engine"]
    (turn,) = [one for one in report.findings if one.check == "realtime"]
    assert (there.outcome, turn.outcome, away.outcome) == ("ok", "ok", "error")
    assert "TRUNKLINE_ENGINE_URL" in (away.fix or "")


@pytest.mark.parametrize("value", ["engine:3001", "http://user:secret@engine:3001", "http://"])
def test_an_address_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRUNKLINE_ENGINE_URL", value)
    with pytest.raises(SettingsError, match=r"TRUNKLINE_ENGINE_URL.*an engine's address must look like"):
        load_settings()


def test_the_api_path_may_stand_in_the_address() -> None:
    settings = Settings.model_validate({"engine_urls": "http://a:3001/openai/v1, https://b/v1/"})
    assert settings.engine_urls == ["http://a:3001", "https://b"]
