"""The recogniser's process: `python -m trunkline.engine.speech.stt.sphinx_worker`, spoken to over its pipes.

pocketsphinx holds the interpreter while it decodes, so it has a process to itself, and with `--children` further ones
(see `sphinx_children`) that decode in its stead. In the process that decodes, one thread reads requests and ends the
process when the pipe closes, as it does when the parent dies; the other decodes the open utterances in turns of 100 ms,
so that a long one does not keep a short one waiting.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from trunkline.engine.speech import SAMPLE_RATE
from trunkline.engine.speech.stt.sphinx_ipc import (
    LENGTH_BYTES,
    Abandon,
    Failed,
    Final,
    Finish,
    Message,
    Open,
    Partial,
    Ready,
    Request,
    Sound,
    frame,
    requests,
)
from trunkline.extras import installing
from trunkline.realtime.audio import Resampler, ms_to_bytes

if TYPE_CHECKING:
    from trunkline.engine.speech.stt.sphinx_decoding import SphinxDecoder

TURN_BYTES = ms_to_bytes(100)
MAX_WAITING_BYTES = ms_to_bytes(30_000)
"""Sound that may wait to be decoded; beyond it, requests stay in the pipe and the parent notices."""

_IDLE_DECODERS = 3  # of each kind, kept for the next utterances


def main() -> None:
    """Serves until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    replies = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # the library's grammar reader prints what it does not understand
    try:
        pool = Decoders()
        pool.warm()
    except ImportError:
        reason = f"The recogniser is not installed. Install it with: {installing('speech')}"
        _send(replies, Failed(0, reason))
        return
    _send(replies, Ready())
    if "--children" in sys.argv:
        from trunkline.engine.speech.stt.sphinx_fork_pool import Children

        Children(pool, replies, decode).serve(sys.stdin.fileno())
    else:
        decode(pool, sys.stdin.buffer, replies)


def decode(pool: Decoders, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until their pipe closes, which ends the process."""
    incoming: queue.Queue[Request] = queue.Queue(maxsize=64)
    threading.Thread(target=_read, args=(requests, incoming), name="requests", daemon=True).start()
    _Desk(pool, replies).serve(incoming)


def _read(pipe: BinaryIO, incoming: queue.Queue[Request]) -> None:
    while header := pipe.read(LENGTH_BYTES):
        incoming.put(requests.decode(pipe.read(int.from_bytes(header, "little"))))
    os._exit(0)


def _send(replies: BinaryIO, message: Message) -> None:
    try:
        replies.write(frame(message))
        replies.flush()
    except BrokenPipeError:
        os._exit(0)


class Decoders:
    """Decoders at rest. Making one takes 0.1 to 0.3 s, so one for grammars is made ahead whenever there is time."""

    def __init__(self) -> None:
        from trunkline.engine.speech.stt.sphinx_decoding import SphinxDecoder

        self._make = SphinxDecoder
        self._idle: dict[bool, list[SphinxDecoder]] = {True: [], False: []}

    def warm(self, *, dictation: bool = False) -> None:
        """Makes one of a kind, unless there is one."""
        if not self._idle[dictation]:
            self._idle[dictation].append(self._make(dictation=dictation))

    @property
    def is_cold(self) -> bool:
        """Whether the next utterance with a grammar would have to wait for its decoder."""
        return not self._idle[False]

    def take(self, grammar: str | None) -> SphinxDecoder:
        """A decoder for this grammar, one that has it already if possible: loading a thousand words takes 50 ms."""
        idle = self._idle[grammar is None]
        if not idle:
            return self._make(dictation=grammar is None)
        return idle.pop(next((at for at, decoder in enumerate(idle) if decoder.grammar == grammar), 0))

    def give_back(self, decoder: SphinxDecoder) -> None:
        """Puts it by for another utterance."""
        idle = self._idle[decoder.dictation]
        if len(idle) < _IDLE_DECODERS:
            idle.append(decoder)


@dataclass
class _Utterance:
    decoder: SphinxDecoder
    partials: bool
    resampler: Resampler = field(default_factory=lambda: Resampler(SAMPLE_RATE, 16_000))
    waiting: deque[bytes] = field(default_factory=deque)
    finishing: bool = False
    said: str = ""


class _Desk:
    """Takes requests and decodes, a turn at a time."""

    def __init__(self, pool: Decoders, replies: BinaryIO) -> None:
        self._pool = pool
        self._replies = replies
        self._open: dict[int, _Utterance] = {}
        self._waiting_bytes = 0

    def serve(self, incoming: queue.Queue[Request]) -> None:
        while True:
            self._take_all(incoming)
            for id_, utterance in list(self._open.items()):
                if utterance.waiting or utterance.finishing:
                    self._guarded(id_, self._turn, utterance)

    def _take_all(self, incoming: queue.Queue[Request]) -> None:
        """Takes what has come, and waits for more if there is nothing else to do."""
        while self._waiting_bytes < MAX_WAITING_BYTES:
            busy = any(utterance.waiting or utterance.finishing for utterance in self._open.values())
            try:
                request = incoming.get_nowait()
            except queue.Empty:
                if busy:
                    return
                if self._pool.is_cold:
                    self._pool.warm()
                    continue
                request = incoming.get()
            self._take(request)

    def _take(self, request: Request) -> None:
        utterance = self._open.get(request.id)
        match request:
            case Open():
                self._begin(request)
            case Sound(pcm=pcm) if utterance:
                utterance.waiting.append(pcm)
                self._waiting_bytes += len(pcm)
            case Finish() if utterance:
                utterance.finishing = True
            case Abandon() if utterance:
                self._guarded(request.id, self._abandon, utterance)
            case _:
                pass  # late words about an utterance that failed

    def _begin(self, request: Open) -> None:
        decoder = self._pool.take(request.grammar)
        try:
            decoder.begin(request.grammar)
        except (ValueError, RuntimeError) as error:
            _send(self._replies, Failed(request.id, str(error)))
            self._pool.give_back(decoder)
        else:
            self._open[request.id] = _Utterance(decoder, request.partials)

    def _guarded(self, id_: int, work: Callable[[int, _Utterance], None], utterance: _Utterance) -> None:
        """A decoder that fails costs its utterance, not the worker; the decoder itself is not used again."""
        try:
            work(id_, utterance)
        except (ValueError, RuntimeError) as error:
            self._forget(id_)
            _send(self._replies, Failed(id_, f"The recogniser gave up: {error}"))

    def _turn(self, id_: int, utterance: _Utterance) -> None:
        """Decodes up to `TURN_BYTES`, and ends the utterance if that was all."""
        taken = 0
        while utterance.waiting and taken < TURN_BYTES:
            pcm = utterance.waiting.popleft()
            if len(pcm) > TURN_BYTES:
                utterance.waiting.appendleft(pcm[TURN_BYTES:])
                pcm = pcm[:TURN_BYTES]
            taken += len(pcm)
            utterance.decoder.decode(utterance.resampler.feed(pcm))
        self._waiting_bytes -= taken
        if utterance.finishing and not utterance.waiting:
            utterance.decoder.decode(utterance.resampler.flush())
            utterance.decoder.end()
            _send(self._replies, Final(id_, utterance.decoder.words()))
            self._pool.give_back(utterance.decoder)
            self._forget(id_)
        elif utterance.partials and (said := utterance.decoder.words()) != utterance.said:
            utterance.said = said
            _send(self._replies, Partial(id_, said))

    def _abandon(self, id_: int, utterance: _Utterance) -> None:
        utterance.decoder.end()
        self._pool.give_back(utterance.decoder)
        self._forget(id_)

    def _forget(self, id_: int) -> None:
        if utterance := self._open.pop(id_, None):
            self._waiting_bytes -= sum(map(len, utterance.waiting))


if __name__ == "__main__":
    main()
