"""Decide whether a cookie is `Secure`, and whether its name may begin with `__Host-`."""

from __future__ import annotations

from starlette.datastructures import URL
from starlette.requests import Request

HOST_PREFIX = "__Host-"
"""Beginning of the name of a cookie that no other host or path can set."""
_PAGES_AT_ROOT = ("/", "/sign-in")


def is_secure(request: Request) -> bool:
    """Return whether the browser reached the page over HTTPS.

    A proxy may not report the scheme, but the browser names the origin of its page.
    """
    return request.url.scheme == "https" or request.headers.get("origin", "").lower().startswith("https://")


def may_have_host_prefix(request: Request) -> bool:
    """Return whether a cookie may apply to the whole host: over HTTPS, and if the app is at the root of the host.

    The page's address in the browser, which a proxy may have changed, is in the `Referer` of its requests.
    """
    return is_secure(request) and URL(request.headers.get("referer", "")).path in _PAGES_AT_ROOT
