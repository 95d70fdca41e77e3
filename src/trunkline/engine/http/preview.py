"""The preview translator at the engine's edge: who speaks it, and the routes that only the preview had.

Inside there is one protocol, GA. A client speaks the preview when it comes by the preview's URL, or asks for it with
the header or the subprotocol of OpenAI's beta.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.engine.http.client_secrets import ClientSecrets
from trunkline.engine.http.errors import RequestError, invalid_key
from trunkline.engine.http.request_bodies import object_of
from trunkline.engine.session.validation import InvalidRequest
from trunkline.realtime.dialects import (
    DEFAULT_TEMPERATURE,
    client_event_to_ga,
    error_to_preview,
    server_event_to_preview,
    session_to_ga,
    session_to_preview,
    transcription_session_to_ga,
    transcription_session_to_preview,
)
from trunkline.realtime.events import Event

SOCKET_PATH = "/openai/realtime"
"""Where Azure's preview has its WebSocket: `?api-version=…&deployment=…`."""
CALLS_PATH = "/v1/realtimertc"
"""Where it takes a caller's SDP offer: `?model=…`."""
SESSION_PATHS = ("/openai/realtimeapi/sessions", "/v1/realtime/sessions")
TRANSCRIPTION_PATHS = ("/openai/realtimeapi/transcription_sessions", "/v1/realtime/transcription_sessions")
SECRET_LIFETIME_S = 60
"""How long the preview's ephemeral keys last, unless their maker says otherwise."""
_SUBPROTOCOL = "openai-beta.realtime-v1"


def is_requested(connection: HTTPConnection) -> bool:
    """Whether a client asks for the preview where both dialects are spoken: `OpenAI-Beta: realtime=v1`."""
    asked = [part.strip() for part in connection.headers.get("openai-beta", "").split(",")]
    return "realtime=v1" in asked or _SUBPROTOCOL in connection.scope.get("subprotocols", ())


class PreviewTranslator:
    """One client's translator. It remembers the temperature, which only the preview shows and nothing here uses."""

    def __init__(self) -> None:
        self._temperature = DEFAULT_TEMPERATURE

    def to_ga(self, event: Event) -> Event:
        """What the client sent, in GA."""
        session = event.get("session")
        if event["type"] == "session.update" and isinstance(session, dict):
            self._temperature = _temperature_of(session, self._temperature)
        return client_event_to_ga(event)

    def from_ga(self, event: Event) -> Event | None:
        """A GA event for the client; None if the preview does not have it."""
        return server_event_to_preview(event, self._temperature)


class Host(Protocol):
    """What the preview's routes need of the engine."""

    def authorised(self, connection: HTTPConnection) -> bool:
        """Whether a request shows the engine's key."""


class PreviewRoutes:
    """`POST …/sessions` and `…/transcription_sessions`: an ephemeral key with a session bound to it."""

    def __init__(self, host: Host, secrets: ClientSecrets) -> None:
        self._host = host
        self._secrets = secrets

    def routes(self) -> list[BaseRoute]:
        """The HTTP routes of the preview."""
        talking = [Route(path, self._mint, methods=["POST"]) for path in SESSION_PATHS]
        hearing = [Route(path, self._mint_transcribing, methods=["POST"]) for path in TRANSCRIPTION_PATHS]
        return [*talking, *hearing]

    async def _mint(self, request: Request) -> Response:
        return await self._minted(request, self._session)

    async def _mint_transcribing(self, request: Request) -> Response:
        return await self._minted(request, self._transcription_session)

    async def _minted(self, request: Request, mint: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
        try:
            if not self._host.authorised(request):
                raise invalid_key()
            return JSONResponse(mint(await object_of(request)))
        except InvalidRequest as error:
            told = error_to_preview({"message": str(error), "param": error.param})
            words, param = (str(told[name] or "").replace("session.", "") for name in ("message", "param"))
            return RequestError(400, error.code, words, param or None).response_to(request)
        except RequestError as refused:
            return refused.response_to(request)

    def _session(self, given: dict[str, Any]) -> dict[str, Any]:
        secret = self._secrets.mint({"session": session_to_ga(given), "expires_after": _lifetime(given)})
        shown = session_to_preview(secret.session, _temperature_of(given, DEFAULT_TEMPERATURE))
        return {**shown, "client_secret": {"value": secret.value, "expires_at": secret.expires_at}}

    def _transcription_session(self, given: dict[str, Any]) -> dict[str, Any]:
        session = transcription_session_to_ga(given)
        secret = self._secrets.mint({"session": session, "expires_after": _lifetime(given)})
        shown = transcription_session_to_preview(secret.session)
        return {**shown, "client_secret": {"value": secret.value, "expires_at": secret.expires_at}}


def _lifetime(given: dict[str, Any]) -> Any:
    """How long the key is to last. The preview called it `expires_at` where the session was a transcription."""
    wish = given.get("client_secret")
    asked = (wish.get("expires_after") or wish.get("expires_at")) if isinstance(wish, dict) else None
    return asked or {"seconds": SECRET_LIFETIME_S}


def _temperature_of(session: dict[str, Any], otherwise: float) -> float:
    given = session.get("temperature")
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else otherwise
