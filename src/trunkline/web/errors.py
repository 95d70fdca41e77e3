"""Errors of the HTTP interface: `{"error": {"message", "code", "allowed"?}}` with a 4xx or 5xx status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_NO_PAGE = "Unknown address: the console is at /, the stored calls at /calls; docs/http-api.md lists the routes."


class ApiError(HTTPException):
    """Error that a client gets as its answer.

    Args:
        status: the HTTP status.
        code: the error's name for programs.
        message: the problem and its fix, for people.
        allowed: the accepted values.
        retry_after_s: the time in s after which the client may retry.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        allowed: Sequence[str] | None = None,
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, message)
        self.code = code
        self.allowed = allowed
        self.retry_after_s = retry_after_s


def handle_error(_request: Request, error: Exception) -> Response:
    """Call `error_response`, with the arguments that Starlette passes."""
    return error_response(error)


def error_response(error: Exception) -> Response:
    """Return the response for an `ApiError`, or for an error of Starlette."""
    if isinstance(error, ApiError):
        body: dict[str, object] = {"message": error.detail, "code": error.code}
        if error.allowed is not None:
            body["allowed"] = list(error.allowed)
        return JSONResponse({"error": body}, error.status_code, _headers(error))
    if isinstance(error, HTTPException):
        codes = {404: "not_found", 405: "method_not_allowed"}
        code = codes.get(error.status_code, "refused")
        message = _NO_PAGE if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail
        return JSONResponse({"error": {"message": message, "code": code}}, error.status_code, error.headers)
    return JSONResponse({"error": {"message": "internal error", "code": "internal"}}, 500)


def _headers(error: ApiError) -> dict[str, str]:
    headers = {}
    if error.status_code == 405:
        headers["allow"] = ", ".join(error.allowed or ())
    if error.status_code == 401:
        headers["www-authenticate"] = 'Bearer realm="trunkline"'
    if error.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after_s))
    return headers
