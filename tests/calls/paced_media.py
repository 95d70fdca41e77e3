"""WebRTC calls of the engine's sessions in memory: they live on without a sideband, and play in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from trunkline.engine.http.app import BrainFactory
from trunkline.engine.session.session import Session
from trunkline.engine.session_runner import SessionRunner
from trunkline.engine.speech import Tts
from trunkline.engine.transports.pacing import FRAME_MS, Pacer
from trunkline.providers import Connection, ProviderError, WebRtcAnswer
from trunkline.realtime.ids import new_id
from trunkline.testing.in_memory_provider import InMemoryConnection, InMemoryProvider


class PacedMedia(InMemoryProvider):
    """A provider with WebRTC calls. Each sideband is a connection to the session of its call.

    Attributes:
        sessions: the sessions of the WebRTC calls that are not hung up, by the id of the call.
    """

    def __init__(self, brains: BrainFactory, tasks: asyncio.TaskGroup, tts: Tts) -> None:
        super().__init__(brains, tasks, tts=tts)
        self.sessions: dict[str, SessionRunner] = {}

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """Start a session, and play its audio in real time."""
        loop = asyncio.get_running_loop()
        pacer = Pacer()
        settings = {name: value for name, value in session.items() if name != "model"}
        made = Session("m", activity=self._activity(), new_id=new_id, settings=settings, paced=True)
        runner = SessionRunner(
            made,
            brain=self._brains("m", None),
            stt=self._stt,
            tts=self._tts,
            clock=lambda: loop.time() * 1000,
            player=pacer,
        )
        rtc_call_id = new_id("rtc")
        self.sessions[rtc_call_id] = runner
        self._tasks.create_task(runner.run())
        self._tasks.create_task(_play(runner, pacer))
        return WebRtcAnswer(f"answer to {sdp}", rtc_call_id)

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """Attach a sideband."""
        runner = self.sessions.get(rtc_call_id or "")
        if runner is None:
            raise ProviderError("no such call", retry=False, code=404)
        await asyncio.sleep(0.02)
        return _Sideband(runner)

    async def hang_up(self, rtc_call_id: str) -> None:
        """End the session of a call."""
        runner = self.sessions.pop(rtc_call_id, None)
        if runner is not None:
            runner.end()


class _Sideband(InMemoryConnection):
    def __init__(self, runner: SessionRunner) -> None:
        super().__init__(runner)
        self._channel = runner._channels[-1]

    async def close(self) -> None:
        """Detach from the session, which continues."""
        self._runner.detach(self._channel)
        self.closed(1000, "")


async def _play(runner: SessionRunner, pacer: Pacer) -> None:
    while not runner.has_ended:
        _frame, playout_events = pacer.next_frame()
        for one in playout_events:
            runner.post(one)
        await asyncio.sleep(FRAME_MS / 1000)
