"""Providers: one interface to the services that run the realtime model."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.events import Event, decode
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextModel

_HINTS = {
    401: "The service refused the key. Check the provider's key in the environment or .env.",
    403: "The service refused access. Check the key's rights and the resource's network rules.",
    404: "The model or deployment does not exist. Check its name; on Azure it is the deployment's.",
    429: "Too many requests or sessions. Wait and retry, or raise the quota.",
}


@dataclass(frozen=True)
class WebRtcAnswer:
    """The answer to a WebRTC offer.

    Attributes:
        sdp: the SDP answer for the browser.
        rtc_call_id: the service's id of the call; a sideband attaches by it.
    """

    sdp: str
    rtc_call_id: str


@dataclass(frozen=True)
class EphemeralSecret:
    """A short-lived secret for a front end that connects to the service directly.

    Attributes:
        value: the secret, for use as a bearer token; the `repr` omits it.
        expires_at: the end of its validity for starting sessions, in Unix seconds.
        url: the address for SDP offers (POST, `application/sdp`).
        socket_url: the address for WebSockets; None if the service supports its secrets for WebRTC only.
    """

    value: str = field(repr=False)
    expires_at: int
    url: str
    socket_url: str | None


@dataclass(frozen=True)
class ProviderNotice:
    """A remark on a provider for the start of a call, such as a missing setting; not an error."""

    message: str
    code: str
    hint: str | None = None


class ProviderError(Exception):
    """The provider cannot be reached, or refuses a request.

    Attributes:
        hint: the fix, if known.
        retry: True if another attempt may succeed.
        code: the HTTP status, if the service answered.
        retry_after_s: the pause before another attempt that the service asks for, in seconds.
        param: the part of the request that the service refuses, such as `session.audio.output.voice`; None if it
            names none.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry: bool = True,
        code: int | None = None,
        retry_after_s: float | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.retry = retry
        self.code = code
        self.retry_after_s = retry_after_s
        self.param = param

    @property
    def full_message(self) -> str:
        """The problem and the fix in one text."""
        return f"{str(self).rstrip('.')}. {self.hint}" if self.hint else str(self)

    @staticmethod
    def hint_for(status: int) -> str | None:
        """Return the usual fix for an HTTP status, if there is one."""
        return _HINTS.get(status)


class ConnectionLostError(Exception):
    """An open connection was closed.

    Attributes:
        reason: the reason in words.
        code: the WebSocket close code; None if the connection broke without one.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class AudioDelta(NamedTuple):
    """Audio of the model from a session in this process, without encoding as JSON."""

    item_id: str
    audio: bytes
    """Audio in the session's output format."""


def decode_frame(frame: bytes | AudioDelta) -> Event:
    """Decode a received frame into an event.

    Raises:
        MalformedEventError: the frame is not an event.
    """
    if isinstance(frame, AudioDelta):
        audio = base64.b64encode(frame.audio).decode()
        return {"type": "response.output_audio.delta", "item_id": frame.item_id, "delta": audio}
    return decode(frame)


class Connection(Protocol):
    """An open Realtime socket, or the sideband of a WebRTC call."""

    @property
    def receive_count(self) -> int | None:
        """The number of reads from the network, pongs included; it grows while the other end is alive.

        None if the other end cannot disappear silently, as in memory.
        """

    async def receive(self) -> bytes | AudioDelta:
        """Receive the next frame: JSON, or audio of a session in this process.

        Raises:
            ConnectionLostError: the connection is closed.
        """

    async def send(self, frame: str) -> None:
        """Send one event as JSON text.

        Raises:
            ConnectionLostError: the connection is closed.
        """

    def try_send(self, frame: str) -> bool:
        """Send one event as JSON text if no waiting is needed; 50 audio frames a second rarely need any.

        Returns:
            False if nothing was sent because the connection is busy or closed; use `send` then.
        """

    async def close(self) -> None:
        """Close the connection. Closing it again has no effect."""


class Provider(Protocol):
    """A service that runs realtime sessions: azure, openai, or local."""

    @property
    def name(self) -> str:
        """The name in health checks and logs."""

    def model_for(self, scenario: AnyScenario) -> str:
        """Return the realtime model (on Azure: deployment) for a scenario's calls."""

    def fallback_model_for(self, scenario: AnyScenario) -> str | None:
        """Return the model that a call continues with after failed responses; None without one."""

    def scenario_problem(self, scenario: AnyScenario) -> str | None:
        """Return the reason why this provider cannot run a scenario, with the fix; None if it can."""

    def image_problem(self) -> str | None:
        """Return the reason why the model takes no images of the caller, with the fix; None if it does."""

    def session_extras(self, scenario: AnyScenario, agent: str, first_agent: str) -> Mapping[str, object]:
        """Return the additional session fields that this provider needs for an agent."""

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """Return the session's `audio.input.turn_detection`: the scenario's own, or this provider's default."""

    def word_transports(self, scenario: AnyScenario) -> frozenset[Literal["webrtc", "websocket"]]:
        """Return the transports over which the service's transcripts tell the caller's words from murmurs."""

    def transcription(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """Return the session's `audio.input.transcription`; None without a transcription model."""

    def text_model(self) -> TextModel:
        """Return the text model; without configuration, one that reports this for every prompt."""

    def notices(self) -> Sequence[ProviderNotice]:
        """Return remarks for the start of a call: missing settings and limitations."""

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """Open a Realtime socket, or the sideband of the WebRTC call `rtc_call_id`.

        Raises:
            ProviderError: the connection failed; `code` is 404 for a call that has ended.
        """

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """Start a WebRTC call for a browser's SDP offer.

        Args:
            sdp: the offer.
            session: the configuration of the session; it names the model.

        Raises:
            ProviderError: the service refused the offer, or the provider does not support WebRTC.
        """

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """Pass the audio of a WebRTC call to `tap` until the call ends.

        Returns:
            False if the audio does not pass through this process, or the call is over.
        """

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """Create an ephemeral secret that is valid for ten minutes.

        Args:
            session: the configuration of its sessions; it names the model.

        Raises:
            ProviderError: the service refused, or the provider does not support secrets.
        """

    async def hang_up(self, rtc_call_id: str) -> None:
        """End a WebRTC call. A call that has already ended is not an error.

        Raises:
            ProviderError: the service cannot be reached.
        """

    async def aclose(self) -> None:
        """Release the provider's connections and processes."""
