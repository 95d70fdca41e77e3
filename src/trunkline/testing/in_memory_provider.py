"""Provider for typed calls: it joins the engine's session and the call's link in memory, without sockets or speech."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from trunkline.engine.brains import BrainError
from trunkline.engine.http.app import BrainFactory
from trunkline.engine.session.inputs import ClientEvent, MalformedFrame
from trunkline.engine.session.session import Session
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.speech import Stt, Tts
from trunkline.engine.speech.stt.scripted_stt import ScriptedStt
from trunkline.engine.speech.tts.silent import SilentTts
from trunkline.engine.speech.vad import EnergyVoiceActivity, VoiceActivity
from trunkline.providers import (
    AudioDelta,
    Connection,
    ConnectionLostError,
    EphemeralSecret,
    ProviderError,
    WebRtcAnswer,
)
from trunkline.providers.engine_provider import EngineSessionConfig
from trunkline.providers.text_model_client import MissingTextModel
from trunkline.realtime.events import Event, MalformedEventError, decode, encode
from trunkline.realtime.ids import new_id
from trunkline.scenario.text_model import TextModel

MAX_DELTA_MS = 2000
"""The longest audio of one delta in ms. In memory, all deltas arrive at the same time anyway."""


class InMemoryProvider(EngineSessionConfig):
    """Provider of sessions in this process, on the clock of the running loop.

    Args:
        brains: creates the brain of each session.
        tasks: the group that runs the sessions; a session ends with its connection.
        tts: `SilentTts` by default.
        stt: the sessions' recogniser; by default a `ScriptedStt` without texts.
        text_model: the text model for tools and guardrails; by default, requests fail.
        activity: creates the voice activity detector of each session; by default, one that goes by the level.
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
        activity: Callable[[], VoiceActivity] = EnergyVoiceActivity,
    ) -> None:
        self._brains = brains
        self._tasks = tasks
        self._tts: Tts = tts or SilentTts()
        self._stt: Stt = stt or ScriptedStt()
        self._activity = activity
        self._text_model: TextModel = text_model or MissingTextModel("Give the scenario a rehearsal that answers.")

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
            Session(model, activity=self._activity(), new_id=new_id, max_delta_ms=MAX_DELTA_MS),
            brain=brain,
            stt=self._stt,
            tts=self._tts,
            clock=lambda: loop.time() * 1000,
        )
        connection = InMemoryConnection(runner)
        connection.session_task = self._tasks.create_task(runner.run(), name=f"session {runner.session.id}")
        await asyncio.sleep(0)  # session.created goes first
        return connection

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """Refuse the call: WebRTC needs sockets.

        Raises:
            ProviderError: always.
        """
        raise ProviderError("Typed calls have no WebRTC; test it with --voice=spoken.", retry=False)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """Refuse a secret: other processes cannot reach a session in memory.

        Raises:
            ProviderError: always.
        """
        raise ProviderError("A typed call cannot create ephemeral secrets; test them with --voice=spoken.", retry=False)

    async def hang_up(self, rtc_call_id: str) -> None:
        """Ignore the request: without WebRTC, no call can be left."""

    async def aclose(self) -> None:
        """Return at once: the sessions end with their connections."""


class InMemoryConnection:
    """Client's end of a session in memory."""

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
            self._runner.post(MalformedFrame(f"This is not a Realtime event: {error}."))
        else:
            self._runner.post(ClientEvent(event))

    async def close(self) -> None:
        """See `Connection.close`. Return when the session has ended."""
        self._runner.end()
        if self.session_task is not None:
            await asyncio.wait({self.session_task})

    def deliver(self, event: Event) -> None:
        """Deliver an event of the session. All events but audio pass through JSON, as on other connections."""
        is_sound = event["type"] == "response.output_audio.delta"
        self._frames.append(AudioDelta(event["item_id"], event["delta"]) if is_sound else encode(event))
        self._arrived.set()

    def closed(self, code: int, reason: str) -> None:
        """Mark the connection as lost, since the session has ended."""
        if self._closed is None:
            self._closed = ConnectionLostError(reason or "the session is over", code)
            self._arrived.set()


class _ClientChannel:
    """Channel of the session that delivers its events at once."""

    def __init__(self, connection: InMemoryConnection) -> None:
        self._connection = connection

    def send(self, event: Event) -> None:
        self._connection.deliver(event)

    def close(self, code: int, reason: str) -> None:
        self._connection.closed(code, reason)

    async def wait_writable(self) -> None:
        """Return at once: the reader is in the same process."""
