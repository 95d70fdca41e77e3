"""The link to the model: connecting, sending, losing it and making it anew."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
from msgspec import structs

from trunkline.calls.machine.inputs import (
    AudioReceived,
    Input,
    LinkDropped,
    LinkOpened,
    RenewalFailed,
    WireEventReceived,
)
from trunkline.calls.model_link.caller_audio_buffer import CallerAudioBuffer
from trunkline.calls.model_link.g711 import G711Codec, g711_codec_for
from trunkline.calls.model_link.unacked_items import UnackedItems
from trunkline.providers import AudioDelta, Connection, ConnectionLostError, ProviderError
from trunkline.providers.error_policy import Recovery, classify_close
from trunkline.realtime import events
from trunkline.realtime.audio import BYTES_PER_MS

FIRST_RETRY_S = 0.25
MAX_RETRY_S = 5.0
GIVE_UP_AFTER_S = 60.0
MAX_QUEUED_FRAMES = 1_000
"""Frames waiting for a slow link, 20 to 40 s of sound; beyond it new sound is dropped, events never are."""
_CALL_IS_OVER = {404, 1000}
"""What a sideband is told whose WebRTC call is no more: no such call, or a normal close."""


class _SoundDelta(msgspec.Struct):
    type: str
    item_id: str
    delta: bytes  # msgspec decodes the base64


_sound_decoder = msgspec.json.Decoder(_SoundDelta)
_SOUND = b'"response.output_audio.delta"'


@dataclass(frozen=True)
class Route:
    """How the model is reached. Where `resumes`, a new connection finds the session as it was: a sideband."""

    connect: Callable[[], Awaitable[Connection]]
    resumes: bool = False


@dataclass
class _Using:
    """The connection that is used now."""

    route: Route
    connection: Connection


class Link:
    """One call's link. `run` keeps it connected and delivers what arrives; `send` and `hear` never wait."""

    def __init__(self, deliver: Callable[[Input], None], route: Route | None = None) -> None:
        self._deliver = deliver
        self._route = route
        self._line: G711Codec | None = None
        """What the caller's and the model's sound passes, as the latest `session.update` has it."""
        self._why_rerouted = ""
        self._renewal = asyncio.Event()
        self._since_renewal: deque[bytes] | None = None
        """Sound since a renewal was begun: the new session hears it too, so that no word falls between the two."""
        self._rerouted = asyncio.Event()
        self._connection: Connection | None = None
        """What is written to without waiting, while it is used."""
        self._queue: deque[str] = deque()
        self._unconfirmed = UnackedItems()
        self._sound = CallerAudioBuffer()
        self._arrivals: int | None = None
        """What the connection has counted when it was looked at last."""
        self._waiting = asyncio.Event()
        self._ready = False
        """Whether the session is set up, so that the caller's sound may go out."""
        self.sent_ms = 0.0
        self.sent_frames = 0

    @property
    def has_route(self) -> bool:
        """Whether there is a way to the model at all."""
        return self._route is not None

    def take(self, route: Route, why: str = "the caller came another way") -> None:
        """From now on the model is reached this way; a connection that goes another way is given up."""
        self._route = route
        self._why_rerouted = why
        self._rerouted.set()

    def renew(self, why: str, *, make_before_break: bool) -> None:
        """Connect to a new session; `make_before_break` keeps the old one in use until the new one is up."""
        if make_before_break:
            self._since_renewal = deque()
            self._renewal.set()
        elif self._route is not None:
            self.take(replace(self._route), why)

    async def run(self) -> None:
        """Connects, and again when the connection is lost, until cancelled or until there is no hope."""
        loop = asyncio.get_running_loop()
        attempts, lost_at = 0, loop.time()
        troubled_since = lost_at
        tried: Route | None = None
        session_of: Route | None = None
        while True:
            route = await self._next_route()
            if route is not tried:
                tried, attempts, troubled_since = route, 0, loop.time()
            attempts += 1
            try:
                connection = await route.connect()
            except ProviderError as error:
                lost = LinkDropped(error.full_message, error.code)
                hopeless, asked_s = not error.retry, error.retry_after_s or 0.0
            else:
                resumed = route.resumes and route is session_of
                if resumed:
                    self._queue.extendleft(reversed(self._unconfirmed.again()))
                else:
                    self._begin_session(hears_again=not route.resumes)
                self._deliver(LinkOpened(attempts, round((loop.time() - lost_at) * 1000), resumed))
                session_of = route
                using = _Using(route, connection)
                opened_at = loop.time()
                try:
                    broken = await self._stay(using)
                    fault = classify_close(broken.code, broken.reason)
                    lost, asked_s = LinkDropped(broken.reason, broken.code), fault.retry_after_s
                    hopeless = fault.recovery is Recovery.GIVE_UP
                    lost_at = loop.time()
                    self._ready = False
                    if rerouted := self._route is not route:
                        # Told before the close, which may take its time: the caller is there by the other way soon.
                        self._deliver(structs.replace(lost, retry_in_ms=0))
                finally:
                    await using.connection.close()
                    self._forget_renewal()
                if rerouted:
                    continue
                # A link that breaks at once is as bad as one that does not come: the back-off goes on.
                if lost_at - opened_at > MAX_RETRY_S:
                    attempts, troubled_since = 0, lost_at
            if self._route is not route:
                self._deliver(structs.replace(lost, retry_in_ms=0))
                continue
            if route.resumes and lost.code in _CALL_IS_OVER:
                # The WebRTC call behind the sideband is gone: the page must dial again.
                self._route = None
                self._rerouted.clear()
                self._deliver(structs.replace(lost, retry_in_ms=0, needs_reoffer=True))
                continue
            if hopeless or loop.time() - troubled_since > GIVE_UP_AFTER_S:
                self._deliver(lost)
                return
            retry_s = _retry_after(max(1, attempts), asked_s)
            self._deliver(structs.replace(lost, retry_in_ms=round(retry_s * 1000), resumable=route.resumes))
            await self._pause(retry_s)

    async def _next_route(self) -> Route:
        while self._route is None:
            await self._rerouted.wait()
        self._rerouted.clear()
        return self._route

    async def _pause(self, seconds: float) -> None:
        """Waits, but no longer than until there is another route."""
        try:
            async with asyncio.timeout(seconds):
                await self._rerouted.wait()
        except TimeoutError:
            return

    def send(self, event: events.Event) -> None:
        """Queues an event. The first `session.update` on a connection lets the held sound follow."""
        if event["type"] == "session.update":
            form = event["session"].get("audio", {}).get("input", {}).get("format")
            self._line = g711_codec_for(form) if form else self._line
        frame = events.encode(event).decode()
        self._unconfirmed.will_send(event, frame)
        self._put(frame)
        if not self._ready and event["type"] == "session.update":
            self._ready = True
            # After what is sent in the same step: the replayed conversation goes before new sound.
            asyncio.get_running_loop().call_soon(self._release_held)

    def send_audio(self, pcm: bytes) -> None:
        """Queues sound of the caller: PCM16, 24 kHz, mono."""
        if self._since_renewal is not None:
            self._since_renewal.append(pcm)
        if self._ready and not self._sound.waits:
            if len(self._queue) < MAX_QUEUED_FRAMES:  # else the network is too slow for live sound anyway
                self._put_sound(pcm)
            return
        self._sound.hold(pcm)

    def remember(self, turn: str, since_ms: int | None) -> None:
        """A turn of the caller's has begun: see `CallerAudioBuffer.remember`."""
        self._sound.remember(turn, since_ms)

    def forget(self, turn: str, until_ms: int | None) -> None:
        """A turn of the caller's is understood, or will never be: see `CallerAudioBuffer.forget`."""
        self._sound.forget(turn, until_ms)

    def _hold_again(self) -> None:
        """What the caller said since the renewal began is for the new session as well."""
        said, self._since_renewal = self._since_renewal, None
        for pcm in said or ():
            self._sound.hold(pcm)

    def _forget_renewal(self) -> None:
        """The session that was to be renewed is gone, and with it what was kept for the one in its place."""
        self._renewal.clear()
        self._since_renewal = None

    def drop_caller_audio(self) -> None:
        """Drops the sound that is kept: its caller has gone."""
        self._sound.clear()

    def _release_held(self) -> None:
        if not self._ready:
            return  # lost again already: it is held for the next
        for pcm in self._sound.release():
            self._put_sound(pcm)

    def _put_sound(self, pcm: bytes) -> None:
        self.sent_ms += len(pcm) / BYTES_PER_MS
        self.sent_frames += 1
        if self._connection is not None:
            receive_count = self._connection.receive_count
            if receive_count is None or receive_count != self._arrivals:
                self._arrivals = receive_count
                self._sound.arrived()
        self._sound.sent(pcm)
        if self._line is not None:
            pcm = self._line.to_model(pcm)
        self._put('{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm).decode() + '"}')

    def _begin_session(self, *, hears_again: bool) -> None:
        """What was meant for the session that is gone is forgotten: what matters of it is replayed."""
        self._queue.clear()
        self._sound.new_session(hears_again=hears_again)
        self._unconfirmed.forget()

    def _put(self, frame: str) -> None:
        if not self._queue and self._connection is not None and self._connection.try_send(frame):
            self._unconfirmed.sent(frame)
            return
        self._queue.append(frame)
        self._waiting.set()

    async def _stay(self, using: _Using) -> ConnectionLostError:
        """Uses a connection, and those that take its place, until one is lost."""
        former: Connection | None = None
        while True:
            ended = await self._converse(using.route, using.connection, former)
            if isinstance(ended, ConnectionLostError):
                return ended
            former, using.connection = using.connection, ended
            self._ready = False
            self._begin_session(hears_again=False)
            self._hold_again()
            self._deliver(LinkOpened(renewed=True))

    async def _converse(
        self, route: Route, connection: Connection, former: Connection | None
    ) -> ConnectionLostError | Connection:
        """Sends and receives until the connection is lost, or another takes its place. Closes the former meanwhile."""
        self._connection = connection
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(connection))
            reading = tasks.create_task(self._read(connection))
            turning = tasks.create_task(self._rerouted.wait())
            renewing = tasks.create_task(self._next_session(route))
            if former is not None:
                tasks.create_task(former.close())
            await asyncio.wait({reading, turning, renewing}, return_when=asyncio.FIRST_COMPLETED)
            ended: ConnectionLostError | Connection = ConnectionLostError(self._why_rerouted)
            if renewing.done() and not turning.done():
                ended = renewing.result()
            elif renewing.done():
                await renewing.result().close()
            elif reading.done():
                ended = reading.result()
            self._connection = None
            for task in (writing, reading, turning, renewing):
                task.cancel()
        return ended

    async def _next_session(self, route: Route) -> Connection:
        """The connection that shall take the present one's place, once there shall be one."""
        while True:
            await self._renewal.wait()
            self._renewal.clear()
            try:
                return await route.connect()
            except ProviderError as error:
                self._since_renewal = None
                self._deliver(RenewalFailed(str(error)))

    async def _read(self, connection: Connection) -> ConnectionLostError:
        try:
            while True:
                self._on_frame(await connection.receive())
        except ConnectionLostError as lost:
            return lost

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                while self._queue:
                    frame = self._queue[0]  # it stays until it is sent: a sideband that was cut goes on with it
                    await connection.send(frame)
                    self._unconfirmed.sent(self._queue.popleft())
                self._waiting.clear()
                await self._waiting.wait()
        except ConnectionLostError:
            return  # the reader is told too, and says why

    def _on_frame(self, frame: bytes | AudioDelta) -> None:
        if isinstance(frame, AudioDelta):
            self._deliver_sound(frame.item_id, frame.sound)
            return
        if _SOUND in frame[:200]:
            try:
                delta = _sound_decoder.decode(frame)
            except (msgspec.DecodeError, RecursionError):
                delta = None
            if delta is not None and delta.type == "response.output_audio.delta":
                self._deliver_sound(delta.item_id, delta.delta)
                return
        try:
            event = events.decode(frame)
        except events.MalformedEventError as error:
            message = f"The model sent something that is no event ({error})."
            self._deliver(
                WireEventReceived({"type": "error", "error": {"message": message, "code": "malformed_event"}})
            )
            return
        sound = events.audio_delta_of(event)
        if sound is not None:
            self._deliver_sound(str(event.get("item_id")), sound)
        elif not self._unconfirmed.had_arrived(event):
            self._unconfirmed.told(event)
            self._deliver(WireEventReceived(event))

    def _deliver_sound(self, item_id: str, sound: bytes) -> None:
        if self._line is not None:
            sound = self._line.from_model(item_id, sound)
        self._deliver(AudioReceived(item_id, sound, len(sound) / BYTES_PER_MS))


def _retry_after(attempts: int, asked_s: float) -> float:
    """How long to wait, in seconds: at least as long as the service asks, with jitter, so that many calls do not come
    back at once."""
    longest = min(MAX_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts - 1, 10))
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
    return max(longest * jitter, min(asked_s, GIVE_UP_AFTER_S) * (0.5 + jitter))
