"""A server that stops and hands its calls over to another one, with one database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import websockets
from sqlalchemy import update

from tests.calls.model_fake import FakeModel
from tests.cluster.test_take_over import Server, servers
from tests.web.web_server import Socket, own_settings
from trunkline.calls.log_events import CallEnded, CallHandedOver, CallTakenOver
from trunkline.cluster.claim_rules import Claim
from trunkline.cluster.live_recorder import Successor
from trunkline.providers import WebRtcAnswer
from trunkline.store import schema
from trunkline.store.database import Database
from trunkline.store.stored_calls import StoredCalls

DRAIN_S = 10.0
CALLS = 5
OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA:BB\r\n"


async def handed_over(page: Socket) -> int:
    """Wait until a call's server closes the page; return the number of the last event."""
    assert (await page.closed(within_s=30))[0] == 1012
    return max(int(frame["seq"]) for frame in page.frames)


async def says(page: Socket, text: str) -> None:
    """Say something, and wait for the answer to it."""
    await page.sends({"type": "say", "text": text})
    await page.until(lambda frame: frame["kind"] == "message.done" and frame["text"] == f"You said: {text}.")


async def test_the_calls_of_a_server_that_stops_continue_without_a_gap(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with servers(monkeypatch, tmp_path, drain_s=DRAIN_S, store="full") as (first, second):
        all_speak = asyncio.Barrier(CALLS + 1)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            calls = [group.create_task(one_call(first, second, number, all_speak)) for number in range(CALLS)]
            await all_speak.wait()
            await first.state.drain()
            assert not first.state.registry.running_calls()
        ids = [call.result() for call in calls]
    database = Database.from_settings(own_settings(data_dir=tmp_path))
    for call_id in ids:
        stored = [entry.event for entry in await StoredCalls(database).log(call_id)]
        kinds = [type(event) for event in stored]
        assert [kinds.count(kind) for kind in (CallHandedOver, CallTakenOver, CallEnded)] == [1, 1, 1]
        summary = await StoredCalls(database).get(call_id)
        assert summary is not None
        assert summary.status == "ended"
    await database.close()


async def one_call(first: Server, second: Server, number: int, all_speak: asyncio.Barrier) -> str:
    """Hold a call over the hand-over, check its log, and return its id."""
    async with first.caller.calling() as (started, page):
        await says(page, f"before {number}")
        await all_speak.wait()
        seen = await handed_over(page)
    async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}&after={seen}") as later:
        await later.kind("call.taken_over")
        await says(later, f"after {number}")
        await later.sends({"type": "hang_up"})
        await later.kind("call.ended")
    events = [frame for frame in (*page.frames, *later.frames) if frame["seq"]]
    assert [frame["seq"] for frame in events] == list(range(1, len(events) + 1))
    assert "answer_due" not in next(frame for frame in events if frame["kind"] == "call.handed_over")
    taken_over = next(frame for frame in events if frame["kind"] == "call.taken_over")
    assert second.state.live is not None
    assert (taken_over["cause"], taken_over["server"]) == ("handed_over", second.state.live.server_id)
    said = [event["text"] for event in events if event["kind"] == "message.done" and event["role"] == "assistant"]
    assert said == ["You said: hi.", f"You said: before {number}.", f"You said: after {number}."]
    return str(started["call_id"])


class WebRtcModel(FakeModel):
    """Model with WebRTC calls, which lists those that were hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.hung_up: list[str] = []

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, Any]) -> WebRtcAnswer:
        return WebRtcAnswer("v=0", "rtc_1")

    async def hang_up(self, rtc_call_id: str) -> None:
        self.hung_up.append(rtc_call_id)


async def test_the_providers_webrtc_call_of_a_call_that_moves_is_not_hung_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = WebRtcModel()
    async with servers(monkeypatch, tmp_path, model, drain_s=DRAIN_S) as (first, second):
        started = await first.caller.starts(transport="webrtc", sdp=OFFER)
        async with first.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.sends({"type": "media_ready"})
            await page.answer()
            await first.state.drain()
            await handed_over(page)
        assert model.hung_up == []
        assert second.state.live is not None
        owner = await second.state.live.owner_of(started["call_id"])
        assert owner is not None
        claimed = await second.state.live.claim(started["call_id"], owner, 0)
        assert claimed is not None
        assert claimed[0].record.rtc_call_id == "rtc_1"


async def test_a_server_waits_for_another_one_that_is_late_with_its_heartbeat(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with (
        servers(monkeypatch, tmp_path, drain_s=DRAIN_S) as (first, second),
        first.caller.calling() as (_started, page),
    ):
        assert first.state.live is not None
        assert second.state.live is not None
        heartbeat, *_others = second.state.live._tasks
        heartbeat.cancel()
        await asyncio.wait({heartbeat})
        database = second.state.live.database
        async with database.writing() as connection:
            late = update(schema.servers).where(schema.servers.c.server_id == second.state.live.server_id)
            await connection.execute(late.values(heartbeat_ms=database.now_ms - 5_000))
        assert await first.state.live.find_successor() is Successor.LATE
        draining = asyncio.create_task(first.state.drain())
        await asyncio.sleep(1.5)  # beyond the notice to the load balancers
        assert not draining.done()
        await second.state.live._heartbeat.write()
        assert (await page.closed())[0] == 1012
        await draining


async def test_a_server_without_another_one_lets_its_calls_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path, drain_s=0.1) as (first, second), first.caller.calling() as (_, page):
        await second.dies()
        draining = asyncio.create_task(first.state.drain())
        await page.until(lambda frame: frame.get("code") == "server_draining")
        ended = await page.kind("call.ended")
        await draining
    assert ended["reason"] == "the server is stopping"
    assert "call.handed_over" not in [frame["kind"] for frame in page.frames]


async def test_servers_that_stop_at_the_same_time_hand_over_to_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the workers of one server do."""
    async with servers(monkeypatch, tmp_path, drain_s=0.1) as (first, second), first.caller.calling() as (_, page):
        draining = asyncio.gather(first.state.drain(), second.state.drain())
        ended = await page.kind("call.ended")
        await draining
    assert ended["reason"] == "the server is stopping"


async def test_a_server_that_stops_is_not_ready_and_claims_no_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with (
        servers(monkeypatch, tmp_path, drain_s=DRAIN_S) as (first, second),
        second.caller.calling() as (started, _),
    ):
        await first.state.drain()
        assert first.state.unready_reasons() == ["draining"]
        first_live, second_live = first.state.live, second.state.live
        assert first_live is not None
        assert second_live is not None
        call = second.state.registry.find(started["call_id"])
        assert call is not None
        call.abandon()
        assert await second_live.release(started["call_id"])
        owner = await second_live.owner_of(started["call_id"])
        assert owner is not None
        assert await first_live.decide(owner) is Claim.LEAVE
        assert await second_live.decide(owner) is Claim.TAKE_OVER
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with first.caller.page(started["call_id"], f"?leg={started['leg_id']}"):
                pass
        assert refused.value.response.status_code == 503
        async with second.caller.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.kind("call.taken_over")
