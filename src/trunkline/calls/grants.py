"""Grants on a call. Its id alone lets a client read it; speaking in it and ending it need a secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Flag, auto


class Grant(Flag):
    """Right of a client on a call."""

    READ = auto()
    SPEAK = auto()
    """Be its caller: join it without a caller, or take it over."""
    END = auto()

    @property
    def names(self) -> list[str]:
        """The names of these grants in the HTTP interface."""
        return [str(grant.name).lower() for grant in self]


EVERYTHING = Grant.READ | Grant.SPEAK | Grant.END


@dataclass(frozen=True)
class Credentials:
    """The secrets that a client shows beside the call's id.

    Attributes:
        leg_id: the id of the caller's leg. A take-over invalidates it.
        caller_key: the key of the client that started the call. It is valid until the call ends.
    """

    leg_id: str | None = None
    caller_key: str | None = None


class NotGrantedError(Exception):
    """A client asked for something that its credentials do not grant."""


def grants_for(shown: Credentials, leg_id: str, caller_key: str) -> Grant:
    """Return the grants of a client that knows the call's id.

    Args:
        shown: the client's secrets.
        leg_id: the id of the call's present leg.
        caller_key: the call's key.
    """
    proven = _same(shown.leg_id, leg_id) or _same(shown.caller_key, caller_key)
    return EVERYTHING if proven else Grant.READ


def _same(shown: str | None, secret: str) -> bool:
    """Compare in constant time."""
    return shown is not None and hmac.compare_digest(shown.encode("utf-8", "replace"), secret.encode())
