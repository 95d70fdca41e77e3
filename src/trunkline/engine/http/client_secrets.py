"""Ephemeral client secrets: short-lived keys, each with a session bound to it, for those who must not have the key."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trunkline.engine.session import configuration, validation
from trunkline.realtime.ids import new_id

PREFIX = "ek_"
LIFETIME_S = 600
"""How long a secret can be used, unless its maker says otherwise."""
MAX_SECRETS = 10_000
"""Secrets kept at once; a further one displaces the oldest."""


@dataclass(frozen=True)
class ClientSecret:
    """A minted secret. It may open several sessions, each with these settings, until `expires_at` (Unix seconds)."""

    value: str
    expires_at: int
    model: str
    settings: dict[str, Any]
    session: dict[str, Any]
    """The whole session object, with its defaults, as it is shown to whoever asked for the secret."""

    def shown(self) -> dict[str, Any]:
        """The answer to `POST …/client_secrets`."""
        return {"value": self.value, "expires_at": self.expires_at, "session": self.session}


class ClientSecrets:
    """The secrets that are valid. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time, most: int = MAX_SECRETS) -> None:
        self._clock = clock
        self._most = most
        self._secrets: dict[str, ClientSecret] = {}

    def mint(self, body: Any) -> ClientSecret:
        """A secret for what a client asked: `{"session": {…}, "expires_after"?: {"anchor", "seconds"}}`.

        Raises:
            InvalidRequest: the session or the life-time is not valid; the session must name its model.
        """
        given = _checked(body)
        settings, model = given["session"], given["model"]
        type_ = configuration.session_type(settings)
        session = configuration.updated(configuration.default(model, new_id("sess"), type_=type_), settings)
        value = PREFIX + secrets.token_hex(24)
        expires_at = int(self._clock()) + given["seconds"]
        secret = ClientSecret(value, expires_at, model, copy.deepcopy(settings), configuration.to_client(session))
        self._forget_expired()
        while len(self._secrets) >= self._most:
            del self._secrets[next(iter(self._secrets))]
        self._secrets[value] = secret
        return secret

    def find(self, value: str) -> ClientSecret | None:
        """The secret of that value, if it was minted here and has not expired."""
        secret = self._secrets.get(value)
        if secret is None or self._clock() >= secret.expires_at:
            return None
        return secret

    def __len__(self) -> int:
        return len(self._secrets)

    def _forget_expired(self) -> None:
        now = self._clock()
        for value in [value for value, secret in self._secrets.items() if now >= secret.expires_at]:
            del self._secrets[value]


_EXPIRES_AFTER = validation.object_with(
    {
        "anchor": validation.nullable(validation.one_of("created_at"), "created_at"),
        "seconds": validation.nullable(validation.integer_between(10, 7200), LIFETIME_S),
    }
)
_BODY = validation.body_with(
    {"session": validation.json_object, "expires_after": validation.nullable(_EXPIRES_AFTER, {})}, required=("session",)
)


def _checked(body: Any) -> dict[str, Any]:
    """The body's fields; paths in errors are the services': "session.model", "expires_after.seconds"."""
    given = _BODY(body)
    settings = given["session"]
    model = settings.get("model")
    if configuration.session_type(settings) == "transcription":
        model = configuration.DEFAULT_TRANSCRIPTION_MODEL  # the session names it in its audio, if at all
    if not model:
        raise validation.missing_field("session.model")
    validation.text(model, "session.model")
    seconds = given.get("expires_after", {}).get("seconds", LIFETIME_S)
    return {"session": settings, "model": model, "seconds": seconds}
