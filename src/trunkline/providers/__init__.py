"""Providers: where the model lives and how to reach it, behind one seam."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from trunkline.realtime.events import Event, decode
from trunkline.scenario.scenario import Scenario
from trunkline.scenario.text_model import TextModel

_HINTS = {
    401: "The key was refused. Check the provider's key in the environment or .env.",
    403: "Access was refused. Check the key's rights and the resource's network rules.",
    404: "There is no such model or deployment. Check its name: on Azure it is the deployment's.",
    429: "Too many requests or sessions. Wait a little, or raise the quota.",
}


@dataclass(frozen=True)
class WebRtcAnswer:
    """A WebRTC call that was answered: the SDP for the browser, and the id by which a sideband attaches."""

    sdp: str
    rtc_call_id: str


@dataclass(frozen=True)
class EphemeralSecret:
    """A secret for a front end that talks to the service by itself.

    Attributes:
        value: the secret, good as a bearer; it is not in the `repr`.
        expires_at: until when a session can be started with it, in Unix seconds.
        url: where an SDP offer is posted to (`application/sdp`), for WebRTC.
        socket_url: where a WebSocket is opened with it; None where the service documents its secrets for WebRTC alone.
    """

    value: str = field(repr=False)
    expires_at: int
    url: str
    socket_url: str | None


@dataclass(frozen=True)
class ProviderNotice:
    """Something about a provider that is worth telling at the start of a call and is no error."""

    message: str
    code: str
    hint: str | None = None


class ProviderError(Exception):
    """The provider cannot be reached or refuses.

    Attributes:
        hint: what to do.
        retry: whether another try may help.
        code: the HTTP status, where there is one.
        retry_after_s: how long to wait before another try, in seconds, where the service says so.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry: bool = True,
        code: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.retry = retry
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def full_message(self) -> str:
        """What went wrong, and what to do about it."""
        return f"{str(self).rstrip('.')}. {self.hint}" if self.hint else str(self)

    @staticmethod
    def hint_for(status: int) -> str | None:
        """What usually helps against an HTTP status."""
        return _HINTS.get(status)


class ConnectionLostError(Exception):
    """An open connection was closed; `code` is the WebSocket close code where there is one."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class AudioDelta(NamedTuple):
    """Sound of the model's that never was JSON, because its session is in this process."""

    item_id: str
    sound: bytes
    """In the session's output format."""


def decode_frame(frame: bytes | AudioDelta) -> Event:
    """The event that a connection has received.

    Raises:
        MalformedEventError: it is none.
    """
    if isinstance(frame, AudioDelta):
        sound = base64.b64encode(frame.sound).decode()
        return {"type": "response.output_audio.delta", "item_id": frame.item_id, "delta": sound}
    return decode(frame)


class Connection(Protocol):
    """An open Realtime socket, or the sideband of a WebRTC call."""

    @property
    def receive_count(self) -> int | None:
        """A number that grows with all that arrives, answers to pings included: the other end is there. None where it
        cannot go away unnoticed, as in memory."""

    async def receive(self) -> bytes | AudioDelta:
        """The next frame: JSON, or sound where it need not be.

        Raises:
            ConnectionLostError: the connection is closed.
        """

    async def send(self, frame: str) -> None:
        """Sends one event as JSON text.

        Raises:
            ConnectionLostError: the connection is closed.
        """

    def try_send(self, frame: str) -> bool:
        """Sends one event as JSON text if that takes no waiting: fifty frames of sound a second mostly do not.

        Returns:
            False if nothing was sent, because the connection is busy, closed, or cannot tell: `send` it then.
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

    def text_model(self) -> TextModel:
        """The text model beside the Realtime one; where none is configured, it says so when it is asked."""

    def notices(self) -> Sequence[ProviderNotice]:
        """What whoever looks at a call should know of the provider: what is not set, what it cannot do."""

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """Opens a Realtime socket, or the sideband of the WebRTC call `call_id`.

        Raises:
            ProviderError: it cannot be opened; `code` is 404 for a call that is no more.
        """

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, Any]) -> WebRtcAnswer:
        """Starts a WebRTC call for a browser's SDP offer, with `session` bound in (it names the model).

        Raises:
            ProviderError: it is refused, or there is no WebRTC here.
        """

    async def create_ephemeral_secret(self, session: Mapping[str, Any]) -> EphemeralSecret:
        """An ephemeral secret with `session` bound in (it names the model), good for ten minutes.

        Raises:
            ProviderError: it is refused, or there is none to be had here.
        """

    async def hang_up(self, rtc_call_id: str) -> None:
        """Ends a WebRTC call; one that is over already is no error.

        Raises:
            ProviderError: the service cannot be reached.
        """

    async def aclose(self) -> None:
        """Ends whatever the provider keeps running."""
