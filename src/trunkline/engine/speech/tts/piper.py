"""The better voice: Piper, in a worker process that all sessions of the server share. It speaks English.

Piper makes a clause in one go. A text is therefore divided into clauses, the first one short. While one plays, the next
is made. When many callers wait, the clause that is due first is served first.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from trunkline.engine.speech import SpeechChunk, SpeechError, SpeechMark
from trunkline.engine.speech.tts.clause_cache import Clause, ClauseCache
from trunkline.engine.speech.tts.clauses import clauses, ends_sentence, ends_with_pause
from trunkline.engine.speech.tts.piper_ipc import Cancel, Failed, Reply, Synthesise, replies
from trunkline.engine.speech.worker_process import WorkerProcess
from trunkline.realtime.audio import bytes_to_ms

PIPER_VOICE = "piper-joe"
"""The voice's name in `weights.KNOWN`."""
WORKER_MODULE = "trunkline.engine.speech.tts.piper_worker"
MAX_WAITING = 64
"""Clauses that may wait in all; each session has at most two."""
MAX_THREADS = 4
LEADING_MS = 15
TRAILING_MS = 120
"""Silence after a text, so that two in a row do not run into each other."""
_SENTENCE_PAUSE_MS, _COMMA_PAUSE_MS = 280, 160
MIN_LIFE_S = 5.0
"""A worker that dies sooner is not replaced before the next request: it would die again."""


@dataclass(frozen=True)
class _Persona:
    """A way to use the one voice.

    Attributes:
        pitch: raises the voice by this factor.
        pace: of speaking, relative to the voice's own.
    """

    pitch: float = 1.0
    pace: float = 1.0


_PERSONAS = {
    "alloy": _Persona(1.09, 1.02),
    "ash": _Persona(0.95, 1.0),
    "ballad": _Persona(1.05, 0.93),
    "cedar": _Persona(0.89, 0.97),
    "coral": _Persona(1.18, 1.05),
    "echo": _Persona(1.02, 1.06),
    "marin": _Persona(1.14, 0.98),
    "sage": _Persona(),
    "shimmer": _Persona(1.22, 0.97),
    "verse": _Persona(0.92, 1.07),
}
_DEFAULT = "sage"
_LENGTH_SCALES = 0.5, 5.0


_Key = tuple[str, float, float, int, int]
"""The arguments of a clause's synthesis after its id; see `Synthesise`."""


@dataclass(eq=False)
class _Job:
    """A clause that waits for the worker or is being made.

    Attributes:
        due_s: the time on the loop's clock at which its audio is needed.
        users: texts that need it.
    """

    key: _Key
    due_s: float
    clause: asyncio.Future[Clause] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    users: int = 1
    retried: bool = False


class PiperTts:
    """Speaks English with Piper. Belongs to one event loop; `aclose` ends its process and its task.

    Args:
        models_dir: the folder of the user's own weights.
        voice: name of the weights, a key of `weights.KNOWN` or a folder below `models_dir`.
        threads: clauses made at once; by default half the cores, at most `MAX_THREADS`.
        cache: clauses that need not be made again.
        worker_module: module of the worker process; tests have one without a model.
    """

    def __init__(
        self,
        models_dir: Path,
        *,
        voice: str = PIPER_VOICE,
        threads: int | None = None,
        cache: ClauseCache | None = None,
        worker_module: str = WORKER_MODULE,
    ) -> None:
        self._threads = threads or max(1, min((os.cpu_count() or 2) // 2, MAX_THREADS))
        self._arguments = (voice, str(models_dir), str(self._threads))
        self._worker_module = worker_module
        self._cache = ClauseCache() if cache is None else cache
        self._waiting: list[_Job] = []
        self._running: dict[int, _Job] = {}
        self._ids = itertools.count(1)
        self._workers: list[WorkerProcess[Reply]] = []  # the last one works, the others are ending
        self._started_s = 0.0
        self._closed = False

    async def speak(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Return the audio of `text`, with a mark at the end of each word. `language` has no effect.

        Raises:
            SpeechError: Piper or its voice is missing, failed or is overloaded; or the voice is closed.
        """
        if not any(letter.isalnum() for letter in text):
            self._check_open()
            return
        loop = asyncio.get_running_loop()
        pieces = clauses(text)
        keys = _keys(text, pieces, voice, speed)
        plays_from_s, ms = loop.time(), 0
        job = self._request(keys[0], plays_from_s)
        try:
            for index, (start, _) in enumerate(pieces):
                clause = await asyncio.shield(job.clause)
                if index == 0:
                    plays_from_s = loop.time()
                end_ms = ms + bytes_to_ms(len(clause.pcm))
                if index + 1 < len(pieces):
                    job = self._request(keys[index + 1], plays_from_s + end_ms / 1000)
                marks = [SpeechMark(ms + at_ms, start + text_end) for at_ms, text_end in clause.words]
                if index + 1 == len(pieces):
                    marks.append(SpeechMark(end_ms, len(text)))
                yield SpeechChunk(clause.pcm, tuple(marks))
                ms = end_ms
        finally:
            self._cancel(job)

    async def prepare(
        self, text: str, *, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> None:
        """Make the first clause of `text`, which the cache then keeps.

        Raises:
            SpeechError: as with `speak`.
        """
        if not any(letter.isalnum() for letter in text):
            return
        job = self._request(_keys(text, clauses(text), voice, speed)[0], asyncio.get_running_loop().time())
        try:
            await asyncio.shield(job.clause)
        finally:
            self._cancel(job)

    async def warm(self) -> None:
        """Start the worker and load the voice, about 1 s of work, ahead of the first text.

        Raises:
            SpeechError: the package or the weights are missing or wrong, or the voice is closed.
        """
        await self._worker().until_ready()

    async def aclose(self) -> None:
        """End the worker; texts in progress fail. A second call does nothing."""
        self._closed = True
        workers, self._workers = self._workers, []
        for worker in workers:
            await worker.aclose()
        self._fail_all("The voice was closed.")

    def _request(self, key: _Key, due_s: float) -> _Job:
        """Return a job for a clause; it is done already if the clause is in the cache.

        Raises:
            SpeechError: too many clauses wait, or the voice is closed.
        """
        self._check_open()
        for job in (*self._running.values(), *self._waiting):
            if job.key == key and not job.clause.cancelled():
                job.users += 1
                job.due_s = min(job.due_s, due_s)
                return job
        job = _Job(key, due_s)
        if clause := self._cache.get(key):
            job.clause.set_result(clause)
            return job
        if len(self._waiting) >= MAX_WAITING:
            raise SpeechError(
                f"The voice is overloaded: {MAX_WAITING} clauses wait. "
                "Run fewer calls on this server, or set TRUNKLINE_TTS=espeak."
            )
        self._waiting.append(job)
        self._serve()
        return job

    def _cancel(self, job: _Job) -> None:
        """Take back a request. If nobody else needs the clause, free the worker from it."""
        job.users -= 1
        if job.users:
            return
        if job in self._waiting:
            self._waiting.remove(job)
        elif id_ := next((id_ for id_, one in self._running.items() if one is job), 0):
            self._workers[-1].send(Cancel(id_))
        job.clause.cancel()

    def _serve(self) -> None:
        while len(self._running) < self._threads and self._waiting:
            job = min(self._waiting, key=lambda waiting: waiting.due_s)
            self._waiting.remove(job)
            id_ = next(self._ids)
            self._running[id_] = job
            self._worker().send(Synthesise(id_, *job.key))

    def _worker(self) -> WorkerProcess[Reply]:
        self._check_open()
        if not self._workers or self._workers[-1].has_ended:
            self._workers = [worker for worker in self._workers if not worker.is_gone]
            self._started_s = asyncio.get_running_loop().time()
            self._workers.append(
                WorkerProcess(
                    self._worker_module,
                    self._arguments,
                    title="voice",
                    decoder=replies,
                    on_reply=self._on_reply,
                    on_end=self._on_end,
                )
            )
        return self._workers[-1]

    def _on_reply(self, reply: Reply) -> None:
        job = self._running.pop(reply.id, None)
        if job is not None:
            if isinstance(reply, Failed):
                _fail(job, reply.reason)
            else:
                clause = Clause(reply.pcm, reply.words)
                self._cache.add(job.key, clause)
                if not job.clause.done():
                    job.clause.set_result(clause)
        if not self._closed:
            self._serve()

    def _on_end(self, reason: str) -> None:
        """Replace a worker that died, and let the next one make the clauses that it had, once."""
        if self._closed or not self._workers[-1].was_ready:
            self._fail_all(reason)
            return
        lost, self._running = list(self._running.values()), {}
        for job in lost:
            if job.retried:
                _fail(job, reason)
            elif not job.clause.done():
                job.retried = True
                self._waiting.append(job)
        if self._waiting:
            self._serve()
        elif asyncio.get_running_loop().time() - self._started_s > MIN_LIFE_S:
            self._worker()

    def _fail_all(self, reason: str) -> None:
        jobs = (*self._running.values(), *self._waiting)
        self._running, self._waiting = {}, []
        for job in jobs:
            _fail(job, reason)

    def _check_open(self) -> None:
        if self._closed:
            raise SpeechError("The voice is closed.")


def _keys(text: str, pieces: list[tuple[int, int]], voice: str | None, speed: float) -> list[_Key]:
    persona = _PERSONAS.get(voice or _DEFAULT, _PERSONAS[_DEFAULT])
    last = len(pieces) - 1
    return [
        _key(text[start:end], persona, speed, is_first=index == 0, is_last=index == last)
        for index, (start, end) in enumerate(pieces)
    ]


def _key(text: str, persona: _Persona, speed: float, *, is_first: bool, is_last: bool) -> _Key:
    """Return the arguments of a clause's synthesis, which are also its key in the cache."""
    slowest, fastest = _LENGTH_SCALES[1], _LENGTH_SCALES[0]
    # A raised pitch shortens the audio by the same factor.
    length_scale = min(max(persona.pitch / (persona.pace * speed), fastest), slowest)
    if is_last:
        trailing_ms = TRAILING_MS
    elif ends_with_pause(text):
        trailing_ms = round((_SENTENCE_PAUSE_MS if ends_sentence(text) else _COMMA_PAUSE_MS) / speed)
    else:
        trailing_ms = 0
    return text, round(length_scale, 3), persona.pitch, LEADING_MS if is_first else 0, trailing_ms


def _fail(job: _Job, reason: str) -> None:
    if not job.clause.done():
        job.clause.set_exception(SpeechError(reason))
        job.clause.exception()  # counts as retrieved: nobody may be waiting
