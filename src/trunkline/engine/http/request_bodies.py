"""Reading the bodies of requests: SDP, JSON and forms, each of a bounded size."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from trunkline.engine.http.errors import RequestError
from trunkline.engine.session import validation

MAX_BODY_BYTES = 1 << 20
"""Bytes of a request: a session with its instructions and tools, or an offer."""


def model_named(name: Any) -> str:
    """The model a call is for; it must be said."""
    if not name:
        raise validation.missing_field("session.model")
    return validation.text(name, "session.model")


async def body_of(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """The whole body, if it is not too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise RequestError(413, "request_too_large", f"A request has at most {most} bytes.")
    return bytes(body)


def text_of(body: bytes) -> str:
    """A body of SDP."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RequestError(400, "invalid_offer", "This is no SDP offer: it is not UTF-8.") from None


def json_of(body: bytes) -> Any:
    """A body of JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "invalid_json", f"The body is not valid JSON: {error}.") from None


async def object_of(request: Request, most: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """A body that is a JSON object."""
    given = json_of(await body_of(request, most))
    if not isinstance(given, dict):
        raise RequestError(400, "invalid_json", "The body must be a JSON object.")
    return given


async def form_of(request: Request) -> tuple[str, str, dict[str, Any]]:
    """Offer, model and session of OpenAI's form."""
    body = await body_of(request)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=2, max_fields=2, max_part_size=MAX_BODY_BYTES)
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(400, "invalid_form", error.message) from error
    try:
        parts = {name: await _part(form.get(name)) for name in ("sdp", "session")}
    finally:
        await form.close()
    if not parts["sdp"]:
        raise validation.missing_field("sdp")
    settings = validation.json_object(json_of((parts["session"] or "{}").encode()), "session")
    return parts["sdp"], model_named(settings.get("model") or request.query_params.get("model")), settings


async def _part(part: UploadFile | str | None) -> str:
    return part if isinstance(part, str) else text_of(await part.read()) if part else ""
