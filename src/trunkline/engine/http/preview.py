"""Preview dialect: its detection, its event translator, and the routes that exist only in the preview.

The engine works in the GA protocol. A client uses the preview if it connects to the preview's URL, or asks for it with
the header or the subprotocol of OpenAI's beta.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.engine.http.api_key import ApiKey
from trunkline.engine.http.client_secrets import ClientSecrets
from trunkline.engine.http.errors import RequestError
from trunkline.engine.http.request_bodies import read_json_object
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
from trunkline.realtime.service_rules import preview_session
from trunkline.realtime.validation import InvalidRequest

AZURE_CALLS_PATH = "/v1/realtimertc"
"""Path for SDP offers in Azure's preview: `?model=…`."""
OPENAI_CALLS_PATH = "/v1/realtime"
"""Path for SDP offers in OpenAI's preview: `?model=…`. The path is also that of sockets."""
CALLS_PATHS = (AZURE_CALLS_PATH, OPENAI_CALLS_PATH)
SESSION_PATHS = ("/openai/realtimeapi/sessions", "/v1/realtime/sessions")
TRANSCRIPTION_PATHS = ("/openai/realtimeapi/transcription_sessions", "/v1/realtime/transcription_sessions")
SECRET_LIFETIME_S = 60
"""Lifetime of the preview's ephemeral keys, unless the request names another."""
_SUBPROTOCOL = "openai-beta.realtime-v1"


def is_requested(connection: HTTPConnection) -> bool:
    """Return whether the client asks for the preview on a GA path: `OpenAI-Beta: realtime=v1`, or the subprotocol."""
    asked = [part.strip() for part in connection.headers.get("openai-beta", "").split(",")]
    return "realtime=v1" in asked or _SUBPROTOCOL in connection.scope.get("subprotocols", ())


class PreviewTranslator:
    """Event translator for one preview client. It keeps the temperature, which has no effect on the engine."""

    def __init__(self) -> None:
        self._temperature = DEFAULT_TEMPERATURE

    def to_ga(self, event: Event) -> Event:
        """Convert a client's event to GA."""
        session = event.get("session")
        if event["type"] == "session.update" and isinstance(session, dict) and self.refusal(event) is None:
            self._temperature = _temperature_of(session, self._temperature)
        return client_event_to_ga(event)

    def refusal(self, event: Event) -> InvalidRequest | None:
        """Return the reason to refuse a session that GA would accept: its voice, or its temperature."""
        session = event.get("session")
        if event["type"] != "session.update" or not isinstance(session, dict):
            return None
        try:
            preview_session(session)
        except InvalidRequest as error:
            return error
        return None

    def from_ga(self, event: Event) -> Event | None:
        """Convert a GA event for the client, or return None if the preview does not have it."""
        return server_event_to_preview(event, self._temperature)


class PreviewRoutes:
    """Handler of `POST …/sessions` and `…/transcription_sessions`, which create an ephemeral key with a session."""

    def __init__(self, key: ApiKey, secrets: ClientSecrets) -> None:
        self._key = key
        self._secrets = secrets

    def routes(self) -> list[BaseRoute]:
        """Return the HTTP routes of the preview."""
        sessions = [Route(path, self._mint, methods=["POST"]) for path in SESSION_PATHS]
        transcriptions = [Route(path, self._mint_transcribing, methods=["POST"]) for path in TRANSCRIPTION_PATHS]
        return [*sessions, *transcriptions]

    async def _mint(self, request: Request) -> Response:
        return await self._answer_with_secret(request, self._session)

    async def _mint_transcribing(self, request: Request) -> Response:
        return await self._answer_with_secret(request, self._transcription_session)

    async def _answer_with_secret(
        self, request: Request, mint: Callable[[dict[str, object]], dict[str, object]]
    ) -> Response:
        try:
            self._key.check(request)
            return JSONResponse(mint(await read_json_object(request)))
        except InvalidRequest as error:
            return in_preview(error, field_of="session.").response_to(request)
        except RequestError as refused:
            return refused.response_to(request)

    def _session(self, given: dict[str, object]) -> dict[str, object]:
        preview_session(given)
        secret = self._secrets.mint({"session": session_to_ga(given), "expires_after": _lifetime(given)})
        shown = session_to_preview(secret.session, _temperature_of(given, DEFAULT_TEMPERATURE))
        return {**shown, "client_secret": {"value": secret.value, "expires_at": secret.expires_at}}

    def _transcription_session(self, given: dict[str, object]) -> dict[str, object]:
        session = transcription_session_to_ga(given)
        secret = self._secrets.mint({"session": session, "expires_after": _lifetime(given)})
        shown = transcription_session_to_preview(secret.session)
        return {**shown, "client_secret": {"value": secret.value, "expires_at": secret.expires_at}}


def in_preview(error: InvalidRequest, field_of: str = "") -> RequestError:
    """Return an error with the preview's names.

    Args:
        field_of: the path of the object that the body consists of, which the names leave out.
    """
    shown = error_to_preview({"message": str(error), "param": error.param})
    message, param = (str(shown[name] or "").replace(field_of, "") for name in ("message", "param"))
    return RequestError(400, error.code, message, param or None)


def _lifetime(given: dict[str, object]) -> object:
    """Return the requested lifetime of the key. In transcription sessions the preview calls it `expires_at`."""
    client_secret = given.get("client_secret")
    asked = (
        (client_secret.get("expires_after") or client_secret.get("expires_at"))
        if isinstance(client_secret, dict)
        else None
    )
    return asked or {"seconds": SECRET_LIFETIME_S}


def _temperature_of(session: dict[str, object], default: float) -> float:
    given = session.get("temperature")
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else default
