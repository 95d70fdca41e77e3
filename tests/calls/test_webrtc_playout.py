"""Playout over WebRTC: the service's reports say what the caller hears, and some of them may be missed."""

from __future__ import annotations

import pytest

from trunkline.calls.machine.playout_clock import PlayoutClock
from trunkline.calls.machine.relay_playout import PlayedAudio
from trunkline.calls.machine.webrtc_playout import MISSED_STOP_MARGIN_MS, MISSED_STOP_SILENCE_MS, WebRtcPlayout

pytestmark = pytest.mark.pure


def playing() -> WebRtcPlayout:
    """Return a playout in which a message plays since 100 ms."""
    playout = WebRtcPlayout()
    playout.on_message_added("resp_1", "msg_1")
    assert playout.on_started("resp_1", 100.0) == "msg_1"
    return playout


def test_audio_of_an_unknown_response_is_not_a_message() -> None:
    playout = WebRtcPlayout()
    assert playout.on_started("resp_1", 100.0) is None
    assert not playout.playing


def test_a_later_response_ends_the_wait_for_the_earlier_ones() -> None:
    playout = WebRtcPlayout()
    for number in (1, 2, 3):
        playout.on_message_added(f"resp_{number}", f"msg_{number}")
    assert playout.on_started("resp_2", 100.0) == "msg_2"
    assert playout.on_stopped(300.0) == PlayedAudio("msg_2", 200)
    assert playout.has_unplayed  # the third
    playout.on_response_cancelled("resp_3")
    assert not playout.has_unplayed


def test_an_end_without_a_message_is_nothing() -> None:
    assert WebRtcPlayout().on_stopped(100.0) is None


def test_a_message_that_was_found_after_a_gap_has_the_next_audio() -> None:
    playout = WebRtcPlayout()
    playout.on_message_found("msg_9")
    assert playout.on_started("resp_9", 100.0) == "msg_9"


def test_audio_whose_start_was_missed_belongs_to_the_expected_message() -> None:
    playout = WebRtcPlayout()
    playout.on_message_added("resp_1", "msg_1")
    assert playout.on_start_missed(50.0) is None  # the service will report it
    playout.on_server_changed(50.0)
    assert playout.on_start_missed(80.0) == "msg_1"
    assert playout.on_start_missed(90.0) is None  # it plays already


def test_audio_that_nobody_expects_is_no_message() -> None:
    playout = WebRtcPlayout()
    playout.on_server_changed(50.0)
    assert playout.on_start_missed(80.0) is None


def test_the_end_of_audio_is_missed_only_after_a_gap() -> None:
    playout = playing()
    assert playout.stop_missed_at_ms(200.0, 500.0) is None
    playout.on_sideband_lost(200.0)
    assert playout.stop_missed_at_ms(200.0, 500.0) == 100.0 + 500.0 + MISSED_STOP_MARGIN_MS
    playout.on_page_report(audible=True, since_ms=300.0)
    assert playout.stop_missed_at_ms(300.0, 500.0) is None
    playout.on_page_report(audible=False, since_ms=400.0)
    assert playout.stop_missed_at_ms(400.0, 500.0) == 400.0 + MISSED_STOP_SILENCE_MS


def test_the_audio_ends_by_the_page_else_by_the_words() -> None:
    assert WebRtcPlayout().ends_at_ms(900.0, 500.0) is None
    playout = playing()
    assert playout.ends_at_ms(900.0, 500.0) == 600.0  # the model still speaks
    playout.on_response_done("resp_2")
    assert playout.ends_at_ms(900.0, 500.0) == 600.0
    playout.on_response_done("resp_1")
    assert playout.ends_at_ms(900.0, 500.0) == 900.0
    playout.on_page_report(audible=False, since_ms=700.0)
    assert playout.ends_at_ms(900.0, 500.0) == 700.0
    playout.on_page_report(audible=True, since_ms=800.0)
    assert playout.ends_at_ms(900.0, 500.0) == 900.0


def test_a_cut_gives_each_message_its_played_duration() -> None:
    playout = playing()
    playout.on_message_added("resp_2", "msg_2")
    assert playout.cut(350.0) == "msg_1"
    assert playout.on_truncated("msg_2") is False
    assert playout.take_truncations() == [PlayedAudio("msg_1", 250)]
    assert not playout.has_truncations


def test_the_time_to_the_page_does_not_count_as_heard() -> None:
    playout = playing()
    playout.on_delay(60)
    playout.cut(350.0)
    assert playout.take_truncations() == [PlayedAudio("msg_1", 190)]


def test_a_message_that_the_service_truncates_plays_no_longer() -> None:
    playout = playing()
    assert playout.on_truncated("msg_1") is True
    assert not playout.playing


def test_audio_that_ended_just_before_it_was_cut_is_not_truncated() -> None:
    playout = playing()
    playout.cut(350.0)
    assert playout.on_stopped_after_cut("resp_2") is False
    assert playout.on_stopped_after_cut("resp_1") is True
    assert playout.take_truncations() == []


def test_a_message_that_ended_without_the_page_may_be_unheard_until_it_is_back() -> None:
    playout = playing()
    playout.on_page_lost(150.0)
    playout.on_stopped(400.0)
    assert playout.maybe_unheard
    playout.on_page_back()
    assert not playout.maybe_unheard


def test_a_message_that_may_be_unheard_is_truncated_where_the_page_was_lost() -> None:
    playout = playing()
    playout.on_page_lost(150.0)
    playout.on_stopped(400.0)
    assert playout.cut(500.0) == "msg_1"
    assert playout.take_truncations() == [PlayedAudio("msg_1", 50)]


def test_the_clock_counts_each_hold_once() -> None:
    clock = PlayoutClock()
    clock.release(50.0)
    clock.hold(100.0)
    clock.hold(200.0)
    assert clock.at(300.0) == 100.0
    clock.release(300.0)
    clock.release(400.0)
    assert (clock.at(500.0), clock.held_ms(500.0)) == (300.0, 200.0)
