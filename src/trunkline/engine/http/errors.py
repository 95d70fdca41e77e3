"""HTTP errors: a status and a body, in the format of the service that owns the path.

OpenAI's errors have a message, a type, a code and the faulty parameter. Errors of Azure's models have the same form.
Errors of Azure's gateway (wrong key, unknown deployment or path) have only a code and a message.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

_GATEWAY_CODES = {"401": "invalid_api_key", "404": None, "DeploymentNotFound": "model_not_found"}
"""Codes of Azure's gateway, and OpenAI's names for them."""
RETRY_AFTER_S = 5
CROSS_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location"}
"""Headers of answers that pages of any origin may read. As with the services, such a page may post an offer; its
ephemeral key gives it access."""


class RequestError(Exception):
    """Error that answers a request. If the services differ, the code is Azure's."""

    def __init__(self, status: int, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    def response_to(self, connection: HTTPConnection, headers: dict[str, str] | None = None) -> JSONResponse:
        """Return the HTTP response, in the format of the request's path."""
        headers = dict(headers or {})
        if self.status == 429:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return JSONResponse({"error": self._error(is_azure(connection))}, self.status, headers)

    def _error(self, azure: bool) -> dict[str, str | None]:
        if azure and self.code in _GATEWAY_CODES:
            return {"code": self.code, "message": str(self)}
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        code = self.code if self.code is None else _GATEWAY_CODES.get(self.code, self.code)
        return {"message": str(self), "type": kind, "code": code, "param": self.param}


def is_azure(connection: HTTPConnection) -> bool:
    """Return whether the request uses one of Azure's paths."""
    return connection.url.path.startswith("/openai/")


def call_not_found(rtc_call_id: str) -> RequestError:
    """Return the error for an unknown WebRTC call."""
    return RequestError(404, "call_id_not_found", f"No call with the id '{rtc_call_id}' is running.", "call_id")


def invalid_key() -> RequestError:
    """Return the error for a missing or wrong key."""
    message = "Access denied: the key is missing or wrong. Send the engine's key as api-key or bearer token."
    return RequestError(401, "401", message)


def missing_version() -> RequestError:
    """Return the error for a request of Azure's versioned interface without a version."""
    message = "The API version is missing. Add ?api-version=VERSION to the URL; any version works here."
    return RequestError(400, "missing_query_parameter", message)


def path_not_found(method: str, path: str) -> RequestError:
    """Return the error for an unknown path."""
    return RequestError(
        404, "404", f"Resource not found: this engine does not have {method} {path}. GET / lists its paths."
    )
