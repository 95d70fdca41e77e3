"""HTTP interface over real sockets: its answers and its errors."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from agents.realtime import RealtimeAgent

import trunkline
from tests.calls.model_fake import FakeModel
from tests.web.web_server import SCENARIO, client, listening, own_settings, serving
from trunkline.providers import ProviderError
from trunkline.scenario import loading
from trunkline.scenario.scenario import Scenario
from trunkline.web import create_app, server_state

OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA:BB\r\n"


# Health, scenarios, problems ----------------------------------------------------------------------------------------
async def test_health(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        response = await caller.http.get("/api/health")
    assert response.status_code == 200
    answer = response.json()
    engine = answer.pop("engine")
    assert answer == {"status": "ok", "version": trunkline.__version__, "provider": "local", "audience": "operator"}
    assert engine == {"stt": "PocketSphinx", "tts": "eSpeak", "model": None, "advice": engine["advice"]}


async def test_health_of_a_hosted_provider_names_no_part_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    async with serving(monkeypatch, provider="openai") as caller:
        answer = (await caller.http.get("/api/health")).json()
    assert answer["provider"] == "openai"
    assert "engine" not in answer


async def test_the_list_of_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        scenarios = (await caller.http.get("/api/scenarios")).json()
    mine = scenarios[0]
    assert (mine["name"], mine["description"], mine["voice"]) == ("web", "For tests.", "sage")
    assert [(a["name"], a["handoff_description"], a["handoffs"], a["tools"]) for a in mine["agents"]] == [
        ("host", None, ["poet"], []),
        ("poet", "Writes poems.", [], []),
    ]
    assert "simpleHandoff" in [scenario["name"] for scenario in scenarios]


async def test_the_log_and_the_list_name_a_scenario_that_nothing_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mute = Scenario("mute", agents=[RealtimeAgent(name="host")])
    async with serving(monkeypatch, targets=[mute]) as caller:
        scenarios = (await caller.http.get("/api/scenarios")).json()
    assert {one["name"]: one["rehearsed"] for one in scenarios} == {
        "mute": False, "simpleHandoff": True, "customerServiceRetail": True, "chatSupervisor": True,
    }  # fmt: skip
    (warning,) = [one.getMessage() for one in caplog.records if "rehearsal" in one.getMessage()]
    assert "The scenario 'mute' has no rehearsal, and no model is set" in warning


async def test_an_agents_tools_and_guardrails_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        scenarios = (await caller.http.get("/api/scenarios")).json()
    tooled = next(scenario for scenario in scenarios if scenario["name"] == "tooled")
    (clerk,) = tooled["agents"]
    assert clerk["tools"] == ["weigh"]
    (weigh,) = clerk["tool_details"]
    assert (weigh["name"], weigh["description"]) == ("weigh", "Return the weight of a word.")
    assert weigh["parameters"]["properties"]["word"] == {
        "description": "any word.",
        "title": "Word",
        "type": "string",
    }
    assert tooled["guardrails"] == clerk["guardrails"] == ["politeness"]


async def test_health_answers_at_once_while_scenarios_load_and_their_list_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_load = threading.Event()

    def slow_load(targets: Any) -> loading.LoadedScenarios:
        assert may_load.wait(20)
        return loading.load(targets)

    monkeypatch.setattr(server_state, "load", slow_load)
    async with serving(monkeypatch) as caller:
        waiting = asyncio.create_task(caller.http.get("/api/scenarios"))
        assert (await caller.http.get("/api/health")).status_code == 200
        assert not waiting.done()
        may_load.set()
        assert (await waiting).json()[0]["name"] == "web"


async def test_problems_are_listed_and_the_rest_is_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("x = (\n")
    async with serving(monkeypatch, targets=[str(broken), str(SCENARIO)]) as caller:
        problems = (await caller.http.get("/api/problems")).json()
        names = [scenario["name"] for scenario in (await caller.http.get("/api/scenarios")).json()]
    assert [(problem["file"], problem["line"]) for problem in problems] == [(str(broken), 1)]
    assert names[0] == "web"
    assert f"{broken}:1" in caplog.text


async def test_scenarios_are_given_as_objects_and_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Scenario("mine", agents=[RealtimeAgent(name="host", instructions="Say hello.")])
    async with serving(monkeypatch, targets=(mine, SCENARIO)) as caller:
        names = [scenario["name"] for scenario in (await caller.http.get("/api/scenarios")).json()]
    assert names[:2] == ["mine", "web"]


@pytest.mark.parametrize(
    ("given", "advice"),
    [("hello.py", "brackets"), (SCENARIO, "brackets"), ([RealtimeAgent(name="host")], "Scenario objects")],
    ids=["a text", "a path", "an agent"],
)
def test_other_things_than_scenarios_are_refused_with_advice(given: Any, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        create_app(given, own_settings())


async def test_a_provider_that_cannot_start_is_a_problem_and_refuses_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create_provider(*_: Any) -> FakeModel:
        raise ProviderError("Azure needs a key.", hint="Set AZURE_OPENAI_API_KEY.", retry=False)

    monkeypatch.setattr(server_state, "create_provider", create_provider)
    async with listening(create_app([str(SCENARIO)], own_settings())) as url, client(url, FakeModel()) as caller:
        assert (await caller.http.get("/api/scenarios")).json()[0]["name"] == "web"
        message = "Azure needs a key. Set AZURE_OPENAI_API_KEY."
        assert (await caller.http.get("/api/problems")).json()[-1]["message"] == message
        status, code, error = await caller.refused("POST", "/api/calls", json={"scenario": "web"})
    assert (status, code, error["message"]) == (503, "no_provider", message)


# Starting a call ----------------------------------------------------------------------------------------------------
async def test_a_call_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts(agent="poet")
        assert set(started) == {"call_id", "leg_id", "transport"}
        async with caller.page(started["call_id"]) as page:
            call = await page.kind("call.started")
    assert (call["call_id"], call["scenario"], call["agent"]) == (started["call_id"], "web", "poet")


BAD_BODIES: list[tuple[Any, int, str, list[str] | None]] = [
    ({"scenario": "nothing"}, 404, "unknown_scenario", None),
    ({"scenario": "web", "agent": "nobody"}, 404, "unknown_agent", ["host", "poet"]),
    ({"scenario": "web", "transport": "pigeon"}, 422, "unknown_transport", ["webrtc", "websocket"]),
    ({"scenario": "web", "transport": "webrtc"}, 400, "no_sdp", None),
    ({"scenario": "web", "transport": "webrtc", "sdp": "v=0"}, 400, "bad_sdp", None),
    ({"scenario": "web", "transport": "webrtc", "sdp": OFFER}, 502, "webrtc_failed", ["websocket"]),
    ({"scenario": "web", "codec": "mp3"}, 422, "unknown_codec", ["pcm16", "opus", "pcmu", "pcma"]),
    ({"scenario": "failing"}, 500, "scenario_failed", None),
    ({}, 400, "bad_request", None),
    ({"scenario": 5}, 400, "bad_request", None),
    ({"scenario": "web", "what": 1}, 400, "bad_request", None),
    ([], 400, "bad_request", None),
    ("web", 400, "bad_request", None),
]


@pytest.mark.parametrize(("body", "status", "code", "allowed"), BAD_BODIES, ids=[str(b[0])[:40] for b in BAD_BODIES])
async def test_a_call_that_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, body: Any, status: int, code: str, allowed: list[str] | None
) -> None:
    async with serving(monkeypatch) as caller:
        got = await caller.refused("POST", "/api/calls", json=body)
        assert got[:2] == (status, code)
        if allowed is not None:
            assert got[2]["allowed"] == allowed
        if code == "unknown_scenario":
            assert "simpleHandoff" in got[2]["allowed"]
        if code == "bad_request":
            assert "scenario" in got[2]["allowed"]
        if code == "scenario_failed":
            assert "RuntimeError: no database" in got[2]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"scenario": "\\ud800"}', b"null"])
async def test_a_body_that_is_not_json(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    async with serving(monkeypatch) as caller:
        got = await caller.refused("POST", "/api/calls", content=content, headers={"content-type": "application/json"})
    assert got[:2] == (400, "bad_request")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_of_another_type_is_refused(monkeypatch: pytest.MonkeyPatch, content_type: str) -> None:
    async with serving(monkeypatch) as caller:
        got = await caller.refused(
            "POST", "/api/calls", content=b'{"scenario": "web"}', headers={"content-type": content_type}
        )
    assert got[:2] == (415, "not_json")


async def test_a_type_may_have_parameters_and_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        response = await caller.http.post("/api/calls", content=b'{"scenario": "web"}', headers=headers)
    assert response.status_code == 201


async def test_a_body_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        body = {"scenario": "web", "sdp": "x" * 300_000}
        assert (await caller.refused("POST", "/api/calls", json=body))[:2] == (413, "too_large")


async def test_one_call_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, max_calls=1) as caller:
        await caller.starts()
        got = await caller.refused("POST", "/api/calls", json={"scenario": "web"})
    assert got[:2] == (429, "too_many_calls")


# Legs and hanging up ------------------------------------------------------------------------------------------------
async def test_the_page_with_the_leg_is_the_caller_and_others_are_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller, caller.calling() as (started, _page):
        path = f"/api/calls/{started['call_id']}/leg"
        again = await caller.http.post(path, json={"transport": "websocket", "leg_id": started["leg_id"]})
        other = await caller.http.post(path, json={"transport": "websocket"})
        taking = await caller.http.post(path, json={"take_over": True})
    granted = {"grants": ["read", "speak", "end"], "transport": "websocket"}
    assert again.status_code == other.status_code == taking.status_code == 200
    assert again.json() == {"role": "caller", "leg_id": started["leg_id"], **granted}
    assert other.json() == {"role": "viewer", "leg_id": None, **granted}
    assert taking.json()["role"] == "caller"
    assert taking.json()["leg_id"] != started["leg_id"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"transport": "pigeon"}, 422, "unknown_transport"),
        ({"transport": "webrtc"}, 400, "no_sdp"),
        ({"take_over": "yes"}, 400, "bad_request"),
        ({"leg": "x"}, 400, "bad_request"),
    ],
)
async def test_a_leg_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], status: int, code: str
) -> None:
    async with serving(monkeypatch) as caller:
        started = await caller.starts()
        assert (await caller.refused("POST", f"/api/calls/{started['call_id']}/leg", json=body))[:2] == (status, code)


async def test_hanging_up_twice_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        path = f"/api/calls/{(await caller.starts())['call_id']}"
        assert (await caller.http.delete(path)).status_code == 204
        assert (await caller.http.delete(path)).status_code == 204
        assert (await caller.refused("POST", f"{path}/leg", json={}))[:2] == (410, "call_over")


async def test_an_unknown_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        assert (await caller.refused("DELETE", "/api/calls/nothing"))[:2] == (404, "unknown_call")
        assert (await caller.refused("POST", "/api/calls/nothing/leg", json={}))[:2] == (404, "unknown_call")


# Routes -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/api/calls/x/y/z", "/api/health/x"])
async def test_an_unknown_route(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async with serving(monkeypatch) as caller:
        assert (await caller.refused("GET", path))[:2] == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/api/health", "GET, HEAD"),
        ("PUT", "/api/calls", "GET, HEAD, POST"),
        ("PUT", "/api/calls/x", "DELETE, GET, HEAD"),
        ("DELETE", "/api/scenarios", "GET, HEAD"),
    ],
)
async def test_a_method_that_a_route_does_not_have(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, allow: str
) -> None:
    async with serving(monkeypatch) as caller:
        response = await caller.http.request(method, path)
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == allow


# Host and origin ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:3000", "", "[::1"])
async def test_a_name_that_is_not_the_servers_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    async with serving(monkeypatch) as caller:
        got = await caller.refused("GET", "/api/health", headers={"host": host})
    assert got[:2] == (403, "forbidden_origin")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:3000"])
async def test_every_name_of_this_machine_is_accepted(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    async with serving(monkeypatch) as caller:
        assert (await caller.http.get("/api/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
async def test_pages_of_another_origin_are_refused(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    async with serving(monkeypatch) as caller:
        headers = {"origin": origin}
        got = await caller.refused("POST", "/api/calls", json={"scenario": "web"}, headers=headers)
        assert got[:2] == (403, "forbidden_origin")
        secure = caller.url.replace("http", "https", 1)
        assert (await caller.refused("GET", "/api/health", headers={"origin": secure}))[0] == 403


async def test_the_servers_pages_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        assert (await caller.http.get("/api/health", headers={"origin": caller.url})).status_code == 200


async def test_allowed_origins_and_their_host_names_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, allowed_origins=["https://app.example"]) as caller:
        for headers in (
            {"origin": "https://app.example"},
            {"host": "app.example"},
            {"host": "app.example", "origin": "https://app.example"},
        ):
            assert (await caller.http.get("/api/health", headers=headers)).status_code == 200
        for headers in ({"origin": "https://app.example.evil"}, {"origin": "http://app.example"}):
            assert (await caller.http.get("/api/health", headers=headers)).status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/health", "/api/nothing"])
async def test_every_answer_carries_the_guards_headers(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async with serving(monkeypatch) as caller:
        headers = (await caller.http.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "'unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["permissions-policy"].startswith("microphone=(self)")
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


async def test_an_internal_error_carries_the_guards_headers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_service: object) -> None:
        raise RuntimeError("secret words")

    async with serving(monkeypatch, allowed_origins=["https://app.example"]) as caller:
        monkeypatch.setattr(server_state.ServerState, "ready", broken)
        response = await caller.http.get("/api/scenarios", headers={"origin": "https://app.example"})
    assert response.status_code == 500
    assert response.json() == {"error": {"message": "internal error", "code": "internal"}}
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert response.headers["access-control-allow-origin"] == "https://app.example"


async def test_the_console_is_served_or_reported_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from trunkline.web import app

    monkeypatch.setattr(app, "STATIC", tmp_path)
    async with serving(monkeypatch) as caller:
        missing = await caller.http.get("/")
        assert missing.status_code == 503
        assert "make setup" in missing.text
    (tmp_path / "index.html").write_text("<title>Trunkline</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main-1a2b.js").write_text("1")
    async with serving(monkeypatch) as caller:
        page = await caller.http.get("/")
        asset = await caller.http.get("/assets/main-1a2b.js")
        outside = await caller.http.get("/..%2f..%2fapp.py")
    assert page.text == "<title>Trunkline</title>"
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in asset.headers["cache-control"]
    assert outside.status_code == 404


async def test_the_pages_of_calls_are_the_console_with_addresses_of_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from trunkline.web import app

    monkeypatch.setattr(app, "STATIC", tmp_path)
    async with serving(monkeypatch) as caller:
        assert [(await caller.http.get(path)).status_code for path in ("/calls", "/calls/call_1")] == [503, 503]
    (tmp_path / "index.html").write_text('<meta name="root" content="./"><script src="./assets/main.js"></script>')
    async with serving(monkeypatch) as caller:
        listed = await caller.http.get("/calls")
        one = await caller.http.get("/calls/call_1")
        slash = await caller.http.get("/calls/?q=a")
        below = await caller.http.get("/calls/call_1/log")
    assert listed.text == (tmp_path / "index.html").read_text()
    assert one.text == '<meta name="root" content="../"><script src="../assets/main.js"></script>'
    assert one.headers["cache-control"] == listed.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in one.headers["content-security-policy"]
    assert (slash.status_code, slash.headers["location"]) == (307, "../calls?q=a")
    assert below.status_code == 404
    assert "the console is at /, the stored calls at /calls" in below.json()["error"]["message"]


# Metadata -------------------------------------------------------------------------------------------------------------
async def test_the_metadata_of_a_call_is_in_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"customer": "C-12", "k" * 64: "v" * 512, **{f"pair {number}": "✓" for number in range(14)}}
    async with serving(monkeypatch) as caller:
        started = await caller.starts(metadata=given)
        async with caller.page(started["call_id"]) as page:
            assert (await page.kind("call.started"))["metadata"] == given


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({f"pair {number}": "x" for number in range(17)}, "at most 16 pairs"),
        ({"k" * 65: "x"}, "keys have at most 64 characters, values 512"),
        ({"key": "x" * 513}, "keys have at most 64 characters, values 512"),
    ],
)
async def test_metadata_beyond_the_limits_is_refused(
    monkeypatch: pytest.MonkeyPatch, metadata: dict[str, str], message: str
) -> None:
    async with serving(monkeypatch) as caller:
        body = {"scenario": "web", "metadata": metadata}
        status, code, error = await caller.refused("POST", "/api/calls", json=body)
    assert (status, code) == (422, "bad_metadata")
    assert message in error["message"]


async def test_metadata_that_is_not_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        body = {"scenario": "web", "metadata": {"customer": 12}}
        status, code, _error = await caller.refused("POST", "/api/calls", json=body)
    assert (status, code) == (400, "bad_request")


async def test_a_scenario_that_the_provider_cannot_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, FakeModel(problem="This model has no hosted MCP tools. Use others.")) as caller:
        for method, path, body in (("POST", "/api/calls", {"scenario": "web"}), ("GET", "/api/session", None)):
            status, code, error = await caller.refused(method, path, json=body)
            assert (status, code) == (409, "unsupported_scenario")
            assert error["message"] == "This model has no hosted MCP tools. Use others."


async def test_a_scenario_that_the_provider_cannot_run_is_a_problem_with_file_and_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host: RealtimeAgent[Any] = RealtimeAgent(name="host")
    model = FakeModel(problem="This model has no hosted MCP tools.")
    async with serving(monkeypatch, model, targets=[Scenario("hosted", agents=[host])]) as caller:
        problems = (await caller.http.get("/api/problems")).json()
    assert {"This model has no hosted MCP tools."} == {problem["message"] for problem in problems}
    assert __file__ in {problem["file"] for problem in problems}
    assert all(isinstance(problem["line"], int) for problem in problems)
