"""Server's token, and the cookies of the clients that have shown it."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from trunkline.web.secure_cookies import HOST_PREFIX

SIGNED_IN_S = 7 * 24 * 3600
"""The lifetime of a cookie in s."""
RECENT_S = 60.0
"""The time in s for which a server reports a signed-out cookie to the others."""
MAX_SIGNED_OUT = 10_000
"""Signed-out cookies that are remembered, each until it would have expired."""


class AuthToken:
    """Comparison with the token in constant time, and signed cookies: `EXPIRES.NONCE.SIGNATURE`.

    The token signs the cookies, so they survive a restart of the server, and a new token invalidates them.

    Args:
        value: the token.
        clock: returns Unix seconds.
    """

    def __init__(self, value: str, clock: Callable[[], float] = time.time) -> None:
        self._hash = hashlib.sha256(value.encode()).digest()
        self._key = hmac.digest(value.encode(), b"trunkline cookie", "sha256")
        self._clock = clock
        self._signed_out: OrderedDict[str, float] = OrderedDict()
        self.cookie = f"trunkline_{hmac.digest(self._key, b'name', 'sha256').hex()[:8]}"
        """The cookie's name. Browsers share cookies between ports: servers on one machine need different names."""
        self.host_cookie = f"{HOST_PREFIX}{self.cookie}"
        """The name over HTTPS at the root of a host: no other host or path can set it."""
        self.cookies = (self.host_cookie, self.cookie)

    def matches(self, shown: str) -> bool:
        """Return whether the client's value is the token."""
        hashed = hashlib.sha256(shown.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(hashed, self._hash)

    def sign_in(self) -> str:
        """Return the value of a new cookie."""
        signed = f"{int(self._clock()) + SIGNED_IN_S}.{secrets.token_hex(16)}"
        return f"{signed}.{self._signature(signed)}"

    def is_signed_in(self, cookie: str) -> bool:
        """Return whether a cookie is signed by this token, has not expired and was not signed out."""
        signed, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(signed).encode()):
            return False
        return int(signed.partition(".")[0]) > self._clock() and signed not in self._signed_out

    def sign_out(self, cookie: str) -> None:
        """Invalidate a cookie and its copies for as long as this server runs."""
        if self.is_signed_in(cookie):
            self._remember_signed_out(cookie.rpartition(".")[0])

    def _remember_signed_out(self, signed: str) -> None:
        now = self._clock()
        while self._signed_out and (
            len(self._signed_out) >= MAX_SIGNED_OUT or next(iter(self._signed_out.values())) <= now
        ):
            self._signed_out.popitem(last=False)
        self._signed_out[signed] = now + SIGNED_IN_S

    def recently_signed_out(self) -> list[str]:
        """Return the cookies that were signed out in the last minute, without their signatures, for other servers."""
        since = self._clock() + SIGNED_IN_S - RECENT_S
        recent = itertools.takewhile(lambda one: one[1] >= since, reversed(self._signed_out.items()))
        return [signed for signed, _until in recent]

    def on_signed_out_elsewhere(self, signed: str) -> None:
        """Invalidate a cookie that was signed out on another server."""
        if signed not in self._signed_out:
            self._remember_signed_out(signed)

    def _signature(self, signed: str) -> str:
        return hmac.digest(self._key, signed.encode("utf-8", "replace"), "sha256").hex()
