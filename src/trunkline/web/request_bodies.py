"""Reading the bodies of requests: so long, so slow, and no longer or slower."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from trunkline.web.errors import ApiError
from trunkline.web.server_state import server_state_of

_Body = TypeVar("_Body", bound=msgspec.Struct)


async def json_body(request: Request, kind: type[_Body]) -> _Body:
    """The body as a struct.

    Raises:
        ApiError: it is no JSON, not of the right form, too large or too slow.
    """
    # A form of another site cannot send this type without asking first, which the guard refuses.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "not_json", "Send JSON with content-type application/json.")
    settings = server_state_of(request).settings
    body = await read_body(request, settings.max_body_bytes, settings.body_timeout_s)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fields = [field.name for field in msgspec.structs.fields(kind)]
        raise ApiError(400, "bad_request", f"The body is not right: {error}.", fields) from None


async def read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """The body as it came.

    Args:
        timeout_s: how long the client may take to send it, in seconds.

    Raises:
        ApiError: it is too large, or too slow.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise ApiError(413, "too_large", f"The body may have at most {max_bytes} bytes.")
    except TimeoutError:
        raise ApiError(408, "too_slow", f"The body did not come within {timeout_s:g} s.") from None
    except ClientDisconnect:
        raise ApiError(400, "bad_request", "The body broke off.") from None
    return bytes(body)
