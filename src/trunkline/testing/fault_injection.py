"""Fault injection for the link to the model: drops, delays, lost and duplicated events, as a test asks for them.

The faults sit between the call and any connection, in memory or over a socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal

from trunkline.providers import (
    AudioDelta,
    Connection,
    ConnectionLostError,
    EphemeralSecret,
    Provider,
    ProviderError,
    ProviderNotice,
    WebRtcAnswer,
)
from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.events import MalformedEventError, decode
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextModel
from trunkline.testing.fault_schedule import Fault, FaultSchedule


class FaultInjector:
    """Faults of one call's link. `at` is an event's type, in either direction; `*` stands for any characters.

    Attributes:
        connections: the number of connections that the call has opened so far.
    """

    def __init__(self) -> None:
        self.connections = 0
        self._schedule = FaultSchedule()
        self._refusals = 0
        self._refusal = ProviderError("refused")
        self._open: _FaultyConnection | None = None

    @property
    def injected(self) -> Sequence[str]:
        """The faults that struck, as text, such as `drop response.done`."""
        return self._schedule.injected

    def drop(
        self, code: int | None = 1006, reason: str = "dropped by the test", *, at: str | None = None, nth: int = 1
    ) -> None:
        """Drop the connection: now, or after the `nth` event of the type `at` has passed."""
        if at is not None:
            self._schedule.add(Fault("drop", at, skip=nth - 1, code=code, reason=reason))
        elif self._open is not None:
            self._open.disconnect(ConnectionLostError(reason, code))

    def delay(self, ms: float, *, at: str, times: int = 1) -> None:
        """Delay the next `times` events of the type by `ms`, and all events behind them."""
        self._schedule.add(Fault("delay", at, times, delay_ms=ms))

    def lose(self, at: str, *, times: int = 1) -> None:
        """Lose the next `times` events of the type."""
        self._schedule.add(Fault("lose", at, times))

    def duplicate(self, at: str, *, times: int = 1) -> None:
        """Deliver the next `times` events of the type twice."""
        self._schedule.add(Fault("duplicate", at, times))

    def refuse(self, times: int = 1, *, status: int = 503) -> None:
        """Refuse the next `times` attempts to connect with an HTTP status."""
        self._refusals = times
        retry = status == 429 or status >= 500
        message = f"the test answered {status}"
        self._refusal = ProviderError(message, hint=ProviderError.hint_for(status), retry=retry, code=status)

    # Used by the connection -----------------------------------------------------------------------------------------
    def on_connecting(self) -> None:
        """Count an attempt to connect.

        Raises:
            ProviderError: the attempt is refused.
        """
        if self._refusals:
            self._refusals -= 1
            raise self._refusal

    def on_connected(self, connection: _FaultyConnection) -> None:
        """Count a connection, and keep it for `drop`."""
        self.connections += 1
        self._open = connection

    @property
    def is_armed(self) -> bool:
        """The presence of a fault that may strike an event."""
        return bool(self._schedule)

    def next_fault(self, frame: bytes | str | AudioDelta) -> Fault | None:
        """Return the fault that strikes this event; None if no fault does."""
        if not self._schedule:
            return None
        try:
            event_type = "response.output_audio.delta" if isinstance(frame, AudioDelta) else decode(frame)["type"]
        except MalformedEventError:
            return None
        return self._schedule.next_fault(event_type)


class FaultyProvider:
    """Provider that opens connections with the faults of a test."""

    def __init__(self, provider: Provider, faults: FaultInjector) -> None:
        self._provider = provider
        self._faults = faults

    @property
    def name(self) -> str:
        """See `Provider.name`."""
        return self._provider.name

    def model_for(self, scenario: AnyScenario) -> str:
        """See `Provider.model_for`."""
        return self._provider.model_for(scenario)

    def fallback_model_for(self, scenario: AnyScenario) -> str | None:
        """See `Provider.fallback_model_for`."""
        return self._provider.fallback_model_for(scenario)

    def scenario_problem(self, scenario: AnyScenario) -> str | None:
        """See `Provider.scenario_problem`."""
        return self._provider.scenario_problem(scenario)

    def image_problem(self) -> str | None:
        """See `Provider.image_problem`."""
        return self._provider.image_problem()

    def session_extras(self, scenario: AnyScenario, agent: str, first_agent: str) -> Mapping[str, object]:
        """See `Provider.session_extras`."""
        return self._provider.session_extras(scenario, agent, first_agent)

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """See `Provider.turn_detection`."""
        return self._provider.turn_detection(scenario)

    def word_transports(self, scenario: AnyScenario) -> frozenset[Literal["webrtc", "websocket"]]:
        """See `Provider.word_transports`."""
        return self._provider.word_transports(scenario)

    def transcription(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """See `Provider.transcription`."""
        return self._provider.transcription(scenario)

    def text_model(self) -> TextModel:
        """See `Provider.text_model`."""
        return self._provider.text_model()

    def notices(self) -> Sequence[ProviderNotice]:
        """See `Provider.notices`."""
        return self._provider.notices()

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        self._faults.on_connecting()
        connection = _FaultyConnection(await self._provider.connect(model, rtc_call_id), self._faults)
        self._faults.on_connected(connection)
        return connection

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """See `Provider.start_webrtc_call`."""
        return await self._provider.start_webrtc_call(sdp, session)

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """See `Provider.tap_webrtc_call`."""
        return self._provider.tap_webrtc_call(rtc_call_id, tap)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.create_ephemeral_secret`."""
        return await self._provider.create_ephemeral_secret(session)

    async def hang_up(self, rtc_call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._provider.hang_up(rtc_call_id)

    async def aclose(self) -> None:
        """Keep the inner provider open: its owner closes it."""


class _FaultyConnection:
    def __init__(self, connection: Connection, faults: FaultInjector) -> None:
        self._connection = connection
        self._faults = faults
        self._waiting: deque[bytes | AudioDelta] = deque()
        self._lost: ConnectionLostError | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def receive_count(self) -> int | None:
        """See `Connection.receive_count`."""
        return self._connection.receive_count

    async def receive(self) -> bytes | AudioDelta:
        while True:
            if self._waiting:
                return self._waiting.popleft()
            if self._lost is not None:
                raise self._lost
            try:
                frame = await self._connection.receive()
            except ConnectionLostError:
                if self._lost is not None:
                    raise self._lost from None
                raise
            fault = self._faults.next_fault(frame)
            if fault is None:
                return frame
            await self._apply(fault)
            self._waiting.extend([frame] * _copies(fault))

    async def send(self, frame: str) -> None:
        if self._lost is not None:
            raise self._lost
        fault = self._faults.next_fault(frame)
        if fault is None:
            await self._connection.send(frame)
            return
        if fault.kind == "delay":
            await self._apply(fault)
        for _ in range(_copies(fault)):
            await self._connection.send(frame)
        if fault.kind == "drop":
            await self._apply(fault)

    def try_send(self, frame: str) -> bool:
        """See `Connection.try_send`."""
        return self._lost is None and not self._faults.is_armed and self._connection.try_send(frame)

    async def close(self) -> None:
        if self._closing is not None:
            await self._closing
        await self._connection.close()

    def disconnect(self, lost: ConnectionLostError) -> None:
        """End the connection in both directions."""
        if self._lost is None:
            self._lost = lost
            self._closing = asyncio.get_running_loop().create_task(self._connection.close())

    async def _apply(self, fault: Fault) -> None:
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_ms / 1000)
        elif fault.kind == "drop":
            self.disconnect(ConnectionLostError(fault.reason, fault.code))


def _copies(fault: Fault) -> int:
    return {"lose": 0, "duplicate": 2}.get(fault.kind, 1)
