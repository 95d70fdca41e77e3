"""WebRTC calls: their routes, in the format of Azure and OpenAI, and the running calls.

A caller posts an SDP offer with an ephemeral key. On OpenAI's paths it may use the engine's key, with the session
beside the offer. It gets the SDP answer and the address of the call. A client with the engine's key can attach
sidebands to the call by its id, and hang it up.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.websockets import WebSocket

from trunkline.engine.brains import BrainError
from trunkline.engine.http import preview
from trunkline.engine.http.api_key import ApiKey
from trunkline.engine.http.call_offers import CallOffer, OfferReader
from trunkline.engine.http.client_secrets import ClientSecrets
from trunkline.engine.http.errors import CROSS_ORIGIN, RequestError, call_not_found
from trunkline.engine.http.preview import PreviewTranslator, in_preview
from trunkline.engine.http.request_bodies import read_json
from trunkline.engine.session import configuration
from trunkline.engine.session_runner import Player, SessionRunner
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.pacing import Pacer
from trunkline.engine.transports.websocket import WebSocketChannel, serve
from trunkline.extras import install_command
from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.ids import new_id
from trunkline.realtime.sdp import offer_problem
from trunkline.realtime.validation import InvalidRequest

if TYPE_CHECKING:
    from trunkline.engine.transports import webrtc

logger = logging.getLogger(__name__)

MAX_SIDEBANDS = 16
"""Limit of sockets that are attached to one call."""


class SessionHost(Protocol):
    """The part of the engine that owns the sessions."""

    sessions: dict[str, SessionRunner]
    max_sessions: int

    def open_session(
        self, model: str, settings: dict[str, object] | None = None, player: Player | None = None
    ) -> SessionRunner:
        """Create a session without clients. With a player, it is `paced`.

        Raises:
            BrainError: the model does not exist.
            InvalidRequest: the settings are not valid.
        """


@dataclass
class WebRtcCall:
    """A running call."""

    rtc_call_id: str
    runner: SessionRunner
    peer: webrtc.WebRtcPeer
    sidebands: set[WebSocketChannel] = field(default_factory=set)


class WebRtcCalls:
    """The WebRTC calls of an engine. Each call runs in its own task, and `aclose` waits for these tasks."""

    def __init__(
        self, host: SessionHost, key: ApiKey, secrets: ClientSecrets | None = None, ice: IceOptions | None = None
    ) -> None:
        self.secrets = ClientSecrets() if secrets is None else secrets
        self._host = host
        self._key = key
        self._offers = OfferReader(key, self.secrets)
        self._ice = IceOptions() if ice is None else ice
        self._rtc: object = None
        self._calls: dict[str, WebRtcCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self, prefix: str) -> list[BaseRoute]:
        """Return the HTTP routes under `/openai/v1` or `/v1`. The engine owns the sideband's WebSocket route."""
        calls = f"{prefix}/realtime/calls"
        return [
            Route(f"{prefix}/realtime/client_secrets", self._mint, methods=["POST"]),
            Route(calls, self._preflight, methods=["OPTIONS"]),
            Route(calls, self._create, methods=["POST"]),
            Route(f"{calls}/{{rtc_call_id}}/hangup", self._hang_up, methods=["POST"]),
            *(
                Route(f"{calls}/{{rtc_call_id}}/{action}", self._reject_sip_action, methods=["POST"])
                for action in _SIP_ACTIONS
            ),
        ]

    def preview_routes(self) -> list[BaseRoute]:
        """Return the routes for SDP offers of the preview, on Azure and on OpenAI."""
        return [
            *(Route(path, self._preflight, methods=["OPTIONS"]) for path in preview.CALLS_PATHS),
            *(Route(path, self._create_in_preview, methods=["POST"]) for path in preview.CALLS_PATHS),
        ]

    async def attach_sideband(self, websocket: WebSocket, rtc_call_id: str) -> None:
        """Attach a socket to a call, after the check of its key. Its first event is `session.created`."""
        call = self._calls.get(rtc_call_id)
        if call is None:
            await websocket.send_denial_response(call_not_found(rtc_call_id).response_to(websocket))
            return
        if len(call.sidebands) >= MAX_SIDEBANDS:
            message = f"The call already has {MAX_SIDEBANDS} sidebands, its limit. Close one of them first."
            refused = RequestError(429, "too_many_sidebands", message)
            await websocket.send_denial_response(refused.response_to(websocket))
            return
        channel = WebSocketChannel(websocket)
        session = configuration.to_client(call.runner.session.configuration)
        channel.send({"type": "session.created", "event_id": new_id("event"), "session": session})
        call.runner.attach(channel)
        call.sidebands.add(channel)
        try:
            await websocket.accept("realtime" if "realtime" in websocket.scope.get("subprotocols", ()) else None)
            await serve(websocket, channel, call.runner)
        finally:
            call.runner.detach(channel)
            call.sidebands.discard(channel)

    def tap(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """Pass the audio of a call to `tap` until it ends. Return False for an unknown call."""
        call = self._calls.get(rtc_call_id)
        if call is None:
            return False
        call.peer.tap = tap
        return True

    async def aclose(self) -> None:
        """End all calls, and wait for their tasks."""
        for call in list(self._calls.values()):
            call.runner.end(1001, "the server is shutting down")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------------ routes

    async def _mint(self, request: Request) -> Response:
        try:
            self._key.check(request)
            secret = self.secrets.mint(await read_json(request))
        except InvalidRequest as error:
            return RequestError(400, error.code, str(error), error.param).response_to(request)
        except RequestError as refused:
            return refused.response_to(request)
        return JSONResponse(secret.to_client())

    async def _create(self, request: Request) -> Response:
        filtered = request.query_params.get("webrtcfilter") == "on"
        return await self._answer_offer(request, filtered, None)

    async def _create_in_preview(self, request: Request) -> Response:
        return await self._answer_offer(request, False, PreviewTranslator())

    async def _answer_offer(self, request: Request, filtered: bool, translator: PreviewTranslator | None) -> Response:
        """Start the call of a request. With a translator, the call is in the preview."""
        try:
            offer = await self._offers.read(request, in_preview=translator is not None)
            if (problem := offer_problem(offer.sdp)) is not None:
                raise RequestError(400, "invalid_offer", problem)
            call, answer = await self._open(offer, filtered, translator)
        except InvalidRequest as error:
            invalid = (
                RequestError(400, error.code, str(error), error.param) if translator is None else in_preview(error)
            )
            return invalid.response_to(request, CROSS_ORIGIN)
        except RequestError as refused:
            return refused.response_to(request, CROSS_ORIGIN)
        path = request.url.path.rstrip("/")
        calls = f"{path}/calls" if path == preview.OPENAI_CALLS_PATH else path
        headers = {"Location": f"{calls}/{call.rtc_call_id}", **CROSS_ORIGIN}
        return Response(answer, 201, headers, "application/sdp")

    async def _preflight(self, request: Request) -> Response:
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", "*"),
            "Access-Control-Max-Age": "600",
        }
        return Response(None, 204, {**CROSS_ORIGIN, **allowed})

    async def _hang_up(self, request: Request) -> Response:
        try:
            self._key.check(request)
        except RequestError as refused:
            return refused.response_to(request)
        call = self._calls.get(request.path_params["rtc_call_id"])
        if call is None:
            return call_not_found(request.path_params["rtc_call_id"]).response_to(request)
        call.runner.end(1000, "hung up")
        return Response(None, 200)

    async def _reject_sip_action(self, request: Request) -> Response:
        try:
            self._key.check(request)
        except RequestError as refused:
            return refused.response_to(request)
        if request.path_params["rtc_call_id"] not in self._calls:
            return call_not_found(request.path_params["rtc_call_id"]).response_to(request)
        message = "This is a WebRTC call. Only an incoming SIP call can be accepted, rejected or referred."
        return RequestError(400, "invalid_call_type", message).response_to(request)

    # ------------------------------------------------------------------ running calls

    async def _open(
        self,
        offer: CallOffer,
        filtered: bool,
        translator: EventTranslator | None,
    ) -> tuple[WebRtcCall, str]:
        rtc = await self._webrtc()
        max_sessions = self._host.max_sessions
        if len(self._host.sessions) >= max_sessions:
            raise RequestError(
                429,
                "too_many_sessions",
                f"This engine already runs {max_sessions} sessions, its limit. End one of them first.",
            )
        pacer = Pacer()
        try:
            runner = self._host.open_session(offer.model, offer.settings, player=pacer)
        except BrainError as error:
            raise RequestError(404, error.code, str(error)) from error
        call = WebRtcCall(
            new_id("rtc"),
            runner,
            rtc.WebRtcPeer(runner, pacer, filtered=filtered, translator=translator, ice=self._ice),
        )
        self._calls[call.rtc_call_id] = call
        self._host.sessions[runner.session.id] = runner
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(call, offer.sdp, answered), name=f"call {call.rtc_call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            return call, await answered
        except rtc.OfferError as error:
            raise RequestError(400, "invalid_offer", str(error)) from error
        except asyncio.CancelledError:
            runner.end()
            raise

    async def _webrtc(self) -> Any:
        """Return the module that uses aiortc. It is an extra, and its import takes 0.2 s."""
        if self._rtc is None:
            try:
                self._rtc = await asyncio.to_thread(importlib.import_module, "trunkline.engine.transports.webrtc")
            except ImportError as error:
                message = f"WebRTC is not installed ({error}). Install it with: {install_command('webrtc')}"
                raise RequestError(501, "webrtc_not_installed", message) from error
        return self._rtc

    async def _run(self, call: WebRtcCall, offer: str, answered: asyncio.Future[str]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                carrying = group.create_task(self._carry(call, offer, answered), name=f"peer {call.rtc_call_id}")
                await call.runner.run()
                carrying.cancel()
        finally:
            del self._calls[call.rtc_call_id]
            del self._host.sessions[call.runner.session.id]
            if not answered.done():
                answered.cancel()
            await call.peer.close()

    async def _carry(self, call: WebRtcCall, offer: str, answered: asyncio.Future[str]) -> None:
        try:
            answer = await call.peer.answer(offer)
        except ValueError as error:
            answered.set_exception(error)
            call.runner.end()
            return
        if not answered.done():
            answered.set_result(answer)
        await call.peer.run()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed.", task.get_name(), exc_info=error)


_SIP_ACTIONS = ("accept", "reject", "refer")
