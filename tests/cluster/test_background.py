"""Background tasks that begin again after an error that nobody expected."""

from __future__ import annotations

import asyncio
import logging

import pytest

from trunkline.cluster.background import keep_running

pytestmark = pytest.mark.pure


async def test_a_task_that_fails_begins_again_and_the_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0
    ran_again = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ZeroDivisionError("nobody expected it")
        ran_again.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(keep_running(work, "heartbeat", pause_s=0))
    async with asyncio.timeout(10):
        await ran_again.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (record,) = caplog.records
    assert (record.levelno, "'heartbeat'" in record.message) == (logging.ERROR, True)
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
