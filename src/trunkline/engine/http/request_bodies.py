"""Request bodies of the engine: SDP, JSON and forms, each with a size limit."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from trunkline.engine.http.errors import RequestError
from trunkline.http_bodies import BodyError, read_body
from trunkline.realtime import validation

MAX_BODY_BYTES = 1 << 20
"""Size limit of a request with a session (instructions and tools) or an SDP offer."""
BODY_TIMEOUT_S = 15.0
"""Time in s for the whole body of a request."""
_TYPES_OF_FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
"""Content types that a page of any site may post without a preflight request."""


def required_model(name: object) -> str:
    """Return the model of a request.

    Raises:
        InvalidRequest: the model is missing, or not text.
    """
    if not name:
        raise validation.missing_field("session.model")
    return validation.text(name, "session.model")


async def read_request_body(
    request: Request, max_bytes: int = MAX_BODY_BYTES, timeout_s: float = BODY_TIMEOUT_S
) -> bytes:
    """Read a whole body, within `timeout_s`.

    Raises:
        RequestError: the body is too large or too slow, or the client disconnected.
    """
    try:
        return await read_body(request, max_bytes, timeout_s)
    except BodyError as error:
        code = {408: "request_timeout", 413: "request_too_large"}.get(error.status, "incomplete_request")
        raise RequestError(error.status, code, str(error)) from None


def decode_sdp(body: bytes) -> str:
    """Decode a body of SDP.

    Raises:
        RequestError: the body is not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RequestError(400, "invalid_offer", "The body is not an SDP offer: it is not UTF-8.") from None


def parse_json(body: bytes) -> object:
    """Parse a body of JSON.

    Raises:
        RequestError: the body is not valid JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "invalid_json", f"The body is not valid JSON: {error}.") from None


async def read_json(request: Request, max_bytes: int = MAX_BODY_BYTES) -> object:
    """Read a body of JSON.

    Raises:
        RequestError: the body is declared as one of the types that any page may post, is too large, or is not JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _TYPES_OF_FORMS:
        message = f"The content type {kind} is not supported. Send the JSON as application/json."
        raise RequestError(415, "unsupported_content_type", message)
    return parse_json(await read_request_body(request, max_bytes))


async def read_json_object(request: Request, max_bytes: int = MAX_BODY_BYTES) -> dict[str, object]:
    """Read a body that is a JSON object.

    Raises:
        RequestError: see `read_json`; or the body is not a JSON object.
    """
    given = await read_json(request, max_bytes)
    if not isinstance(given, dict):
        raise RequestError(400, "invalid_json", "The body must be a JSON object.")
    return given


async def read_call_form(request: Request) -> tuple[str, dict[str, object]]:
    """Return the offer and the session of OpenAI's form for a call.

    Raises:
        RequestError: the form is not valid.
        InvalidRequest: the offer is missing, or the session is not an object.
    """
    body = await read_request_body(request)

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
    return parts["sdp"], validation.json_object(parse_json((parts["session"] or "{}").encode()), "session")


async def _part(part: UploadFile | str | None) -> str:
    return part if isinstance(part, str) else decode_sdp(await part.read()) if part else ""
