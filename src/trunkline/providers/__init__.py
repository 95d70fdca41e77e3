"""Providers: where the model lives and how to reach it, behind one seam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from trunkline.scenario.scenario import Scenario


class ProviderError(Exception):
    """The provider cannot be reached or refuses; `hint` says what to do, `retry` whether another try may help."""

    def __init__(self, message: str, *, hint: str | None = None, retry: bool = True, code: int | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.retry = retry
        self.code = code


class ConnectionLostError(Exception):
    """An open connection was closed; `code` is the WebSocket close code where there is one."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Connection(Protocol):
    """An open Realtime socket, or the sideband of a WebRTC call."""

    async def receive(self) -> bytes:
        """The next frame.

        Raises:
            ConnectionLostError: the connection is closed.
        """

    async def send(self, frame: str) -> None:
        """Sends one event as JSON text.

        Raises:
            ConnectionLostError: the connection is closed.
        """

    async def close(self) -> None:
        """Closes it. Harmless when done twice."""


class Provider(Protocol):
    """One of azure, openai, local."""

    @property
    def name(self) -> str:
        """What health checks and logs call it."""

    def model_for(self, scenario: Scenario[Any]) -> str:
        """The realtime model (on Azure: deployment) that a scenario's calls use."""

    def session_extras(self, scenario: Scenario[Any], agent: str, first_agent: str) -> Mapping[str, Any]:
        """What this provider wants in the session beside instructions and tools, for each agent."""

    def transcription(self, scenario: Scenario[Any]) -> Mapping[str, Any] | None:
        """The session's `audio.input.transcription`; None where no transcription is to be had."""

    async def connect(self, model: str) -> Connection:
        """Opens a Realtime socket.

        Raises:
            ProviderError: it cannot be opened.
        """

    async def aclose(self) -> None:
        """Ends whatever the provider keeps running."""
