"""Recogniser beside the relay: it hears the caller's words while they speak over the agent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine

from trunkline.calls.machine.inputs import WordsHeard
from trunkline.calls.speech_looks import Look, SpeechLooks
from trunkline.engine.speech import ProbingStt, SpeechError
from trunkline.engine.speech.vad import VoiceActivity
from trunkline.scenario.interruption import HeardWords

logger = logging.getLogger(__name__)


class WordListener:
    """The recogniser of one call.

    Args:
        stt: shared by all calls.
        activity: a voice activity detector of its own.
        call_id: by which the recogniser shares its work fairly.
        spawn: runs a task of the call.
        post: receives the words.
    """

    def __init__(
        self,
        stt: ProbingStt,
        activity: VoiceActivity,
        call_id: str,
        spawn: Callable[[Coroutine[object, None, None]], object],
        post: Callable[[WordsHeard], object],
    ) -> None:
        self._stt = stt
        self._looks = SpeechLooks(activity)
        self._call_id = call_id
        self._spawn = spawn
        self._post = post
        self._speech_id: str | None = None
        self._pending = 0

    def listen(self, speech_id: str | None) -> None:
        """Listen to speech that has just begun, under this id; None ends it."""
        self._speech_id = speech_id
        if speech_id is None:
            self._looks.end()
        else:
            self._take(self._looks.begin())

    def feed(self, pcm: bytes) -> None:
        """Take the caller's audio: PCM16 at 24 kHz. All audio of the relay passes here."""
        if looks := self._looks.feed(pcm):
            self._take(looks)

    def _take(self, looks: list[Look]) -> None:
        for look in looks:
            # A recogniser that is behind gets only what decides: the last look at a stretch.
            if self._speech_id is not None and (look.paused or not self._pending):
                self._pending += 1
                self._spawn(self._probe(look, self._speech_id))

    async def _probe(self, look: Look, speech_id: str) -> None:
        try:
            heard = await self._stt.probe(look.pcm, session_id=self._call_id)
        except SpeechError as error:
            logger.warning("call %s: no words were heard for an interruption: %s", self._call_id, error)
            return  # the machine decides by time, or by the service's transcript
        finally:
            self._pending -= 1
        words = HeardWords(heard.text, heard.log_probability, heard.no_speech)
        self._post(WordsHeard(speech_id, words, look.speech_ms, first=look.first, paused=look.paused))
