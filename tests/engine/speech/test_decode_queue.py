"""The queue of decodings: urgency first, sessions in turns, and a limit."""

from __future__ import annotations

import pytest

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.stt.decode_queue import DecodeQueue, Decoding, Urgency


def decoding(session: str, urgency: Urgency = Urgency.FINAL) -> Decoding:
    return Decoding(session, b"", urgency)


def drain(queue: DecodeQueue) -> list[tuple[str, Urgency]]:
    return [(one.session_id, one.urgency) for one in iter(queue.next, None)]


async def test_the_most_urgent_is_served_first() -> None:
    queue = DecodeQueue()
    for urgency in (Urgency.PARTIAL, Urgency.AHEAD, Urgency.FINAL):
        queue.add(decoding(urgency.name, urgency))
    assert [urgency for _session, urgency in drain(queue)] == [Urgency.FINAL, Urgency.AHEAD, Urgency.PARTIAL]


async def test_sessions_take_turns_however_much_one_of_them_asks_for() -> None:
    queue = DecodeQueue()
    for session in ("a", "a", "a", "b", "c"):
        queue.add(decoding(session))
    assert [session for session, _urgency in drain(queue)] == ["a", "b", "c", "a", "a"]


async def test_a_session_that_was_served_waits_for_those_that_were_not() -> None:
    queue = DecodeQueue()
    queue.add(decoding("a"))
    queue.add(decoding("b"))
    assert queue.next() is not None
    queue.add(decoding("a"))
    assert [session for session, _urgency in drain(queue)] == ["b", "a"]


async def test_a_full_queue_refuses_and_says_what_to_do() -> None:
    queue = DecodeQueue(limit=2)
    queue.add(decoding("a"))
    queue.add(decoding("b"))
    with pytest.raises(SpeechError, match=r"overloaded: 2 utterances wait.*TRUNKLINE_STT=sphinx"):
        queue.add(decoding("c"))


async def test_one_session_cannot_fill_the_queue() -> None:
    queue = DecodeQueue(limit=10, session_limit=2)
    queue.add(decoding("a"))
    queue.add(decoding("a"))
    with pytest.raises(SpeechError, match="overloaded"):
        queue.add(decoding("a"))
    queue.add(decoding("b"))


async def test_a_partial_transcript_makes_room_for_a_caller_who_waits() -> None:
    queue = DecodeQueue(limit=2)
    partial = decoding("a", Urgency.PARTIAL)
    queue.add(partial)
    queue.add(decoding("b"))
    queue.add(decoding("c"))
    assert partial.text.cancelled()
    with pytest.raises(SpeechError, match="overloaded"):
        queue.add(decoding("d", Urgency.PARTIAL))
    assert [session for session, _urgency in drain(queue)] == ["b", "c"]


async def test_a_removed_decoding_is_not_served() -> None:
    queue = DecodeQueue()
    one = decoding("a")
    queue.add(one)
    assert queue.remove(one)
    assert not queue.remove(one)
    assert queue.next() is None
