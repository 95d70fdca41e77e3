"""A running session: the machine, the tasks that carry out its effects, and the clients attached to it.

Any number of channels may be attached (a WebSocket, a data channel, sidebands): each sees every event, and what any
of them sends goes into the same machine. All tasks live in the task group of `run` and end with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Protocol, TypeVar

from trunkline.engine.brains import Brain, BrainError
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.effects import Output
from trunkline.engine.session.session import Session
from trunkline.engine.speech import SpeechError, Stt, Tts, Utterance
from trunkline.realtime.events import Event

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

TRANSCRIPT_TIMEOUT_S = 120.0
"""How long a recogniser may go on after a turn's last audio. It is given up then, and the turn stays without words."""
INTERNAL_ERROR = "internal error; the server's log says more"
"""The reason a client is given when its session breaks down. No other session is touched."""


class Channel(Protocol):
    """A client's end of a session, for events. It never blocks; one that cannot keep up closes itself."""

    def send(self, event: Event) -> None:
        """An event, which is nobody's to change. Audio in it is bytes, for `encode` to write."""

    def close(self, code: int, reason: str) -> None:
        """The session has ended. Frames sent before are delivered first."""

    async def wait_writable(self) -> None:
        """Waits until the client has taken most of what was sent, or has gone."""


class Player(Protocol):
    """Plays the answers' audio to the caller in real time."""

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Queues audio of a message: PCM16 at 24 kHz."""

    def clear(self) -> tuple[inputs.InterruptedMessage, ...]:
        """Falls silent at once; the messages of which audio was still to come."""

    async def wait_writable(self) -> None:
        """Waits until not too much is queued."""


def monotonic_ms() -> float:
    """Milliseconds of a clock that never goes back."""
    return time.monotonic() * 1000


class SessionRunner:
    """Carries out a session's effects with a brain, a recogniser and a voice.

    `post` may be called as soon as `run` has begun; before and after, nothing happens. A `player` goes with a session
    that is `paced`.
    """

    def __init__(
        self,
        session: Session,
        *,
        brain: Brain,
        stt: Stt,
        tts: Tts,
        clock: Callable[[], float] = monotonic_ms,
        player: Player | None = None,
    ) -> None:
        self.session = session
        self._brain = brain
        self._stt = stt
        self._tts = tts
        self._clock = clock
        self._player = player
        self._channels: list[Channel] = []
        self._inbox: deque[inputs.Input] = deque()
        self._stepping = False
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._utterances: dict[str, Utterance | str] = {}

    def attach(self, channel: Channel) -> None:
        """A client joins: it sees every event from now on."""
        self._channels.append(channel)

    def detach(self, channel: Channel) -> None:
        """A client has gone; the session goes on."""
        if channel in self._channels:
            self._channels.remove(channel)

    async def run(self) -> None:
        """Runs the session from `session.created` to its end. Nothing of it is left when this returns."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self.post(inputs.Opened())
                await self._ended.wait()
                for task in list(self._tasks.values()):
                    task.cancel()
        except* Exception:
            logger.exception("Session %s failed.", self.session.id)
            self.end(1011, INTERNAL_ERROR)
        finally:
            self._group = None
            for timer in self._timers.values():
                timer.cancel()
            for utterance in self._utterances.values():
                if not isinstance(utterance, str):
                    utterance.abandon()
            self._utterances.clear()
            await self._brain.aclose()

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Ends the session and tells its clients. A second time changes nothing."""
        if self._ended.is_set():
            return
        self._ended.set()
        for channel in self._channels:
            channel.close(code, reason)

    def post(self, given: inputs.Input) -> None:
        """Gives the machine an input and carries out what follows from it."""
        self._inbox.append(given)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox and not self._ended.is_set():
                for output in self.session.step(self._inbox.popleft(), self._clock()):
                    self._carry_out(output)
        except Exception:
            self.end(1011, INTERNAL_ERROR)
            raise
        finally:
            self._stepping = False

    def _carry_out(self, output: Output) -> None:
        match output:
            case effects.Send():
                self._send(output)
            case effects.OpenUtterance() | effects.FeedUtterance() | effects.AbandonUtterance():
                self._recognise(output)
            case effects.FinishUtterance(utterance_id):
                self._start("transcript", utterance_id, self._finish_utterance(utterance_id))
            case effects.StartBrain(response_id):
                self._start("brain", response_id, self._run_brain(output))
            case effects.CancelBrain(response_id):
                self._cancel("brain", response_id)
            case effects.StartSpeech(response_id):
                self._start("speech", response_id, self._synthesise(output))
            case effects.CancelSpeech(response_id):
                self._cancel("speech", response_id)
            case effects.SetTimer():
                self._set_timer(output)
            case effects.Play(response_id, item_id, pcm) if self._player is not None:
                self._player.play(response_id, item_id, pcm)
            case effects.ClearPlayout() if self._player is not None:
                self.post(inputs.PlayoutCleared(self._player.clear()))
            case effects.Close(code, reason):
                self.end(code, reason)

    def _send(self, output: effects.Send) -> None:
        for channel in list(self._channels):
            channel.send(output.event)

    def _recognise(self, output: effects.OpenUtterance | effects.FeedUtterance | effects.AbandonUtterance) -> None:
        if isinstance(output, effects.OpenUtterance):
            self._utterances[output.utterance_id] = self._open_utterance(output)
        elif isinstance(output, effects.AbandonUtterance):
            self._abandon_utterance(output.utterance_id)
        else:
            utterance = self._utterances.get(output.utterance_id)
            if utterance is not None and not isinstance(utterance, str):
                utterance.feed(output.pcm)

    # ------------------------------------------------------------------ tasks

    def _start(self, kind: str, key: str, work: Coroutine[None, None, None]) -> None:
        if self._group is None:
            work.close()
            return
        task = self._group.create_task(work, name=f"{kind} {key}")
        self._tasks[kind, key] = task
        task.add_done_callback(lambda done: self._forget(kind, key, done))

    def _forget(self, kind: str, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get((kind, key)) is task:
            del self._tasks[kind, key]

    def _cancel(self, kind: str, key: str) -> None:
        if task := self._tasks.pop((kind, key), None):
            task.cancel()

    def _set_timer(self, timer: effects.SetTimer) -> None:
        if earlier := self._timers.pop(timer.key, None):
            earlier.cancel()
        delay = max(0.0, timer.at_ms - self._clock()) / 1000
        self._timers[timer.key] = asyncio.get_running_loop().call_later(delay, self._on_timer, timer.key)

    def _on_timer(self, key: str) -> None:
        del self._timers[key]
        self.post(inputs.TimerFired(key))

    # ------------------------------------------------------------------ brain and voice

    async def _run_brain(self, start: effects.StartBrain) -> None:
        where = (start.response_id, start.generation)
        try:
            async with aclosing(_closable(self._brain.respond(start.request))) as answer:
                async for output in answer:
                    self.post(inputs.BrainProduced(*where, output))
        except BrainError as error:
            self.post(inputs.BrainFailed(*where, str(error), error.code))
        except Exception:
            # A brain may be a user's own code: its mistake fails the response, never the session.
            logger.exception("The brain failed on response %s.", start.response_id)
            self.post(inputs.BrainFailed(*where, "The brain failed; the server's log says how."))
        else:
            self.post(inputs.BrainDone(*where))

    async def _synthesise(self, speak: effects.StartSpeech) -> None:
        where = (speak.response_id, speak.generation)
        audio = self._tts.speak(speak.text, voice=speak.voice, speed=speak.speed, language=speak.language)
        try:
            async with aclosing(_closable(audio)) as chunks:
                async for chunk in chunks:
                    self.post(inputs.SpeechProduced(*where, chunk))
                    for waiting in (*self._channels, *([self._player] if self._player else ())):
                        await waiting.wait_writable()
        except SpeechError as error:
            self.post(inputs.SpeechFailed(*where, str(error)))
        else:
            self.post(inputs.SpeechDone(*where))

    # ------------------------------------------------------------------ recogniser

    def _open_utterance(self, opening: effects.OpenUtterance) -> Utterance | str:
        """The utterance, or why there is none: that is reported when its words are wanted."""
        utterance_id = opening.utterance_id

        def on_partial(words: str) -> None:
            self.post(inputs.PartialTranscript(utterance_id, words))

        try:
            grammar = self._brain.grammar(opening.request)
        except BrainError as error:
            logger.warning("No grammar for the recogniser: %s", error.code, exc_info=True)
            grammar = None
        try:
            return self._stt.open(
                grammar=grammar, language=opening.language, session_id=self.session.id, on_partial=on_partial
            )
        except SpeechError as error:
            return str(error)

    async def _finish_utterance(self, utterance_id: str) -> None:
        utterance = self._utterances.get(utterance_id, "The utterance was never opened.")
        try:
            if isinstance(utterance, str):
                raise SpeechError(utterance)
            async with asyncio.timeout(TRANSCRIPT_TIMEOUT_S):
                transcript = await utterance.finish()
        except TimeoutError:
            self._time_out(utterance_id)
        except SpeechError as error:
            self.post(inputs.TranscriptFailed(utterance_id, str(error)))
        else:
            self.post(inputs.FinalTranscript(utterance_id, transcript.text))
        finally:
            self._utterances.pop(utterance_id, None)

    def _time_out(self, utterance_id: str) -> None:
        utterance = self._utterances.get(utterance_id)
        if utterance is not None and not isinstance(utterance, str):
            utterance.abandon()
        message = f"The recogniser came to no end within {TRANSCRIPT_TIMEOUT_S:g} s."
        self.post(inputs.TranscriptFailed(utterance_id, message))

    def _abandon_utterance(self, utterance_id: str) -> None:
        self._cancel("transcript", utterance_id)
        utterance = self._utterances.pop(utterance_id, None)
        if utterance is not None and not isinstance(utterance, str):
            utterance.abandon()


def _closable(iterator: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
    """The iterator as what can be closed: mostly it is a generator already."""
    return iterator if isinstance(iterator, AsyncGenerator) else _generated(iterator)


async def _generated(iterator: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
    try:
        async for value in iterator:
            yield value
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()
