"""The recogniser that comes with pip: pocketsphinx, in one worker process that starts with the first utterance.

Each utterance is decoded while its sound arrives, so that its words are there a few milliseconds after its last sound.
With a grammar, speech outside of it gives an empty transcript; without, a language model of American English writes
down what it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from trunkline.engine.speech import SpeechError, Transcript
from trunkline.engine.speech.stt.sphinx_ipc import (
    LENGTH_BYTES,
    Abandon,
    Audio,
    Failed,
    Final,
    Finish,
    Message,
    Open,
    Partial,
    Ready,
    frame,
    replies,
)
from trunkline.realtime.audio import ms_to_bytes

MAX_BACKLOG_BYTES = ms_to_bytes(60_000)
"""Sound on its way to the worker; an utterance that would make it more is given up."""

_ANY_WORD = "#JSGF V1.0;\ngrammar caller;\npublic <said> = yes | no;\n"
_MAX_REPLY = 1 << 20
_MODULE = "trunkline.engine.speech.stt.sphinx_worker"
_SOURCES = Path(__file__).parents[4]


class SphinxStt:
    """Recognises English with pocketsphinx. Belongs to one event loop; `aclose` ends its processes and its task.

    Args:
        fork: let the worker decode each utterance in a child of its own, made by `fork`: then callers who speak at
            once use all cores and do not wait for each other. Linux only, where that is known to be safe; without it,
            the worker decodes them in turns.
    """

    def __init__(self, *, fork: bool = sys.platform == "linux") -> None:
        self._arguments = ("--fork",) if fork else ()
        self._workers: list[_Worker] = []  # the last one works, the others are on their way out
        self._closed = False

    def open(
        self,
        *,
        grammar: str | None = None,
        language: str | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> SphinxUtterance:
        """Begins an utterance; starts the worker if there is none. `language` is heard as English whatever it says.

        Raises:
            SpeechError: the recogniser is closed.
        """
        return SphinxUtterance(self._running_worker(), grammar, on_partial)

    async def warm(self, grammar: str | None = _ANY_WORD) -> None:
        """Starts the worker and decodes a moment of silence with it, 0.3 to 1 s of work, ahead of the first utterance.

        Args:
            grammar: what callers may say; None loads the language model for free dictation, 100 MB.

        Raises:
            SpeechError: it does not start, or the recogniser is closed.
        """
        await self._running_worker().until_ready()
        utterance = self.open(grammar=grammar)
        utterance.feed(bytes(ms_to_bytes(100)))
        await utterance.finish()

    async def aclose(self) -> None:
        """Ends the worker; open utterances fail. Harmless when done twice."""
        self._closed = True
        workers, self._workers = self._workers, []
        for worker in workers:
            await worker.aclose()

    def _running_worker(self) -> _Worker:
        if self._closed:
            raise SpeechError("The recogniser is closed.")
        if not self._workers or self._workers[-1].is_dead:
            self._workers = [worker for worker in self._workers if not worker.is_gone]
            self._workers.append(_Worker(self._arguments))
        return self._workers[-1]


class SphinxUtterance:
    """One stretch of speech; see `Utterance`."""

    def __init__(self, worker: _Worker, grammar: str | None, on_partial: Callable[[str], None] | None) -> None:
        self._worker = worker
        self._on_partial = on_partial
        self._words: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._fed_all = False
        self._id = worker.enter(self)
        worker.send(Open(self._id, grammar, on_partial is not None))

    def feed(self, pcm: bytes) -> None:
        """Takes more sound, of any length; returns at once."""
        if self._words.done() or self._fed_all:
            return
        if self._worker.backlog + len(pcm) > MAX_BACKLOG_BYTES:
            self._worker.send(Abandon(self._id))
            self.fail("The recogniser cannot keep up with so much sound.")
        else:
            self._worker.send(Audio(self._id, pcm))

    async def finish(self) -> Transcript:
        """The words; the second time, the same again. Cancelling it abandons the utterance.

        Raises:
            SpeechError: the grammar was bad, the worker died, or the utterance was abandoned.
        """
        if not self._fed_all:
            self._fed_all = True
            if not self._words.done():
                self._worker.send(Finish(self._id))
        try:
            return Transcript(await asyncio.shield(self._words))
        except asyncio.CancelledError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Gives up the utterance."""
        if not self._words.done():
            self._worker.send(Abandon(self._id))
            self.fail("The utterance was abandoned.")

    def on_final_text(self, words: str) -> None:
        """From the worker: these are the words."""
        self._worker.leave(self._id)
        if not self._words.done():
            self._words.set_result(words)

    def on_partial_text(self, words: str) -> None:
        """From the worker: these are the words so far."""
        if self._on_partial is not None and not self._words.done():
            # By way of the loop, so that an error in it is the listener's and does not end the worker's task.
            asyncio.get_running_loop().call_soon(self._on_partial, words)

    def fail(self, reason: str) -> None:
        """The utterance comes to nothing."""
        self._worker.leave(self._id)
        if not self._words.done():
            self._words.set_exception(SpeechError(reason))
            self._words.exception()  # counts as seen: who never finishes does not want to know


class _Worker:
    """The process, the task that reads from it, and the utterances that it has open."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._arguments = arguments
        self.is_dead = False
        self._utterances: dict[int, SphinxUtterance] = {}
        self._ids = itertools.count(1)
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._pipe: asyncio.StreamWriter | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="recogniser")

    @property
    def backlog(self) -> int:
        """Bytes on their way to the process."""
        return self._pipe.transport.get_write_buffer_size() if self._pipe else self._unsent_bytes

    def enter(self, utterance: SphinxUtterance) -> int:
        id_ = next(self._ids)
        self._utterances[id_] = utterance
        return id_

    def leave(self, id_: int) -> None:
        self._utterances.pop(id_, None)

    def send(self, message: Message) -> None:
        """Sends, or keeps until the process is there."""
        if self.is_dead:
            return
        if self._pipe is not None:
            self._pipe.write(frame(message))
        else:
            self._unsent.append(frame(message))
            self._unsent_bytes += len(self._unsent[-1])

    async def until_ready(self) -> None:
        await asyncio.shield(self._ready)

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is left."""
        return self._task.done()

    async def aclose(self) -> None:
        if not self.is_dead:  # a dead one is clearing up already
            self._task.cancel()
        await asyncio.wait([self._task])
        self._end("The recogniser was closed.")  # the task may have been cancelled before it began

    async def _run(self) -> None:
        reason = "The recogniser's process died. The next utterance starts another."
        process = None
        try:
            process = await _start(self._arguments)
            reason = await self._read_replies(process) or reason
        except OSError as error:
            reason = f"The recogniser's process does not start ({error})."
        except asyncio.CancelledError:
            reason = "The recogniser was closed."
            raise
        finally:
            self._end(reason)
            if process is not None:
                await _reap(process)

    async def _read_replies(self, process: asyncio.subprocess.Process) -> str | None:
        """Passes on what the process says until it ends; the reason, if it gave one."""
        assert process.stdin is not None  # noqa: S101 - for the type checker: both were asked for as pipes
        assert process.stdout is not None  # noqa: S101 - the same
        self._pipe = process.stdin
        self._pipe.writelines(self._unsent)
        self._unsent.clear()
        try:
            while True:
                size = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "little")
                match replies.decode(await process.stdout.readexactly(size)):
                    case Failed(id=0, reason=reason):
                        return reason
                    case Ready():
                        self._ready.set_result(None)
                    case reply if utterance := self._utterances.get(reply.id):
                        _deliver(utterance, reply)
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return None

    def _end(self, reason: str) -> None:
        self.is_dead = True
        for utterance in list(self._utterances.values()):
            utterance.fail(reason)
        if not self._ready.done():
            self._ready.set_exception(SpeechError(reason))
            self._ready.exception()


def _deliver(utterance: SphinxUtterance, reply: Partial | Final | Failed) -> None:
    match reply:
        case Partial(text=text):
            utterance.on_partial_text(text)
        case Final(text=text):
            utterance.on_final_text(text)
        case Failed(reason=reason):
            utterance.fail(reason)


async def _start(arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
    """The process; if the wait for it is cancelled, it ends as soon as it has begun."""
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_REPLY,
            env=_environment(),
            process_group=0,  # a terminal's Ctrl-C is for us alone; the worker ends with its pipe
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _reap(await starting)
        raise


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Ends the process and sees both pipes closed, so that nothing is left for the garbage collector to complain of."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
    if process.stdout is not None:
        while await process.stdout.read(_MAX_REPLY):
            pass
    await process.wait()


def _environment() -> dict[str, str]:
    """Ours, with this package importable however the parent came by it."""
    path = os.pathsep.join(filter(None, (str(_SOURCES), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
