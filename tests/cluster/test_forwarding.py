"""Requests and sockets that reach another server than the one that runs their call."""

from __future__ import annotations

import httpx2
import pytest
import websockets

from tests.cluster.two_servers import KEY, address_of, loopback_listener, two_servers
from tests.web.web_server import SCENARIO, client, listening, own_settings, with_model
from trunkline.cluster.node import KEY_HEADER, ClusterNode, Standing
from trunkline.web import create_app


async def test_a_page_talks_through_a_server_that_does_not_run_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        async with other.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.answer(1)
            await page.sends({"type": "say", "text": "hello"})
            assert await page.answer() == "You said: hello."


async def test_audio_passes_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        async with other.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.sends(bytes(960))
            await page.answer(1)
            stats = await page.until(lambda frame: frame["kind"] == "audio.stats")
    assert page.sound
    assert stats["sent_ms"] == 20


async def test_the_close_of_a_call_reaches_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        async with other.page(started["call_id"], f"?leg={started['leg_id']}") as page:
            await page.answer(1)
            await runs.http.delete(f"/api/calls/{started['call_id']}?leg={started['leg_id']}")
            assert await page.closed() == (1000, "the call is over")


async def test_a_page_that_leaves_has_left_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        async with runs.page(started["call_id"]) as viewer:
            async with other.page(started["call_id"], f"?leg={started['leg_id']}") as page:
                await page.answer(1)
            await viewer.kind("leg.lost")


async def test_another_server_joins_and_ends_a_call_for_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        path = f"/api/calls/{started['call_id']}"
        joined = await other.http.post(f"{path}/leg", json={"leg_id": started["leg_id"]})
        assert (joined.status_code, joined.json()["role"]) == (200, "caller")
        assert (await other.http.delete(f"{path}?leg={started['leg_id']}")).status_code == 204
        over = await runs.http.post(f"{path}/leg", json={"leg_id": started["leg_id"]})
        assert over.status_code == 410


async def test_the_grants_on_a_call_are_those_of_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        refused = await other.refused("DELETE", f"/api/calls/{started['call_id']}")
        assert refused[:2] == (403, "not_the_caller")
        async with other.page(started["call_id"]) as viewer:
            assert (await viewer.kind("leg.role"))["role"] == "viewer"


async def test_the_cookie_of_one_server_speaks_for_the_call_on_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        other.http.cookies.update(runs.http.cookies)
        await other.starts()  # which removes the cookies of calls that are over
        ended = await other.http.delete(f"/api/calls/{started['call_id']}")
    assert ended.status_code == 204


async def test_pages_of_other_origins_are_refused_by_each_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        elsewhere = {"origin": "https://evil.example"}
        status, code, _ = await other.refused("DELETE", f"/api/calls/{started['call_id']}", headers=elsewhere)
        assert (status, code) == (403, "forbidden_origin")
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with other.page(started["call_id"], additional_headers=elsewhere):
                pass
        assert refused.value.response.status_code == 403


async def test_pages_of_the_own_origin_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (runs, other):
        started = await runs.starts()
        path = f"/api/calls/{started['call_id']}/leg"
        joined = await other.http.post(path, json={"leg_id": started["leg_id"]}, headers={"origin": other.url})
    assert joined.status_code == 200


async def test_a_server_needs_the_token_also_for_calls_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "a-token-of-the-server"
    async with two_servers(monkeypatch, token=token) as (runs, other):
        runs.http.headers["authorization"] = f"Bearer {token}"
        started = await runs.starts()
        path = f"/api/calls/{started['call_id']}/leg"
        assert (await other.refused("POST", path, json={}))[:2] == (401, "token_needed")
        other.http.headers["authorization"] = f"Bearer {token}"
        assert (await other.http.post(path, json={"leg_id": started["leg_id"]})).status_code == 200


async def test_the_clients_address_decides_on_the_owner_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client behind a trusted proxy is not this machine, although the servers are."""
    async with two_servers(monkeypatch, trusted_proxies=["127.0.0.1"], client_calls_per_minute=1) as (runs, other):
        started = await runs.starts()
        path = f"/api/calls/{started['call_id']}/leg"
        for address, status in (("203.0.113.1", 200), ("203.0.113.1", 429), ("203.0.113.2", 200)):
            joined = await other.http.post(path, json={}, headers={"x-forwarded-for": address})
            assert joined.status_code == status


async def test_an_unknown_call_is_unknown_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (_one, other):
        assert (await other.refused("DELETE", "/api/calls/call_of_nobody"))[:2] == (404, "unknown_call")
        async with other.page("call_of_nobody") as page:
            assert (await page.closed())[0] == 4404


async def test_the_address_for_the_servers_needs_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    model, listener, given = with_model(monkeypatch), loopback_listener(), own_settings(take_over="off")
    app = create_app([SCENARIO], given)
    app.state.server.join_cluster(ClusterNode("1", KEY, (), listener))
    async with listening(app, given) as url, client(url, model) as caller, httpx2.AsyncClient(trust_env=False) as http:
        started = await caller.starts()
        own = address_of(listener)
        asked = f"{own}/cluster/calls/{started['call_id']}"
        for headers, status in (({}, 403), ({KEY_HEADER: "wrong"}, 403), ({KEY_HEADER: KEY.get_secret_value()}, 204)):
            assert (await http.get(asked, headers=headers)).status_code == status
        assert (await http.post(f"{own}/api/calls", json={"scenario": "web"})).status_code == 403
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"{own.replace('http', 'ws')}/api/calls/{started['call_id']}", proxy=None)
        assert refused.value.response.status_code == 403


async def test_a_server_says_which_calls_it_runs_to_one_that_has_lost_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, listener, given = with_model(monkeypatch), loopback_listener(), own_settings(take_over="off")
    app = create_app([SCENARIO], given)
    app.state.server.join_cluster(ClusterNode("1", KEY, (), listener))
    with loopback_listener() as other:
        asking = ClusterNode("2", KEY, (address_of(listener), "http://127.0.0.1:1"), other)
        async with listening(app, given) as url, client(url, model) as caller:
            call_id = (await caller.starts())["call_id"]
            assert await asking.standings([call_id, "call_of_nobody"]) == [Standing(False, [call_id])]
        await asking.aclose()


async def test_a_client_cannot_pose_as_another_by_the_servers_own_header(monkeypatch: pytest.MonkeyPatch) -> None:
    forged = {"x-trunkline-client": '{"client":["127.0.0.1",1],"scheme":"http","host":"127.0.0.1"}'}
    async with two_servers(monkeypatch, trusted_proxies=["127.0.0.1"], client_calls_per_minute=1) as (runs, other):
        started = await runs.starts()
        path = f"/api/calls/{started['call_id']}/leg"
        for status in (200, 429):
            headers = {"x-forwarded-for": "203.0.113.1", **forged}
            assert (await other.http.post(path, json={}, headers=headers)).status_code == status
