"""Exact check of Host and Origin, for the web server and the engine.

A page of another site can make the browser send requests and open WebSockets to 127.0.0.1; only the `Origin` header
reveals it. An attacker's DNS name for 127.0.0.1 makes a page of that name look like the server's own; only the `Host`
header reveals it. So both are compared exactly. Clients other than browsers send no Origin.

A browser sends no Origin with a request that a page merely embeds or links to, but reports another site in
`Sec-Fetch-Site`: such a request may open the pages that others may link to, and nothing more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.settings import is_loopback

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True)
class Refusal:
    """Reason why a request is refused: an HTTP status, a code for programs, and the problem with its fix."""

    status: int
    code: str
    message: str


class OriginRules:
    """The names that a server answers to, and the origins that may call it.

    Args:
        hosts: the server's host names; None accepts any, which is safe if every request needs a secret.
        origins: other origins that may call the server.
        addresses: accepts any IP address as the host, too. DNS cannot point an IP address at this server.
    """

    def __init__(
        self, hosts: Sequence[str] | None = LOOPBACK, origins: Sequence[str] = (), *, addresses: bool = False
    ) -> None:
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        self._origins = {_normal(origin) for origin in origins}
        self._addresses = addresses

    @classmethod
    def of_listener(cls, host: str, origins: Sequence[str], own_names: Sequence[str], *, has_secret: bool) -> Self:
        """Return the rules for a server.

        Args:
            host: the address that the server listens on.
            origins: other origins that may call it. Their host names are accepted as the server's own.
            own_names: names of this machine, for a server on the network without a secret.
            has_secret: true if every client must send a secret.
        """
        hosts = [*LOOPBACK, host, *(urlsplit(origin).hostname or "" for origin in origins)]
        if is_loopback(host):
            return cls(hosts, origins)
        if has_secret:
            return cls(None, origins)
        return cls([*hosts, *own_names], origins, addresses=True)

    def allows(self, origin: str) -> bool:
        """Return whether the pages of another origin may call the server."""
        return _normal(origin) in self._origins

    def host_problem(self, headers: Headers) -> str | None:
        """Return the problem if the request is for another host, else None."""
        name = _name(headers.get("host", ""))
        if self._hosts is None or name in self._hosts or (self._addresses and _is_address(name)):
            return None
        return f"{name!r} is not a name of this server: add its origin to TRUNKLINE_ALLOWED_ORIGINS."

    def origin_problem(self, scope: Scope, headers: Headers, *, may_link: bool) -> str | None:
        """Return the problem if a page of another origin sent the request, else None.

        Args:
            may_link: true if pages of other sites may link to the request's path.
        """
        origin = headers.get("origin")
        if origin is None:
            return _embedding_problem(scope, headers, may_link=may_link)
        secure = scope["scheme"] in ("https", "wss")
        own = _normal(f"{'https' if secure else 'http'}://{headers.get('host', '').lower()}")
        if _normal(origin) == own or self.allows(origin):
            return None
        return "Pages of this origin may not call the server: add the origin to TRUNKLINE_ALLOWED_ORIGINS."


@dataclass(frozen=True)
class GuardPolicy:
    """The part of the guard in which servers differ.

    Attributes:
        refuse: makes the answer to a refused request.
        failed: makes the answer to an exception of the app, which passes no middleware otherwise.
        may_link: returns whether pages of other sites may link to the request's path.
        exempt: returns whether a request may come from any origin.
        headers: headers of every answer.
        secure_headers: further headers of the answers over HTTPS, unless the host is this machine by name.
    """

    refuse: Callable[[Scope, Refusal], Response]
    failed: Callable[[Exception], Response]
    may_link: Callable[[Scope], bool]
    exempt: Callable[[Scope], bool] = lambda _scope: False
    headers: Mapping[str, str] = field(default_factory=dict)
    secure_headers: Mapping[str, str] = field(default_factory=dict)


class OriginGuard:
    """ASGI middleware that refuses requests of other origins, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, rules: OriginRules, policy: GuardPolicy) -> None:
        self._app = app
        self._rules = rules
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it to the app or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._let_in(scope, headers, receive, send)
            return
        response = self._policy.refuse(scope, refusal)
        if scope["type"] == "http":
            await response(scope, receive, self._with_headers(send, scope))
        elif "websocket.http.response" in scope.get("extensions", {}):
            await response(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": refusal.message[:120]})

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        if "content-length" in headers and "transfer-encoding" in headers:
            # A proxy in front may have read it as two requests (RFC 9112, 6.1).
            message = "The request has both content-length and transfer-encoding: send one of them."
            return Refusal(400, "bad_request", message)
        problem = self._rules.host_problem(headers)
        if problem is None and not self._policy.exempt(scope):
            problem = self._rules.origin_problem(scope, headers, may_link=self._policy.may_link(scope))
        return None if problem is None else Refusal(403, "forbidden_origin", problem)

    async def _let_in(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        origin = headers.get("origin", "")
        allowed = origin if self._rules.allows(origin) else None
        send = self._with_headers(send, scope, allowed)
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(None, 204, _preflight(headers))(scope, receive, send)
        else:
            await self._answered(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and add the headers to the answer to an exception."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if not begun:
                await self._policy.failed(error)(scope, receive, send)
            raise

    def _with_headers(self, send: Send, scope: Scope, allowed_origin: str | None = None) -> Send:
        added = dict(self._policy.headers)
        if scope.get("scheme") in ("https", "wss") and not is_loopback(_name(Headers(scope=scope).get("host", ""))):
            added |= self._policy.secure_headers

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
                if allowed_origin is not None:
                    # Never with credentials: another origin sends the secret in a header, if one is set.
                    headers["access-control-allow-origin"] = allowed_origin
                    headers.setdefault("access-control-expose-headers", "retry-after")
                    headers.add_vary_header("origin")
            await send(message)

        return wrapped


def _preflight(headers: Headers) -> dict[str, str]:
    return {
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": headers.get("access-control-request-headers", "authorization, content-type"),
        "access-control-max-age": "600",
    }


def _embedding_problem(scope: Scope, headers: Headers, *, may_link: bool) -> str | None:
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return None
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if opened and may_link and scope.get("method") in ("GET", "HEAD"):
        return None
    return "Pages of another origin may only link to this server: open it by its address."


def _normal(origin: str) -> str:
    """Return an origin as browsers write it: in lower case, without the default port."""
    origin = origin.rstrip("/").lower()
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], "\0"))


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host.lower()}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
