"""Requests for a WebRTC call: an SDP offer, alone or in a form with a session, and the key that permits the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from trunkline.engine.http import preview
from trunkline.engine.http.api_key import ApiKey
from trunkline.engine.http.client_secrets import ClientSecret, ClientSecrets
from trunkline.engine.http.errors import RequestError, is_azure
from trunkline.engine.http.request_bodies import decode_sdp, read_call_form, read_request_body, required_model
from trunkline.realtime.dialects import session_to_ga
from trunkline.realtime.service_rules import preview_session

_SDP = "application/sdp"
_FORM = "multipart/form-data"


@dataclass(frozen=True)
class CallOffer:
    """An SDP offer, with the model and the GA settings of the session that it asks for."""

    sdp: str
    model: str
    settings: dict[str, object] | None


class OfferReader:
    """Reader of requests for a call.

    An ephemeral key permits a call on every path, and its session is the call's. OpenAI's paths also accept the
    engine's key. They accept a form with a session. Its fields replace the fields of the ephemeral key.
    """

    def __init__(self, key: ApiKey, secrets: ClientSecrets) -> None:
        self._key = key
        self._secrets = secrets

    async def read(self, request: Request, *, in_preview: bool = False) -> CallOffer:
        """Return the offer of a request.

        Args:
            in_preview: the form's session is a flat one, as in the preview.

        Raises:
            RequestError: the key or the body is not valid.
            InvalidRequest: a field is missing or not valid.
        """
        accepted = (_SDP,) if is_azure(request) else (_SDP, _FORM)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in accepted:
            message = (
                f"The content type {kind or '(none)'} is not supported. Send the SDP offer as {' or '.join(accepted)}."
            )
            raise RequestError(400, "unsupported_content_type", message)
        secret = self._secret(request)
        if secret is None:
            self._check_key(request)
        if kind == _FORM:
            return await self._read_form(request, secret, in_preview=in_preview)
        sdp = decode_sdp(await read_request_body(request))
        if secret is not None:
            return CallOffer(sdp, secret.model, secret.settings)
        return CallOffer(sdp, required_model(request.query_params.get("model")), None)

    async def _read_form(self, request: Request, secret: ClientSecret | None, *, in_preview: bool) -> CallOffer:
        sdp, session = await read_call_form(request)
        if in_preview:
            preview_session(session)
            session = session_to_ga(session)
        if secret is not None:
            return CallOffer(sdp, secret.model, _merged(secret.settings, session))
        return CallOffer(sdp, required_model(session.get("model") or request.query_params.get("model")), session)

    def _secret(self, request: Request) -> ClientSecret | None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        return self._secrets.find(bearer.strip()) if scheme.lower() == "bearer" else None

    def _check_key(self, request: Request) -> None:
        """Check the engine's key, which OpenAI's paths accept for a call. Azure's paths accept only ephemeral keys."""
        if request.url.path == preview.AZURE_CALLS_PATH:
            message = (
                "Access denied: the key is missing or expired. Send one from …/realtimeapi/sessions as bearer token."
            )
            raise RequestError(401, "401", message)
        if is_azure(request):
            message = (
                "Access denied: a call needs an ephemeral key that has not expired. Send one from "
                "…/realtime/client_secrets as bearer token, not the resource's own key."
            )
            raise RequestError(401, "401", message)
        self._key.check(request)


def _merged(session: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """Return a session with the given fields. Of the audio, each option is a field, such as the voice."""
    merged = {**session, **given}
    before, now = session.get("audio"), given.get("audio")
    if isinstance(before, dict) and isinstance(now, dict):
        merged["audio"] = {**before, **{side: _side(before.get(side), options) for side, options in now.items()}}
    return merged


def _side(before: object, now: object) -> object:
    return {**before, **now} if isinstance(before, dict) and isinstance(now, dict) else now
