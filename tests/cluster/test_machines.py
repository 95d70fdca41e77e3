"""Servers of several machines in real processes: one that stands still, and a database that they lose."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import pytest
import websockets

from tests.calls.model_fake import FakeModel
from tests.cluster.machines import STORY, Machine, Network, answer, hears, last_seq, machines, rest_of, says, voice
from tests.store.conftest import new_postgres_database
from tests.store.postgres_server import PostgresServer
from trunkline.calls.log import Entry
from trunkline.calls.log_events import CallEnded, LogGap, MessageDone, Notice
from trunkline.store.database import Database
from trunkline.store.stored_calls import StoredCalls

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by signals"),
]
AGENT_SPEAKS_AGAIN_S = 6.0
GREETING = "You said: hi."


async def stored_log(url: str, call_id: str) -> list[Entry]:
    """Return the stored events of a call, once its end is among them."""
    database = Database(url)
    try:
        async with asyncio.timeout(20):
            while True:
                log = list(await StoredCalls(database).log(call_id))
                if log and isinstance(log[-1].event, CallEnded):
                    return log
                await asyncio.sleep(0.1)
    finally:
        await database.close()


def is_complete(log: list[Entry]) -> bool:
    """Return whether each event is there once, but for those that the log names as lost."""
    lost = {seq for entry in log if isinstance(gap := entry.event, LogGap) for seq in range(gap.first, gap.last + 1)}
    numbers = [entry.seq for entry in log]
    return sorted([*numbers, *lost]) == list(range(1, numbers[-1] + 1))


def said_by_the_agent(log: list[Entry]) -> list[str]:
    return [
        entry.event.text for entry in log if isinstance(entry.event, MessageDone) and entry.event.role == "assistant"
    ]


def payments(*servers: Machine) -> int:
    """Return how often the tool has run."""
    files = [server.folder / "payments.txt" for server in servers]
    return sum(len(file.read_text().splitlines()) for file in files if file.exists())


@pytest.mark.quiet
async def test_a_server_that_stood_still_sends_nothing_and_its_call_continues_elsewhere(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(new_postgres_database, postgres)
    model = FakeModel(answer, voice=voice, pace_s=0.1)
    async with machines(tmp_path, model, [url, url]) as (first, second):
        call = await first.start()
        async with first.page(call) as page:
            await page.answer()
            await page.sends({"type": "say", "text": "pay"})
            await page.until(lambda frame: frame["kind"] == "message.done" and "It is paid" in frame["text"], 30)
            await page.sends({"type": "say", "text": STORY})
            await hears(page, 2_000)
            sessions = list(model.connections)
            first.send(signal.SIGSTOP)
            stopped_at = time.monotonic()
            before = await rest_of(page)
            sent_before = [len(session.received) for session in sessions]
            seen = max(last_seq(page.frames), last_seq(before))
            async with second.redialled(call, seen) as continued:
                await hears(continued, 1)
                silent_s = time.monotonic() - stopped_at
                await says(continued, "two")
                first.send(signal.SIGCONT)
                await first.logs("call.lost_ownership")
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    raise AssertionError(f"a frame of the stale owner: {await page.connection.recv()!r}")
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1012
                await says(continued, "three")
        assert [len(session.received) for session in sessions] == sent_before
        async with first.redialled(call, 0) as again:  # any server answers, also the former one
            await says(again, "four")
            await again.sends({"type": "hang_up"})
            await again.kind("call.ended")
        log = await stored_log(url, call["call_id"])
        assert payments(first, second) == 1
    assert is_complete(log)
    assert said_by_the_agent(log).count(GREETING) == 1
    assert json.loads(log[0].frame())["kind"] == "call.started"
    assert silent_s < AGENT_SPEAKS_AGAIN_S


@pytest.mark.soak
async def test_calls_continue_without_the_database_and_lose_nothing(postgres: PostgresServer, tmp_path: Path) -> None:
    url = await asyncio.to_thread(new_postgres_database, postgres)
    async with machines(tmp_path, FakeModel(answer, voice=voice), [url, url], "--workers", "2") as (first, second):
        call = await first.start()
        async with first.page(call) as page, second.page({**call, "leg_id": ""}) as viewer:
            await says(page, "one")
            postgres.freeze()
            try:
                lost_at = time.monotonic()
                await page.sends({"type": "say", "text": "pay"})
                await page.until(lambda frame: frame["kind"] == "message.done" and "It is paid" in frame["text"], 30)
                number = 0
                while time.monotonic() < lost_at + 10:
                    number += 1
                    asked_at = time.monotonic()
                    await says(page, f"without {number}")
                    assert time.monotonic() < asked_at + 3
                    await asyncio.sleep(0.5)
            finally:
                postgres.thaw()
            for number in range(12):
                await says(page, f"again {number}")
                await asyncio.sleep(0.5)
            await viewer.until(lambda frame: frame.get("text") == "You said: again 11.", 30)
            await page.sends({"type": "hang_up"})
            await page.kind("call.ended")
        log = await stored_log(url, call["call_id"])
        assert [entry.event.code for entry in log if isinstance(entry.event, Notice)].count("not_saved") == 1
        assert payments(first, second) == 1
        assert "call.taken_over" not in first.process.output + second.process.output
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))


@pytest.mark.soak
async def test_a_server_that_alone_loses_the_database_gives_its_calls_to_the_others(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(new_postgres_database, postgres)
    network = Network(postgres.port)
    async with network.running() as port:
        own_way = url.replace(f":{postgres.port}/", f":{port}/")
        async with machines(tmp_path, FakeModel(answer, voice=voice), [own_way, url]) as (first, second):
            call = await first.start()
            async with first.page(call) as page:
                await page.answer()
                await page.sends({"type": "say", "text": "pay"})
                await page.until(lambda frame: frame["kind"] == "message.done" and "It is paid" in frame["text"], 30)
                network.cut()
                cut_at = time.monotonic()
                await page.sends({"type": "say", "text": "pay"})  # it waits for a commit that never comes
                assert (await page.closed(30))[0] == 1012
                seen = last_seq(page.frames)
            async with second.redialled(call, seen) as continued:
                await says(continued, "two")
                spoke_after_s = time.monotonic() - cut_at
                network.heal()
                async with first.redialled(call, seen) as again:
                    await says(again, "three")
                    await again.sends({"type": "hang_up"})
                    await again.kind("call.ended")
            log = await stored_log(url, call["call_id"])
            assert payments(first) == 1
            assert "call.lost_ownership" in first.process.output
    assert is_complete(log)
    assert said_by_the_agent(log).count(GREETING) == 1
    assert spoke_after_s < AGENT_SPEAKS_AGAIN_S
