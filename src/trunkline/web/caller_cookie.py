"""Cookie of the browser that started a call: in any of its tabs it may join, take over and end the call.

Each call has a cookie of its own, so no other page or server can choose its value beforehand. Scripts cannot read it.
Over HTTPS at the root of a host its name begins with `__Host-`. Otherwise it has no `Path`, so it applies to the folder
of `POST …/api/calls`, under any prefix.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from trunkline.web.secure_cookies import HOST_PREFIX, is_secure, may_have_host_prefix

DEFAULT_AGE_S = 24 * 3600
"""Lifetime in s of the cookie of a call without a time limit."""


class CallerCookies:
    """Cookies of the calls of one server, or of several that share a secret.

    Args:
        max_age_s: the longest duration of a call in s, if it has a limit.
        shared_secret: a secret of all servers that run each other's calls; None for a server that runs alone.
    """

    def __init__(self, max_age_s: float | None, shared_secret: str | None = None) -> None:
        self._max_age_s = round(max_age_s or DEFAULT_AGE_S)
        # Browsers share cookies between ports, and a server removes only its own.
        own = secrets.token_hex(4)
        shared = None if shared_secret is None else hmac.digest(shared_secret.encode(), b"cookies", "sha256").hex()[:8]
        self._prefix = f"trunkline_{shared or own}_"

    def key(self, request: Request, call_id: str) -> str | None:
        """Return the caller's key that the browser shows for a call."""
        names = (HOST_PREFIX + self._prefix + call_id, self._prefix + call_id)
        return next((key for name in names if (key := request.cookies.get(name)) is not None), None)

    def set(self, request: Request, response: Response, call_id: str, caller_key: str) -> None:
        """Give the key of a call to the browser, in the answer to `POST …/api/calls`."""
        prefix = HOST_PREFIX if may_have_host_prefix(request) else ""
        self._write(request, response, prefix + self._prefix + call_id, caller_key, self._max_age_s)

    def remove(self, request: Request, response: Response, is_over: Callable[[str], bool]) -> None:
        """Remove the keys of calls that are over, in an answer of the same route."""
        for name in request.cookies:
            own = name.removeprefix(HOST_PREFIX)
            if own.startswith(self._prefix) and is_over(own.removeprefix(self._prefix)):
                self._write(request, response, name, "", 0)

    def _write(self, request: Request, response: Response, name: str, value: str, max_age_s: int) -> None:
        path = "/" if name.startswith(HOST_PREFIX) else None
        secure = path is not None or is_secure(request)
        response.set_cookie(name, value, max_age=max_age_s, path=path, secure=secure, httponly=True, samesite="strict")
