"""WebRTC caller on aiortc: it speaks on command, and keeps each received event and packet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import httpx2 as httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioCodecContext, AudioFrame, CodecContext, Packet

from tests.engine.engine_fakes import FakeActivity, FakeBrain, FakeStt, FakeTts
from tests.engine.official_events import check
from trunkline.engine.http.app import Engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech import SpeechChunk, SpeechMark
from trunkline.engine.transports.ice import IceOptions
from trunkline.engine.transports.webrtc import only_loopback

KEY = "secret"
PLAUSIBLE_OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:sha-256 AB\r\na=ice-ufrag:abcd\r\n"
"""An offer that is read, for requests that are refused for another reason."""
RATE = 24_000
FRAME = 480
PACKET_MS = 20
AUDIBLE = 300.0
"""RMS above which a packet's sound is heard; the tones of these tests are at 8000."""


def tone(ms: int, hz: int = 440) -> bytes:
    """Return a tone of PCM16 at 24 kHz, which passes every codec."""
    return (11_000 * np.sin(2 * np.pi * hz * np.arange(24 * ms) / RATE)).astype("<i2").tobytes()


class ToneTts(FakeTts):
    """Speech synthesis with 100 ms of a tone for each word."""

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[SpeechChunk]:
        self.said.append((text, voice, language))
        end = 0
        for index, word in enumerate(text.split()):
            await asyncio.sleep(self.delay)
            end = text.index(word, end) + len(word)
            yield SpeechChunk(tone(100), (SpeechMark((index + 1) * 100, end),))


class Microphone(MediaStreamTrack):
    """Microphone that sends queued audio, and otherwise silence, in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queue = b""
        self._frames = 0
        self._due: float | None = None
        self.skip = 0
        """Frames to leave out, as a sender does that stops transmitting while it is silent."""

    def say(self, pcm: bytes) -> None:
        self._queue += pcm

    async def said(self) -> None:
        """Wait until everything that was queued has been sent."""
        await eventually(lambda: not self._queue)

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self.readyState != "live":
            raise MediaStreamError
        while True:
            self._due = loop.time() if self._due is None else self._due + 0.02
            await asyncio.sleep(max(0.0, self._due - loop.time()))
            self._frames += 1
            if not self.skip:
                break
            self.skip -= 1
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        pcm, self._queue = self._queue[: 2 * FRAME], self._queue[2 * FRAME :]
        frame.planes[0].update(pcm.ljust(2 * FRAME, b"\0"))
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = (self._frames - 1) * FRAME
        return frame


@dataclass
class Heard:
    """One received audio packet with its arrival time."""

    at: float
    codec: str
    payload: bytes
    timestamp: int


@dataclass
class Caller:
    """One end of a call. The official types validate its events on arrival."""

    connection: RTCPeerConnection
    microphone: Microphone
    url: str
    judge: Callable[[dict[str, Any]], None] = check
    call_id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    packets: list[Heard] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _read: int = 0

    def __post_init__(self) -> None:
        self.channel = self.connection.createDataChannel("oai-events")
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.channel.on("message", self._on_message)
        self.channel.on("open", self.opened.set)
        self.channel.on("close", self.closed.set)

    def _on_message(self, message: str) -> None:
        event = json.loads(message)
        self.judge(event)
        self.events.append(event)
        self.times.append(asyncio.get_running_loop().time())
        self._news.set()

    def send(self, type_: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": type_, **fields}))

    def type(self, text: str) -> None:
        """Type a message and request the answer."""
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    async def receive(self, until: str) -> list[dict[str, Any]]:
        """Return the unread events up to the next of a type."""
        start = self._read
        async with asyncio.timeout(10):
            while True:
                while self._read < len(self.events):
                    self._read += 1
                    if self.events[self._read - 1]["type"] == until:
                        return self.events[start : self._read]
                self._news.clear()
                await self._news.wait()

    async def plays(self, ms: int) -> None:
        """Wait until so much more audio, silence included, has arrived."""
        packets = len(self.packets) + ms // PACKET_MS
        await eventually(lambda: len(self.packets) >= packets, 10)

    def time_of(self, type_: str) -> float:
        """Return the arrival time of the only event of a type."""
        (index,) = (index for index, event in enumerate(self.events) if event["type"] == type_)
        return self.times[index]

    def count(self, type_: str) -> int:
        return sum(event["type"] == type_ for event in self.events)

    def levels(self) -> list[tuple[float, float]]:
        """Return each packet's arrival time and level (RMS)."""
        if not self.packets:
            return []
        names = {"opus": "libopus", "PCMU": "pcm_mulaw", "PCMA": "pcm_alaw"}
        decoder = CodecContext.create(names[self.packets[0].codec], "r")
        assert isinstance(decoder, AudioCodecContext)
        opus = self.packets[0].codec == "opus"
        decoder.format, decoder.layout = "s16", "stereo" if opus else "mono"
        decoder.sample_rate = 48_000 if opus else 8000
        levels = []
        for packet in self.packets:
            for frame in decoder.decode(Packet(packet.payload)):
                samples = np.frombuffer(bytes(frame.planes[0]), "<i2")[: frame.samples].astype(float)
                levels.append((packet.at, float(np.sqrt((samples**2).mean()))))
        return levels

    def audible(self) -> list[float]:
        """Return the arrival times of the audible packets."""
        return [at for at, level in self.levels() if level > AUDIBLE]


@asynccontextmanager
async def engine(
    brain: FakeBrain | None = None, *, voice: FakeTts | None = None, grace_s: float = 0.0, **kwargs: Any
) -> AsyncIterator[EngineServer]:
    """Run an engine with peers on loopback only."""
    brain = brain or FakeBrain()
    kwargs.setdefault("ice", IceOptions(loopback=True, grace_s=grace_s))
    kwargs.setdefault("key", KEY)
    made = Engine(lambda model, settings: brain, FakeStt(), voice or ToneTts(), FakeActivity, **kwargs)
    async with EngineServer(made) as server:
        yield server


async def mint(server: EngineServer, **session: Any) -> str:
    """Mint an ephemeral key."""
    body = {"session": {"type": "realtime", "model": "m", **session}}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{server.url}/realtime/client_secrets", json=body, headers={"api-key": KEY})
    assert answer.status_code == 200, answer.text
    value: str = answer.json()["value"]
    return value


async def post_offer(url: str, offer: str, bearer: str | None, **kwargs: Any) -> httpx.Response:
    """Send the request that starts a call."""
    headers = {"Content-Type": "application/sdp"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    async with httpx.AsyncClient(timeout=15) as client:
        return await client.post(url, content=offer, headers=headers, **kwargs)


async def offering(codecs: list[str] | None = None, judge: Callable[[dict[str, Any]], None] = check) -> Caller:
    """Return a caller with an offer."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    microphone = Microphone()
    transceiver = connection.addTransceiver(microphone)
    if codecs:
        transceiver.setCodecPreferences(capabilities(codecs))
    caller = Caller(connection, microphone, "", judge)
    with only_loopback():
        await connection.setLocalDescription(await connection.createOffer())
    _listen_in(transceiver.receiver, caller)
    return caller


def capabilities(names: list[str]) -> list[RTCRtpCodecCapability]:
    ours = RTCRtpSender.getCapabilities("audio").codecs
    return [one for name in names for one in ours if one.mimeType == f"audio/{name}"]


def _listen_in(receiver: Any, caller: Caller) -> None:
    handle: Callable[..., Any] = receiver._handle_rtp_packet
    codecs = receiver._RTCRtpReceiver__codecs

    async def listening(packet: Any, arrival_time_ms: int) -> None:
        codec = codecs[packet.payload_type].name if packet.payload_type in codecs else "?"
        at = asyncio.get_running_loop().time()
        caller.packets.append(Heard(at, codec, packet.payload, packet.timestamp))
        await handle(packet, arrival_time_ms=arrival_time_ms)

    receiver._handle_rtp_packet = listening


@asynccontextmanager
async def calling(
    server: EngineServer, *, codecs: list[str] | None = None, query: str = "", until_open: bool = True, **session: Any
) -> AsyncIterator[Caller]:
    """Run a connected call."""
    secret = await mint(server, **session)
    caller = await offering(codecs)
    try:
        answer = await post_offer(f"{server.url}/realtime/calls{query}", caller.connection.localDescription.sdp, secret)
        assert answer.status_code == 201, answer.text
        caller.url = answer.headers["location"]
        caller.call_id = caller.url.rpartition("/")[2]
        await caller.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        if until_open:
            async with asyncio.timeout(10):
                await caller.opened.wait()
        yield caller
    finally:
        await hang_up(caller)


async def hang_up(caller: Caller) -> None:
    caller.microphone.stop()
    await caller.connection.close()


async def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing to wait on: the condition is about what is gone
            await asyncio.sleep(0.01)


def websocket_url(server: EngineServer, query: str) -> str:
    return server.url.replace("http", "ws") + "/realtime" + query
