"""Ephemeral client secrets: short-lived keys with a session, for clients without the engine's key."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trunkline.engine.session import configuration
from trunkline.realtime import validation
from trunkline.realtime.ids import new_id
from trunkline.realtime.json_values import JsonObject

PREFIX = "ek_"
DEFAULT_LIFETIME_S = 600
"""Lifetime of a secret, unless the request names another."""
MAX_SECRETS = 10_000
"""Limit of stored secrets. A further one replaces the oldest."""


@dataclass(frozen=True)
class ClientSecret:
    """A client secret. It can open several sessions with its settings, until `expires_at` (Unix seconds)."""

    value: str
    expires_at: int
    model: str
    settings: dict[str, object]
    session: JsonObject
    """The whole session object with its defaults, for the answer to the request."""

    def to_client(self) -> dict[str, object]:
        """Return the answer to `POST …/client_secrets`."""
        return {"value": self.value, "expires_at": self.expires_at, "session": self.session}


class ClientSecrets:
    """Store of the valid secrets. `clock` returns Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time, max_secrets: int = MAX_SECRETS) -> None:
        self._clock = clock
        self._max_secrets = max_secrets
        self._secrets: dict[str, ClientSecret] = {}

    def mint(self, body: object) -> ClientSecret:
        """Create a secret from a request's body: `{"session": {…}, "expires_after"?: {"anchor", "seconds"}}`.

        Raises:
            InvalidRequest: the session or the lifetime is not valid, or the session has no model.
        """
        given = _checked(body)
        settings, model = given["session"], given["model"]
        type_ = configuration.session_type(settings)
        session = configuration.updated(configuration.default(model, new_id("sess"), type_=type_), settings)
        value = PREFIX + secrets.token_hex(24)
        expires_at = int(self._clock()) + given["seconds"]
        secret = ClientSecret(value, expires_at, model, copy.deepcopy(settings), configuration.to_client(session))
        self._forget_expired()
        while len(self._secrets) >= self._max_secrets:
            del self._secrets[next(iter(self._secrets))]
        self._secrets[value] = secret
        return secret

    def find(self, value: str) -> ClientSecret | None:
        """Return the secret with a value, if it exists and has not expired."""
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
        "seconds": validation.nullable(validation.integer_between(10, 7200), DEFAULT_LIFETIME_S),
    }
)
_BODY = validation.body_with(
    {"session": validation.json_object, "expires_after": validation.nullable(_EXPIRES_AFTER, {})}, required=("session",)
)


def _checked(body: Any) -> JsonObject:
    """Return the body's fields. Errors name the services' paths: "session.model", "expires_after.seconds"."""
    given = _BODY(body)
    settings = given["session"]
    model = settings.get("model")
    if configuration.session_type(settings) == "transcription":
        model = (
            configuration.DEFAULT_TRANSCRIPTION_MODEL
        )  # a transcription session names its model only in its audio settings
    if not model:
        raise validation.missing_field("session.model")
    validation.text(model, "session.model")
    seconds = given.get("expires_after", {}).get("seconds", DEFAULT_LIFETIME_S)
    return {"session": settings, "model": model, "seconds": seconds}
