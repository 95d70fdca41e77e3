"""Refusals as the HTTP interface tells them: `{"error": {"message", "code", "allowed"?}}` with a 4xx or 5xx status."""

from __future__ import annotations

import math
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Refusal(HTTPException):
    """An answer that is an error.

    Args:
        allowed: what would have been accepted.
        retry_after_s: when it is worth trying again, in seconds.
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


def handle(_request: Request, refusal: Exception) -> Response:
    """`answer`, as Starlette calls it."""
    return answer(refusal)


def answer(refusal: Exception) -> Response:
    """The response for a `Refusal`, or for what Starlette itself refuses."""
    if isinstance(refusal, Refusal):
        error: dict[str, object] = {"message": refusal.detail, "code": refusal.code}
        if refusal.allowed is not None:
            error["allowed"] = list(refusal.allowed)
        return JSONResponse({"error": error}, refusal.status_code, _headers(refusal))
    if isinstance(refusal, HTTPException):
        codes = {404: "not_found", 405: "method_not_allowed"}
        code = codes.get(refusal.status_code, "refused")
        return JSONResponse({"error": {"message": refusal.detail, "code": code}}, refusal.status_code, refusal.headers)
    return JSONResponse({"error": {"message": "internal error", "code": "internal"}}, 500)


def _headers(refusal: Refusal) -> dict[str, str]:
    headers = {}
    if refusal.status_code == 405:
        headers["allow"] = ", ".join(refusal.allowed or ())
    if refusal.status_code == 401:
        headers["www-authenticate"] = 'Bearer realm="trunkline"'
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(refusal.retry_after_s))
    return headers
