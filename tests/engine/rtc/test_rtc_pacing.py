"""Pacer: audio in, 20 ms frames out, and reports of the playout."""

from __future__ import annotations

import asyncio

from tests.engine.engine_fakes import loud
from trunkline.engine.session.inputs import InterruptedMessage, PlayoutEnded, PlayoutStarted
from trunkline.engine.transports.pacing import FRAME_BYTES, MAX_QUEUED_MS, Pacer


def test_an_empty_queue_gives_silence() -> None:
    assert Pacer().next_frame() == (None, [])


def test_a_response_begins_with_its_first_frame_and_ends_one_frame_after_its_last() -> None:
    pacer = Pacer()
    pacer.play("resp", "item", loud(40))
    assert pacer.next_frame() == (loud(20), [PlayoutStarted("resp")])
    assert pacer.next_frame() == (loud(20), [])
    assert pacer.next_frame() == (None, [PlayoutEnded("resp")])
    assert pacer.next_frame() == (None, [])


def test_sound_that_comes_in_odd_pieces_leaves_in_whole_frames() -> None:
    pacer = Pacer()
    sound = loud(47)
    for start in range(0, len(sound), 101):
        pacer.play("resp", "item", sound[start : start + 101])
    frames = [pacer.next_frame()[0] or b"" for _ in range(3)]
    assert b"".join(frames) == sound.ljust(3 * FRAME_BYTES, b"\0")


def test_one_response_after_another() -> None:
    pacer = Pacer()
    pacer.play("one", "item_1", loud(20))
    pacer.play("two", "item_2", loud(20))
    assert pacer.next_frame()[1] == [PlayoutStarted("one")]
    assert pacer.next_frame()[1] == [PlayoutEnded("one"), PlayoutStarted("two")]


def test_a_response_that_is_interleaved_with_another_ends_once() -> None:
    pacer = Pacer()
    for response in ("one", "two", "one"):
        pacer.play(response, f"item_{response}", loud(20))
    playout_events = [one for _ in range(4) for one in pacer.next_frame()[1]]
    assert [one for one in playout_events if isinstance(one, PlayoutEnded)] == [
        PlayoutEnded("two"),
        PlayoutEnded("one"),
    ]


def test_clearing_returns_the_played_durations() -> None:
    pacer = Pacer()
    pacer.play("one", "said", loud(20))
    pacer.play("one", "cut", loud(50))
    pacer.play("one", "unsaid", loud(50))
    for _ in range(2):
        pacer.next_frame()
    assert pacer.clear() == (InterruptedMessage("one", "cut", 20), InterruptedMessage("one", "unsaid", 0))
    assert pacer.next_frame() == (None, [])
    assert pacer.clear() == ()


async def test_synthesis_waits_while_half_a_minute_is_queued() -> None:
    pacer = Pacer()
    pacer.play("one", "item", loud(MAX_QUEUED_MS + 20))
    waiting = asyncio.create_task(pacer.wait_writable())
    await asyncio.sleep(0)
    assert not waiting.done()
    pacer.next_frame()
    await waiting


async def test_clearing_makes_the_queue_writable() -> None:
    pacer = Pacer()
    pacer.play("one", "item", loud(MAX_QUEUED_MS * 2))
    pacer.clear()
    await pacer.wait_writable()
