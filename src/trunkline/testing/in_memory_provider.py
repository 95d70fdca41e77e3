"""The typed mode: the engine's session and the call's link joined in memory, with neither sockets nor speech."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from trunkline.engine.brains import BrainError
from trunkline.engine.http.app import BrainFactory
from trunkline.engine.session.inputs import ClientEvent, MalformedFrame
from trunkline.engine.session.session import Session
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.speech import Stt, Tts
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.engine.speech.vad import EnergyVoiceActivity
from trunkline.providers import (
    AudioDelta,
    Connection,
    ConnectionLostError,
    EphemeralSecret,
    ProviderError,
    WebRtcAnswer,
)
from trunkline.providers.local_engine import EngineSessionConfig
from trunkline.providers.text_model_client import MissingTextModel
from trunkline.realtime.events import Event, MalformedEventError, decode, encode
from trunkline.scenario.text_model import TextModel
from trunkline.testing.silent_tts import SilentTts

MAX_DELTA_MS = 2000
"""The most sound in one delta. In memory all of it comes at the same moment, in however many pieces."""


class InMemoryProvider(EngineSessionConfig):
    """A provider whose sessions live in this process, on the clock of the running loop.

    Args:
        brains: makes the brain for each session.
        tasks: where the sessions run; they end with their connections.
        tts: `SilentTts` by default.
        stt: the sessions' recogniser; by default a `ScriptedStt` without texts.
        text_model: what tools and guardrails ask; nobody by default.
    """

    name = "memory"

    def __init__(
        self,
        brains: BrainFactory,
        tasks: asyncio.TaskGroup,
        *,
        tts: Tts | None = None,
        stt: Stt | None = None,
        text_model: TextModel | None = None,
    ) -> None:
        self._brains = brains
        self._tasks = tasks
        self._tts: Tts = tts or SilentTts()
        self._stt: Stt = stt or ScriptedStt()
        self._text_model: TextModel = text_model or MissingTextModel("Give the room a rehearsal that answers.")

    def text_model(self) -> TextModel:
        """See `Provider.text_model`."""
        return self._text_model

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        loop = asyncio.get_running_loop()
        try:
            brain = self._brains(model, None)
        except BrainError as error:
            raise ProviderError(str(error), retry=False, code=404) from error
        runner = SessionRunner(
            Session(model, activity=EnergyVoiceActivity(), max_delta_ms=MAX_DELTA_MS),
            brain=brain,
            stt=self._stt,
            tts=self._tts,
            clock=lambda: loop.time() * 1000,
        )
        connection = InMemoryConnection(runner)
        connection.session_task = self._tasks.create_task(runner.run(), name=f"session {runner.session.id}")
        await asyncio.sleep(0)  # session.created goes first
        return connection

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, Any]) -> WebRtcAnswer:
        """There is no WebRTC in memory.

        Raises:
            ProviderError: always.
        """
        raise ProviderError("There is no WebRTC in memory; test it with --voice=spoken.", retry=False)

    async def create_ephemeral_secret(self, session: Mapping[str, Any]) -> EphemeralSecret:
        """Nobody else can reach a session in memory.

        Raises:
            ProviderError: always.
        """
        raise ProviderError("A model in memory has no secrets for others.", retry=False)

    async def hang_up(self, rtc_call_id: str) -> None:
        """Nothing to end."""

    async def aclose(self) -> None:
        """Nothing to end: the sessions end with their connections."""


class InMemoryConnection:
    """One end of a session; the other end is the session itself."""

    receive_count = None

    def __init__(self, runner: SessionRunner) -> None:
        self._runner = runner
        self._frames: deque[bytes | AudioDelta] = deque()
        self._arrived = asyncio.Event()
        self._closed: ConnectionLostError | None = None
        self.session_task: asyncio.Task[None] | None = None
        runner.attach(_ClientChannel(self))

    async def receive(self) -> bytes | AudioDelta:
        """See `Connection.receive`."""
        while not self._frames:
            if self._closed is not None:
                raise self._closed
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    async def send(self, frame: str) -> None:
        """See `Connection.send`."""
        if self._closed is not None:
            raise self._closed
        self._post(frame)

    def try_send(self, frame: str) -> bool:
        """See `Connection.try_send`."""
        if self._closed is not None:
            return False
        self._post(frame)
        return True

    def _post(self, frame: str) -> None:
        try:
            event = decode(frame)
        except MalformedEventError as error:
            self._runner.post(MalformedFrame(f"This is no Realtime event: {error}."))
        else:
            self._runner.post(ClientEvent(event))

    async def close(self) -> None:
        """See `Connection.close`. Returns when the session has ended."""
        self._runner.end()
        if self.session_task is not None:
            await asyncio.wait({self.session_task})

    def deliver(self, event: Event) -> None:
        """An event of the session. All but sound is written as JSON and read again, as it would be elsewhere."""
        is_sound = event["type"] == "response.output_audio.delta"
        self._frames.append(AudioDelta(event["item_id"], event["delta"]) if is_sound else encode(event))
        self._arrived.set()

    def closed(self, code: int, reason: str) -> None:
        """The session has ended."""
        if self._closed is None:
            self._closed = ConnectionLostError(reason or "the session is over", code)
            self._arrived.set()


class _ClientChannel:
    """The session's channel: what it sends arrives at once."""

    def __init__(self, connection: InMemoryConnection) -> None:
        self._connection = connection

    def send(self, event: Event) -> None:
        self._connection.deliver(event)

    def close(self, code: int, reason: str) -> None:
        self._connection.closed(code, reason)

    async def wait_writable(self) -> None:
        """There is always room: whoever reads is in the same process."""
