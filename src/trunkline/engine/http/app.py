"""Realtime server for HTTP and WebSocket clients, in the protocol of Azure and OpenAI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from trunkline.engine.brains import Brain, BrainError, SeeingBrain
from trunkline.engine.brains.unconfigured_brain import UnconfiguredBrain
from trunkline.engine.http import preview
from trunkline.engine.http.api_key import PREVIEW_SOCKET_PATH, ApiKey, keys_of
from trunkline.engine.http.client_secrets import ClientSecret, ClientSecrets
from trunkline.engine.http.errors import RequestError, missing_version, path_not_found
from trunkline.engine.http.guard_policy import origin_guard
from trunkline.engine.http.models_endpoint import ModelsEndpoint
from trunkline.engine.http.preview import PreviewRoutes, PreviewTranslator
from trunkline.engine.http.text_routes import TextRoutes
from trunkline.engine.http.webrtc_calls import WebRtcCalls
from trunkline.engine.session.configuration import DEFAULT_TRANSCRIPTION_MODEL, session_type
from trunkline.engine.session.session import Session
from trunkline.engine.session_runner import Player, SessionRunner
from trunkline.engine.speech import Stt, Tts
from trunkline.engine.speech.tts.pronouncing import PronouncingTts
from trunkline.engine.speech.vad import VoiceActivity
from trunkline.engine.text import TextModelFactory
from trunkline.engine.text.unconfigured_text_model import without_text_models
from trunkline.engine.time_limits import DEFAULT_TIME_LIMITS, EngineTimeLimits
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.websocket import WebSocketChannel, serve
from trunkline.origin_guard import OriginRules
from trunkline.realtime.ids import new_id

BrainFactory = Callable[[str, dict[str, object] | None], Brain]
"""Creator of a brain for a model's name and for the session settings of a client secret (None without one).

It raises `BrainError` with the code `DeploymentNotFound` for an unknown name.
"""

MAX_MESSAGE_BYTES = 16 << 20
"""Size limit of one WebSocket message. As with the services, an append may carry 15 MiB."""
MAX_SESSIONS = 100
SESSION_LIMIT_S = 3600.0
"""Lifetime of a session, as with the services."""


class Engine:
    """Local Realtime server: an ASGI app and its sessions.

    Args:
        brains: creates a brain for each session.
        stt, tts: shared by all sessions. The engine does not close them.
        activity: creates a voice activity detector for each session.
        key: the key that clients must send, as `api-key` or bearer token; None accepts every client.
        max_sessions: limit of concurrent sessions; the engine rejects more with 429.
        session_limit_s: time after which a session is closed with code 1001; None means never.
        ice: options for WebRTC connections.
        secrets: the ephemeral keys; a test may supply its own clock.
        text_models: creates the model that answers `responses` and `chat/completions`.
        names: the models that `…/models` lists.
        abilities: the description of the engine's parts at `/`, for clients with the key.
        origins: the host names of the engine, and the origins that may use it; by default this machine's names
            and no other origin.
        pronunciations: returns other spellings for the voice, by name, for a model.
        time_limits: time limits of the sessions.
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
        abilities: Mapping[str, object] | None = None,
        pronunciations: Callable[[str], Mapping[str, str]] | None = None,
        origins: OriginRules | None = None,
        time_limits: EngineTimeLimits = DEFAULT_TIME_LIMITS,
    ) -> None:
        self._brains = brains
        self.stt = stt
        self.tts = tts
        self._activity = activity
        self._pronunciations = pronunciations
        self._key = ApiKey(key)
        self._session_limit_s = session_limit_s
        self._time_limits = time_limits
        self.max_sessions = max_sessions
        self.sessions: dict[str, SessionRunner] = {}
        """The sessions that are running, by id."""
        self.webrtc_calls = WebRtcCalls(self, self._key, secrets, ice)
        self._texts = TextRoutes(self._key, text_models)
        self._models_endpoint = ModelsEndpoint(self._key, names, abilities)
        self.app = Starlette(
            routes=self._routes(),
            middleware=[origin_guard(origins or OriginRules(), self.webrtc_calls.secrets)],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    def _routes(self) -> list[BaseRoute]:
        prefixes = ("/openai/v1", "/v1")
        sockets = [WebSocketRoute(f"{prefix}/realtime", self._realtime) for prefix in prefixes]
        sockets.append(WebSocketRoute(PREVIEW_SOCKET_PATH, self._azure_preview))
        parts = (self.webrtc_calls, self._texts, self._models_endpoint)
        others = [route for prefix in prefixes for part in parts for route in part.routes(prefix)]
        preview_routes = (
            PreviewRoutes(self._key, self.webrtc_calls.secrets).routes() + self.webrtc_calls.preview_routes()
        )
        unknown_socket = WebSocketRoute("/{path:path}", _socket_not_found)
        versioned = self._texts.azure_routes()
        return [self._models_endpoint.root_route(), *sockets, *others, *versioned, *preview_routes, unknown_socket]

    def close(self, reason: str = "the server is shutting down") -> None:
        """End all sessions."""
        for runner in list(self.sessions.values()):
            runner.end(1001, reason)

    async def aclose(self) -> None:
        """End all sessions, and wait for the WebRTC calls. Uvicorn waits for the WebSocket sessions."""
        self.close()
        await self.webrtc_calls.aclose()

    def _secret(self, connection: HTTPConnection) -> ClientSecret | None:
        """Return the ephemeral key that a request carries."""
        found = (self.webrtc_calls.secrets.find(one) for one in keys_of(connection))
        return next((secret for secret in found if secret is not None), None)

    async def _realtime(self, websocket: WebSocket) -> None:
        rtc_call_id = websocket.query_params.get("call_id")
        if rtc_call_id is not None and self._key.accepts(websocket):
            await self.webrtc_calls.attach_sideband(websocket, rtc_call_id)
            return
        translator = PreviewTranslator() if preview.is_requested(websocket) else None
        await self._run_session(websocket, "model", translator)

    async def _azure_preview(self, websocket: WebSocket) -> None:
        if self._key.accepts(websocket) and not websocket.query_params.get("api-version"):
            await websocket.send_denial_response(missing_version().response_to(websocket))
            return
        await self._run_session(websocket, "deployment", PreviewTranslator())

    async def _run_session(
        self, websocket: WebSocket, model_parameter: str, translator: PreviewTranslator | None
    ) -> None:
        """Run a new session for one socket.

        Args:
            model_parameter: the query parameter that names the model.
        """
        secret = None if "call_id" in websocket.query_params else self._secret(websocket)
        transcribing = websocket.query_params.get("intent") == "transcription"
        model = websocket.query_params.get(model_parameter) or (DEFAULT_TRANSCRIPTION_MODEL if transcribing else None)
        try:
            self._check_admission(websocket, secret, model_parameter, model)
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
        channel = WebSocketChannel(websocket, translator, send_timeout_s=self._time_limits.send_s)
        runner.attach(channel)
        self.sessions[runner.session.id] = runner
        try:
            await websocket.accept("realtime" if "realtime" in websocket.scope.get("subprotocols", ()) else None)
            async with asyncio.TaskGroup() as group:
                group.create_task(runner.run(), name=f"session {runner.session.id}")
                await asyncio.sleep(0)  # sends session.created first
                await serve(websocket, channel, runner)
                runner.end()
        finally:
            del self.sessions[runner.session.id]

    def _check_admission(
        self, websocket: WebSocket, secret: ClientSecret | None, model_parameter: str, model: str | None
    ) -> None:
        if secret is None:
            self._key.check(websocket)
        if secret is None and not model:
            message = f"The model is missing. Add ?{model_parameter}=NAME to the URL."
            raise RequestError(400, "missing_query_parameter", message)
        if len(self.sessions) >= self.max_sessions:
            message = f"This engine already runs {self.max_sessions} sessions, its limit. End one of them first."
            raise RequestError(429, "too_many_sessions", message)

    def open_session(
        self, model: str, settings: dict[str, object] | None = None, player: Player | None = None
    ) -> SessionRunner:
        """Create a session without clients. With a player, it plays its audio in real time.

        Raises:
            BrainError: the model does not exist.
            InvalidRequest: the settings are not valid.
        """
        limit_s = self._session_limit_s
        transcribing = session_type(settings) == "transcription"
        brain = UnconfiguredBrain() if transcribing else self._brains(model, settings)
        session = Session(
            model,
            new_id=new_id,
            activity=self._activity(),
            settings=settings,
            expires_at=None if limit_s is None else int(time.time() + limit_s),
            lifetime_ms=None if limit_s is None else limit_s * 1000,
            paced=player is not None,
            takes_images=brain.takes_images if isinstance(brain, SeeingBrain) else True,
        )
        spellings = self._pronunciations(model) if self._pronunciations else None
        tts = PronouncingTts(self.tts, spellings) if spellings else self.tts
        return SessionRunner(session, brain=brain, stt=self.stt, tts=tts, player=player, time_limits=self._time_limits)


def _not_found(request: Request, error: Exception) -> JSONResponse:
    return path_not_found(request.method, request.url.path).response_to(request)


async def _socket_not_found(websocket: WebSocket) -> None:
    await websocket.send_denial_response(path_not_found("GET", websocket.url.path).response_to(websocket))
