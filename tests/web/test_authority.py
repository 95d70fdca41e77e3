"""Authority: the operator's token, callers' pages, the calls of one client, and lock-outs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.model_fake import FakeModel
from tests.web.web_server import Client, serving
from trunkline.realtime.sdp import MAX_CANDIDATES, offer_problem

TOKEN = "correct-horse-battery-staple"
OPERATOR = "operators-know-another-secret"
AS_CALLER = {"authorization": f"Bearer {TOKEN}"}
AS_OPERATOR = {"authorization": f"Bearer {OPERATOR}"}


async def kinds_on(caller: Client, headers: dict[str, str]) -> set[str]:
    """Return the kinds of events that a page gets until the greeting is over."""
    response = await caller.http.post("/api/calls", json={"scenario": "web"}, headers=headers)
    started = response.json()
    async with caller.page(started["call_id"], f"?leg={started['leg_id']}", additional_headers=headers) as page:
        await page.answer(1)
        return {frame["kind"] for frame in page.frames}


async def test_a_server_for_this_machine_shows_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        assert {"wire.sent", "wire.received"} <= await kinds_on(caller, {})
        assert (await caller.http.get("/metrics")).status_code == 200
        assert (await caller.http.get("/api/scenarios")).json()[0]["agents"][0]["instructions"] == "Greet."


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"audience": "caller"}, {}),
        ({"token": TOKEN}, AS_CALLER),
        ({"host": "0.0.0.0"}, {}),
        ({"token": TOKEN, "operator_token": OPERATOR}, AS_CALLER),
        ({"operator_token": OPERATOR, "audience": "caller"}, {}),
    ],
)
async def test_a_callers_page_does_not_get_the_operators_part(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], headers: dict[str, str]
) -> None:
    async with serving(monkeypatch, **settings) as caller:
        kinds = await kinds_on(caller, headers)
        assert {"call.started", "message.added", "message.done"} <= kinds
        assert not kinds & {"wire.sent", "wire.received", "usage.updated"}
        scenarios = (await caller.http.get("/api/scenarios", headers=headers)).json()
    assert scenarios[0]["audience"] == "caller"
    assert all(agent["instructions"] is None for scenario in scenarios for agent in scenario["agents"])
    assert not any(agent["tools"] for scenario in scenarios for agent in scenario["agents"])


async def test_an_operator_sees_everything_on_every_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, token=TOKEN, operator_token=OPERATOR, audience="caller") as caller:
        assert {"wire.sent", "wire.received"} <= await kinds_on(caller, AS_OPERATOR)
        scenarios = (await caller.http.get("/api/scenarios", headers=AS_OPERATOR)).json()
        assert scenarios[0]["agents"][0]["instructions"] == "Greet."
        assert (await caller.http.get("/metrics", headers=AS_OPERATOR)).status_code == 200


async def test_an_operator_and_a_caller_on_one_call_get_different_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, token=TOKEN, operator_token=OPERATOR) as caller:
        response = await caller.http.post("/api/calls", json={"scenario": "web"}, headers=AS_CALLER)
        started = response.json()
        async with (
            caller.page(started["call_id"], f"?leg={started['leg_id']}", additional_headers=AS_CALLER) as page,
            caller.page(started["call_id"], additional_headers=AS_OPERATOR) as operator,
        ):
            assert (await page.kind("leg.role"))["audience"] == "caller"
            await page.answer(1)
            await operator.answer(1)
        assert not [frame for frame in page.frames if frame["kind"].startswith("wire.")]
        assert [frame for frame in operator.frames if frame["kind"].startswith("wire.")]
        # A page that reads the log later gets the same parts.
        async with caller.page(started["call_id"], additional_headers=AS_CALLER) as late:
            await late.answer(1)
        assert not [frame for frame in late.frames if frame["kind"].startswith("wire.")]


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"token": TOKEN}, AS_CALLER),
        ({"token": TOKEN, "operator_token": OPERATOR}, AS_CALLER),
        ({"operator_token": OPERATOR}, {}),
        ({}, {"x-forwarded-for": "192.0.2.1"}),
        ({"trusted_proxies": ["127.0.0.1"]}, {"x-forwarded-for": "192.0.2.1"}),
    ],
)
async def test_others_are_not_operators(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], headers: dict[str, str]
) -> None:
    async with serving(monkeypatch, **settings) as caller:
        assert (await caller.refused("GET", "/metrics", headers=headers))[:2] == (403, "not_an_operator")


async def test_an_operator_signs_in_and_out_in_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, token=TOKEN, operator_token=OPERATOR) as caller:
        await caller.http.post("/sign-in", data={"token": OPERATOR})
        assert (await caller.http.get("/metrics")).status_code == 200
        assert (await caller.http.get("/api/health")).json()["audience"] == "operator"
        await caller.http.post("/sign-out")
        assert (await caller.http.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    ("referer", "name"), [("https://voice.example/sign-in", "__Host-"), ("https://voice.example/voice/sign-in", "")]
)
async def test_the_cookie_belongs_to_the_host_where_possible(
    monkeypatch: pytest.MonkeyPatch, referer: str, name: str
) -> None:
    origin = {"host": "voice.example", "origin": "https://voice.example"}
    async with serving(monkeypatch, token=TOKEN, allowed_origins=["https://voice.example"]) as caller:
        response = await caller.http.post("/sign-in", data={"token": TOKEN}, headers={**origin, "referer": referer})
        cookie = response.headers["set-cookie"]
        shown = {"cookie": cookie.partition(";")[0], **origin}
        assert cookie.startswith(f"{name}trunkline_")
        assert ("; Path=/;" in cookie) == bool(name)
        assert "; Secure" in cookie
        assert (await caller.http.get("/api/scenarios", headers=shown)).status_code == 200
        signed_out = await caller.http.post("/sign-out", headers=shown)  # the console sends no referrer
        assert signed_out.headers["set-cookie"].startswith(f"{name}trunkline_")
        assert "Max-Age=0" in signed_out.headers["set-cookie"]
        assert (await caller.http.get("/api/scenarios", headers=shown)).status_code == 401


# One client ---------------------------------------------------------------------------------------------------------
async def test_one_client_has_a_limit_of_calls_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, trusted_proxies=["127.0.0.1"], max_client_calls=2) as caller:

        async def start(client: str) -> Any:
            return await caller.http.post("/api/calls", json={"scenario": "web"}, headers={"x-forwarded-for": client})

        first = await start("192.0.2.1")
        await start("192.0.2.1")
        refused = await start("192.0.2.1")
        other = await start("192.0.2.2")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_calls")
        assert other.status_code == 201
        call = first.json()
        await caller.http.delete(f"/api/calls/{call['call_id']}?leg={call['leg_id']}")
        async with caller.page(call["call_id"]) as page:
            await page.closed()
        assert (await start("192.0.2.1")).status_code == 201


async def test_loopback_has_no_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_client_calls=1) as caller:
        for _ in range(3):
            await caller.starts()


async def test_a_lock_out_hits_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, token=TOKEN, trusted_proxies=["127.0.0.1"]) as caller:
        for turn in range(11):
            wrong = {"x-forwarded-for": "192.0.2.1", "authorization": f"Bearer guess-{turn}"}
            response = await caller.http.get("/api/scenarios", headers=wrong)
        assert response.status_code == 429
        locked = await caller.http.get("/api/scenarios", headers={**AS_CALLER, "x-forwarded-for": "192.0.2.1"})
        other = await caller.http.get("/api/scenarios", headers={**AS_CALLER, "x-forwarded-for": "192.0.2.2"})
    assert (locked.status_code, other.status_code) == (429, 200)


async def test_wrong_tokens_through_a_proxy_that_names_no_client_lock_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, token=TOKEN) as caller:
        for turn in range(15):
            wrong = {"authorization": f"Bearer guess-{turn}", "x-forwarded-for": f"192.0.2.{turn}"}
            assert (await caller.http.get("/api/scenarios", headers=wrong)).status_code == 401
        assert (await caller.http.get("/api/scenarios", headers=AS_CALLER)).status_code == 200


# SDP ----------------------------------------------------------------------------------------------------------------
OFFER = "\r\n".join(
    ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:abcd",
     "a=ice-pwd:0123456789012345678901", "a=fingerprint:sha-256 AA:BB", ""]
)  # fmt: skip


@pytest.mark.parametrize(
    ("sdp", "problem"),
    [
        (OFFER, None),
        (OFFER.replace("a=fingerprint", "a=x"), "a=fingerprint"),
        (OFFER.replace("a=ice-ufrag", "a=x"), "a=ice-ufrag"),
        (OFFER.replace("m=audio", "m=video"), "no audio"),
        ("hello", "v=0"),
        (OFFER + "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n" * (MAX_CANDIDATES + 1), "ICE candidates"),
        (OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 8, "media sections"),
        (OFFER + "a=x:" + "x" * 70_000, "characters"),
    ],
)
def test_an_offer_that_cannot_be_answered_is_refused_with_the_reason(sdp: str, problem: str | None) -> None:
    found = offer_problem(sdp)
    assert (found is None) if problem is None else problem in (found or "")


async def test_a_bad_offer_starts_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        body = {"scenario": "web", "transport": "webrtc", "sdp": OFFER.replace("a=fingerprint", "a=x")}
        assert (await caller.refused("POST", "/api/calls", json=body))[:2] == (400, "bad_sdp")


async def test_a_caller_may_not_open_a_data_channel_with_the_models_events(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    async with serving(monkeypatch, model, audience="caller") as caller:
        offer = OFFER + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
        body = {"scenario": "web", "transport": "webrtc", "sdp": offer}
        status, code, error = await caller.refused("POST", "/api/calls", json=body)
    assert (status, code) == (502, "webrtc_failed")
    assert "data channel" in error["message"]


# HTTPS --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "proto", "sent"),
    [("voice.example", "https", True), ("voice.example", "http", False), ("localhost", "https", False)],
)
async def test_over_https_browsers_come_back_over_https(
    monkeypatch: pytest.MonkeyPatch, host: str, proto: str, *, sent: bool
) -> None:
    allowed = ["https://voice.example", "http://voice.example"]
    async with serving(monkeypatch, allowed_origins=allowed, trusted_proxies=["127.0.0.1"]) as caller:
        response = await caller.http.get("/api/health", headers={"host": host, "x-forwarded-proto": proto})
    assert response.status_code == 200
    assert ("strict-transport-security" in response.headers) == sent
