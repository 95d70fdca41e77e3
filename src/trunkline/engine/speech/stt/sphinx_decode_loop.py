"""The decoding loop of a recogniser's process: requests come in over one pipe, replies go out over another.

One thread reads requests and ends the process when the pipe closes, as it does when the parent dies. The other thread
decodes the open utterances in turns of 100 ms of audio, so that a long one does not keep a short one waiting.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from trunkline.engine.speech import SAMPLE_RATE
from trunkline.engine.speech.stt.sphinx_ipc import (
    Abandon,
    Audio,
    Failed,
    Final,
    Finish,
    Open,
    Partial,
    Request,
    requests,
)
from trunkline.engine.speech.worker_ipc import read_frames, send
from trunkline.realtime.audio import Resampler, ms_to_bytes

if TYPE_CHECKING:
    from trunkline.engine.speech.stt.sphinx_decoding import SphinxDecoder

TURN_BYTES = ms_to_bytes(100)
MAX_WAITING_BYTES = ms_to_bytes(30_000)
"""Audio that may wait to be decoded; beyond it, requests stay in the pipe and the parent sees the backlog."""

_MAX_IDLE_DECODERS = 3  # of each kind, kept for later utterances


def decode(pool: DecoderPool, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until their pipe closes, which ends the process."""
    incoming: queue.Queue[Request] = queue.Queue(maxsize=64)
    threading.Thread(target=_read, args=(requests, incoming), name="requests", daemon=True).start()
    _DecodeLoop(pool, replies).serve(incoming)


def _read(pipe: BinaryIO, incoming: queue.Queue[Request]) -> None:
    for body in read_frames(pipe):
        incoming.put(requests.decode(body))
    os._exit(0)


class DecoderPool:
    """Idle decoders. Making one takes 0.1 to 0.3 s, so the loop makes one for grammars ahead when it has time."""

    def __init__(self) -> None:
        from trunkline.engine.speech.stt.sphinx_decoding import SphinxDecoder

        self._make = SphinxDecoder
        self._idle: dict[bool, list[SphinxDecoder]] = {True: [], False: []}

    def warm(self, *, dictation: bool = False) -> None:
        """Make a decoder of a kind, unless an idle one exists."""
        if not self._idle[dictation]:
            self._idle[dictation].append(self._make(dictation=dictation))

    @property
    def is_cold(self) -> bool:
        """True if the next utterance with a grammar has to wait for its decoder."""
        return not self._idle[False]

    def take(self, grammar: str | None) -> SphinxDecoder:
        """Take a decoder for this grammar, one that has it loaded if possible: a thousand words take 50 ms to load."""
        idle = self._idle[grammar is None]
        if not idle:
            return self._make(dictation=grammar is None)
        return idle.pop(next((at for at, decoder in enumerate(idle) if decoder.grammar == grammar), 0))

    def give_back(self, decoder: SphinxDecoder) -> None:
        """Keep a decoder for a later utterance, up to a number of each kind."""
        idle = self._idle[decoder.dictation]
        if len(idle) < _MAX_IDLE_DECODERS:
            idle.append(decoder)


@dataclass
class _Utterance:
    decoder: SphinxDecoder
    partials: bool
    resampler: Resampler = field(default_factory=lambda: Resampler(SAMPLE_RATE, 16_000))
    waiting: deque[bytes] = field(default_factory=deque)
    finishing: bool = False
    text: str = ""


class _DecodeLoop:
    """Takes requests and decodes the open utterances in turns."""

    def __init__(self, pool: DecoderPool, replies: BinaryIO) -> None:
        self._pool = pool
        self._replies = replies
        self._open: dict[int, _Utterance] = {}
        self._waiting_bytes = 0

    def serve(self, incoming: queue.Queue[Request]) -> None:
        while True:
            self._take_all(incoming)
            for id_, utterance in list(self._open.items()):
                if utterance.waiting or utterance.finishing:
                    self._guarded(id_, self._decode_turn, utterance)

    def _take_all(self, incoming: queue.Queue[Request]) -> None:
        """Take the requests that have arrived, and wait for one if no utterance needs work."""
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
            case Audio(pcm=pcm) if utterance:
                utterance.waiting.append(pcm)
                self._waiting_bytes += len(pcm)
            case Finish() if utterance:
                utterance.finishing = True
            case Abandon() if utterance:
                self._guarded(request.id, self._abandon, utterance)
            case _:
                pass  # a late request of an utterance that failed

    def _begin(self, request: Open) -> None:
        decoder = self._pool.take(request.grammar)
        try:
            decoder.begin(request.grammar, request.mean)
        except (ValueError, RuntimeError) as error:
            send(self._replies, Failed(request.id, str(error)))
            self._pool.give_back(decoder)
        else:
            self._open[request.id] = _Utterance(decoder, request.partials)

    def _guarded(self, id_: int, work: Callable[[int, _Utterance], None], utterance: _Utterance) -> None:
        """Run `work`. If the decoder fails, fail its utterance, keep the process and drop the decoder."""
        try:
            work(id_, utterance)
        except (ValueError, RuntimeError) as error:
            self._forget(id_)
            send(self._replies, Failed(id_, f"PocketSphinx failed: {error}"))

    def _decode_turn(self, id_: int, utterance: _Utterance) -> None:
        """Decode up to `TURN_BYTES`, and end the utterance if no audio is left."""
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
            send(self._replies, Final(id_, utterance.decoder.words(), utterance.decoder.mean()))
            self._pool.give_back(utterance.decoder)
            self._forget(id_)
        elif utterance.partials and (text := utterance.decoder.words()) != utterance.text:
            utterance.text = text
            send(self._replies, Partial(id_, text))

    def _abandon(self, id_: int, utterance: _Utterance) -> None:
        utterance.decoder.end()
        self._pool.give_back(utterance.decoder)
        self._forget(id_)

    def _forget(self, id_: int) -> None:
        if utterance := self._open.pop(id_, None):
            self._waiting_bytes -= sum(map(len, utterance.waiting))
