"""A real server process that is killed in mid-call: its log is complete, and the call is marked as interrupted."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from pydantic import SecretStr

from tests.store.stored import stored_in
from trunkline.settings import Settings
from trunkline.store.call_store import CallStore
from trunkline.store.stored_calls import StoredCalls

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def server_process(url: str, folder: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run `trunkline serve` on a database; yield the process and its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "trunkline.cli", "serve", "--port", "0", "--provider", "local"),
        stdout=PIPE,
        stderr=STDOUT,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "TRUNKLINE_STORE": "full",
            "TRUNKLINE_DATA_DIR": str(folder / "data"),
            "TRUNKLINE_DATABASE_URL": url,
        },
    )
    assert process.stdout is not None
    drain = None
    try:
        printed = b""
        while not (found := re.search(rb"(http://\S+:\d+)", printed)):
            line = await process.stdout.readline()
            assert line, printed
            printed += line
        drain = asyncio.create_task(process.stdout.read())
        yield process, found.group(1).decode()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if drain is not None:
            await drain


@asynccontextmanager
async def typed_call(url: str) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Start a call, and wait for the answer to a typed message; yield the call's id and its events so far."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        started = await http.post("/api/calls", json={"scenario": "simpleHandoff", "transport": "websocket"})
        assert started.status_code == 201, started.text
        call = started.json()
    events: list[dict[str, Any]] = []
    address = f"{url.replace('http', 'ws', 1)}/api/calls/{call['call_id']}?leg={call['leg_id']}"
    async with websockets.connect(address, proxy=None, max_size=None) as page:

        async def answer() -> None:
            async for frame in page:
                if isinstance(frame, bytes):
                    continue
                events.append(json.loads(frame))
                if events[-1]["kind"] == "message.done" and events[-1]["role"] == "assistant":
                    return

        await answer()
        await page.send(json.dumps({"type": "say", "text": "I would like a haiku, please"}))
        await answer()
        yield call["call_id"], [event for event in events if event["seq"]]


async def stored_up_to(calls: StoredCalls, call_id: str, seq: int) -> list[int]:
    """Wait until an event is stored. Return the numbers of all stored events."""
    async with asyncio.timeout(10):
        while True:
            numbers = [json.loads(frame)["seq"] for frame in await calls.frames(call_id)]
            if numbers and numbers[-1] >= seq:
                return numbers
            await asyncio.sleep(0.02)


async def test_a_killed_server_leaves_a_complete_log_that_is_marked_as_interrupted(url: str, tmp_path: Path) -> None:
    async with (
        server_process(url, tmp_path) as (process, address),
        typed_call(address) as (call_id, events),
        stored_in(url) as (_database, calls),
    ):
        await stored_up_to(calls, call_id, events[-1]["seq"])
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        summary = await calls.get(call_id)
        assert summary is not None
        assert summary.status == "running"
        numbers = await stored_up_to(calls, call_id, events[-1]["seq"])
        assert numbers == list(range(1, numbers[-1] + 1))
        stored = {json.loads(frame)["seq"]: json.loads(frame) for frame in await calls.frames(call_id)}
        assert all(stored[event["seq"]] == event for event in events)

        another = another_server(url, tmp_path)
        async with another.running(), asyncio.timeout(20):
            while True:  # Postgres notices late that the killed server's connection is closed
                await another.look_after()
                summary = await calls.get(call_id)
                assert summary is not None
                if summary.status != "running":
                    break
        assert summary.status == "interrupted"
        assert summary.turns == 1
        assert summary.agents[0] == "greeter"
        assert summary.ended_at is not None
        assert summary.duration_ms >= events[-1]["at_ms"]


def another_server(url: str, folder: Path) -> CallStore:
    """Return the store of a server that starts on the same database."""
    settings = Settings(database_url=SecretStr(url), data_dir=folder / "data")
    return CallStore(settings, "full", lambda _call, _event: None)
