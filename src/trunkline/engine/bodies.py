"""The bodies of HTTP requests: bounded, and JSON objects where that is asked."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse


class RequestRefused(Exception):  # noqa: N818 - what becomes of the request, not what went wrong here
    """A request is answered with an error, in the form the services give theirs."""

    def __init__(self, status: int, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    @property
    def response(self) -> JSONResponse:
        """The answer."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": str(self), "type": kind, "code": self.code, "param": self.param}
        return JSONResponse({"error": error}, self.status)


def wrong_key(connection: HTTPConnection) -> RequestRefused:
    """The refusal of a request that does not show the engine's key."""
    message = "Access denied: the key is missing or is not this engine's. Send it as api-key or bearer."
    return RequestRefused(401, "401", message)


async def json_object(request: Request, most_bytes: int) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        RequestRefused: it has more than `most_bytes` bytes, or is not a JSON object.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most_bytes:
            raise RequestRefused(413, "request_too_large", f"A request has at most {most_bytes} bytes.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, "invalid_json", f"The body is not valid JSON: {error}.") from None
    if not isinstance(given, dict):
        raise RequestRefused(400, "invalid_json", "The body must be a JSON object.")
    return given
