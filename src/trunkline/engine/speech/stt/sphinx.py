"""The small recogniser: PocketSphinx, in one worker process that starts with the first utterance.

The worker decodes each utterance while its audio arrives, so the words are known a few milliseconds after the end.
With a grammar, speech outside of it gives an empty transcript; without one, a language model of American English
writes down dictation.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable

from trunkline.engine.speech import SpeechError, Transcript
from trunkline.engine.speech.stt.sphinx_ipc import (
    Abandon,
    Audio,
    Failed,
    Final,
    Finish,
    Open,
    Partial,
    Reply,
    replies,
)
from trunkline.engine.speech.worker_ipc import Message
from trunkline.engine.speech.worker_process import WorkerProcess
from trunkline.realtime.audio import ms_to_bytes

MAX_BACKLOG_BYTES = ms_to_bytes(60_000)
"""Audio on its way to the worker; an utterance that would exceed it fails."""
MAX_LINES = 1000
"""Limit of sessions with a remembered line; beyond it, the least recently used line is dropped."""

_ANY_WORD = "#JSGF V1.0;\ngrammar caller;\npublic <said> = yes | no;\n"
_MODULE = "trunkline.engine.speech.stt.sphinx_worker"


class SphinxStt:
    """Recognises English with PocketSphinx. Belongs to one event loop; `aclose` ends its processes and its task.

    It remembers each session's line: an utterance starts with the cepstral mean of the session's last one, which
    stands for microphone, telephone band and noise. Without that, a telephone's first words come out wrong each time.

    Args:
        fork: decode each utterance in a child process of the worker, made by `fork`. Callers who speak at once then
            use all cores and do not wait for each other. Linux only, where that is known to be safe; without it,
            the worker decodes them in turns.
    """

    def __init__(self, *, fork: bool = sys.platform == "linux") -> None:
        self._arguments = ("--fork",) if fork else ()
        self._workers: list[_Worker] = []  # the last one works, the others are ending
        self._means: dict[str, str] = {}
        self._closed = False

    def open(
        self,
        *,
        grammar: str | None = None,
        expects: Callable[[str], bool] | None = None,
        language: str | None = None,
        prompt: str = "",
        session_id: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> SphinxUtterance:
        """Begin an utterance; start the worker if none runs. All speech is taken for English. `prompt` has no effect.

        Raises:
            SpeechError: the recogniser is closed.
        """
        mean = self._means.get(session_id) if session_id else None

        def remember(mean: str) -> None:
            if session_id:
                self._means.pop(session_id, None)
                self._means[session_id] = mean
                if len(self._means) > MAX_LINES:
                    del self._means[next(iter(self._means))]

        return SphinxUtterance(self._running_worker(), grammar, mean, on_partial, remember)

    async def warm(self, grammar: str | None = _ANY_WORD) -> None:
        """Start the worker and decode a moment of silence, 0.3 to 1 s of work, ahead of the first utterance.

        Args:
            grammar: the grammar of the next utterances; None loads the language model for dictation, 100 MB.

        Raises:
            SpeechError: the worker does not start, or the recogniser is closed.
        """
        await self._running_worker().process.until_ready()
        utterance = self.open(grammar=grammar)
        utterance.feed(bytes(ms_to_bytes(100)))
        await utterance.finish()

    async def aclose(self) -> None:
        """End the worker; open utterances fail. A second call does nothing."""
        self._closed = True
        workers, self._workers = self._workers, []
        for worker in workers:
            await worker.process.aclose()

    def _running_worker(self) -> _Worker:
        if self._closed:
            raise SpeechError("The recogniser is closed.")
        if not self._workers or self._workers[-1].process.has_ended:
            self._workers = [worker for worker in self._workers if not worker.process.is_gone]
            self._workers.append(_Worker(self._arguments))
        return self._workers[-1]


class SphinxUtterance:
    """One utterance of a caller; see `Utterance`."""

    def __init__(
        self,
        worker: _Worker,
        grammar: str | None,
        mean: str | None,
        on_partial: Callable[[str], None] | None,
        on_mean: Callable[[str], None],
    ) -> None:
        self._worker = worker
        self._on_partial = on_partial
        self._on_mean = on_mean
        self._text: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._fed_all = False
        self._words = ""
        self._resumed = False
        self._id = worker.add(self)
        worker.send(Open(self._id, grammar, on_partial is not None, mean))

    def feed(self, pcm: bytes) -> None:
        """Take more audio, of any length; return at once."""
        if self._text.done() or self._fed_all:
            return
        if self._worker.process.backlog + len(pcm) > MAX_BACKLOG_BYTES:
            self._worker.send(Abandon(self._id))
            self.fail("The recogniser cannot keep up with so much audio. Run fewer calls on this server.")
        else:
            self._worker.send(Audio(self._id, pcm))

    def pause(self) -> None:
        """Report the words again if the caller has spoken on since an earlier pause.

        Otherwise they are known already.
        """
        if self._resumed and self._words and not self._text.done():
            self._report()

    def resume(self) -> None:
        """Take note that the words of the last pause are not the last ones."""
        self._resumed = True

    async def finish(self) -> Transcript:
        """Return the words; a second call returns the same. Cancelling it abandons the utterance.

        Raises:
            SpeechError: the grammar was bad, the worker died, or the utterance was abandoned.
        """
        if not self._fed_all:
            self._fed_all = True
            if not self._text.done():
                self._worker.send(Finish(self._id))
        try:
            return Transcript(await asyncio.shield(self._text))
        except asyncio.CancelledError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Give up the utterance."""
        if not self._text.done():
            self._worker.send(Abandon(self._id))
            self.fail("The utterance was abandoned.")

    def on_reply(self, reply: Reply) -> None:
        """Take a reply of the worker."""
        match reply:
            case Partial(text=text):
                self._words = text
                if not self._text.done():
                    self._report()
            case Final(text=text, mean=mean):
                self._worker.remove(self._id)
                if mean:
                    self._on_mean(mean)
                if not self._text.done():
                    self._text.set_result(text)
            case Failed(reason=reason):
                self.fail(reason)

    def _report(self) -> None:
        if self._on_partial is not None:
            # By way of the loop, so that an error in the callback does not end the worker's task.
            asyncio.get_running_loop().call_soon(self._on_partial, self._words)

    def fail(self, reason: str) -> None:
        """End the utterance without words."""
        self._worker.remove(self._id)
        if not self._text.done():
            self._text.set_exception(SpeechError(reason))
            self._text.exception()  # counts as retrieved: `finish` may never be called


class _Worker:
    """The process and its open utterances."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._utterances: dict[int, SphinxUtterance] = {}
        self._ids = itertools.count(1)
        self.process: WorkerProcess[Reply] = WorkerProcess(
            _MODULE, arguments, title="recogniser", decoder=replies, on_reply=self._on_reply, on_end=self._on_end
        )

    def add(self, utterance: SphinxUtterance) -> int:
        id_ = next(self._ids)
        self._utterances[id_] = utterance
        return id_

    def remove(self, id_: int) -> None:
        self._utterances.pop(id_, None)

    def send(self, message: Message) -> None:
        self.process.send(message)

    def _on_reply(self, reply: Reply) -> None:
        if utterance := self._utterances.get(reply.id):
            utterance.on_reply(reply)

    def _on_end(self, reason: str) -> None:
        for utterance in list(self._utterances.values()):
            utterance.fail(reason)
