"""The agent's voice on the relay: what the page reports is what the caller heard."""

from __future__ import annotations

import pytest

from tests.store.audio.signals import noise
from tests.store.audio.test_placement import joined
from trunkline.store.audio.relay_voice import RelayVoice

pytestmark = pytest.mark.pure
MS = 48


def voice(*, reports: bool = True) -> RelayVoice:
    """Return the voice of a page that has joined."""
    relay = RelayVoice()
    relay.on_joined()
    if reports:
        relay.on_reporting(0)
    return relay


def test_audio_is_where_the_page_played_it_not_where_it_was_sent() -> None:
    relay, pcm = voice(), noise(1000, 1).tobytes()
    relay.on_started("item_1")
    relay.on_sent(pcm, 100)
    found = []
    for report in (250, 500, 750, 1000):
        found += relay.on_played("item_1", report, 1330 + report)
    track = joined([*found, *relay.finish(3000)])
    assert track[1330 * MS : 2330 * MS] == pcm
    assert not any(track[: 1330 * MS])


def test_only_the_heard_part_of_an_interrupted_message_is_recorded() -> None:
    relay, pcm, answer = voice(), noise(3000, 2).tobytes(), noise(500, 3).tobytes()
    relay.on_started("item_1")
    relay.on_sent(pcm, 100)
    found = relay.on_played("item_1", 250, 350)
    relay.on_cleared("item_1", 450)
    relay.on_sent(pcm, 460)  # it was on its way
    found += relay.on_played("item_1", 340, 455)
    relay.on_started("item_2")
    relay.on_sent(answer, 1000)
    found += relay.on_played("item_2", 250, 1250)
    found += relay.on_played("item_2", 500, 1500)
    track = joined([*found, *relay.finish(2000)])
    assert track[100 * MS : 440 * MS] == pcm[: 340 * MS]
    assert not any(track[440 * MS : 1000 * MS])
    assert track[1000 * MS : 1500 * MS] == answer


def test_a_late_report_of_an_end_does_not_delay_the_audio() -> None:
    relay, pcm = voice(), noise(100, 9).tobytes()
    relay.on_started("item_1")
    relay.on_sent(pcm, 1000)
    track = joined([*relay.on_played("item_1", 100, 1250), *relay.finish(2000)])
    assert track[1000 * MS : 1100 * MS] == pcm


def test_held_audio_continues_after_the_hold() -> None:
    relay, pcm = voice(), noise(1000, 4).tobytes()
    relay.on_started("item_1")
    relay.on_sent(pcm, 0)
    found = relay.on_played("item_1", 250, 250)
    relay.on_held(400)
    found += relay.on_played("item_1", 400, 400)
    relay.on_released(900)
    for report in (500, 750, 1000):
        found += relay.on_played("item_1", report, report + 500)
    track = joined([*found, *relay.finish(2000)])
    assert track[: 400 * MS] == pcm[: 400 * MS]
    assert not any(track[400 * MS : 900 * MS])
    assert track[900 * MS : 1500 * MS] == pcm[400 * MS :]


def test_a_blocked_page_is_silent_until_it_plays() -> None:
    relay, pcm = voice(), noise(500, 5).tobytes()
    relay.on_started("item_1")
    relay.on_sent(pcm, 0)
    assert relay.settle(30_000) == []
    found = relay.on_played("item_1", 250, 30_250) + relay.on_played("item_1", 500, 30_500)
    track = joined([*found, *relay.finish(31_000)])
    assert track[30_000 * MS : 30_500 * MS] == pcm


@pytest.mark.parametrize("settles_every_ms", [100, 250, 1100])
def test_without_reports_the_page_is_taken_to_play_at_once(settles_every_ms: int) -> None:
    relay, one, two = voice(reports=False), noise(1000, 6).tobytes(), noise(1000, 7).tobytes()
    relay.on_started("item_1")
    relay.on_sent(one, 100)
    found, now = [], 0
    while now < 500:
        now += settles_every_ms
        found += relay.settle(now)
    relay.on_held(600)
    relay.on_released(900)
    relay.on_started("item_2")
    relay.on_sent(two, 1000)
    relay.on_cleared("item_2", 1600)
    track = joined([*found, *relay.finish(4000)])
    assert track[100 * MS : 600 * MS] == one[: 500 * MS]
    assert track[900 * MS : 1400 * MS] == one[500 * MS :]
    assert track[1400 * MS : 1600 * MS] == two[: 200 * MS]
    assert len(track) == 1600 * MS


def test_a_new_page_has_none_of_the_audio_of_the_former_one() -> None:
    relay, pcm = voice(), noise(500, 8).tobytes()
    relay.on_started("item_1")
    relay.on_sent(pcm, 0)
    relay.on_joined()
    assert relay.on_played("item_1", 500, 1000) == []
