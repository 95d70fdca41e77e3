"""Recordings of `trunkline serve`: a caller on the relay, a killed server, modes, and a missing package."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import websockets

from tests.calls.model_fake import FakeModel
from tests.store.audio.signals import noise, place_ms
from tests.store.audio.test_ogg import decoded
from tests.web.web_server import serving
from trunkline.settings import Settings
from trunkline.store.audio.call_audio import CallAudio
from trunkline.store.audio.opus import Stereo
from trunkline.store.call_archive import CallArchive

pytestmark = pytest.mark.realtime
CLOSE_MS = 20.0


@asynccontextmanager
async def a_server(folder: Path, **environment: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run `trunkline serve`; yield its address and process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trunkline.cli", "serve", "--port", "0", "--provider", "local",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**_environment(), "TRUNKLINE_DATA_DIR": str(folder), "TRUNKLINE_STORE": "full", **environment},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        printed = ""
        while not (found := re.search(r"http://\S+:\d+", printed)):
            line = await process.stdout.readline()
            assert line, printed
            printed += line.decode()
        draining = asyncio.create_task(process.stdout.read())
        yield found.group(0), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 20)
        await draining


def _environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "OPENAI_"))}
    return clean | {"PYTHONUNBUFFERED": "1"}


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a kind."""
    return list(folder.rglob(f"*{suffix}"))


async def recording(folder: Path, call_id: str) -> Stereo | None:
    """Return the stored recording of a call."""
    joined = await CallAudio(Settings(data_dir=folder), "full").joined(call_id)
    return None if joined is None else decoded(await asyncio.to_thread(lambda: b"".join(joined.ogg())))


class RelayClient:
    """A caller on the call's WebSocket, which knows the call's clock by the frames' times."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._offset_ms = -1e12
        self._loop = asyncio.get_running_loop()
        self.is_read = asyncio.Event()
        """Set after the first frame."""

    async def reads(self) -> None:
        """Read frames until the socket closes."""
        try:
            async for frame in self._socket:
                if isinstance(frame, str):
                    event = json.loads(frame)
                    self._offset_ms = max(self._offset_ms, event["at_ms"] - self._loop.time() * 1000)
                    self.is_read.set()
        except websockets.ConnectionClosed:
            pass

    def now_ms(self) -> float:
        """Return the time of the call."""
        return self._loop.time() * 1000 + self._offset_ms

    async def says(self, pcm: bytes) -> float:
        """Send audio in real time; return the time at which it began, as a microphone counts it."""
        began = self._loop.time()
        began_ms = self.now_ms()
        for frame in range(len(pcm) // 960):
            await asyncio.sleep(max(0.0, began + 0.02 * (frame + 1) - self._loop.time()))
            await self._socket.send(pcm[frame * 960 : (frame + 1) * 960])
        return began_ms


@asynccontextmanager
async def a_call(url: str) -> AsyncIterator[tuple[str, RelayClient]]:
    """Start a call on the relay; yield its id and its caller."""
    async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
        started = (await http.post("/api/calls", json={"scenario": "simpleHandoff", "transport": "websocket"})).json()
    address = f"{url.replace('http', 'ws')}/api/calls/{started['call_id']}?after=0&leg={started['leg_id']}"
    async with websockets.connect(address) as socket:
        caller = RelayClient(socket)
        reading = asyncio.create_task(caller.reads())
        await socket.send('{"type":"audio_report","echo_cancelled":true}')
        await caller.is_read.wait()
        yield started["call_id"], caller
    await reading


async def test_after_kill_9_the_recording_of_a_call_is_complete_up_to_the_last_second(tmp_path: Path) -> None:
    voice = noise(13_000, 1)
    async with a_server(tmp_path) as (url, process), a_call(url) as (call_id, caller):
        await asyncio.sleep(2)  # a new server is busy with its first call
        began_ms = await caller.says(voice.tobytes())
        killed_ms = caller.now_ms()
        process.kill()
        await process.wait()
    async with a_server(tmp_path):
        async with asyncio.timeout(20):
            while (track := await recording(tmp_path, call_id)) is None or len(track) < 12 * 24_000:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.1)
    assert len(track) / 24 >= killed_ms - 1000
    for start in (0, 6000, 11_000):
        at_ms, correlation = place_ms(voice[start * 24 : (start + 500) * 24], track[:, 0])
        assert at_ms == pytest.approx(began_ms + start, abs=CLOSE_MS)
        assert correlation > 0.8
    assert not files_in(tmp_path, ".pcm")


async def test_a_call_is_recorded_to_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = FakeModel(voice=lambda _text: noise(1000, 2).tobytes())
    async with (
        serving(monkeypatch, model, store="full", data_dir=tmp_path) as client,
        client.calling() as (call, _page),
    ):
        await asyncio.sleep(2)
    track = await recording(tmp_path, call["call_id"])
    assert track is not None
    at_ms, correlation = place_ms(noise(1000, 2)[:12_000], track[:, 1])
    assert correlation > 0.8
    assert at_ms < 1500


@pytest.mark.parametrize("mode", [None, "off", "metadata"])
async def test_other_modes_store_no_audio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str | None) -> None:
    async with serving(monkeypatch, store=mode, data_dir=tmp_path) as client, client.calling():
        await asyncio.sleep(0.5)
    assert not files_in(tmp_path, ".ogg")
    assert not files_in(tmp_path, ".pcm")


async def test_without_the_packages_the_log_says_so_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find_spec = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "av" else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    async with serving(monkeypatch, store="full", data_dir=tmp_path) as client, client.calling() as (_call, page):
        await asyncio.sleep(0.5)
        frames = page.frames
    (notice,) = [one for one in frames if one["kind"] == "notice" and one["code"] == "no_recording"]
    assert "stored without audio" in notice["message"]
    assert "[store]" in notice["hint"]


async def test_an_address_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    audio = CallAudio(Settings(data_dir=tmp_path, audio_url=f"file://{blocked}/audio"), "full")
    async with audio.running():
        recording = audio.new_recording()
    assert recording is not None
    assert recording.notice is not None
    assert "TRUNKLINE_AUDIO_URL" in recording.notice.message


async def test_a_deleted_recording_is_gone(tmp_path: Path) -> None:
    audio = CallAudio(Settings(data_dir=tmp_path), "full")
    store = audio._reading()
    store.put("call_1", 0, "w", b"x" * 100)
    store.put("call_10", 0, "w", b"y" * 50)
    assert await audio.size("call_1") == 100
    await audio.delete("call_1")
    assert await audio.size("call_1") == 0
    assert await audio.size("call_10") == 50
    with pytest.raises(Exception, match="not the id"):
        await audio.delete("../recordings")


async def test_an_imported_file_is_the_same_recording(tmp_path: Path) -> None:
    from tests.store.audio.test_ogg import joined, stereo, store_of

    audio = CallAudio(Settings(data_dir=tmp_path), "full")
    whole = b"".join(joined(store_of(tmp_path / "other", stereo(23_000))).ogg())
    assert await audio.import_ogg("call_2", whole) == await audio.size("call_2")
    path = tmp_path / "call.ogg"
    assert await audio.write("call_2", "ogg", path)
    assert np.array_equal(decoded(path.read_bytes()), decoded(whole))
    with pytest.raises(Exception, match="not a recording"):
        await audio.import_ogg("call_3", b"RIFF" * 1000)


async def test_the_list_of_calls_counts_the_audio_and_a_deletion_removes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = FakeModel(voice=lambda _text: noise(1000, 3).tobytes())
    settings = Settings(data_dir=tmp_path)
    async with serving(monkeypatch, model, store="full", data_dir=tmp_path) as client:
        async with client.calling() as (call, page):
            await asyncio.sleep(1)
            await page.sends({"type": "hang_up"})
            await page.closed()
        await asyncio.sleep(1)
    call_id = call["call_id"]
    audio = CallAudio(settings, "full")
    archive = CallArchive(settings, audio)
    summary = await archive.calls.get(call_id)
    assert summary is not None
    assert summary.has_audio
    assert summary.audio_bytes == await audio.size(call_id) > 0
    assert await archive.delete(call_id)
    await archive.close()
    assert not files_in(tmp_path, ".ogg")
