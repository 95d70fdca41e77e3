"""Interface for users' own front ends: an ephemeral secret, and the text model."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from aiortc import RTCSessionDescription
from httpx2 import Response
from openai import AsyncOpenAI
from pydantic import SecretStr

from tests.calls.model_fake import FakeModel
from tests.engine.rtc.rtc_caller import offering, post_offer
from tests.web.web_server import Client, client, listening, own_settings, serving
from trunkline.providers.credentials import KeyCredentials
from trunkline.providers.from_settings import OPENAI_TEXT_VARIABLES
from trunkline.providers.text_model_client import TextModelClient, configured_model
from trunkline.scenario.text_model import TextModelNames
from trunkline.web import create_app
from trunkline.web.text_requests import check_input, check_tools

OPEN = Path(__file__).parent / "client_api_scenario.py"
TOKEN = "correct-horse-battery-staple"
SCHEMA = {
    "type": "json_schema",
    "name": "colour",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"colour": {"type": "string"}},
        "required": ["colour"],
        "additionalProperties": False,
    },
}


@contextlib.asynccontextmanager
async def on_the_engine(**settings: Any) -> AsyncIterator[Client]:
    """Run the whole server with the local engine; yield a client."""
    given = own_settings(ice_loopback=True, **settings)
    async with listening(create_app([str(OPEN)], given), given) as url, client(url, FakeModel()) as caller:
        yield caller


# A secret -----------------------------------------------------------------------------------------------------------
@pytest.mark.speech
async def test_a_secret_starts_a_session_with_the_first_agent_bound_in() -> None:
    async with on_the_engine() as caller:
        answer = await caller.http.get("/api/session?scenario=counter")
        minted = answer.json()
        fields = {"value", "expires_at", "client_secret", "url", "socket_url", "model", "scenario", "agent"}
        assert set(minted) == fields
        assert minted["client_secret"] == {"value": minted["value"], "expires_at": minted["expires_at"]}
        assert (minted["model"], minted["scenario"], minted["agent"]) == ("counter", "counter", "clerk")
        assert minted["value"].startswith("ek_")
        assert 500 < minted["expires_at"] - time.time() <= 600
        assert answer.headers["cache-control"] == "no-store"
        base_url = minted["url"].removesuffix("/realtime/calls")
        async with (
            AsyncOpenAI(base_url=base_url, api_key=minted["value"]) as model,
            model.realtime.connect(model=minted["model"]) as connection,
        ):
            created = await connection.recv()
            assert created.type == "session.created"
            session: dict[str, Any] = created.session.to_dict()
            assert session["instructions"] == "You keep the counter."
            assert [tool["name"] for tool in session["tools"]] == ["look_up"]
            assert session["audio"]["output"]["voice"] == "cedar"
            await connection.response.create()
            async for event in connection:
                if event.type == "response.output_audio_transcript.done":
                    assert event.transcript == "The counter is open."
                    break


@pytest.mark.speech
async def test_a_secret_starts_a_call_over_webrtc() -> None:
    async with on_the_engine() as caller:
        minted = (await caller.http.get("/api/session?scenario=counter")).json()
        browser = await offering()
        try:
            answer = await post_offer(minted["url"], browser.connection.localDescription.sdp, minted["value"])
            assert answer.status_code == 201
            await browser.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            (created, *_rest) = await browser.receive("session.created")
            assert created["session"]["instructions"] == "You keep the counter."
            browser.send("response.create")
            events = await browser.receive("response.output_audio_transcript.done")
            assert events[-1]["transcript"] == "The counter is open."
        finally:
            await browser.connection.close()


@pytest.mark.speech
async def test_a_secret_cannot_create_further_secrets() -> None:
    async with on_the_engine() as caller:
        minted = (await caller.http.get("/api/session?scenario=counter")).json()
        url = minted["url"].replace("/calls", "/client_secrets")
        async with httpx2.AsyncClient(trust_env=False) as stranger:
            again = await stranger.post(
                url,
                json={"session": {"type": "realtime", "model": "counter"}},
                headers={"authorization": f"Bearer {minted['value']}"},
            )
    assert again.status_code == 401


@pytest.mark.speech
async def test_requests_for_which_no_secret_is_created() -> None:
    async with on_the_engine() as caller:
        for query, status, code in (
            ("?scenario=nothing", 404, "unknown_scenario"),
            ("?scenario=counter&agent=nobody", 404, "unknown_agent"),
            ("?scenario=held", 409, "held_back"),
            ("?scenario=broken", 500, "scenario_failed"),
        ):
            assert (await caller.refused("GET", f"/api/session{query}"))[:2] == (status, code)
        other = await caller.http.get("/api/session?scenario=counter&agent=other")
        assert other.json()["agent"] == "other"


async def test_a_provider_without_secrets_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        got = await caller.refused("GET", "/api/session?scenario=web")
    assert (got[:2], got[2]["message"]) == ((502, "mint_failed"), "This model is in memory.")


# The text model -----------------------------------------------------------------------------------------------------
@pytest.mark.speech
async def test_the_official_client_asks_the_rehearsal_by_any_models_name() -> None:
    async with (
        on_the_engine(token=TOKEN) as caller,
        AsyncOpenAI(base_url=f"{caller.url}/api", api_key=TOKEN, max_retries=0) as asker,
    ):
        answer = await asker.responses.create(model="the-dearest", instructions="What is up?", input="hi", store=True)
        assert answer.output_text == "You asked: What is up?"
        assert answer.model == "counter/response"
        with pytest.raises(openai.AuthenticationError):
            await asker.with_options(api_key="wrong").responses.create(model="x", input="hi")


@pytest.mark.speech
async def test_an_answer_in_the_requested_format() -> None:
    async with on_the_engine() as caller:
        body = {"input": "Which?", "text": {"format": SCHEMA}, "metadata": {"scenario": "counter", "purpose": "colour"}}
        answer = (await caller.http.post("/api/responses", json=body)).json()
    assert answer["output"][0]["content"][0]["text"] == '{"colour":"teal"}'
    assert answer["output_parsed"] == {"colour": "teal"}


@contextlib.asynccontextmanager
async def on_a_service(
    monkeypatch: pytest.MonkeyPatch, answer: Response, names: TextModelNames | None = None
) -> AsyncIterator[tuple[Client, list[dict[str, Any]]]]:
    """Run the server with a service that gives one answer; yield a client, and the bodies that the service gets."""
    bodies: list[dict[str, Any]] = []

    def answered(asked: httpx2.Request) -> Response:
        bodies.append(json.loads(asked.content))
        return answer

    key = KeyCredentials("api-key", SecretStr("k" * 32))
    names = names or TextModelNames("small")
    choose = configured_model(names, OPENAI_TEXT_VARIABLES)
    text = TextModelClient("the service", "http://text.invalid/v1", key, choose, names)
    monkeypatch.setattr(text, "_client", httpx2.AsyncClient(transport=httpx2.MockTransport(answered)))
    monkeypatch.setattr(FakeModel, "text_model", lambda _model: text)
    async with serving(monkeypatch) as caller:
        yield caller, bodies
    await text.aclose()


def saying(*parts: dict[str, str], status: str = "completed") -> Response:
    message = {"type": "message", "role": "assistant", "content": list(parts)}
    return Response(200, json={"id": "resp_1", "object": "response", "status": status, "output": [message]})


OUTPUT = {"type": "output_text", "text": '{"colour": "teal"}'}


@pytest.mark.parametrize(
    ("requested", "asked"),
    [(None, "small"), ("small", "small"), ("large", "large"), ("escalation", "large"), ("moderation", "small")],
)
async def test_a_configured_model_or_role_answers(
    monkeypatch: pytest.MonkeyPatch, requested: str | None, asked: str
) -> None:
    async with on_a_service(monkeypatch, saying(OUTPUT), TextModelNames("small", escalation="large")) as (caller, got):
        answer = await caller.http.post("/api/responses", json={"input": "hi", "model": requested})
    assert answer.status_code == 200
    assert [body["model"] for body in got] == [asked]


async def test_a_model_that_is_not_configured_is_an_error_with_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_a_service(monkeypatch, saying(OUTPUT), TextModelNames(escalation="large")) as (caller, got):
        status, code, error = await caller.refused("POST", "/api/responses", json={"input": "hi", "model": "o4-mini"})
        missing = await caller.refused("POST", "/api/responses", json={"input": "hi"})
    assert (status, code, error["allowed"]) == (404, "unknown_text_model", ["large", "escalation"])
    assert "'o4-mini' is not configured" in error["message"]
    assert missing[:2] == (503, "no_text_model")
    assert got == []


@pytest.mark.parametrize(
    ("output", "text", "parsed"),
    [
        (OUTPUT, {"format": SCHEMA}, {"colour": "teal"}),
        (OUTPUT, {"format": {"type": "json_object"}}, {"colour": "teal"}),
        ({"type": "refusal", "refusal": "No."}, {"format": SCHEMA}, None),
        ({"type": "output_text", "text": '{"colour": "te'}, {"format": SCHEMA}, None),
        (OUTPUT, {"format": {"type": "text"}}, "absent"),
        (OUTPUT, None, "absent"),
    ],
)
async def test_structured_output_is_parsed(
    monkeypatch: pytest.MonkeyPatch, output: dict[str, str], text: Any, parsed: Any
) -> None:
    async with on_a_service(monkeypatch, saying(output)) as (caller, got):
        answer = (await caller.http.post("/api/responses", json={"input": "Which?", "text": text})).json()
    assert answer.get("output_parsed", "absent") == parsed
    assert answer["output"][0]["content"] == [output]
    assert "text" not in got[0] if text is None else got[0]["text"] == text


async def test_messages_of_chat_completions_are_forwarded_as_input(monkeypatch: pytest.MonkeyPatch) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "a board"},
        {"role": "assistant", "content": [{"type": "text", "text": "A board."}]},
    ]
    async with on_a_service(monkeypatch, saying(OUTPUT)) as (caller, got):
        answer = await caller.http.post("/api/responses", json={"messages": messages})
    assert answer.status_code == 200
    assert got[0]["input"] == [
        {"type": "message", "role": "system", "content": "Be brief."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a board"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A board."}]},
    ]
    assert "messages" not in got[0]


@pytest.mark.speech
async def test_a_failing_text_model_gives_the_reason_without_a_key() -> None:
    async with on_the_engine() as caller:
        body = {"input": "hi", "metadata": {"purpose": "nothing of the kind"}}
        status, code, error = await caller.refused("POST", "/api/responses", json=body)
    assert (status, code) == (404, "unknown_text_model")
    assert "No text model answers for 'counter/nothing of the kind'" in error["message"]


ERROR = {"error": {"message": "Not like this."}}


@pytest.mark.parametrize(
    ("service", "answered", "retry_after"),
    [
        (Response(400, json=ERROR), (400, "text_request_refused"), None),
        (Response(404, json=ERROR), (404, "unknown_text_model"), None),
        (Response(429, json=ERROR, headers={"retry-after": "17"}), (429, "text_model_busy"), "17"),
        (Response(401, json=ERROR), (502, "text_model_failed"), None),
        (Response(500, json=ERROR, headers={"retry-after": "0"}), (502, "text_model_failed"), None),
    ],
    ids=lambda given: str(given.status_code) if isinstance(given, Response) else "",
)
async def test_errors_of_the_text_model_keep_their_status_if_the_client_can_fix_them(
    monkeypatch: pytest.MonkeyPatch, service: Response, answered: tuple[int, str], retry_after: str | None
) -> None:
    key = KeyCredentials("api-key", SecretStr("k" * 32))
    text = TextModelClient("the service", "http://text.invalid/v1", key, lambda _prompt: "small")
    monkeypatch.setattr(text, "_client", httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _asked: service)))
    monkeypatch.setattr(FakeModel, "text_model", lambda _model: text)
    async with serving(monkeypatch) as caller:
        got = await caller.http.post("/api/responses", json={"input": "hi"})
    await text.aclose()
    error = got.json()["error"]
    assert (got.status_code, error["code"]) == answered
    assert f"the service answered {service.status_code} for the text model: Not like this." in error["message"]
    assert got.headers.get("retry-after") == retry_after


async def test_a_missing_text_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as caller:
        got = await caller.refused("POST", "/api/responses", json={"input": "hi"})
    assert (got[:2], got[2]["message"]) == ((503, "no_text_model"), "This model is in memory.")


NOT_PASSED_ON: list[dict[str, Any]] = [
    {},
    {"input": 5},
    {"input": "x", "stream": True},
    {"input": "x", "previous_response_id": "resp_1"},
    {"input": "x", "conversation": "conv_1"},
    {"input": "x", "background": True},
    {"input": "x", "include": ["file_search_call.results"]},
    {"input": "x", "prompt": {"id": "pmpt_1"}},
    {"input": "x", "api_key": "x"},
    {"input": [{"type": "item_reference", "id": "msg_1"}]},
    {"input": [{"type": "file_search_call", "id": "fs_1"}]},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://169.254.169.254/"}]}]},
    {"input": [{"content": [{"type": "input_image", "image_url": "data:image/png,x", "file_id": "f"}]}]},
    {"input": [{"role": "user", "content": {"type": "input_text"}}]},
    {"input": [{"role": "user", "content": ["text"]}]},
    {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_id": "f"}]}]},
    {"input": "x", "tools": [{"type": "web_search"}]},
    {"input": "x", "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
    {"input": "x", "tools": [{"type": "mcp", "server_url": "https://evil.example"}]},
    {"input": "x", "tools": [{}]},
    {"input": "x", "messages": []},
    {"messages": [{"role": "robot", "content": "x"}]},
    {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}]}]},
    {"messages": [{"role": "assistant", "tool_calls": [{"type": "custom"}]}]},
    {"messages": [{"role": "tool", "tool_call_id": "c", "content": {"file_id": "f"}}]},
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_PASSED_ON, ids=str)
async def test_fields_that_would_use_the_servers_account_are_refused(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    async with serving(monkeypatch) as caller:
        assert (await caller.refused("POST", "/api/responses", json=body))[:2] == (400, "bad_request")


def test_fields_that_are_forwarded() -> None:
    check_input("hello")
    check_input([{"role": "user", "content": "hello"}])
    check_input([{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]}])
    check_input([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}])
    check_input([{"type": "function_call_output", "call_id": "c", "output": "done"}])
    check_tools([{"type": "function", "name": "f", "parameters": {}}])


# Access -------------------------------------------------------------------------------------------------------------
BOTH = [("GET", "/api/session?scenario=web", None), ("POST", "/api/responses", {"input": "hi"})]


@pytest.mark.parametrize(("method", "path", "body"), BOTH)
@pytest.mark.parametrize(
    ("settings", "headers", "is_open"),
    [
        ({}, {}, True),
        ({"client_api": False}, {}, False),
        ({"host": "0.0.0.0", "token": TOKEN}, {"authorization": f"Bearer {TOKEN}"}, False),
        ({"host": "0.0.0.0", "token": TOKEN, "client_api": True}, {"authorization": f"Bearer {TOKEN}"}, True),
        ({}, {"x-forwarded-for": "192.0.2.1"}, False),
        ({}, {"x-forwarded-for": "127.0.0.1"}, False),
        ({}, {"forwarded": "for=127.0.0.1"}, False),
        ({"allowed_origins": ["https://voice.example"]}, {"host": "voice.example"}, False),
    ],
)
async def test_only_this_machine_may_use_the_interface_by_default(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: Any,
    settings: dict[str, Any],
    headers: dict[str, str],
    is_open: bool,
) -> None:
    async with serving(monkeypatch, **settings) as caller:
        _status, code, _error = await caller.refused(method, path, json=body, headers=headers)
    assert (code != "not_open") == is_open  # the model in memory refuses both, once the requests reach it


@pytest.mark.parametrize(("method", "path", "body"), BOTH)
async def test_requests_are_rate_limited(monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any) -> None:
    async with serving(monkeypatch, client_api_per_minute=2) as caller:
        answers = [await caller.http.request(method, path, json=body) for _ in range(3)]
    assert answers[1].json()["error"]["code"] in ("mint_failed", "no_text_model")
    assert answers[2].status_code == 429
    assert int(answers[2].headers["retry-after"]) <= 30
