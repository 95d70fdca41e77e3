"""Bodies of requests as structs, with limits on size and time."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request

from trunkline import http_bodies
from trunkline.http_bodies import BodyError
from trunkline.web.errors import ApiError
from trunkline.web.server_state import server_state_of

_Body = TypeVar("_Body", bound=msgspec.Struct)
_CODES = {400: "bad_request", 408: "too_slow", 413: "too_large"}


async def json_body(request: Request, kind: type[_Body]) -> _Body:
    """Return the body as a struct.

    Raises:
        ApiError: the body is not JSON, does not fit the struct, is too large or too slow.
    """
    # A form of another site needs a preflight request to send this type, and the guard refuses it.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "not_json", "The body is not declared as JSON: send content-type application/json.")
    settings = server_state_of(request).settings
    body = await read_body(request, settings.max_body_bytes, settings.body_timeout_s)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fields = [field.name for field in msgspec.structs.fields(kind)]
        raise ApiError(400, "bad_request", f"The body is invalid: {error}.", fields) from None


async def read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """Read a whole body.

    Args:
        timeout_s: time limit for the whole body.

    Raises:
        ApiError: the body is too large or too slow, or the client disconnected.
    """
    try:
        return await http_bodies.read_body(request, max_bytes, timeout_s)
    except BodyError as error:
        raise ApiError(error.status, _CODES[error.status], str(error)) from None
