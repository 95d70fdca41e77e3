"""The link to the model: it connects, sends, receives, and connects again after a loss."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
from msgspec import structs

from trunkline.calls.log_events import AudioStats
from trunkline.calls.machine.inputs import (
    AudioReceived,
    Input,
    LinkDropped,
    LinkOpened,
    RenewalFailed,
    WireEventReceived,
)
from trunkline.calls.model_link.audio_meter import AudioMeter
from trunkline.calls.model_link.caller_audio_buffer import CallerAudioBuffer
from trunkline.calls.model_link.g711 import G711Codec, g711_codec_for
from trunkline.calls.model_link.unacked_items import UnackedItems, created_item_id
from trunkline.providers import AudioDelta, Connection, ConnectionLostError, ProviderError
from trunkline.providers.error_policy import Recovery, classify_close
from trunkline.realtime import events
from trunkline.realtime.audio import BYTES_PER_MS

FIRST_RETRY_S = 0.25
MAX_RETRY_S = 5.0
GIVE_UP_AFTER_S = 60.0
MAX_QUEUED_FRAMES = 1_000
"""Frames queued for a slow link beyond which new audio is dropped: 20 to 40 s of audio. Events are always queued."""
_RTC_CALL_OVER = {404, 1000}
"""Codes of a sideband after its WebRTC call has ended: "no such call", or a normal close."""


class _AudioDeltaEvent(msgspec.Struct):
    type: str
    item_id: str
    delta: bytes  # msgspec decodes the base64


_audio_decoder = msgspec.json.Decoder(_AudioDeltaEvent)
_AUDIO_DELTA = b'"response.output_audio.delta"'


@dataclass(frozen=True)
class Route:
    """The way to the model. On a `resumable` route (a sideband) a new connection finds the session as it was."""

    connect: Callable[[], Awaitable[Connection]]
    resumable: bool = False


@dataclass
class _ActiveConnection:
    """The connection in use; a renewal replaces it."""

    route: Route
    connection: Connection


@dataclass
class _Loss:
    """A connection that was refused or lost."""

    dropped: LinkDropped
    hopeless: bool
    """True if another try is useless."""
    retry_after_s: float
    """The pause that the service asks for."""


@dataclass
class _Backoff:
    """The failed tries since `failing_since`, which sets the pause before the next one."""

    failing_since: float
    attempts: int = 0

    def pause_s(self, requested_s: float) -> float:
        """Return the pause before the next try: at least `requested_s`, with jitter, so that calls spread out."""
        longest = min(MAX_RETRY_S, FIRST_RETRY_S * 2.0 ** min(max(1, self.attempts) - 1, 10))
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - this is not security
        return max(longest * jitter, min(requested_s, GIVE_UP_AFTER_S) * (0.5 + jitter))


class Link:
    """One call's link. `run` keeps it connected and delivers inputs; `send` and `send_audio` never wait."""

    def __init__(self, deliver: Callable[[Input], None], route: Route | None = None) -> None:
        self._deliver = deliver
        self._route = route
        self._codec: G711Codec | None = None
        """The codec of the latest `session.update` with an audio format; None for PCM16."""
        self._route_change_reason = ""
        self._renewal_requested = asyncio.Event()
        self._since_renewal: deque[bytes] | None = None
        """Audio since a renewal began. The new session gets it too, so that no word is lost between the two."""
        self._route_changed = asyncio.Event()
        self._connection: Connection | None = None
        """The connection that takes frames without waiting, while it is in use."""
        self._queue: deque[tuple[str, str | None]] = deque()
        """Frames that wait for the connection, each with the id of the item that it creates."""
        self._queued = asyncio.Event()
        self._unacked = UnackedItems()
        self._audio = CallerAudioBuffer()
        self._receive_count: int | None = None
        """The connection's `receive_count` at the latest look."""
        self._ready = False
        """True once the session is set up, so that the caller's audio may be sent."""
        self._audio_meter = AudioMeter()

    @property
    def has_route(self) -> bool:
        """True if the link has a way to the model."""
        return self._route is not None

    def set_route(self, route: Route, reason: str = "the caller changed the audio connection") -> None:
        """Use this route to the model from now on, and close the connection by another one."""
        self._route = route
        self._route_change_reason = reason
        self._route_changed.set()

    def renew(self, reason: str, *, make_before_break: bool) -> None:
        """Connect to a new session; `make_before_break` keeps the old one in use until the new one is up."""
        if make_before_break:
            self._since_renewal = deque()
            self._renewal_requested.set()
        elif self._route is not None:
            self.set_route(replace(self._route), reason)

    async def run(self) -> None:
        """Connect, and connect again after each loss, until cancelled or until another try is useless."""
        loop = asyncio.get_running_loop()
        lost_at = loop.time()
        backoff = _Backoff(lost_at)
        tried_route: Route | None = None
        session_route: Route | None = None
        while True:
            route = await self._next_route()
            if route is not tried_route:
                tried_route, backoff = route, _Backoff(loop.time())
            backoff.attempts += 1
            try:
                connection = await route.connect()
            except ProviderError as error:
                loss = _Loss(LinkDropped(error.full_message, error.code), not error.retry, error.retry_after_s or 0.0)
            else:
                resumed = route.resumable and route is session_route
                if resumed:
                    self._queue.extendleft(reversed(self._unacked.take_for_resend()))
                else:
                    self._begin_session(replay=not route.resumable)
                self._deliver(LinkOpened(backoff.attempts, round((loop.time() - lost_at) * 1000), resumed))
                session_route = route
                opened_at = loop.time()
                loss, lost_at, reported = await self._use(route, connection)
                if reported:
                    continue
                # A link that breaks at once counts as a failed try.
                if lost_at - opened_at > MAX_RETRY_S:
                    backoff = _Backoff(lost_at)
            if self._route is not route:
                self._deliver(structs.replace(loss.dropped, retry_in_ms=0))
                continue
            if route.resumable and loss.dropped.code in _RTC_CALL_OVER:
                # The WebRTC call of the sideband has ended: the page must send another offer.
                self._route = None
                self._route_changed.clear()
                self._deliver(structs.replace(loss.dropped, retry_in_ms=0, needs_reoffer=True))
                continue
            if loss.hopeless or loop.time() - backoff.failing_since > GIVE_UP_AFTER_S:
                self._deliver(loss.dropped)
                return
            pause_s = backoff.pause_s(loss.retry_after_s)
            retry_in_ms = round(pause_s * 1000)
            self._deliver(structs.replace(loss.dropped, retry_in_ms=retry_in_ms, resumable=route.resumable))
            await self._wait_for_route_change(pause_s)

    async def _next_route(self) -> Route:
        while self._route is None:
            await self._route_changed.wait()
        self._route_changed.clear()
        return self._route

    async def _wait_for_route_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._route_changed.wait()
        except TimeoutError:
            return

    # Sending --------------------------------------------------------------------------------------------------------
    def send(self, event: events.Event) -> None:
        """Send or queue an event. The first `session.update` on a connection also releases the held audio."""
        if event["type"] == "session.update":
            audio_format = event["session"].get("audio", {}).get("input", {}).get("format")
            self._codec = g711_codec_for(audio_format) if audio_format else self._codec
        self._put(events.encode(event).decode(), created_item_id(event))
        if not self._ready and event["type"] == "session.update":
            self._ready = True
            # After the other events of this step: the replayed conversation goes before new audio.
            asyncio.get_running_loop().call_soon(self._send_pending_audio)

    def send_audio(self, pcm: bytes) -> None:
        """Send, queue or hold the caller's audio: PCM16, 24 kHz, mono."""
        if self._since_renewal is not None:
            self._since_renewal.append(pcm)
        if self._ready and not self._audio.has_pending:
            if len(self._queue) < MAX_QUEUED_FRAMES:  # a full queue means that the network is too slow for live audio
                self._put_audio(pcm)
            return
        self._audio.hold(pcm)

    def take_audio_stats(self) -> AudioStats | None:
        """Return the audio to and from the model since the last call, None if there was none."""
        return self._audio_meter.take()

    def keep_turn(self, turn_id: str, since_ms: int | None) -> None:
        """Keep the audio of a caller's turn; see `CallerAudioBuffer.keep_turn`."""
        self._audio.keep_turn(turn_id, since_ms)

    def release_turn(self, turn_id: str, until_ms: int | None) -> None:
        """Release the audio of a caller's turn; see `CallerAudioBuffer.release_turn`."""
        self._audio.release_turn(turn_id, until_ms)

    def drop_caller_audio(self) -> None:
        """Drop all kept audio, since the caller has left."""
        self._audio.clear()

    def _send_pending_audio(self) -> None:
        if not self._ready:
            return  # the session is lost again; the audio waits for the next one
        for pcm in self._audio.take_pending():
            self._put_audio(pcm)

    def _put_audio(self, pcm: bytes) -> None:
        self._audio_meter.on_sent(pcm)
        if self._connection is not None:
            receive_count = self._connection.receive_count
            if receive_count is None or receive_count != self._receive_count:
                self._receive_count = receive_count
                self._audio.on_alive()
        self._audio.on_sent(pcm)
        if self._codec is not None:
            pcm = self._codec.encode(pcm)
        self._put('{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm).decode() + '"}')

    def _put(self, frame: str, item_id: str | None = None) -> None:
        if not self._queue and self._connection is not None and self._connection.try_send(frame):
            if item_id is not None:
                self._unacked.on_sent(item_id, frame)
            return
        self._queue.append((frame, item_id))
        self._queued.set()

    # One session ----------------------------------------------------------------------------------------------------
    def _begin_session(self, *, replay: bool) -> None:
        """Drop the frames for the former session, since the machine replays the conversation to the new one."""
        self._queue.clear()
        self._audio.begin_session(replay=replay)
        self._unacked.clear()

    async def _use(self, route: Route, connection: Connection) -> tuple[_Loss, float, bool]:
        """Use a connection until it is lost or the route changes.

        Returns:
            The loss, its time by the loop's clock, and True if it has been delivered already.
        """
        active = _ActiveConnection(route, connection)
        try:
            lost = await self._use_until_lost(active)
            fault = classify_close(lost.code, lost.reason)
            dropped = LinkDropped(lost.reason, lost.code)
            lost_at = asyncio.get_running_loop().time()
            self._ready = False
            route_changed = self._route is not route
            if route_changed:
                # Before the close, which may take a while: the caller will soon be there by the other route.
                self._deliver(structs.replace(dropped, retry_in_ms=0))
            return _Loss(dropped, fault.recovery is Recovery.GIVE_UP, fault.retry_after_s), lost_at, route_changed
        finally:
            await active.connection.close()
            self._cancel_renewal()

    async def _use_until_lost(self, active: _ActiveConnection) -> ConnectionLostError:
        """Use a connection, and its successors after renewals, until one is lost."""
        former: Connection | None = None
        while True:
            ended = await self._transfer(active.route, active.connection, former)
            if isinstance(ended, ConnectionLostError):
                return ended
            former, active.connection = active.connection, ended
            self._ready = False
            self._begin_session(replay=False)
            self._hold_audio_since_renewal()
            self._deliver(LinkOpened(renewed=True))

    async def _transfer(
        self, route: Route, connection: Connection, former: Connection | None
    ) -> ConnectionLostError | Connection:
        """Send and receive until the connection is lost or a renewal replaces it. Close the former one meanwhile."""
        self._connection = connection
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(connection))
            reading = tasks.create_task(self._read(connection))
            rerouting = tasks.create_task(self._route_changed.wait())
            renewing = tasks.create_task(self._connect_for_renewal(route))
            if former is not None:
                tasks.create_task(former.close())
            await asyncio.wait({reading, rerouting, renewing}, return_when=asyncio.FIRST_COMPLETED)
            ended: ConnectionLostError | Connection = ConnectionLostError(self._route_change_reason)
            if renewing.done() and not rerouting.done():
                ended = renewing.result()
            elif renewing.done():
                await renewing.result().close()
            elif reading.done():
                ended = reading.result()
            self._connection = None
            for task in (writing, reading, rerouting, renewing):
                task.cancel()
        return ended

    async def _connect_for_renewal(self, route: Route) -> Connection:
        """Wait for a renewal to be requested, and return the connection of the new session."""
        while True:
            await self._renewal_requested.wait()
            self._renewal_requested.clear()
            try:
                return await route.connect()
            except ProviderError as error:
                self._since_renewal = None
                self._deliver(RenewalFailed(str(error)))

    def _hold_audio_since_renewal(self) -> None:
        since_renewal, self._since_renewal = self._since_renewal, None
        for pcm in since_renewal or ():
            self._audio.hold(pcm)

    def _cancel_renewal(self) -> None:
        self._renewal_requested.clear()
        self._since_renewal = None

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                while self._queue:
                    frame, item_id = self._queue[0]  # it stays queued until it is sent, for a sideband that resumes
                    await connection.send(frame)
                    self._queue.popleft()
                    if item_id is not None:
                        self._unacked.on_sent(item_id, frame)
                self._queued.clear()
                await self._queued.wait()
        except ConnectionLostError:
            return  # the reader gets the same error, and reports it

    # Receiving ------------------------------------------------------------------------------------------------------
    async def _read(self, connection: Connection) -> ConnectionLostError:
        try:
            while True:
                self._on_frame(await connection.receive())
        except ConnectionLostError as lost:
            return lost

    def _on_frame(self, frame: bytes | AudioDelta) -> None:
        if isinstance(frame, AudioDelta):
            self._deliver_audio(frame.item_id, frame.audio)
            return
        if _AUDIO_DELTA in frame[:200]:
            try:
                delta = _audio_decoder.decode(frame)
            except (msgspec.DecodeError, RecursionError):
                delta = None
            if delta is not None and delta.type == "response.output_audio.delta":
                self._deliver_audio(delta.item_id, delta.delta)
                return
        try:
            event = events.decode(frame)
        except events.MalformedEventError as error:
            message = f"The model sent a malformed event ({error}). The call ignores it."
            self._deliver(
                WireEventReceived({"type": "error", "error": {"message": message, "code": "malformed_event"}})
            )
            return
        audio = events.audio_delta_of(event)
        if audio is not None:
            self._deliver_audio(str(event.get("item_id")), audio)
        elif not self._unacked.is_duplicate_error(event):
            self._unacked.on_received(event)
            self._deliver(WireEventReceived(event))

    def _deliver_audio(self, item_id: str, audio: bytes) -> None:
        if self._codec is not None:
            audio = self._codec.decode(item_id, audio)
        self._audio_meter.on_received(audio)
        self._deliver(AudioReceived(item_id, audio, len(audio) / BYTES_PER_MS))
