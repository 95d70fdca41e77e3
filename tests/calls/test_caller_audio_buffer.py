"""The caller's sound that waits, and that is kept in case a session is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.calls.model_link.caller_audio_buffer import LOOKBACK_BYTES, MAX_HELD_BYTES, CallerAudioBuffer
from trunkline.realtime.audio import BYTES_PER_MS


def ms(number: int, of: int = 0) -> bytes:
    return bytes([of]) * (number * BYTES_PER_MS)


def test_what_waits_is_given_once_and_is_the_newest() -> None:
    sound = CallerAudioBuffer()
    for _ in range(21):
        sound.hold(ms(1000))
    assert sound.waits
    assert sum(map(len, sound.release())) == MAX_HELD_BYTES
    assert sound.release() == []


def test_without_a_turn_the_last_moment_is_heard_again_in_which_one_may_have_begun() -> None:
    sound = CallerAudioBuffer()
    for of in range(30):
        sound.arrived()
        sound.sent(ms(100, of))
    sound.hold(ms(100, 30))
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == list(range(20, 31))


def test_while_nothing_comes_from_the_service_more_is_kept() -> None:
    sound = CallerAudioBuffer()
    sound.sent(ms(100, 0))
    sound.arrived()
    for of in range(1, 50):
        sound.sent(ms(100, of))
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == list(range(1, 50))


def test_what_was_understood_is_not() -> None:
    sound = CallerAudioBuffer()
    for of in range(10):
        sound.sent(ms(100, of))
    sound.remember("turn", 200)
    sound.forget("turn", 600)
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == [6, 7, 8, 9]


def test_a_session_that_is_renewed_or_resumed_hears_nothing_again() -> None:
    sound = CallerAudioBuffer()
    sound.remember("turn", None)
    sound.sent(ms(100))
    sound.new_session(hears_again=False)
    assert sound.release() == []


def test_a_turn_is_heard_again_from_its_beginning_before_what_waits() -> None:
    sound = CallerAudioBuffer()
    for of in range(10):
        sound.sent(ms(100, of))
    sound.remember("turn", 700)
    sound.sent(ms(100, 10))
    sound.hold(ms(100, 11))
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == [7, 8, 9, 10, 11]


def test_ms_count_from_the_sessions_beginning() -> None:
    sound = CallerAudioBuffer()
    sound.sent(ms(5000))
    sound.new_session(hears_again=False)
    for of in range(5):
        sound.sent(ms(100, of))
    sound.remember("turn", 300)
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == [3, 4]


def test_a_turn_from_now_on_has_nothing_before_it() -> None:
    sound = CallerAudioBuffer()
    sound.sent(ms(100, 1))
    sound.remember("turn", None)
    sound.sent(ms(100, 2))
    sound.new_session(hears_again=True)
    assert sound.release() == [ms(100, 2)]


def test_a_place_that_cannot_be_is_a_moment_ago() -> None:
    sound = CallerAudioBuffer()
    for of in range(30):
        sound.arrived()
        sound.sent(ms(100, of))
    sound.remember("turn", 10**9)
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == list(range(20, 30))


def test_it_can_be_heard_again_and_again() -> None:
    sound = CallerAudioBuffer()
    sound.remember("turn", None)
    sound.sent(ms(100, 1))
    for _ in range(3):
        sound.new_session(hears_again=True)
        for frame in sound.release():
            sound.sent(frame)
    sound.sent(ms(100, 2))
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == [1, 2]


def test_a_caller_who_is_gone_leaves_nothing_and_the_sessions_clock_goes_on() -> None:
    sound = CallerAudioBuffer()
    sound.remember("turn", None)
    sound.sent(ms(1000, 1))
    sound.hold(ms(20))
    sound.clear()
    sound.sent(ms(1000, 2))
    sound.remember("turn", 1000)
    sound.sent(ms(100, 3))
    sound.new_session(hears_again=True)
    assert [frame[0] for frame in sound.release()] == [2, 3]


@given(st.lists(st.tuples(st.integers(1, 3000), st.sampled_from("abc"), st.booleans()), max_size=60))
def test_no_more_is_kept_than_it_may(steps: list[tuple[int, str, bool]]) -> None:
    sound = CallerAudioBuffer()
    for length, turn, begins in steps:
        if begins:
            sound.remember(turn, None)
        else:
            sound.forget(turn, None)
        sound.arrived()
        sound.sent(ms(length))
        kept = sum(map(len, sound._sent))
        most = MAX_HELD_BYTES if sound._turns else LOOKBACK_BYTES
        assert kept < most + 2 * len(ms(3000))
