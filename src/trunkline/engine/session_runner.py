"""Session runner: it runs the session machine and its effects, and connects the clients.

Any number of channels (a WebSocket, a data channel, sidebands) can be attached. Each one gets all events, and its
events go to the same machine. All tasks belong to the task group of `run` and end with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from enum import Enum, auto
from typing import Protocol, TypeVar, assert_never

from trunkline.engine.brains import Brain, BrainError, ExpectingBrain, PreparingBrain, ReplyExpectation
from trunkline.engine.session import effects, inputs
from trunkline.engine.session.effects import Output
from trunkline.engine.session.output_message import first_sentence
from trunkline.engine.session.session import Session
from trunkline.engine.speech import (
    AlternativesUtterance,
    PreparingTts,
    ProbingUtterance,
    SpeechError,
    Stt,
    Tts,
    Utterance,
)
from trunkline.engine.time_limits import DEFAULT_TIME_LIMITS, EngineTimeLimits
from trunkline.machine_runner import MachineRunner
from trunkline.realtime.events import Event

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

INTERNAL_ERROR = "internal error: see the server's log"
"""Close reason for a client after an internal error of its session. Other sessions continue."""


class Channel(Protocol):
    """A client's end of a session. Only `wait_writable` blocks. A channel closes itself if its client is too slow."""

    def send(self, event: Event) -> None:
        """Send an event, which nobody may modify afterwards. Audio in it is `bytes`, which `encode` writes."""

    def close(self, code: int, reason: str) -> None:
        """Close the channel after the queued events, because the session has ended."""

    async def wait_writable(self) -> None:
        """Wait until the client has received most of the queued data, or has disconnected."""


class Player(Protocol):
    """Playout of the answers' audio to the caller in real time."""

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Queue audio of a message: PCM16 at 24 kHz."""

    def clear(self) -> tuple[inputs.InterruptedMessage, ...]:
        """Drop the queue, and return the messages that had unplayed audio."""

    async def wait_writable(self) -> None:
        """Wait until the queue has room."""


def monotonic_ms() -> float:
    """Return the time of a monotonic clock in milliseconds."""
    return time.monotonic() * 1000


class _Task(Enum):
    """A kind of task; the session names each task by its kind and an id."""

    BRAIN = auto()
    SPEECH = auto()
    PREPARATION = auto()
    PAUSE = auto()
    TRANSCRIPT = auto()


class SessionRunner:
    """Runner of one session with a brain, speech recognition and speech synthesis.

    Inputs that arrive before `run` starts or after the session's end have no effect. A session with `paced` needs a
    `player`.
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
        time_limits: EngineTimeLimits = DEFAULT_TIME_LIMITS,
    ) -> None:
        self.session = session
        self._time_limits = time_limits
        self._brain = brain
        self._stt = stt
        self._tts = tts
        self._player = player
        self._channels: tuple[Channel, ...] = ()
        self._utterances: dict[str, Utterance | str] = {}
        self._machine: MachineRunner[inputs.Input, Output, effects.Timer] = MachineRunner(
            step=session.step,
            perform=self._carry_out,
            timer_fired=inputs.TimerFired,
            now_ms=clock,
            on_failure=self._on_failure,
        )

    def attach(self, channel: Channel) -> None:
        """Attach a client, which gets all events from now on."""
        self._channels = (*self._channels, channel)

    def detach(self, channel: Channel) -> None:
        """Detach a client. The session continues."""
        self._channels = tuple(other for other in self._channels if other is not channel)

    async def run(self) -> None:
        """Run the session from `session.created` to its end. All of its tasks have ended when this returns."""
        try:
            await self._machine.run(first=inputs.Opened())
        finally:
            for utterance in self._utterances.values():
                if not isinstance(utterance, str):
                    utterance.abandon()
            self._utterances.clear()
            await self._brain.aclose()

    @property
    def has_ended(self) -> bool:
        """True once the session has ended."""
        return self._machine.is_stopped

    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the session and close its channels. A second call has no effect."""
        if self._machine.is_stopped:
            return
        self._machine.stop()
        for channel in self._channels:
            channel.close(code, reason)

    def _on_failure(self, error: Exception) -> None:
        logger.error("Session %s failed.", self.session.id, exc_info=error)
        self.end(1011, INTERNAL_ERROR)

    def post(self, given: inputs.Input) -> None:
        """Give an input to the machine, and run the resulting effects."""
        self._machine.post(given)

    def _carry_out(self, output: Output) -> None:  # noqa: C901 - one case for each output
        match output:
            case effects.Send():
                self._send(output)
            case (
                effects.FeedUtterance()
                | effects.ProbeUtterance()
                | effects.PauseUtterance()
                | effects.ResumeUtterance()
            ):
                self._feed_utterance(output)
            case (
                effects.OpenUtterance()
                | effects.PrepareAnswer()
                | effects.FinishUtterance()
                | effects.AbandonUtterance()
            ):
                self._change_utterance(output)
            case effects.StartBrain(response_id):
                self._machine.spawn(self._run_brain(output), (_Task.BRAIN, response_id))
            case effects.CancelBrain(response_id):
                self._machine.cancel((_Task.BRAIN, response_id))
            case effects.StartSpeech(response_id):
                self._machine.spawn(self._synthesise(output), (_Task.SPEECH, response_id))
            case effects.CancelSpeech(response_id):
                self._machine.cancel((_Task.SPEECH, response_id))
            case effects.SetTimer(timer, at_ms):
                self._machine.set_timer(timer, at_ms)
            case effects.Play(response_id, item_id, pcm) if self._player is not None:
                self._player.play(response_id, item_id, pcm)
            case effects.ClearPlayout() if self._player is not None:
                self.post(inputs.PlayoutCleared(self._player.clear()))
            case effects.Play() | effects.ClearPlayout():
                pass  # over a WebSocket the client plays
            case effects.Close(code, reason):
                self.end(code, reason)
            case _:
                assert_never(output)

    def _send(self, output: effects.Send) -> None:
        for channel in self._channels:
            channel.send(output.event)

    def _change_utterance(
        self,
        output: effects.OpenUtterance | effects.PrepareAnswer | effects.FinishUtterance | effects.AbandonUtterance,
    ) -> None:
        match output:
            case effects.OpenUtterance(utterance_id):
                self._utterances[utterance_id] = self._open_utterance(output)
            case effects.PrepareAnswer(utterance_id):
                self._machine.cancel((_Task.PREPARATION, utterance_id))
                self._machine.spawn(self._prepare_answer(output), (_Task.PREPARATION, utterance_id))
            case effects.FinishUtterance(utterance_id):
                self._machine.cancel((_Task.PAUSE, utterance_id))
                self._machine.spawn(self._finish_utterance(utterance_id), (_Task.TRANSCRIPT, utterance_id))
            case effects.AbandonUtterance(utterance_id):
                self._machine.cancel((_Task.PAUSE, utterance_id))
                self._machine.cancel((_Task.PREPARATION, utterance_id))
                self._abandon_utterance(utterance_id)
            case _:
                assert_never(output)

    def _feed_utterance(
        self,
        output: effects.FeedUtterance | effects.ProbeUtterance | effects.PauseUtterance | effects.ResumeUtterance,
    ) -> None:
        utterance = self._utterances.get(output.utterance_id)
        if utterance is None or isinstance(utterance, str):
            return
        match output:
            case effects.FeedUtterance(_, pcm):
                utterance.feed(pcm)
            case effects.ProbeUtterance():
                if isinstance(utterance, ProbingUtterance):
                    utterance.probe()
            case effects.PauseUtterance(utterance_id, reports):
                utterance.pause()
                if reports and isinstance(utterance, ProbingUtterance):
                    self._machine.spawn(self._report_pause(utterance_id, utterance), (_Task.PAUSE, utterance_id))
            case effects.ResumeUtterance(utterance_id):
                self._machine.cancel((_Task.PAUSE, utterance_id))
                self._machine.cancel((_Task.PREPARATION, utterance_id))
                utterance.resume()
            case _:
                assert_never(output)

    # ------------------------------------------------------------------ brain and speech synthesis

    async def _run_brain(self, start: effects.StartBrain) -> None:
        ids = (start.response_id, start.generation)
        try:
            async with aclosing(_as_generator(self._brain.respond(start.request))) as answer:
                async for output in answer:
                    self.post(inputs.BrainProduced(*ids, output))
        except BrainError as error:
            self.post(inputs.BrainFailed(*ids, str(error), error.code))
        except Exception:
            # A brain may be the user's own code. Its errors fail the response, but not the session.
            logger.exception("The brain failed on response %s.", start.response_id)
            self.post(inputs.BrainFailed(*ids, "The brain failed. The server's log has the cause."))
        else:
            self.post(inputs.BrainDone(*ids))

    async def _prepare_answer(self, preparing: effects.PrepareAnswer) -> None:
        """Make the beginning of a probable answer's audio. The voice keeps it until the answer is spoken."""
        if not isinstance(self._brain, PreparingBrain) or not isinstance(self._tts, PreparingTts):
            return
        try:
            sentence = first_sentence([output async for output in self._brain.prepare(preparing.request)])
            if sentence is not None:
                speed = sentence.speed_in(preparing.speed)
                await self._tts.prepare(sentence.text, voice=preparing.voice, speed=speed, language=sentence.language)
        except (BrainError, SpeechError) as error:
            logger.debug("No answer was prepared: %s", error)  # the answer itself reports it
        except Exception:  # a brain may be the user's own code
            logger.debug("No answer was prepared.", exc_info=True)

    async def _synthesise(self, speak: effects.StartSpeech) -> None:
        ids = (speak.response_id, speak.generation)
        audio = self._tts.speak(speak.text, voice=speak.voice, speed=speak.speed, language=speak.language)
        try:
            async with aclosing(_as_generator(audio)) as chunks:
                async for chunk in chunks:
                    self.post(inputs.SpeechProduced(*ids, chunk))
                    for receiver in (*self._channels, *([self._player] if self._player else ())):
                        await receiver.wait_writable()
        except SpeechError as error:
            self.post(inputs.SpeechFailed(*ids, str(error)))
        else:
            self.post(inputs.SpeechDone(*ids))

    # ------------------------------------------------------------------ speech recognition

    def _open_utterance(self, opening: effects.OpenUtterance) -> Utterance | str:
        """Return a new utterance, or the reason for its failure, which is reported when the utterance is finished."""
        utterance_id = opening.utterance_id

        expected: ReplyExpectation | None = None
        grammar = None

        def on_partial(text: str) -> None:
            complete = expected.is_complete(text) if expected is not None else None
            utterance = self._utterances.get(utterance_id)
            if utterance is None or isinstance(utterance, str):
                return
            alternatives = utterance.alternatives() if isinstance(utterance, AlternativesUtterance) else ()
            self.post(inputs.PartialTranscript(utterance_id, text, complete, alternatives))

        try:
            grammar = self._brain.grammar(opening.request)
            if isinstance(self._brain, ExpectingBrain):
                expected = self._brain.expects(opening.request)
        except BrainError as error:
            logger.warning("No grammar for the recogniser: %s", error.code, exc_info=True)
        try:
            return self._stt.open(
                grammar=grammar,
                expects=expected.is_expected if expected is not None else None,
                language=opening.language,
                prompt=opening.prompt,
                session_id=self.session.id,
                on_partial=on_partial,
            )
        except SpeechError as error:
            return str(error)

    async def _report_pause(self, utterance_id: str, utterance: ProbingUtterance) -> None:
        try:
            self.post(inputs.PausedTranscript(utterance_id, await utterance.paused_words()))
        except SpeechError as error:
            logger.debug("No words for a pause: %s", error)  # `finish` reports it

    async def _finish_utterance(self, utterance_id: str) -> None:
        utterance = self._utterances.get(utterance_id, "The utterance was never opened.")
        try:
            if isinstance(utterance, str):
                raise SpeechError(utterance)
            async with asyncio.timeout(self._time_limits.transcript_s):
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
        message = f"The recognition took more than {self._time_limits.transcript_s:g} s and was stopped."
        self.post(inputs.TranscriptFailed(utterance_id, message))

    def _abandon_utterance(self, utterance_id: str) -> None:
        self._machine.cancel((_Task.TRANSCRIPT, utterance_id))
        utterance = self._utterances.pop(utterance_id, None)
        if utterance is not None and not isinstance(utterance, str):
            utterance.abandon()


def _as_generator(iterator: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
    """Return the iterator as a generator, which can be closed. Most iterators already are generators."""
    return iterator if isinstance(iterator, AsyncGenerator) else _generate(iterator)


async def _generate(iterator: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
    try:
        async for value in iterator:
            yield value
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()
