"""The caller's audio: held for the next session, and kept in case the present one is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.calls.model_link.caller_audio_buffer import LOOKBACK_BYTES, MAX_HELD_BYTES, CallerAudioBuffer
from trunkline.realtime.audio import BYTES_PER_MS


def ms(number: int, value: int = 0) -> bytes:
    return bytes([value]) * (number * BYTES_PER_MS)


def test_pending_audio_is_taken_once_and_is_the_latest() -> None:
    buffer = CallerAudioBuffer()
    for _ in range(21):
        buffer.hold(ms(1000))
    assert buffer.pending
    assert sum(map(len, buffer.take_pending())) == MAX_HELD_BYTES
    assert buffer.take_pending() == []


def test_without_a_turn_the_lookback_is_replayed() -> None:
    buffer = CallerAudioBuffer()
    for of in range(30):
        buffer.on_alive()
        buffer.on_sent(ms(100, of))
    buffer.hold(ms(100, 30))
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == list(range(20, 31))


def test_more_is_kept_while_nothing_arrives_from_the_service() -> None:
    buffer = CallerAudioBuffer()
    buffer.on_sent(ms(100, 0))
    buffer.on_alive()
    for of in range(1, 50):
        buffer.on_sent(ms(100, of))
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == list(range(1, 50))


def test_an_understood_turn_is_not_replayed() -> None:
    buffer = CallerAudioBuffer()
    for of in range(10):
        buffer.on_sent(ms(100, of))
    buffer.keep_turn("turn", 200)
    buffer.release_turn("turn", 600)
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == [6, 7, 8, 9]


def test_nothing_is_replayed_to_a_renewed_or_resumed_session() -> None:
    buffer = CallerAudioBuffer()
    buffer.keep_turn("turn", None)
    buffer.on_sent(ms(100))
    buffer.begin_session(replay=False)
    assert buffer.take_pending() == []


def test_a_turn_is_replayed_from_its_start_before_pending_audio() -> None:
    buffer = CallerAudioBuffer()
    for of in range(10):
        buffer.on_sent(ms(100, of))
    buffer.keep_turn("turn", 700)
    buffer.on_sent(ms(100, 10))
    buffer.hold(ms(100, 11))
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == [7, 8, 9, 10, 11]


def test_ms_count_from_the_start_of_the_session() -> None:
    buffer = CallerAudioBuffer()
    buffer.on_sent(ms(5000))
    buffer.begin_session(replay=False)
    for of in range(5):
        buffer.on_sent(ms(100, of))
    buffer.keep_turn("turn", 300)
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == [3, 4]


def test_a_turn_that_starts_now_has_no_earlier_audio() -> None:
    buffer = CallerAudioBuffer()
    buffer.on_sent(ms(100, 1))
    buffer.keep_turn("turn", None)
    buffer.on_sent(ms(100, 2))
    buffer.begin_session(replay=True)
    assert buffer.take_pending() == [ms(100, 2)]


def test_an_impossible_position_falls_back_to_the_lookback() -> None:
    buffer = CallerAudioBuffer()
    for of in range(30):
        buffer.on_alive()
        buffer.on_sent(ms(100, of))
    buffer.keep_turn("turn", 10**9)
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == list(range(20, 30))


def test_a_turn_can_be_replayed_several_times() -> None:
    buffer = CallerAudioBuffer()
    buffer.keep_turn("turn", None)
    buffer.on_sent(ms(100, 1))
    for _ in range(3):
        buffer.begin_session(replay=True)
        for frame in buffer.take_pending():
            buffer.on_sent(frame)
    buffer.on_sent(ms(100, 2))
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == [1, 2]


def test_clearing_drops_all_audio_and_keeps_the_sessions_clock() -> None:
    buffer = CallerAudioBuffer()
    buffer.keep_turn("turn", None)
    buffer.on_sent(ms(1000, 1))
    buffer.hold(ms(20))
    buffer.clear()
    buffer.on_sent(ms(1000, 2))
    buffer.keep_turn("turn", 1000)
    buffer.on_sent(ms(100, 3))
    buffer.begin_session(replay=True)
    assert [frame[0] for frame in buffer.take_pending()] == [2, 3]


@given(st.lists(st.tuples(st.integers(1, 3000), st.sampled_from("abc"), st.booleans()), max_size=60))
def test_the_kept_audio_is_limited(steps: list[tuple[int, str, bool]]) -> None:
    buffer = CallerAudioBuffer()
    for length, turn, begins in steps:
        if begins:
            buffer.keep_turn(turn, None)
        else:
            buffer.release_turn(turn, None)
        buffer.on_alive()
        buffer.on_sent(ms(length))
        kept = sum(map(len, buffer._sent))
        limit = MAX_HELD_BYTES if buffer._turns else LOOKBACK_BYTES
        assert kept < limit + 2 * len(ms(3000))


def test_another_session_needs_the_turn_and_the_audio_that_waits() -> None:
    buffer = CallerAudioBuffer()
    for of in range(30):
        buffer.on_alive()
        buffer.on_sent(ms(100, of))
    assert buffer.needed_bytes == LOOKBACK_BYTES
    buffer.keep_turn("turn", 2100)
    for of in range(10):
        buffer.on_alive()
        buffer.on_sent(ms(100, of))
    assert buffer.needed_bytes == 1900 * BYTES_PER_MS
    buffer.hold(ms(100))
    buffer.release_turn("turn", 3700)
    assert buffer.needed_bytes == 400 * BYTES_PER_MS
