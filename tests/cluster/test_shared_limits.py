"""Two servers with one database: a client's limits, and the running calls of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_take_over import Server, committed, servers
from trunkline.calls.log_events import Tokens, UsageUpdated

CLIENT = {"x-forwarded-for": "192.0.2.1"}
TOKEN = "correct-horse-battery-staple-1"


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.01)


async def starts(server: Server) -> Any:
    """Start a call of the client; return the answer."""
    return await server.caller.http.post("/api/calls", json={"scenario": "web"}, headers=CLIENT)


async def test_a_client_has_its_limit_of_calls_on_all_servers_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"trusted_proxies": ["127.0.0.1"], "max_client_calls": 2}
    async with servers(monkeypatch, tmp_path, **given) as (first, second):
        call = (await starts(first)).json()
        await starts(first)
        await until(lambda: second.state.limits.calls_of("192.0.2.1") == 2)
        refused = await starts(second)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_calls")
        await first.caller.http.delete(f"/api/calls/{call['call_id']}?leg={call['leg_id']}")
        await until(lambda: second.state.limits.calls_of("192.0.2.1") == 1)
        assert (await starts(second)).status_code == 201


async def test_wrong_tokens_lock_a_client_out_on_all_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {"trusted_proxies": ["127.0.0.1"], "token": TOKEN}
    async with servers(monkeypatch, tmp_path, **given) as (first, second):

        async def shows(server: Server, token: str) -> int:
            headers = {**CLIENT, "authorization": f"Bearer {token}"}
            return int((await server.caller.http.get("/api/scenarios", headers=headers)).status_code)

        assert await shows(second, TOKEN) == 200
        assert [await shows(first, f"guess-{number}") for number in range(10)] == [401] * 10
        async with asyncio.timeout(30):
            while await shows(second, TOKEN) != 429:  # noqa: ASYNC110 - the answer is the condition
                await asyncio.sleep(0.02)


async def test_the_cost_of_a_day_counts_on_all_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with servers(monkeypatch, tmp_path, max_day_tokens=100) as (first, second):
        used = Tokens(output_text=100)
        first.state.registry.day_budget.add(UsageUpdated(source="response", model="m", tokens=used, total=used))
        await until(lambda: second.state.registry.day_budget.is_spent)
        refused = await starts(second)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "budget_spent")


async def test_the_running_calls_of_all_servers_are_listed_and_can_be_watched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with (
        servers(monkeypatch, tmp_path, store="full") as (first, second),
        first.caller.calling() as (started, page),
    ):
        await committed(first, started["call_id"])
        listed: list[Any] = []
        async with asyncio.timeout(30):
            while not listed:
                listed = (await second.caller.http.get("/api/calls")).json()["live"]
        assert [(one["call_id"], one["status"], one["live"]) for one in listed] == [
            (started["call_id"], "running", True)
        ]
        async with second.caller.page(started["call_id"]) as viewer:
            assert (await viewer.kind("leg.role"))["role"] == "viewer"
            await page.sends({"type": "say", "text": "two"})
            await viewer.until(lambda frame: frame.get("text") == "You said: two.")
