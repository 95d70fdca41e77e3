"""The engine: an HTTP and WebSocket server that speaks the Realtime protocol as Azure and OpenAI do."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.brains.unconfigured_brain import UnconfiguredBrain
from trunkline.engine.http import preview
from trunkline.engine.http.client_secrets import ClientSecret, ClientSecrets
from trunkline.engine.http.errors import RequestError, invalid_key, path_not_found
from trunkline.engine.http.models_endpoint import ModelsEndpoint
from trunkline.engine.http.preview import PreviewRoutes, PreviewTranslator
from trunkline.engine.http.text_routes import TextRoutes
from trunkline.engine.http.webrtc_calls import WebRtcCalls
from trunkline.engine.session.configuration import DEFAULT_TRANSCRIPTION_MODEL
from trunkline.engine.session.session import Session
from trunkline.engine.session_runner import Player, SessionRunner
from trunkline.engine.speech import Stt, Tts
from trunkline.engine.speech.vad import VoiceActivity
from trunkline.engine.text import TextModelFactory
from trunkline.engine.text.unconfigured_text_model import without_text_models
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.websocket import WebSocketChannel, serve

BrainFactory = Callable[[str, dict[str, Any] | None], Brain]
"""Makes the brain for a model's name and the session's settings, where these are bound beforehand (None if not).

It raises `BrainError` with the code `DeploymentNotFound` for a name it does not know.
"""

MAX_MESSAGE_BYTES = 16 << 20
"""Bytes of one WebSocket message: an append may carry 15 MiB, as with the services."""
MAX_SESSIONS = 100
SESSION_LIMIT_S = 3600.0
"""How long a session lasts, as with the services."""
_KEY_SUBPROTOCOL = "openai-insecure-api-key."


class Engine:
    """The local Realtime server, as an ASGI app with its sessions.

    Args:
        brains: makes a brain for each session.
        stt, tts: shared by all sessions; the engine closes neither.
        activity: makes a voice activity detector for each session.
        key: what clients must show, as `api-key` or bearer; None lets everybody in.
        max_sessions: how many at once; one more is refused with 429.
        session_limit_s: after this long a session is closed with code 1001; None is never.
        ice: how callers over WebRTC are reached.
        secrets: the ephemeral keys; a test may give them a clock.
        text_models: finds who answers `responses` and `chat/completions`.
        names: the models that `…/models` lists.
    """

    def __init__(
        self,
        brains: BrainFactory,
        stt: Stt,
        tts: Tts,
        activity: Callable[[], VoiceActivity],
        key: str | None = None,
        max_sessions: int = MAX_SESSIONS,
        session_limit_s: float | None = SESSION_LIMIT_S,
        ice: IceOptions | None = None,
        secrets: ClientSecrets | None = None,
        text_models: TextModelFactory = without_text_models,
        names: Sequence[str] = (),
    ) -> None:
        self._brains = brains
        self._stt = stt
        self._tts = tts
        self._activity = activity
        self._key = key
        self._session_limit_s = session_limit_s
        self.max_sessions = max_sessions
        self.sessions: dict[str, SessionRunner] = {}
        """The sessions that are running, by id."""
        self.webrtc_calls = WebRtcCalls(self, secrets, ice)
        self._texts = TextRoutes(self, text_models)
        self._models_endpoint = ModelsEndpoint(self, names)
        self.app = Starlette(routes=self._routes(), exception_handlers={404: _not_found, 405: _not_found})

    def _routes(self) -> list[BaseRoute]:
        prefixes = ("/openai/v1", "/v1")
        sockets = [WebSocketRoute(f"{prefix}/realtime", self._realtime) for prefix in prefixes]
        sockets.append(WebSocketRoute(preview.SOCKET_PATH, self._azure_preview))
        parts = (self.webrtc_calls, self._texts, self._models_endpoint)
        others = [route for prefix in prefixes for part in parts for route in part.routes(prefix)]
        in_preview = PreviewRoutes(self, self.webrtc_calls.secrets).routes() + self.webrtc_calls.preview_routes()
        nowhere = WebSocketRoute("/{path:path}", _no_such_socket)
        return [self._models_endpoint.about(), *sockets, *others, *in_preview, nowhere]

    def close(self, reason: str = "the server is shutting down") -> None:
        """Ends every session."""
        for runner in list(self.sessions.values()):
            runner.end(1001, reason)

    async def aclose(self) -> None:
        """Ends every session, and waits for those that no request of the server's belongs to."""
        self.close()
        await self.webrtc_calls.aclose()

    def authorised(self, connection: HTTPConnection) -> bool:
        """Whether a request shows the key, in any of the ways the services take it."""
        if self._key is None:
            return True
        return any(hmac.compare_digest(one.encode(), self._key.encode()) for one in _keys_shown(connection))

    def _secret(self, connection: HTTPConnection) -> ClientSecret | None:
        """The ephemeral key that a request shows."""
        found = (self.webrtc_calls.secrets.find(one) for one in _keys_shown(connection))
        return next((secret for secret in found if secret is not None), None)

    async def _realtime(self, websocket: WebSocket) -> None:
        rtc_call_id = websocket.query_params.get("call_id")
        if rtc_call_id is not None and self.authorised(websocket):
            await self.webrtc_calls.attach_sideband(websocket, rtc_call_id)
            return
        translator = PreviewTranslator() if preview.is_requested(websocket) else None
        await self._run_session(websocket, "model", translator)

    async def _azure_preview(self, websocket: WebSocket) -> None:
        if self.authorised(websocket) and not websocket.query_params.get("api-version"):
            message = "Say which version: add ?api-version=VERSION to the URL. Any will do here."
            refused = RequestError(400, "missing_query_parameter", message)
            await websocket.send_denial_response(refused.response_to(websocket))
            return
        await self._run_session(websocket, "deployment", PreviewTranslator())

    async def _run_session(self, websocket: WebSocket, named_by: str, translator: PreviewTranslator | None) -> None:
        """A session of its own for one socket. `named_by` is the query parameter that names the model."""
        secret = None if "call_id" in websocket.query_params else self._secret(websocket)
        transcribing = websocket.query_params.get("intent") == "transcription"
        model = websocket.query_params.get(named_by) or (DEFAULT_TRANSCRIPTION_MODEL if transcribing else None)
        try:
            self._check_admission(websocket, secret, named_by, model)
            if secret is not None:
                runner = self.open_session(secret.model, secret.settings)
            else:
                runner = self.open_session(model or "", {"type": "transcription"} if transcribing else None)
        except RequestError as refused:
            await websocket.send_denial_response(refused.response_to(websocket))
            return
        except BrainError as error:
            await websocket.send_denial_response(RequestError(404, error.code, str(error)).response_to(websocket))
            return
        channel = WebSocketChannel(websocket, translator)
        runner.attach(channel)
        self.sessions[runner.session.id] = runner
        try:
            await websocket.accept("realtime" if "realtime" in websocket.scope.get("subprotocols", ()) else None)
            async with asyncio.TaskGroup() as group:
                group.create_task(runner.run(), name=f"session {runner.session.id}")
                await asyncio.sleep(0)  # session.created goes first
                await serve(websocket, channel, runner)
                runner.end()
        finally:
            del self.sessions[runner.session.id]

    def _check_admission(
        self, websocket: WebSocket, secret: ClientSecret | None, named_by: str, model: str | None
    ) -> None:
        if secret is None and not self.authorised(websocket):
            raise invalid_key()
        if secret is None and not model:
            message = f"Say which model: add ?{named_by}=NAME to the URL."
            raise RequestError(400, "missing_query_parameter", message)
        if len(self.sessions) >= self.max_sessions:
            message = f"This engine runs at most {self.max_sessions} sessions at once."
            raise RequestError(429, "too_many_sessions", message)

    def open_session(
        self, model: str, settings: dict[str, Any] | None = None, player: Player | None = None
    ) -> SessionRunner:
        """A session that is ready to run, with nobody attached. With a player, it plays its sound in real time.

        Raises:
            BrainError: there is no such model.
            InvalidRequest: the settings are not valid.
        """
        limit_s = self._session_limit_s
        session = Session(
            model,
            activity=self._activity(),
            settings=settings,
            expires_at=None if limit_s is None else int(time.time() + limit_s),
            lifetime_ms=None if limit_s is None else limit_s * 1000,
            paced=player is not None,
        )
        transcribing = session.configuration["type"] == "transcription"
        brain = UnconfiguredBrain() if transcribing else self._brains(model, settings)
        return SessionRunner(session, brain=brain, stt=self._stt, tts=self._tts, player=player)


def _keys_shown(connection: HTTPConnection) -> list[str]:
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    shown = [connection.headers.get("api-key", "")]
    if scheme.lower() == "bearer":
        shown.append(bearer.strip())
    if connection.url.path == preview.SOCKET_PATH:
        shown.append(connection.query_params.get("api-key", ""))  # how a browser shows it to Azure's preview
    offered = connection.scope.get("subprotocols", ())
    shown.extend(one.removeprefix(_KEY_SUBPROTOCOL) for one in offered if one.startswith(_KEY_SUBPROTOCOL))
    return shown


def _not_found(request: Request, error: Exception) -> JSONResponse:
    return path_not_found(request.method, request.url.path).response_to(request)


async def _no_such_socket(websocket: WebSocket) -> None:
    await websocket.send_denial_response(path_not_found("GET", websocket.url.path).response_to(websocket))
