"""WebRTC peer of the engine: an aiortc connection that is joined to a session.

This module imports aiortc, an extra that is slow to import. `webrtc_calls.py` imports it for the first call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import aioice.ice
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.sdp import SessionDescription

from trunkline.caller_audio.echo_canceller import create_echo_canceller
from trunkline.engine.session import inputs
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.transports.data_channel import DataChannel
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.pacing import FRAME_BYTES, Pacer
from trunkline.engine.transports.rtc_audio import CODECS, AudioReceiver, PacedTrack
from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.events import MalformedEventError, decode

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 256 << 10
"""Size limit of a caller's event, which the SDP answers offer as `max-message-size`."""
MAX_MEDIA_SECTIONS = 4
"""Limit of an offer's media sections. One of audio and one of data are used."""
ANSWER_TIMEOUT_S = 10.0
"""Time limit for gathering candidates, which an ICE server can delay."""
CLOSE_TIMEOUT_S = 5.0
_SILENT_FRAME = bytes(FRAME_BYTES)


class OfferError(ValueError):
    """The SDP offer cannot be answered. The message has the reason."""


class WebRtcPeer:
    """One caller over WebRTC: audio in both directions, and a data channel for the session's events.

    Args:
        runner: the session, which is `paced` and has `pacer` as its player.
        filtered: True to hide the events on the data channel that `webrtcfilter=on` hides.
        translator: the dialect on the data channel; None means GA.

    Attributes:
        tap: receives both directions of the audio; None without one.
    """

    def __init__(
        self,
        runner: SessionRunner,
        pacer: Pacer,
        *,
        filtered: bool = False,
        translator: EventTranslator | None = None,
        ice: IceOptions,
    ) -> None:
        self._runner = runner
        self._pacer = pacer
        self._ice = ice
        self._connection = RTCPeerConnection(rtc_configuration(ice))
        self._connection.on("connectionstatechange", self._on_state)
        self._connection.on("datachannel", self._on_data_channel)
        self._channel = DataChannel(filtered=filtered, on_stalled=self._on_stalled, translator=translator)
        self._outgoing = PacedTrack(self._take)
        self._audio_receiver = AudioReceiver(self._on_audio)
        self._echo = create_echo_canceller()
        self._connected = asyncio.Event()
        self._gone = asyncio.Event()
        self._closed = False
        self.tap: AudioTap | None = None
        runner.attach(self._channel)

    async def answer(self, offer: str) -> str:
        """Return the SDP answer to an offer, with all candidates.

        Raises:
            OfferError: the offer is not valid SDP, or has no supported audio codec.
        """
        codecs = _codecs_of(offer)
        transceiver = self._connection.addTransceiver(self._outgoing)
        transceiver.setCodecPreferences(_capabilities(codecs))
        # aiortc has no public access to its jitter buffer.
        vars(transceiver.receiver)["_RTCRtpReceiver__jitter_buffer"] = self._audio_receiver
        try:
            await self._connection.setRemoteDescription(
                RTCSessionDescription(_without_end_of_candidates(offer), "offer")
            )
            for other in self._connection.getTransceivers():
                if other is not transceiver:
                    other.direction = "inactive"  # declines video and further audio tracks
            with only_loopback(self._ice.loopback):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self._connection.setLocalDescription()
        except Exception as error:  # aiortc's parser and negotiation raise many types
            raise OfferError(f"The offer cannot be answered: {_describe(error)}") from error
        answer = str(self._connection.localDescription.sdp)
        agreed = _audio_of(answer)
        self._audio_receiver.set_codecs(agreed)
        self._outgoing.set_codec(next(iter(agreed.values())))
        return answer

    async def run(self) -> None:
        """Carry audio and events until the caller has disconnected, then end the session."""
        reason = await self._until_disconnected()
        await asyncio.sleep(self._ice.grace_s)
        self._runner.end(1000, reason)

    async def close(self) -> None:
        """Close the connection. A second call has no effect."""
        if self._closed:
            return
        self._closed = True
        if self._connection.connectionState == "connected":
            await self._channel.drain()
        self._outgoing.stop()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            logger.warning("A WebRTC peer did not close within %s s.", CLOSE_TIMEOUT_S)

    async def _until_disconnected(self) -> str:
        try:
            async with asyncio.timeout(self._ice.connect_timeout_s):
                await self._connected.wait()
        except TimeoutError:
            return "the caller did not connect"
        while not self._gone.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._gone.wait()
            self._audio_receiver.fill_if_stopped()
            if self._flooded():
                return "the caller sent an unfinished message that is too large"
            if self._audio_receiver.flooded:
                return "the caller sent audio faster than real time"
        return "the caller has gone"

    def _flooded(self) -> bool:
        """Return whether the caller sent more data than allowed without completing a message."""
        sctp = self._connection.sctp
        return sctp is not None and sctp._advertised_rwnd < 0

    def _take(self) -> bytes | None:
        frame, playout_events = self._pacer.next_frame()
        for one in playout_events:
            self._runner.post(one)
        if self._echo is not None:
            self._echo.play(frame or _SILENT_FRAME)  # also silence: the two streams stay aligned
        if self.tap is not None and frame is not None:
            self.tap.on_agent_audio(frame)
        return frame

    def _on_audio(self, pcm: bytes) -> None:
        if self._echo is not None:
            pcm = self._echo.process(pcm)
        if pcm:
            if self.tap is not None:
                self.tap.on_caller_audio(pcm)
            self._runner.post(inputs.AudioReceived(pcm))

    # ------------------------------------------------------------------ callbacks of aiortc

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._connected.set()
            self._gone.set()

    def _on_data_channel(self, channel: RTCDataChannel) -> None:
        if self._channel.is_open:
            channel.close()  # one channel is enough, with any label
            return
        channel.on("message", self._on_message)
        self._channel.open(channel)

    def _on_message(self, message: str | bytes) -> None:
        if len(message) > MAX_MESSAGE_BYTES:
            self._runner.post(inputs.MalformedFrame(f"The event is too large. Send at most {MAX_MESSAGE_BYTES} bytes."))
            return
        try:
            given = decode(message)
            event = self._channel.to_ga(given)
        except MalformedEventError as error:
            self._runner.post(inputs.MalformedFrame(f"This message is not a Realtime event: {error}."))
        else:
            self._runner.post(inputs.ClientEvent(event, self._channel.refusal(given)))

    def _on_stalled(self) -> None:
        self._runner.end(1008, "the caller does not read its events")


def rtc_configuration(ice: IceOptions) -> RTCConfiguration:
    """Return aiortc's configuration with the ICE servers, and credentials for a call that begins now."""
    ready = [one.with_credentials(time.time()) for one in ice.servers]
    # With None instead of an empty list, aiortc uses a public STUN server.
    servers = [RTCIceServer(_as_list(one.urls), one.username, one.credential) for one in ready]
    return RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)


def _as_list(urls: str | Sequence[str]) -> list[str]:
    return [urls] if isinstance(urls, str) else list(urls)


def _describe(error: Exception) -> str:
    return f"{error}." if str(error) else f"{type(error).__name__}."


def _without_end_of_candidates(offer: str) -> str:
    """Return the offer without `a=end-of-candidates`, which Firefox sends. With it, aiortc gathers no candidates."""
    return "".join(line for line in offer.splitlines(keepends=True) if line.strip() != "a=end-of-candidates")


def _codecs_of(offer: str) -> list[str]:
    """Return the supported codecs of an offer, in its order."""
    try:
        codecs = list(_audio_of(offer).values())
    except OfferError:
        raise
    except Exception as error:  # the parser raises many types
        raise OfferError(f"The body is not an SDP offer: {_describe(error)}") from error
    if not codecs:
        raise OfferError(f"The offer has no supported audio codec. Offer one of {', '.join(CODECS)}.")
    return codecs


def _audio_of(sdp: str) -> dict[int, str]:
    """Return the supported codecs of the first audio section by payload type, in its order."""
    sections = SessionDescription.parse(sdp).media
    if len(sections) > MAX_MEDIA_SECTIONS:
        raise OfferError(f"The offer has too many media sections. Offer at most {MAX_MEDIA_SECTIONS}.")
    known = {name.lower(): name for name in CODECS}
    audio = next((one.rtp.codecs for one in sections if one.kind == "audio"), [])
    named = ((one.payloadType, known.get(one.name.lower())) for one in audio)
    return {number: name for number, name in named if number is not None and name is not None}


def _capabilities(codecs: list[str]) -> list[RTCRtpCodecCapability]:
    supported = RTCRtpSender.getCapabilities("audio").codecs
    return [one for name in codecs for one in supported if one.mimeType.lower() == f"audio/{name.lower()}"]


_loopback: ContextVar[bool] = ContextVar("only loopback candidates", default=False)
_host_addresses = aioice.ice.get_host_addresses


def _addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"] if _loopback.get() else list(_host_addresses(use_ipv4, use_ipv6))


# aioice excludes loopback and has no setting for it. Outside `only_loopback`, the replacement acts like the original.
aioice.ice.get_host_addresses = _addresses


@contextlib.contextmanager
def only_loopback(wanted: bool = True) -> Iterator[None]:
    """Gather candidates on 127.0.0.1 only, within this context. Test callers also use it."""
    token = _loopback.set(wanted or _loopback.get())
    try:
        yield
    finally:
        _loopback.reset(token)
