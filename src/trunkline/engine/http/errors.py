"""What a request is answered with that is refused: an HTTP status and a body, as the service has it whose path it is.

OpenAI's errors have a message, a type, a code and the parameter at fault. So have those of Azure's models; but what
Azure's gateway refuses before it reaches a model (a wrong key, no such deployment or path) has a code and a message.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

_OF_THE_GATEWAY = {"401": "invalid_api_key", "404": None, "DeploymentNotFound": "model_not_found"}
"""Codes of Azure's gateway, and what OpenAI calls the same."""
RETRY_AFTER_S = 5


class RequestError(Exception):
    """A request is answered with an error. Codes are Azure's, where the services differ."""

    def __init__(self, status: int, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    def response_to(self, connection: HTTPConnection, headers: dict[str, str] | None = None) -> JSONResponse:
        """The answer, in the shape of the path by which the request came."""
        headers = dict(headers or {})
        if self.status == 429:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return JSONResponse({"error": self._error(is_azure(connection))}, self.status, headers)

    def _error(self, azure: bool) -> dict[str, str | None]:
        if azure and self.code in _OF_THE_GATEWAY:
            return {"code": self.code, "message": str(self)}
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        code = self.code if self.code is None else _OF_THE_GATEWAY.get(self.code, self.code)
        return {"message": str(self), "type": kind, "code": code, "param": self.param}


def is_azure(connection: HTTPConnection) -> bool:
    """Whether the request came by Azure's paths."""
    return connection.url.path.startswith("/openai/")


def call_not_found(rtc_call_id: str) -> RequestError:
    """No call of that id is running."""
    return RequestError(404, "call_id_not_found", f"No call with the id '{rtc_call_id}' is running.", "call_id")


def invalid_key() -> RequestError:
    """The request does not show the engine's key."""
    message = "Access denied: the key is missing or is not this engine's. Send it as api-key or bearer."
    return RequestError(401, "401", message)


def path_not_found(method: str, path: str) -> RequestError:
    """The engine has no such path."""
    return RequestError(404, "404", f"Resource not found: there is nothing at {method} {path} on this engine.")
