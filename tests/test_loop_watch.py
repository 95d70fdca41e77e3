"""The watchdog of the event loop: it names the function that blocks the loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import pytest

from trunkline.loop_watch import LoopWatch, Place


def blocks(seconds: float) -> None:
    time.sleep(seconds)  # the blocking line


async def a_tool(seconds: float) -> None:
    await asyncio.sleep(0)
    blocks(seconds)


def line_of(text: str) -> int:
    lines = Path(__file__).read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


class Reports:
    """Reports of a watchdog."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.came = threading.Event()

    def add(self, place: Place, _blocked_s: float) -> None:
        self.places.append(place)
        self.came.set()


async def test_a_function_that_blocks_the_loop_is_named_with_file_and_line() -> None:
    reports = Reports()

    async def tool() -> None:
        reports.came.wait(10)  # the watchdog's report ends the block

    with LoopWatch(reports.add, blocked_after_s=0.05) as watch:
        await asyncio.create_task(tool())
        await asyncio.sleep(0.05)
    (place,) = reports.places
    assert "tool" in place.function
    assert place.file == __file__
    assert place.line == line_of("reports.came.wait(10)  # the watchdog's report ends the block")
    assert watch.blocks == 1
    assert watch.max_delay_s >= 0.05


async def test_the_log_names_the_place_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), LoopWatch(blocked_after_s=0.02):
        for _ in range(3):
            await asyncio.create_task(a_tool(0.25))
    (record,) = [record for record in caplog.records if record.name == "trunkline.loop_watch"]
    assert "a_tool" in record.getMessage()
    assert f"{__file__}:" in record.getMessage()


async def test_a_loop_that_runs_is_not_reported() -> None:
    reports = Reports()
    with LoopWatch(reports.add, blocked_after_s=5) as watch:
        await asyncio.sleep(0.3)
    assert not reports.places
    assert watch.last_delay_s < 5


class StoppedUnseen(threading.Event):
    """The event that stops the watchdog; the wait of the watchdog ends with it, but does not see it yet."""

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(10)
        return False


async def test_the_watchdog_ends_if_its_wait_does_not_see_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = LoopWatch(Reports().add)
    monkeypatch.setattr(watch, "_stopping", StoppedUnseen())
    began = time.monotonic()
    with watch:
        pass
    assert time.monotonic() - began < 5
