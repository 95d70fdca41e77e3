"""Calls over WebRTC: their routes, as Azure and OpenAI have them, and the calls that are running.

A caller posts an SDP offer and an ephemeral key (on OpenAI's paths also the real key, with the session beside the
offer) and gets the answer and the call's address. Whoever has the real key may attach to the call by its id, as often
as it likes, and hang it up.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.websockets import WebSocket

from trunkline.engine.brains import BrainError
from trunkline.engine.http import preview
from trunkline.engine.http.client_secrets import ClientSecret, ClientSecrets
from trunkline.engine.http.errors import RequestError, call_not_found, invalid_key, is_azure
from trunkline.engine.http.preview import PreviewTranslator
from trunkline.engine.http.request_bodies import body_of, form_of, json_of, model_named, text_of
from trunkline.engine.session import configuration
from trunkline.engine.session.validation import InvalidRequest
from trunkline.engine.session_runner import Player, SessionRunner
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.pacing import Pacer
from trunkline.engine.transports.websocket import WebSocketChannel, serve
from trunkline.extras import install_command
from trunkline.realtime.ids import new_id

if TYPE_CHECKING:
    from trunkline.engine.transports import webrtc

logger = logging.getLogger(__name__)

MAX_SIDEBANDS = 16
"""Sockets attached to one call at once."""


class Host(Protocol):
    """What the calls need of the engine they are part of."""

    sessions: dict[str, SessionRunner]
    max_sessions: int

    def authorised(self, connection: HTTPConnection) -> bool:
        """Whether a request shows the engine's key."""

    def open_session(
        self, model: str, settings: dict[str, Any] | None = None, player: Player | None = None
    ) -> SessionRunner:
        """A session that is ready to run; with a player, it is `paced`.

        Raises:
            BrainError: there is no such model.
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
    """The WebRTC side of an engine. Each call runs in a task of its own, which `aclose` waits for."""

    def __init__(self, host: Host, secrets: ClientSecrets | None = None, ice: IceOptions | None = None) -> None:
        self.secrets = ClientSecrets() if secrets is None else secrets
        self._host = host
        self._ice = IceOptions() if ice is None else ice
        self._rtc: Any = None
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
            *(Route(f"{calls}/{{rtc_call_id}}/{what}", self._for_sip, methods=["POST"]) for what in _FOR_SIP),
        ]

    def preview_routes(self) -> list[BaseRoute]:
        """Where Azure's preview takes offers."""
        return [
            Route(preview.CALLS_PATH, self._preflight, methods=["OPTIONS"]),
            Route(preview.CALLS_PATH, self._create_in_preview, methods=["POST"]),
        ]

    async def attach_sideband(self, websocket: WebSocket, rtc_call_id: str) -> None:
        """Attaches a socket to a call, whose key has been checked. It sees `session.created` first, as it is now."""
        call = self._calls.get(rtc_call_id)
        if call is None:
            await websocket.send_denial_response(call_not_found(rtc_call_id).response_to(websocket))
            return
        if len(call.sidebands) >= MAX_SIDEBANDS:
            message = f"At most {MAX_SIDEBANDS} sockets may be attached to one call."
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

    async def aclose(self) -> None:
        """Ends every call and waits until nothing of them is left."""
        for call in list(self._calls.values()):
            call.runner.end(1001, "the server is shutting down")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------------ routes

    async def _mint(self, request: Request) -> Response:
        try:
            self._must_have_key(request)
            secret = self.secrets.mint(json_of(await body_of(request)))
        except InvalidRequest as error:
            return RequestError(400, error.code, str(error), error.param).response_to(request)
        except RequestError as refused:
            return refused.response_to(request)
        return JSONResponse(secret.shown())

    async def _create(self, request: Request) -> Response:
        filtered = request.query_params.get("webrtcfilter") == "on"
        return await self._answered(request, filtered, None)

    async def _create_in_preview(self, request: Request) -> Response:
        """`POST /v1/realtimertc?model=…` of Azure's preview, which takes nothing but an ephemeral key and SDP."""
        if self._secret(request) is None:
            message = "Access denied: send an ephemeral key from …/realtimeapi/sessions as the bearer, in time."
            return RequestError(401, "401", message).response_to(request, _CROSS_ORIGIN)
        return await self._answered(request, False, PreviewTranslator())

    async def _answered(self, request: Request, filtered: bool, translator: EventTranslator | None) -> Response:
        try:
            offer, model, settings = await self._asked(request)
            call, answer = await self._open(offer, model, settings, filtered, translator)
        except InvalidRequest as error:
            return RequestError(400, error.code, str(error), error.param).response_to(request, _CROSS_ORIGIN)
        except RequestError as refused:
            return refused.response_to(request, _CROSS_ORIGIN)
        headers = {"Location": f"{request.url.path.rstrip('/')}/{call.rtc_call_id}", **_CROSS_ORIGIN}
        return Response(answer, 201, headers, "application/sdp")

    async def _preflight(self, request: Request) -> Response:
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", "*"),
            "Access-Control-Max-Age": "600",
        }
        return Response(None, 204, {**_CROSS_ORIGIN, **allowed})

    async def _hang_up(self, request: Request) -> Response:
        try:
            self._must_have_key(request)
        except RequestError as refused:
            return refused.response_to(request)
        call = self._calls.get(request.path_params["rtc_call_id"])
        if call is None:
            return call_not_found(request.path_params["rtc_call_id"]).response_to(request)
        call.runner.end(1000, "hung up")
        return Response(None, 200)

    async def _for_sip(self, request: Request) -> Response:
        try:
            self._must_have_key(request)
        except RequestError as refused:
            return refused.response_to(request)
        if request.path_params["rtc_call_id"] not in self._calls:
            return call_not_found(request.path_params["rtc_call_id"]).response_to(request)
        message = "Only an incoming SIP call can be accepted, rejected or referred; this is a WebRTC call."
        return RequestError(400, "invalid_call_type", message).response_to(request)

    # ------------------------------------------------------------------ what a caller asks for

    async def _asked(self, request: Request) -> tuple[str, str, dict[str, Any] | None]:
        """Offer, model and session of a request that may start a call."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/sdp":
            secret = self._secret(request)
            if secret is not None:
                return text_of(await body_of(request)), secret.model, secret.settings
            self._may_use_key(request)
            return text_of(await body_of(request)), model_named(request.query_params.get("model")), None
        if kind == "multipart/form-data" and not is_azure(request):
            self._may_use_key(request)
            return await form_of(request)
        wanted = "application/sdp" if is_azure(request) else "application/sdp or multipart/form-data"
        raise RequestError(
            400, "unsupported_content_type", f"Send the SDP offer as {wanted}, not as {kind or 'nothing'}."
        )

    def _secret(self, request: Request) -> ClientSecret | None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        return self.secrets.find(bearer.strip()) if scheme.lower() == "bearer" else None

    def _may_use_key(self, request: Request) -> None:
        """On OpenAI's paths the real key does for a call; on Azure's nothing but an ephemeral one."""
        if is_azure(request):
            message = (
                "Access denied: a call takes an ephemeral key from …/realtime/client_secrets as its bearer, one that "
                "has not expired, and not the resource's own key."
            )
            raise RequestError(401, "401", message)
        self._must_have_key(request)

    def _must_have_key(self, request: Request) -> None:
        if not self._host.authorised(request):
            raise invalid_key()

    # ------------------------------------------------------------------ running calls

    async def _open(
        self,
        offer: str,
        model: str,
        settings: dict[str, Any] | None,
        filtered: bool,
        translator: EventTranslator | None,
    ) -> tuple[WebRtcCall, str]:
        rtc = await self._webrtc()
        most = self._host.max_sessions
        if len(self._host.sessions) >= most:
            raise RequestError(429, "too_many_sessions", f"This engine runs at most {most} sessions at once.")
        pacer = Pacer()
        try:
            runner = self._host.open_session(model, settings, player=pacer)
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
        task = asyncio.create_task(self._run(call, offer, answered), name=f"call {call.rtc_call_id}")
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
        """The module with aiortc in it, which is an extra and takes 0.2 s to import."""
        if self._rtc is None:
            try:
                self._rtc = await asyncio.to_thread(importlib.import_module, "trunkline.engine.transports.webrtc")
            except ImportError as error:
                message = f"This engine has no WebRTC ({error}). Install it with: {install_command('webrtc')}"
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


_FOR_SIP = ("accept", "reject", "refer")
# A page on another origin may post its offer here, as it may to the services: what lets it in is the key it shows.
_CROSS_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location"}
