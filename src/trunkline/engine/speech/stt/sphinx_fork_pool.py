"""Child processes of the recogniser: each decodes one utterance at a time, so that callers do not wait for each other.

The worker loads the models once and forks its children. A fork takes a few milliseconds instead of 0.1 to 0.5 s, and it
shares the models' memory. The worker itself only forwards messages. Up to `MAX_IDLE` idle children of a kind stay for
later utterances.
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
from trunkline.parent_watch import end_with_parent
from trunkline.realtime.audio import ms_to_bytes

MAX_CHILDREN = 32
"""Limit of children of both kinds; beyond it, a child decodes several utterances."""
MAX_IDLE = 8
"""Limit of idle children of a kind that stay for later utterances."""
MAX_WAITING_BYTES = ms_to_bytes(30_000)
"""Limit of bytes that wait for one child; beyond it, the worker stops reading, so that the parent notices."""

_CHUNK = 1 << 16


@dataclass
class _Child:
    """A process with its two pipes, the messages that wait for the one, and a partial message from the other."""

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
    """Router of requests to the children, and of their replies back.

    Args:
        pool: the decoders that each child begins with.
        answers: the stream for the replies.
    """

    def __init__(self, pool: DecoderPool, answers: BinaryIO) -> None:
        self._pool = pool
        self._answers = answers
        self._children: list[_Child] = []
        self._by_id: dict[int, _Child] = {}
        self._received = bytearray()
        self._ready = selectors.DefaultSelector()

    def serve(self, pipe: int) -> None:
        """Serve until the pipe closes. The children's pipes close at the same time, which ends them."""
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
        """Read and forward the available requests; return False at the end of the pipe."""
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
        """Return the child for a request; None if its utterance has failed already."""
        if isinstance(request, Open):
            child = self._choose(request.grammar, pipe)
            child.grammar = request.grammar
            child.busy.add(request.id)
            self._by_id[request.id] = child
            return child
        return self._by_id.get(request.id)

    def _choose(self, grammar: str | None, pipe: int) -> _Child:
        """Return an idle child, if possible with this grammar loaded; else a new one; else the least busy."""
        dictation = grammar is None
        of_kind = [child for child in self._children if child.dictation is dictation]
        idle = [child for child in of_kind if not child.busy]
        if idle:
            return next((child for child in idle if child.grammar == grammar), idle[0])
        if len(self._children) < MAX_CHILDREN or not of_kind:
            return self._fork(dictation=dictation, pipe=pipe)
        return min(of_kind, key=lambda child: len(child.busy))

    def _free(self, id_: int) -> None:
        """Free the child of a finished utterance, and end it if too many are idle."""
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
        gc.freeze()  # else its first collection would touch, and so copy, every object
        pid = os.fork()
        if pid == 0:
            self._ready.close()
            for fd in (pipe, into, out_of, self._answers.fileno(), *self._open_pipes()):
                os.close(fd)
            end_with_parent(its_requests)
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
            self._read_replies(child)

    def _read_replies(self, child: _Child) -> None:
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
        """Write as much as the pipe accepts, and the rest when it accepts more."""
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
            child.waiting.clear()  # it died; its other pipe reports that next

    def _dismiss(self, child: _Child, reason: str = "") -> None:
        """End a child. Its utterances fail."""
        self._children.remove(child)
        for fd in (child.into, child.out_of):
            if fd in self._ready.get_map():
                self._ready.unregister(fd)
            os.close(fd)
        os.kill(child.pid, signal.SIGKILL)  # it may have died already, but only this process collects it
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
    """Remove and yield the complete messages at the beginning, with their lengths."""
    while len(received) >= LENGTH_BYTES:
        end = LENGTH_BYTES + int.from_bytes(received[:LENGTH_BYTES], "little")
        if len(received) < end:
            return
        yield bytes(received[:end])
        del received[:end]
