"""Decide whether a cookie is `Secure`."""

from __future__ import annotations

from starlette.requests import Request


def is_secure(request: Request) -> bool:
    """Return whether the browser reached the page over HTTPS.

    A proxy may not report the scheme, but the browser names the origin of its page.
    """
    return request.url.scheme == "https" or request.headers.get("origin", "").lower().startswith("https://")
