"""Routes of calls: start, join, WebSocket, hang up. They only subscribe to calls and forward commands."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Annotated, get_args

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from trunkline.calls.agents.runner import StateError
from trunkline.calls.call import Call, UnsupportedScenarioError
from trunkline.calls.grants import Credentials, Grant, NotGrantedError
from trunkline.calls.log_events import Codec, Transport
from trunkline.calls.pages import CloseCode, Page
from trunkline.calls.registry import BudgetSpentError, TooManyCallsError
from trunkline.calls.send_gate import SendGate
from trunkline.listener.client_address import address_of
from trunkline.providers import ProviderError
from trunkline.realtime import service_rules
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.realtime.sdp import has_data_channel, offer_problem
from trunkline.realtime.validation import InvalidRequest
from trunkline.scenario.scenario import ScenarioError
from trunkline.send_queue import CloseFrame, send_frames
from trunkline.settings import is_loopback
from trunkline.web.authority import audience_of
from trunkline.web.errors import ApiError
from trunkline.web.own_authentication import caller_of
from trunkline.web.page_rates import PageRates, TooFastError
from trunkline.web.rate_limit import client_of
from trunkline.web.request_bodies import json_body
from trunkline.web.server_state import ServerState, server_state_of
from trunkline.web.uvicorn_websocket import CONNECTION, CallSocketProtocol

logger = logging.getLogger(__name__)
RETRY_AFTER_S = 5.0
"""The time in s after which a client may retry when too many calls are running."""
CODECS: dict[str, Codec] = {codec: codec for codec in get_args(Codec)}
AUDIO_COUNTED_EVERY_BYTES = 100 * BYTES_PER_MS
"""Audio of a page after which its rate is checked: a check of each frame would be a tenth of its cost."""
_MAX_DIGITS = 15
_MAX_REASON = 120
"""Characters of a close frame's reason, which may have 123 bytes (RFC 6455, 5.5)."""


Reason = Annotated[str, msgspec.Meta(max_length=300)] | None


class NewCall(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/calls`."""

    scenario: str
    agent: str | None = None
    transport: str = "websocket"
    codec: str | None = None
    sdp: str | None = None
    reason: Reason = None
    """The reason for this transport if the page prefers another one; it goes into the log."""
    metadata: dict[str, str] | None = None
    """Pairs of the client's own: up to 16, with keys of 64 and values of 512 characters."""


class NewLeg(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/calls/{call_id}/leg`."""

    transport: str = "websocket"
    sdp: str | None = None
    take_over: bool = False
    leg_id: str | None = None
    codec: str | None = None
    reason: Reason = None


async def start_call(request: Request) -> Response:
    """Handle `POST /api/calls`."""
    server = server_state_of(request)
    server.starting.take(request, "Too many calls were started")
    body = await json_body(request, NewCall)
    transport = _transport(body)
    codec = _codec(body) or "pcm16"
    metadata = _metadata(body)
    ready = await server.ready()
    scenario = ready.scenarios.by_name.get(body.scenario)
    if scenario is None:
        names = list(ready.scenarios.by_name)
        raise ApiError(404, "unknown_scenario", f"Unknown scenario: {body.scenario!r}.", names)
    agents = [agent.name for agent in scenario.agents]
    if body.agent is not None and body.agent not in agents:
        message = f"The scenario {scenario.name!r} has no agent {body.agent!r}."
        raise ApiError(404, "unknown_agent", message, agents)
    if ready.provider is None:
        raise ApiError(
            503,
            "no_provider",
            ready.provider_problem or "The provider is not available; GET /api/problems gives the reason.",
        )
    if server.is_draining:
        message = "The server is about to stop and accepts no new calls: try again in a moment."
        raise ApiError(503, "draining", message, retry_after_s=RETRY_AFTER_S)
    _check_calls_of_client(request, server)
    try:
        call = server.registry.start(
            scenario,
            ready.provider,
            agent=body.agent,
            transport=transport,
            codec=codec,
            metadata=metadata,
            caller_id=caller_of(request),
            client=client_of(request.scope),
        )
    except BudgetSpentError as error:
        raise ApiError(429, "budget_spent", str(error), retry_after_s=error.seconds_left) from None
    except TooManyCallsError as error:
        raise ApiError(429, "too_many_calls", str(error), retry_after_s=RETRY_AFTER_S) from None
    except StateError as error:
        logger.warning("the state of the scenario %s could not be created", scenario.name, exc_info=True)
        raise ApiError(500, "scenario_failed", str(error)) from None
    except ScenarioError as error:
        logger.warning("the scenario %s cannot work: %s", scenario.name, error)
        raise ApiError(500, "scenario_failed", error.message) from None
    except UnsupportedScenarioError as error:
        raise ApiError(409, "unsupported_scenario", str(error)) from None
    call.leg.use_transport(transport, body.reason)
    server.record(call)
    answer = {"call_id": call.call_id, "leg_id": call.leg.leg_id, "transport": transport}
    if transport == "webrtc":
        try:
            answer["sdp"] = await _answer_offer(request, call, body.sdp)
        except ApiError:
            call.hang_up("WebRTC failed")
            raise
    response = JSONResponse(answer, 201)
    server.caller_cookies.remove(request, response, server.is_over)
    server.caller_cookies.set(request, response, call.call_id, call.caller_key)
    return response


async def join_call(request: Request) -> Response:
    """Handle `POST /api/calls/{call_id}/leg`."""
    call = _call(request)
    server_state_of(request).joining.take(request, "Calls were joined too often")
    body = await json_body(request, NewLeg)
    if call.is_elsewhere:
        message = "Another server runs this call: try again in a moment."
        raise ApiError(503, "owner_unreachable", message, retry_after_s=1.0)
    if call.is_over:
        raise ApiError(410, "call_over", "This call is over. Start a new call to talk; the log can still be read.")
    transport = _transport(body)
    shown = _credentials(request, call, body.leg_id)
    try:
        joined = call.join(shown, transport, take_over=body.take_over, codec=_codec(body), reason=body.reason)
    except NotGrantedError as error:
        raise ApiError(
            403, "not_the_caller", f"{error} Send its 'leg_id', or use the browser that started it."
        ) from None
    answer = {
        "role": joined.role, "leg_id": joined.leg_id, "grants": joined.grants.names, "transport": transport,
    }  # fmt: skip
    if transport == "webrtc" and joined.role == "caller":
        answer["sdp"] = await _answer_offer(request, call, body.sdp)
    return JSONResponse(answer)


async def hang_up(request: Request) -> Response:
    """Handle `DELETE /api/calls/{call_id}?leg=LEG`. A repeated request changes nothing."""
    call = _call(request)
    shown = _credentials(request, call, request.query_params.get("leg"))
    _hide_leg(request)
    if Grant.END not in call.grants(shown):
        message = (
            "Only the client that started this call may end it. Send its leg_id as '?leg=…', or use the browser that "
            "started it."
        )
        raise ApiError(403, "not_the_caller", message)
    call.hang_up()
    return Response(status_code=204)


async def call_socket(socket: WebSocket) -> None:
    """Handle `WS /api/calls/{call_id}?after=SEQ&leg=LEG`."""
    after, leg = socket.query_params.get("after", "0"), socket.query_params.get("leg")
    _hide_leg(socket)
    await socket.accept()
    server = server_state_of(socket)
    try:
        call = server.registry.find(socket.path_params["call_id"])
    except ApiError as error:
        await socket.close(1011, error.detail[:_MAX_REASON])
        return
    if call is None:
        await socket.close(CloseCode.NO_SUCH_CALL, "There is no such call; start one with POST /api/calls.")
    elif not (after.isascii() and after.isdecimal() and len(after) <= _MAX_DIGITS):
        await socket.close(CloseCode.BAD_REQUEST, "'after' is the last seq that you have: a number from 0.")
    elif call.page_count >= server.settings.max_pages and leg != call.leg.leg_id:
        await socket.close(
            CloseCode.TOO_MANY_PAGES, f"This call has {call.page_count} pages, which is the limit: close one."
        )
    else:
        await _serve(socket, call, leg, int(after))


async def _serve(socket: WebSocket, call: Call, leg: str | None, after: int) -> None:
    page = Page(audience_of(socket, server_state_of(socket).settings))
    connection = socket.scope.get("extensions", {}).get(CONNECTION)  # None on a server of another project
    reader = _PageReader(socket, call, page)
    if isinstance(connection, CallSocketProtocol):
        page.try_send = partial(_try_send, connection, call.gate)
        connection.take_audio = reader.take_audio
    call.attach(page, leg, after)
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(reader.run())
            await _write(socket, page, call.gate)
            reading.cancel()
    finally:
        call.detach(page, "the page's connection closed")


def _try_send(connection: CallSocketProtocol, gate: SendGate, frame: str | bytes) -> bool:
    return gate.is_open() and connection.try_send(frame)


async def _write(socket: WebSocket, page: Page, gate: SendGate) -> None:
    # A page that has disconnected, or that takes no frame in time, is gone.
    with suppress(WebSocketDisconnect, TimeoutError):
        await send_frames(page, partial(_send, socket, gate), server_state_of(socket).settings.send_timeout_s)


async def _send(socket: WebSocket, gate: SendGate, frame: str | bytes | CloseFrame) -> None:
    if not gate.is_open() and not await gate.wait() and not isinstance(frame, CloseFrame):
        return  # another server owns the call
    if isinstance(frame, str):
        await socket.send_text(frame)
    elif isinstance(frame, bytes):
        await socket.send_bytes(frame)
    else:
        await socket.close(frame.code, frame.reason)


class _PageReader:
    """Reader of a page's messages, with limits of their rates."""

    def __init__(self, socket: WebSocket, call: Call, page: Page) -> None:
        self._socket = socket
        self._call = call
        self._page = page
        self._rates = PageRates()
        self._uncounted = 0
        """Bytes of audio since the last check of the rate."""
        self._is_paused = False
        """True while the page has to wait, or for ever."""

    def take_audio(self, audio: bytes) -> bool:
        """Pass audio on at once; return False if `run` has to, since the page is too fast or its rate is due."""
        if self._is_paused or self._uncounted + len(audio) >= AUDIO_COUNTED_EVERY_BYTES:
            return False
        self._uncounted += len(audio)
        self._call.receive_audio(self._page, audio)
        return True

    async def run(self) -> None:
        """Read until the page closes its socket, or is too fast."""
        clock = asyncio.get_running_loop().time
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._page.close(1000, "closed")
                return
            wait_s = 0.0
            try:
                if (audio := message.get("bytes")) is not None:
                    self._call.receive_audio(self._page, audio)
                    self._uncounted += len(audio)
                    if self._uncounted >= AUDIO_COUNTED_EVERY_BYTES:
                        wait_s = self._rates.audio(self._uncounted, clock())
                        self._uncounted = 0
                elif (text := message.get("text")) is not None:
                    wait_s = self._rates.command(clock())
                    self._call.command(self._page, text)
            except TooFastError as error:
                self._is_paused = True
                self._page.close(CloseCode.TOO_FAST, str(error))
                return
            if wait_s:  # meanwhile the socket's queue fills, and the server stops to read from it
                self._is_paused = True
                await asyncio.sleep(wait_s)
                self._is_paused = False


def _call(request: Request) -> Call:
    call = server_state_of(request).registry.find(request.path_params["call_id"])
    if call is None:
        raise ApiError(404, "unknown_call", "There is no such call; start one with POST /api/calls.")
    return call


def _credentials(request: Request, call: Call, leg_id: str | None) -> Credentials:
    return Credentials(leg_id, server_state_of(request).caller_cookies.key(request, call.call_id))


def _hide_leg(connection: HTTPConnection) -> None:
    """Remove the leg's secret from the address, which Uvicorn logs later."""
    connection.scope["query_string"] = b"leg=..." if connection.query_params.get("leg") else b""


def _transport(body: NewCall | NewLeg) -> Transport:
    if body.transport == "webrtc":
        if not body.sdp:
            message = "WebRTC needs the page's SDP offer as 'sdp'; send it, or use the transport websocket."
            raise ApiError(400, "no_sdp", message)
        if (problem := offer_problem(body.sdp)) is not None:
            raise ApiError(400, "bad_sdp", problem)
        return "webrtc"
    if body.transport == "websocket":
        return "websocket"
    message = f"Unknown transport: {body.transport!r}."
    raise ApiError(422, "unknown_transport", message, ["webrtc", "websocket"])


def _codec(body: NewCall | NewLeg) -> Codec | None:
    if body.codec is None:
        return None
    if body.codec not in CODECS:
        raise ApiError(422, "unknown_codec", f"Unknown codec: {body.codec!r}.", list(CODECS))
    return CODECS[body.codec]


def _metadata(body: NewCall) -> dict[str, str]:
    try:
        service_rules.metadata(body.metadata or {}, "metadata")
    except InvalidRequest as error:
        raise ApiError(422, "bad_metadata", str(error)) from None
    return body.metadata or {}


def _check_calls_of_client(request: Request, server: ServerState) -> None:
    is_exempt = is_loopback(address_of(request.scope)) and caller_of(request) is None
    limit = server.settings.max_client_calls
    if not is_exempt and server.limits.calls_of(client_of(request.scope)) >= limit:
        server.refusals.add("calls", address_of(request.scope))
        message = f"{limit} of your calls are running, which is the limit for one client. End one of them."
        raise ApiError(429, "too_many_calls", message, retry_after_s=RETRY_AFTER_S)


async def _answer_offer(request: Request, call: Call, sdp: str | None) -> str:
    offer = sdp or ""
    if has_data_channel(offer) and audience_of(request, server_state_of(request).settings) == "caller":
        message = "A data channel would show the model's events, which are for operators. Offer audio alone."
        raise ApiError(502, "webrtc_failed", message, ["websocket"])
    try:
        return await call.answer_offer(offer)
    except ProviderError as error:
        raise ApiError(502, "webrtc_failed", error.full_message, ["websocket"]) from None


routes: list[BaseRoute] = [
    Route("/api/calls", start_call, methods=["POST"]),
    Route("/api/calls/{call_id}/leg", join_call, methods=["POST"]),
    Route("/api/calls/{call_id}", hang_up, methods=["DELETE"]),
    WebSocketRoute("/api/calls/{call_id}", call_socket),
]
