"""A strict fake of Azure OpenAI on real sockets: the engine behind Azure's rules, with injected faults.

    async with fake_azure({scenario.name: scenario}, scenario.name) as azure:
        provider = azure_provider(azure.settings())
        azure.faults.close(1011, "server error", at="response.done")
        …  # a call over the provider
        assert azure.refused == []

It refuses the requests that Azure refuses (`azure_validation`) and lists them in `refused`; `azure_faults` injects
faults. A scenario's rehearsal answers, so that whole conversations run through it. The sockets are real; speech
recognition and speech synthesis are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.providers import azure_validation
from tests.providers.azure_faults import Faults, Wire
from tests.providers.azure_socket import CarriedSocket
from tests.providers.azure_validation import Deployments, Refused
from trunkline.engine.default import brain_factory
from trunkline.engine.http.app import BrainFactory, Engine
from trunkline.engine.server import EmbeddedServer, EngineServer
from trunkline.engine.speech import Tts
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.engine.speech.tts.silent import SilentTts
from trunkline.engine.speech.vad import EnergyVoiceActivity
from trunkline.engine.transports.ice import IceOptions
from trunkline.realtime.ids import new_id
from trunkline.scenario.scenario import Scenario
from trunkline.settings import Settings

KEY = "the-key-of-this-azure-resource"
_ENGINE_KEY = "the-engines-key"
TextAnswer = Callable[[dict[str, Any]], str]


def _says_ok(body: dict[str, Any]) -> str:
    return "OK"


@dataclass
class Seen:
    """A request that came in; `path` without its query."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class FakeAzure:
    """What tests have of it.

    Attributes:
        endpoint: what AZURE_OPENAI_ENDPOINT is set to.
        tokens: the tokens of Entra ID that it knows.
        deployed: the names of the deployments.
        requests: what came in, in order.
        refused: what was refused, requests and events: `401 401`, `error unknown_parameter`.
        sessions: how many sockets were opened.
        opened: the session of every secret that was minted.
        location: what the `Location` of an answered offer is; None for none, "" for the engine's.
        skew_s: how far its clock is ahead of ours.
        text: answers `responses`.
    """

    faults: Faults
    engine_url: str
    model: str
    endpoint: str = ""
    key: str = KEY
    tokens: set[str] = field(default_factory=set)
    deployed: Deployments = field(default_factory=Deployments)
    requests: list[Seen] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sessions: int = 0
    opened: list[dict[str, Any]] = field(default_factory=list)
    location: str | None = ""
    skew_s: float = 0.0
    text: TextAnswer = _says_ok
    _secrets: set[str] = field(default_factory=set)

    @property
    def realtime_requests(self) -> list[Seen]:
        """The requests of sessions, without those of the text model."""
        return [seen for seen in self.requests if "realtime" in seen.path]

    def settings(self, **changes: Any) -> Settings:
        """Settings that reach it with its key, all three deployments set, and come from nowhere else."""
        values = {
            "azure_endpoint": self.endpoint,
            "azure_api_key": self.key,
            "azure_realtime_deployment": self.deployed.realtime,
            "azure_transcription_deployment": self.deployed.transcription,
            "azure_deployment": self.deployed.text,
            "provider": "azure",
        }
        return Settings.model_validate({**values, **changes})

    # Sockets --------------------------------------------------------------------------------------------------------
    async def realtime(self, websocket: WebSocket) -> None:
        """GA's socket, and the sideband."""
        query, headers = self._note(websocket, "GET")
        call_id = query.get("call_id")
        refused = (
            self._struck(websocket)
            or azure_validation.version_of(query, headers, preview=False)
            or azure_validation.key_of(headers, self.key, self.tokens)
            or (None if call_id else self.deployed.find(query.get("model"), "realtime"))
        )
        if refused is not None:
            await self._deny(websocket, refused)
            return
        wanted = f"call_id={call_id}" if call_id else f"model={self.model}"
        await self._carry(websocket, f"/openai/v1/realtime?{wanted}", sideband=call_id is not None)

    async def realtime_preview(self, websocket: WebSocket) -> None:
        """The preview's socket."""
        query, headers = self._note(websocket, "GET")
        refused = (
            self._struck(websocket)
            or azure_validation.version_of(query, headers, preview=True)
            or azure_validation.key_of(headers, self.key, self.tokens)
            or self.deployed.find(query.get("deployment"), "realtime")
        )
        if refused is not None:
            await self._deny(websocket, refused)
            return
        path = f"/openai/realtime?api-version={query['api-version']}&deployment={self.model}"
        await self._carry(websocket, path, preview=True)

    async def _carry(self, websocket: WebSocket, path: str, *, preview: bool = False, sideband: bool = False) -> None:
        url = self.engine_url.replace("http", "ws", 1) + path
        try:
            upstream = await connect(
                url,
                additional_headers={"api-key": _ENGINE_KEY},
                max_size=None,
                max_queue=None,
                compression=None,
                proxy=None,
                close_timeout=0.5,
            )
        except InvalidStatus as error:
            answer = error.response
            code = json.loads(answer.body or b"{}").get("error", {}).get("code") or str(answer.status_code)
            await self._deny(websocket, Refused(answer.status_code, code, "The engine refused it."))
            return
        self.sessions += 1
        async with upstream:
            await websocket.accept()
            await CarriedSocket(self, websocket, upstream, self.sessions, preview=preview, sideband=sideband).run()

    async def _deny(self, websocket: WebSocket, refused: Refused) -> None:
        await websocket.send_denial_response(self._refusal(refused))

    # Requests -------------------------------------------------------------------------------------------------------
    async def client_secrets(self, request: Request) -> Response:
        """GA's minting of a secret."""
        return await self._mint(request, "/openai/v1/realtime/client_secrets", preview=False)

    async def preview_sessions(self, request: Request) -> Response:
        """The preview's."""
        return await self._mint(request, "/openai/realtimeapi/sessions", preview=True)

    async def _mint(self, request: Request, path: str, *, preview: bool) -> Response:
        body = await request.json()
        session = body if preview else body.get("session", {})
        refused = self._refused_for(request, preview=preview) or self.deployed.find(session.get("model"), "realtime")
        if refused is not None:
            return self._refusal(refused)
        problem = None if preview else azure_validation.client_event(
            {"type": "session.update", "session": session}, preview=False, sideband=False
        )  # fmt: skip
        if problem is not None:
            return self._refusal(Refused(400, str(problem["code"]), str(problem["message"]), problem["param"]))
        self.opened.append(session)
        changed = {**session, "model": self.model}
        answer = await self._ask_engine(
            "POST", path, dict(request.query_params), changed if preview else {**body, "session": changed}
        )
        if answer.is_success:
            given = answer.json()
            self._secrets.add(given["client_secret"]["value"] if preview else given["value"])
        return self._passed_on(answer)

    async def calls(self, request: Request) -> Response:
        """An SDP offer: it is taken with an ephemeral secret alone."""
        query, headers = self._note(request, "POST")
        refused = (
            self._struck(request)
            or azure_validation.version_of(query, headers, preview=False)
            or azure_validation.ephemeral_of(headers, self._secrets)
        )
        if refused is None and headers.get("content-type") != "application/sdp":
            refused = Refused(415, "unsupported_content_type", "Unsupported content type.")
        if refused is None and set(query) - {"webrtcfilter"}:
            refused = Refused(400, "BadRequest", "Unknown query parameter.")
        if refused is not None:
            return self._refusal(refused)
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"{self.engine_url}/openai/v1/realtime/calls",
                params=query,
                content=await request.body(),
                headers={"authorization": headers["authorization"], "content-type": "application/sdp"},
            )
        passed = self._passed_on(answer)
        if self.location is None:
            del passed.headers["location"]
        elif self.location:
            passed.headers["location"] = self.location
        return passed

    async def hangup(self, request: Request) -> Response:
        """The end of a call, with the resource's key."""
        refused = self._refused_for(request, preview=False)
        if refused is not None:
            return self._refusal(refused)
        return self._passed_on(await self._ask_engine("POST", request.url.path, {}, None))

    async def models(self, request: Request) -> Response:
        """What the resource could deploy: for nobody here of interest, but it needs a key."""
        refused = self._refused_for(request, preview=False)
        return self._refusal(refused) if refused is not None else JSONResponse({"object": "list", "data": []})

    async def responses(self, request: Request) -> Response:
        """The text model."""
        body = await request.json()
        refused = self._refused_for(request, preview=False) or self.deployed.find(body.get("model"), "text")
        if refused is not None:
            return self._refusal(refused)
        content = [{"type": "output_text", "text": self.text(body), "annotations": []}]
        message = {"type": "message", "role": "assistant", "status": "completed", "content": content}
        answer = {"id": new_id("resp"), "object": "response", "status": "completed", "model": body["model"]}
        return JSONResponse({**answer, "output": [message], "usage": {"input_tokens": 3, "output_tokens": 1}})

    async def _ask_engine(self, method: str, path: str, query: dict[str, str], body: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False) as client:
            return await client.request(
                method, self.engine_url + path, params=query, json=body, headers={"api-key": _ENGINE_KEY}
            )

    def _passed_on(self, answer: httpx2.Response) -> Response:
        kept = {name: answer.headers[name] for name in ("content-type", "location") if name in answer.headers}
        if not answer.is_success:
            self.refused.append(f"{answer.status_code} {answer.json().get('error', {}).get('code')}")
        return Response(answer.content, answer.status_code, kept)

    # Refusing -------------------------------------------------------------------------------------------------------
    def _refused_for(self, request: Request, *, preview: bool) -> Refused | None:
        query, headers = self._note(request, request.method)
        return (
            self._struck(request)
            or azure_validation.version_of(query, headers, preview=preview)
            or azure_validation.key_of(headers, self.key, self.tokens)
        )

    def _note(self, connection: HTTPConnection, method: str) -> tuple[dict[str, str], dict[str, str]]:
        query, headers = dict(connection.query_params), dict(connection.headers)
        self.requests.append(Seen(method, connection.url.path, query, headers))
        return query, headers

    def _struck(self, connection: HTTPConnection) -> Refused | None:
        struck = self.faults.refusal(connection.url.path)
        if struck is None:
            return None
        return _RefusedWith(struck.status, str(struck.status), struck.message, headers=struck.headers)

    def _refusal(self, refused: Refused) -> Response:
        self.refused.append(f"{refused.status} {refused.code}")
        headers = refused.headers if isinstance(refused, _RefusedWith) else {}
        error = {"code": refused.code, "message": refused.message, "param": refused.param}
        return JSONResponse({"error": error}, refused.status, headers)


@dataclass(frozen=True)
class _RefusedWith(Refused):
    headers: Mapping[str, str] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def fake_azure(
    scenarios: Mapping[str, Scenario[Any]],
    model: str,
    *,
    ms_per_character: int = 6,
    brains: BrainFactory | None = None,
    voice: Tts | None = None,
) -> AsyncIterator[FakeAzure]:
    """Runs it. `model` is the scenario whose rehearsal answers for the realtime deployment.

    Args:
        ms_per_character: how fast agents speak; the default is ten times as fast as people do.
        brains: makes the model of a session; by default the rehearsals answer.
        voice: the agents' voice; by default they are silent.
    """
    engine = Engine(
        brains or brain_factory(scenarios, None),
        ScriptedStt(),
        voice or SilentTts(ms_per_character),
        EnergyVoiceActivity,
        key=_ENGINE_KEY,
        ice=IceOptions(loopback=True),
    )
    async with EngineServer(engine) as behind, contextlib.AsyncExitStack() as stack:
        listener = socket.create_server(("127.0.0.1", 0))
        wire = Wire(listener.getsockname()[1])
        await wire.open()
        azure = FakeAzure(Faults(wire), behind.url.removesuffix("/openai/v1"), model)
        azure.endpoint = f"http://127.0.0.1:{wire.port}"
        stack.push_async_callback(_ended, await _served(_app(azure), listener))
        stack.push_async_callback(wire.close)
        yield azure


def _app(azure: FakeAzure) -> ASGIApp:
    v1 = "/openai/v1"
    routes = [
        WebSocketRoute(f"{v1}/realtime", azure.realtime),
        WebSocketRoute("/openai/realtime", azure.realtime_preview),
        Route(f"{v1}/realtime/client_secrets", azure.client_secrets, methods=["POST"]),
        Route(f"{v1}/realtime/calls", azure.calls, methods=["POST"]),
        Route(v1 + "/realtime/calls/{call_id}/hangup", azure.hangup, methods=["POST"]),
        Route("/openai/realtimeapi/sessions", azure.preview_sessions, methods=["POST"]),
        Route(f"{v1}/responses", azure.responses, methods=["POST"]),
        Route(f"{v1}/models", azure.models),
    ]
    app = Starlette(routes=routes)

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time() + azure.skew_s, usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        await app(scope, receive, send_dated)

    return dated


async def _served(app: ASGIApp, listener: socket.socket) -> tuple[EmbeddedServer, asyncio.Task[None]]:
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        ws="websockets-sansio",
        ws_max_size=16 << 20,
        timeout_graceful_shutdown=1,
    )
    server = EmbeddedServer(config)
    serving = asyncio.create_task(server.serve([listener]), name="azure stand-in")
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
        await asyncio.sleep(0.002)
    return server, serving


async def _ended(running: tuple[EmbeddedServer, asyncio.Task[None]]) -> None:
    server, serving = running
    server.end()
    await serving
