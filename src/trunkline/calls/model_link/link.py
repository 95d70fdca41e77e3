"""The link to the model: it connects, sends, receives, and connects again after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

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
from trunkline.calls.model_link.incoming_frames import read_frame
from trunkline.calls.model_link.link_state import (
    BackingOff,
    Configuring,
    Connecting,
    GivenUp,
    LinkState,
    Renewing,
    Route,
    Up,
    WaitingForRoute,
)
from trunkline.calls.model_link.outgoing_frames import OutgoingFrames
from trunkline.calls.model_link.reconnect_backoff import ReconnectBackoff
from trunkline.calls.send_gate import SendGate
from trunkline.providers import AudioDelta, Connection, ConnectionLostError, ProviderError
from trunkline.providers.error_policy import Recovery, classify_close
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.realtime.client_events import ClientEvent

_RTC_CALL_OVER = {404, 410, 1000}
"""Codes of a sideband after its WebRTC call has ended: "no such call", "gone", or a normal close."""


class Link:
    """One call's link. `run` keeps it connected and delivers inputs; `send` and `send_audio` never wait."""

    def __init__(
        self, deliver: Callable[[Input], None], route: Route | None = None, gate: SendGate | None = None
    ) -> None:
        self._gate = gate or SendGate()
        self._deliver = deliver
        self._state: LinkState = WaitingForRoute() if route is None else Connecting()
        self._route = route
        """The route to use. The connection of another one is closed."""
        self._route_changed = asyncio.Event()
        self._session_route: Route | None = None
        """The route of the latest session."""
        self._renewal_requested = asyncio.Event()
        self._backoff = ReconnectBackoff(self._now_s())
        self._outgoing = OutgoingFrames(self._gate)
        self._caller_audio = CallerAudioBuffer()
        self._audio_meter = AudioMeter()
        self._codec: G711Codec | None = None
        """The codec of the latest `session.update` with an audio format; None for PCM16."""

    @property
    def state(self) -> LinkState:
        """The present state."""
        return self._state

    @property
    def has_route(self) -> bool:
        """True if the link has a way to the model."""
        return self._route is not None

    def set_route(self, route: Route, *, continues: bool = False) -> None:
        """Use this route to the model from now on, and close the connection by another one.

        Args:
            continues: True if the route leads to the session in which the call was before a take-over.
        """
        self._route = route
        if continues:
            self._session_route = route
        self._route_changed.set()

    def renew(self, reason: str, *, make_before_break: bool) -> None:
        """Connect to a new session; `make_before_break` keeps the old one in use until the new one is up."""
        if not make_before_break:
            if self._route is not None:
                self.set_route(replace(self._route, reason=reason))
        elif isinstance(self._state, Up):
            self._state = Renewing(self._state.route, self._state.connection)
            self._renewal_requested.set()

    def take_audio_stats(self) -> AudioStats | None:
        """Return the audio to and from the model since the last call, None if there was none."""
        return self._audio_meter.take()

    async def run(self) -> None:
        """Connect, and connect again after each loss, until cancelled."""
        while True:
            match self._state:
                case WaitingForRoute() | GivenUp():
                    await self._route_changed.wait()
                    self._state = Connecting()
                case Connecting():
                    await self._connect()
                case Configuring(route, connection) | Up(route, connection) | Renewing(route, connection):
                    await self._use(route, connection)
                case BackingOff(pause_s):
                    await self._wait_for_route_change(pause_s)
                    self._state = Connecting()
                case _:
                    assert_never(self._state)

    async def _connect(self) -> None:
        route = self._route
        if route is None:
            self._state = WaitingForRoute()
            return
        if not await self._gate.wait():
            self._state = GivenUp()  # another server owns the call, which ends here
            return
        self._route_changed.clear()
        self._backoff.on_try(route, self._now_s())
        try:
            connection = await route.connect()
        except ProviderError as error:
            dropped = LinkDropped(error.full_message, error.code)
            self._on_lost(route, dropped, hopeless=not error.retry, retry_after_s=error.retry_after_s or 0.0)
            return
        resumed = route.resumable and route is self._session_route
        if resumed:
            self._outgoing.resume_session()
        else:
            self._begin_session(replay=not route.resumable)
        self._session_route = route
        self._state = Configuring(route, connection)
        lost_for_s = self._backoff.on_opened(self._now_s())
        self._deliver(LinkOpened(self._backoff.attempts, round(lost_for_s * 1000), resumed))

    async def _wait_for_route_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._route_changed.wait()
        except TimeoutError:
            return

    def _on_lost(self, route: Route, dropped: LinkDropped, *, hopeless: bool, retry_after_s: float) -> None:
        """Enter the next state after a connection was refused or lost, and deliver the loss.

        Args:
            hopeless: another try is useless.
            retry_after_s: the pause that the service asks for.
        """
        now_s = self._now_s()
        self._backoff.on_lost(now_s)
        retry_in_ms: int | None = 0
        resumable = needs_reoffer = failed = False
        if self._route is not route:
            self._state = Connecting()
        elif route.resumable and dropped.code in _RTC_CALL_OVER:
            self._route = None
            self._route_changed.clear()
            self._state = WaitingForRoute()
            needs_reoffer = True
        elif hopeless or self._backoff.is_exhausted(now_s):
            self._state = GivenUp()
            retry_in_ms, failed = None, True
        else:
            failed = True
            pause_s = self._backoff.pause_s(retry_after_s)
            self._state = BackingOff(pause_s)
            retry_in_ms = round(pause_s * 1000)
            resumable = route.resumable
        self._deliver(LinkDropped(dropped.reason, dropped.code, retry_in_ms, resumable, needs_reoffer, failed))

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()

    # One connection -------------------------------------------------------------------------------------------------
    def _begin_session(self, *, replay: bool) -> None:
        self._outgoing.begin_session()
        self._caller_audio.begin_session(replay=replay)

    async def _use(self, route: Route, connection: Connection) -> None:
        """Use a connection, and its successors after renewals, until one is lost or the route changes."""
        former: Connection | None = None
        try:
            while True:
                ended = await self._transfer(route, connection, former)
                if isinstance(ended, ConnectionLostError):
                    break
                former, connection = connection, ended
                self._replace_session(route, connection)
            fault = classify_close(ended.code, ended.reason)
            # Before the close, which may take a while.
            self._on_lost(
                route,
                LinkDropped(ended.reason, ended.code),
                hopeless=fault.recovery is Recovery.GIVE_UP,
                retry_after_s=fault.retry_after_s,
            )
        finally:
            await connection.close()

    def _replace_session(self, route: Route, connection: Connection) -> None:
        """Begin the session that a renewal has opened; the audio since then waits for its configuration."""
        since_renewal = self._state.audio if isinstance(self._state, Renewing) else ()
        self._begin_session(replay=False)
        for pcm in since_renewal:
            self._caller_audio.hold(pcm)
        self._state = Configuring(route, connection)
        self._deliver(LinkOpened(renewed=True))

    async def _transfer(
        self, route: Route, connection: Connection, former: Connection | None
    ) -> ConnectionLostError | Connection:
        """Send and receive until the connection is lost or a renewal replaces it. Close the former one meanwhile."""
        self._outgoing.attach(connection)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._outgoing.write(connection))
            reading = tasks.create_task(self._read(connection))
            rerouting = tasks.create_task(self._route_changed.wait())
            renewing = tasks.create_task(self._connect_for_renewal(route))
            if former is not None:
                tasks.create_task(former.close())
            await asyncio.wait({reading, rerouting, renewing}, return_when=asyncio.FIRST_COMPLETED)
            ended = ConnectionLostError(self._route.reason if self._route is not None else "")
            successor = renewing.result() if renewing.done() else None
            if successor is not None and rerouting.done():
                await successor.close()
                successor = None
            elif reading.done() and not rerouting.done():
                ended = reading.result()
            self._outgoing.detach()
            for task in (writing, reading, rerouting, renewing):
                task.cancel()
        return successor or ended

    async def _connect_for_renewal(self, route: Route) -> Connection:
        """Wait for a renewal to be requested, and return the connection of the new session."""
        while True:
            await self._renewal_requested.wait()
            self._renewal_requested.clear()
            if not isinstance(self._state, Renewing):
                continue  # it was requested for an earlier connection, which is lost
            try:
                return await route.connect()
            except ProviderError as error:
                self._state = Up(route, self._state.connection)
                self._deliver(RenewalFailed(str(error)))

    # Sending --------------------------------------------------------------------------------------------------------
    def send(self, event: ClientEvent) -> None:
        """Send or queue an event. The first `session.update` on a connection also releases the held audio."""
        if event["type"] == "session.update":
            audio_format = event["session"].get("audio", {}).get("input", {}).get("format")
            self._codec = g711_codec_for(audio_format) if audio_format else self._codec
        self._outgoing.put_event(event)
        if event["type"] == "session.update" and isinstance(self._state, Configuring):
            self._state = Up(self._state.route, self._state.connection)
            # After the other events of this step: the replayed conversation goes before new audio.
            asyncio.get_running_loop().call_soon(self._send_pending_audio)

    def send_audio(self, pcm: bytes) -> None:
        """Send, queue or hold the caller's audio: PCM16, 24 kHz, mono."""
        if isinstance(self._state, Renewing):
            self._state.audio.append(pcm)
        elif not isinstance(self._state, Up):
            self._caller_audio.hold(pcm)
            return
        if self._caller_audio.pending:
            self._caller_audio.hold(pcm)
        elif not self._outgoing.is_full:
            self._put_audio(pcm)

    def keep_turn(self, turn_id: str, since_ms: int | None) -> None:
        """Keep the audio of a caller's turn; see `CallerAudioBuffer.keep_turn`."""
        self._caller_audio.keep_turn(turn_id, since_ms)

    def release_turn(self, turn_id: str, until_ms: int | None) -> None:
        """Release the audio of a caller's turn; see `CallerAudioBuffer.release_turn`."""
        self._caller_audio.release_turn(turn_id, until_ms)

    @property
    def needed_bytes(self) -> int:
        """The latest audio of the caller that another session would get, in bytes."""
        return self._caller_audio.needed_bytes

    def drop_caller_audio(self) -> None:
        """Drop all kept audio, since the caller has left."""
        self._caller_audio.clear()

    def _send_pending_audio(self) -> None:
        if not isinstance(self._state, Up | Renewing):
            return  # the session is lost again; the audio waits for the next one
        for pcm in self._caller_audio.take_pending():
            self._put_audio(pcm)

    def _put_audio(self, pcm: bytes) -> None:
        self._audio_meter.on_sent(pcm)
        if self._caller_audio.trim_due and self._outgoing.take_sign_of_life():
            self._caller_audio.on_alive()
        self._caller_audio.on_sent(pcm)
        if self._codec is not None:
            pcm = self._codec.encode(pcm)
        self._outgoing.put_audio(pcm)

    # Receiving ------------------------------------------------------------------------------------------------------
    async def _read(self, connection: Connection) -> ConnectionLostError:
        try:
            while True:
                received = read_frame(await connection.receive())
                if isinstance(received, AudioDelta):
                    self._deliver_audio(received)
                elif self._outgoing.on_received(received):
                    self._deliver(WireEventReceived(received))
        except ConnectionLostError as lost:
            return lost

    def _deliver_audio(self, delta: AudioDelta) -> None:
        item_id, audio = delta
        if self._codec is not None:
            audio = self._codec.decode(item_id, audio)
        self._audio_meter.on_received(audio)
        self._deliver(AudioReceived(item_id, audio, len(audio) / BYTES_PER_MS))
