"""Rates of a page: it is slowed above them, and closed if it stays there."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.web.web_server import serving
from trunkline.web import call_routes
from trunkline.web.page_rates import MAX_SLOWED_S, PageRates, TooFastError

FRAME = 960  # 20 ms of audio


def test_twenty_commands_a_second_are_not_slowed() -> None:
    rates = PageRates()
    assert [rates.command(number / 20) for number in range(2000)] == [0.0] * 2000


def test_commands_above_the_rate_are_read_at_the_rate() -> None:
    rates, now_s = PageRates(), 0.0
    for _ in range(40):
        assert rates.command(now_s) == 0
    for _ in range(100):
        now_s += rates.command(now_s)
    assert now_s == pytest.approx(100 / 20)


def test_a_page_that_stays_above_the_rate_is_closed_with_the_reason() -> None:
    rates, now_s = PageRates(), 0.0
    while now_s <= MAX_SLOWED_S:
        now_s += rates.command(now_s)
    with pytest.raises(TooFastError, match="at most 20 a second"):
        rates.command(now_s)
    assert MAX_SLOWED_S < now_s < MAX_SLOWED_S + 1


def read(rates: PageRates, late_s: float = 0.0, *, with_audio: bool = False) -> None:
    """Read a flood of commands for 20 s, as a server that is late by `late_s` after each wait."""
    now_s = 0.0
    while now_s <= 2 * MAX_SLOWED_S:
        if with_audio:
            assert rates.audio(FRAME, now_s) == 0
        wait_s = rates.command(now_s)
        now_s += wait_s + late_s if wait_s else 0.0


@pytest.mark.parametrize("late_s", [0.05, 0.1, 0.4])
def test_a_page_is_closed_also_by_a_busy_server_that_reads_late(late_s: float) -> None:
    with pytest.raises(TooFastError, match="at most 20 a second"):
        read(PageRates(), late_s)


def test_audio_within_its_rate_does_not_excuse_a_flood_of_commands() -> None:
    with pytest.raises(TooFastError, match="at most 20 a second"):
        read(PageRates(), with_audio=True)


def test_a_page_that_was_slowed_and_pauses_starts_again() -> None:
    rates, now_s = PageRates(), 0.0
    for _ in range(200):
        now_s += rates.command(now_s)
    now_s += 5
    assert rates.command(now_s) == 0
    for _ in range(200):
        now_s += rates.command(now_s)


def test_audio_in_real_time_and_after_a_pause_of_the_network_is_not_slowed() -> None:
    rates = PageRates()
    for number in range(1000):
        assert rates.audio(FRAME, number * 0.02) == 0
    for _ in range(1000):  # 20 s of kept audio at once
        assert rates.audio(FRAME, 40.0) == 0


def test_audio_above_twice_real_time_is_read_at_twice_real_time() -> None:
    rates, now_s = PageRates(), 0.0
    for _ in range(1500):  # the 30 s that may come at once
        now_s += rates.audio(FRAME, now_s)
    assert now_s == pytest.approx(0.0)
    for _ in range(500):
        now_s += rates.audio(FRAME, now_s)
    assert now_s == pytest.approx(10.0 / 2)
    while now_s <= MAX_SLOWED_S:
        now_s += rates.audio(FRAME, now_s)
    with pytest.raises(TooFastError, match="at most 2 times real time"):
        rates.audio(FRAME, now_s)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [({"type": "interrupt"}, "too many commands: send at most 20 a second"), (b"\0" * 48_000, "too much audio")],
)
async def test_a_flooding_page_is_closed_and_the_call_continues(
    monkeypatch: pytest.MonkeyPatch, frame: bytes | dict[str, Any], reason: str
) -> None:
    monkeypatch.setattr(call_routes, "PageRates", partial(PageRates, 0.2))
    async with serving(monkeypatch) as caller, caller.calling() as (started, page):
        for _ in range(60):
            await page.sends(frame)
        code, said = await page.closed()
        assert code == 1008
        assert said.startswith(reason)
        async with caller.page(started["call_id"], f"?leg={started['leg_id']}") as again:
            assert (await again.kind("leg.role"))["role"] == "caller"
