"""The recogniser's further processes: each decodes an utterance at a time, so that callers do not wait for each other.

The worker loads the models, once, and makes its children by `fork`: one is there in some milliseconds, not after a
tenth to half of a second, and shares the models' memory. The worker itself only passes messages on. A child that is
not needed any more stays for the next utterance, up to a number.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from trunkline.engine.speech.stt.sphinx_decode_loop import DecoderPool, decode
from trunkline.engine.speech.stt.sphinx_ipc import (
    Abandon,
    Failed,
    Final,
    Open,
    Request,
    replies,
    requests,
)
from trunkline.engine.speech.worker_ipc import LENGTH_BYTES, frame
from trunkline.realtime.audio import ms_to_bytes

MAX_CHILDREN = 32
"""Children at once, of both kinds. Beyond it, they take on several utterances each."""
MAX_IDLE = 8
"""Children of a kind that are kept for later utterances."""
MAX_WAITING_BYTES = ms_to_bytes(30_000)
"""What may wait for one child; beyond it nothing is read, so that the parent notices."""

_CHUNK = 1 << 16


@dataclass
class _Child:
    """A process with its two pipes, what waits to go into the one, and what came in part out of the other."""

    pid: int
    into: int
    out_of: int
    dictation: bool
    grammar: str | None = None
    busy: set[int] = field(default_factory=set)
    waiting: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    received: bytearray = field(default_factory=bytearray)


class ForkPool:
    """Passes requests on to the children, and their replies back.

    Args:
        pool: the decoders that each child begins with.
        answers: where the replies go.
    """

    def __init__(self, pool: DecoderPool, answers: BinaryIO) -> None:
        self._pool = pool
        self._answers = answers
        self._children: list[_Child] = []
        self._by_id: dict[int, _Child] = {}
        self._received = bytearray()
        self._ready = selectors.DefaultSelector()

    def serve(self, pipe: int) -> None:
        """Serves until the pipe closes; the children end when theirs do, which is then."""
        os.set_blocking(pipe, False)
        self._fork(dictation=False, pipe=pipe)
        reading = True
        self._ready.register(pipe, selectors.EVENT_READ)
        while True:
            for key, events in self._ready.select():
                if key.fd != pipe:
                    self._attend(key.data, key.fd, events)
                elif not self._take(pipe):
                    return
            full = any(child.waiting_bytes > MAX_WAITING_BYTES for child in self._children)
            if full and reading:
                self._ready.unregister(pipe)
            elif reading is full:
                self._ready.register(pipe, selectors.EVENT_READ)
            reading = not full

    # ------------------------------------------------------------------ requests

    def _take(self, pipe: int) -> bool:
        """Takes what has come; False when nothing more will."""
        came = os.read(pipe, _CHUNK)
        self._received += came
        for message in _frames(self._received):
            request = requests.decode(message[LENGTH_BYTES:])
            child = self._child_for(request, pipe)
            if child is not None:
                child.waiting.append(message)
                child.waiting_bytes += len(message)
                self._write(child)
            if isinstance(request, Abandon):
                self._free(request.id)
        return bool(came)

    def _child_for(self, request: Request, pipe: int) -> _Child | None:
        """Who is to have it; None if its utterance has failed already."""
        if isinstance(request, Open):
            child = self._choose(request.grammar, pipe)
            child.grammar = request.grammar
            child.busy.add(request.id)
            self._by_id[request.id] = child
            return child
        return self._by_id.get(request.id)

    def _choose(self, grammar: str | None, pipe: int) -> _Child:
        """An idle child, by preference one with this grammar loaded; else a new one; else the one with least to do."""
        dictation = grammar is None
        of_kind = [child for child in self._children if child.dictation is dictation]
        idle = [child for child in of_kind if not child.busy]
        if idle:
            return next((child for child in idle if child.grammar == grammar), idle[0])
        if len(self._children) < MAX_CHILDREN or not of_kind:
            return self._fork(dictation=dictation, pipe=pipe)
        return min(of_kind, key=lambda child: len(child.busy))

    def _free(self, id_: int) -> None:
        """An utterance is over. A child too many is ended."""
        child = self._by_id.pop(id_, None)
        if child is None:
            return
        child.busy.discard(id_)
        idle = [other for other in self._children if other.dictation is child.dictation and not other.busy]
        if len(idle) > MAX_IDLE and not child.waiting:
            self._dismiss(child)

    # ------------------------------------------------------------------ children

    def _fork(self, *, dictation: bool, pipe: int) -> _Child:
        self._pool.warm(dictation=dictation)
        its_requests, into = os.pipe()
        out_of, its_replies = os.pipe()
        gc.freeze()  # else its first collection would touch, and so copy, every object there is
        pid = os.fork()
        if pid == 0:
            self._ready.close()
            for fd in (pipe, into, out_of, self._answers.fileno(), *self._open_pipes()):
                os.close(fd)
            decode(self._pool, os.fdopen(its_requests, "rb"), os.fdopen(its_replies, "wb"))
            os._exit(0)
        os.close(its_requests)
        os.close(its_replies)
        os.set_blocking(into, False)
        child = _Child(pid, into, out_of, dictation)
        self._children.append(child)
        self._ready.register(out_of, selectors.EVENT_READ, child)
        return child

    def _open_pipes(self) -> list[int]:
        return [fd for child in self._children for fd in (child.into, child.out_of)]

    def _attend(self, child: _Child, fd: int, events: int) -> None:
        if fd == child.into and events & selectors.EVENT_WRITE:
            self._ready.unregister(fd)
            self._write(child)
        elif fd == child.out_of and child in self._children:
            self._hear(child)

    def _hear(self, child: _Child) -> None:
        came = os.read(child.out_of, _CHUNK)
        if not came:
            self._dismiss(child, "The recogniser's process died.")
            return
        child.received += came
        for message in _frames(child.received):
            reply = replies.decode(message[LENGTH_BYTES:])
            self._answer(message)
            if isinstance(reply, Final | Failed):
                self._free(reply.id)

    def _write(self, child: _Child) -> None:
        """Writes what the pipe takes, and the rest when it takes more."""
        try:
            while child.waiting:
                written = os.write(child.into, child.waiting[0])
                child.waiting_bytes -= written
                if written < len(child.waiting[0]):
                    child.waiting[0] = child.waiting[0][written:]
                else:
                    child.waiting.popleft()
        except BlockingIOError:
            if child.into not in self._ready.get_map():
                self._ready.register(child.into, selectors.EVENT_WRITE, child)
        except BrokenPipeError:
            child.waiting.clear()  # it died, which its other pipe is about to tell

    def _dismiss(self, child: _Child, reason: str = "") -> None:
        """Ends a child. What it had to do fails."""
        self._children.remove(child)
        for fd in (child.into, child.out_of):
            if fd in self._ready.get_map():
                self._ready.unregister(fd)
            os.close(fd)
        os.kill(child.pid, signal.SIGKILL)  # it may have died already, but nobody else has collected it
        os.waitpid(child.pid, 0)
        for id_ in child.busy:
            self._by_id.pop(id_, None)
            self._answer(frame(Failed(id_, reason)))

    def _answer(self, message: bytes) -> None:
        try:
            self._answers.write(message)
            self._answers.flush()
        except BrokenPipeError:
            os._exit(0)


def _frames(received: bytearray) -> Iterator[bytes]:
    """The whole messages at the beginning, with their lengths, taken off it."""
    while len(received) >= LENGTH_BYTES:
        end = LENGTH_BYTES + int.from_bytes(received[:LENGTH_BYTES], "little")
        if len(received) < end:
            return
        yield bytes(received[:end])
        del received[:end]
