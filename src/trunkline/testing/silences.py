"""Silences in which a caller waited for an agent's speech."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from trunkline.testing.caller_playout import CallerPlayout
from trunkline.testing.turn import Turn

DEAD_AIR_MS = 3_000
"""The silence from which a caller doubts that anybody is there."""


class Silence(NamedTuple):
    """A wait of the caller after a turn, or between an agent's words. Times are ms of the call."""

    turn: Turn
    from_ms: float
    to_ms: float

    @property
    def ms(self) -> float:
        """The duration in ms."""
        return self.to_ms - self.from_ms


class _Conversation(Protocol):
    turns: list[Turn]
    playout: CallerPlayout

    @property
    def now_ms(self) -> float: ...


def silences(call: _Conversation) -> Iterator[Silence]:
    """Yield the silences of a call, in order. Fillers do not end one, and a turn without an answer is one."""
    for index, turn in enumerate(call.turns):
        if turn.speech_end_ms is None or (index and turn.words is None):
            continue
        is_last = index + 1 == len(call.turns)
        until = max(call.now_ms, call.playout.end_ms) if is_last else call.turns[index + 1].start_ms
        silent_from_ms = turn.speech_end_ms
        for segment in call.playout.agent_segments:
            if segment.end_ms <= silent_from_ms or segment.start_ms >= until:
                continue
            yield Silence(turn, silent_from_ms, segment.start_ms)
            silent_from_ms = segment.end_ms
        if silent_from_ms == turn.speech_end_ms:
            yield Silence(turn, silent_from_ms, until)
