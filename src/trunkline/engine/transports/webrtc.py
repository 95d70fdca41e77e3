"""The engine's end of a WebRTC call: an aiortc peer joined to a session.

Imports aiortc, which takes a moment and an extra; `calls.py` imports it when the first call comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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

from trunkline.engine.session import inputs
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.transports.data_channel import DataChannel
from trunkline.engine.transports.event_translator import EventTranslator
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.pacing import Pacer
from trunkline.engine.transports.rtc_audio import CODECS, AudioReceiver, PacedTrack
from trunkline.realtime.events import MalformedEventError, decode

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 256 << 10
"""Bytes of one event from a caller: what our answers offer as `max-message-size`."""
MAX_MEDIA_SECTIONS = 4
"""Media sections an offer may have: one of audio and one of data are used."""
ANSWER_TIMEOUT_S = 10.0
"""How long gathering may take, where an ICE server was configured."""
CONNECT_TIMEOUT_S = 30.0
"""How long a caller may take to connect after the answer."""
CLOSE_TIMEOUT_S = 5.0


class OfferError(ValueError):
    """The SDP offer cannot be answered; the message says why."""


class WebRtcPeer:
    """One caller over WebRTC: audio both ways, and a data channel that is one more channel of the session.

    Args:
        runner: the session; `paced`, and with `pacer` as its player.
        filtered: whether the data channel hides what `webrtcfilter=on` hides.
        translator: what is spoken on the data channel; None is GA.
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
        self._audio_receiver = AudioReceiver(lambda pcm: runner.post(inputs.AudioReceived(pcm)))
        self._connected = asyncio.Event()
        self._gone = asyncio.Event()
        self._closed = False
        runner.attach(self._channel)

    async def answer(self, offer: str) -> str:
        """The SDP answer to an offer, with every candidate in it.

        Raises:
            OfferError: it is no SDP, or has no audio that we understand.
        """
        codecs = _codecs_of(offer)
        transceiver = self._connection.addTransceiver(self._outgoing)
        transceiver.setCodecPreferences(_capabilities(codecs))
        vars(transceiver.receiver)["_RTCRtpReceiver__jitter_buffer"] = self._audio_receiver  # there is no public way in
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(_open_ended(offer), "offer"))
            for other in self._connection.getTransceivers():
                if other is not transceiver:
                    other.direction = "inactive"  # no video, no second microphone
            with only_loopback(self._ice.loopback):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self._connection.setLocalDescription()
        except Exception as error:  # aiortc's parser and its negotiation raise all kinds of them
            raise OfferError(f"The offer cannot be answered: {_told(error)}") from error
        answer = str(self._connection.localDescription.sdp)
        agreed = _audio_of(answer)
        self._audio_receiver.set_codecs(agreed)
        self._outgoing.set_codec(next(iter(agreed.values())))
        return answer

    async def run(self) -> None:
        """Carries audio and events until the caller has gone for good; then ends the session."""
        reason = await self._until_gone()
        await asyncio.sleep(self._ice.grace_s)
        self._runner.end(1000, reason)

    async def close(self) -> None:
        """Hangs up. A second time changes nothing."""
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

    async def _until_gone(self) -> str:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connected.wait()
        except TimeoutError:
            return "the caller did not connect"
        while not self._gone.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._gone.wait()
            if self._flooded():
                return "the caller sent a message without end"
            if self._audio_receiver.flooded:
                return "the caller sent more audio than there was time for"
        return "the caller has gone"

    def _flooded(self) -> bool:
        """Whether the caller has sent more than it was allowed to, before any of it made a whole message."""
        sctp = self._connection.sctp
        return sctp is not None and sctp._advertised_rwnd < 0

    def _take(self) -> bytes | None:
        frame, playout_events = self._pacer.next_frame()
        for one in playout_events:
            self._runner.post(one)
        return frame

    # ------------------------------------------------------------------ what aiortc tells

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._connected.set()
            self._gone.set()

    def _on_data_channel(self, channel: RTCDataChannel) -> None:
        if self._channel.is_open:
            channel.close()  # one is enough; its label is the caller's choice
            return
        channel.on("message", self._on_message)
        self._channel.open(channel)

    def _on_message(self, message: str | bytes) -> None:
        if len(message) > MAX_MESSAGE_BYTES:
            self._runner.post(inputs.MalformedFrame(f"An event has at most {MAX_MESSAGE_BYTES} bytes."))
            return
        try:
            event = self._channel.to_ga(decode(message))
        except MalformedEventError as error:
            self._runner.post(inputs.MalformedFrame(f"This is no Realtime event: {error}."))
        else:
            self._runner.post(inputs.ClientEvent(event))

    def _on_stalled(self) -> None:
        self._runner.end(1008, "the caller does not read what it is sent")


def rtc_configuration(ice: IceOptions) -> RTCConfiguration:
    """What aiortc is told of the servers that it may ask."""
    # An empty list, not None: with None, aiortc asks a public STUN server.
    servers = [RTCIceServer(_listed(one.urls), one.username, one.credential) for one in ice.servers]
    return RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)


def _listed(urls: str | Sequence[str]) -> list[str]:
    return [urls] if isinstance(urls, str) else list(urls)


def _told(error: Exception) -> str:
    return f"{error}." if str(error) else f"{type(error).__name__}."


def _open_ended(offer: str) -> str:
    """The offer without the word that there are no more candidates, which Firefox's has: aiortc then gathers none."""
    return "".join(line for line in offer.splitlines(keepends=True) if line.strip() != "a=end-of-candidates")


def _codecs_of(offer: str) -> list[str]:
    """Those of our codecs that the offer has, in its order."""
    try:
        codecs = list(_audio_of(offer).values())
    except OfferError:
        raise
    except Exception as error:  # the parser raises whatever the text makes it stumble over
        raise OfferError(f"This is no SDP offer: {_told(error)}") from error
    if not codecs:
        raise OfferError(f"The offer has no audio in one of {', '.join(CODECS)}.")
    return codecs


def _audio_of(sdp: str) -> dict[int, str]:
    """Our codecs in the first audio section of a description, by payload type, in its order."""
    sections = SessionDescription.parse(sdp).media
    if len(sections) > MAX_MEDIA_SECTIONS:
        raise OfferError(f"An offer has at most {MAX_MEDIA_SECTIONS} media sections.")
    known = {name.lower(): name for name in CODECS}
    audio = next((one.rtp.codecs for one in sections if one.kind == "audio"), [])
    named = ((one.payloadType, known.get(one.name.lower())) for one in audio)
    return {number: name for number, name in named if number is not None and name is not None}


def _capabilities(codecs: list[str]) -> list[RTCRtpCodecCapability]:
    ours = RTCRtpSender.getCapabilities("audio").codecs
    return [one for name in codecs for one in ours if one.mimeType.lower() == f"audio/{name.lower()}"]


_loopback: ContextVar[bool] = ContextVar("only loopback candidates", default=False)
_host_addresses = aioice.ice.get_host_addresses


def _addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"] if _loopback.get() else list(_host_addresses(use_ipv4, use_ipv6))


# aioice leaves loopback out and has no setting for it. The replacement does what the original does, except within
# `only_loopback`.
aioice.ice.get_host_addresses = _addresses


@contextlib.contextmanager
def only_loopback(wanted: bool = True) -> Iterator[None]:
    """Within it, candidates are gathered on 127.0.0.1 alone; the tests' callers use it as well."""
    token = _loopback.set(wanted or _loopback.get())
    try:
        yield
    finally:
        _loopback.reset(token)
