"""Rules for every test: event loop, leaked tasks, time limits and retries."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

# How long an example takes depends on the machine. A test that hangs meets its time limit.
hypothesis.settings.register_profile("no deadline", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("no deadline")

GRACE_S = 2.0
"""The time that cancelled tasks have to end after their test."""
SLOW_TIMEOUT_S = 180
"""The time limit of a test that is marked with one of `SLOW`; `timeout` in pyproject.toml limits the rest."""
SLOW = ("browser", "realtime", "speech")
INTERRUPTED = pytest.StashKey[asyncio.CancelledError]()

# The synthetic callers of most tests speak with eSpeak, within a scenario's grammar: PocketSphinx is made for them. A
# test of another recogniser or voice, or of `auto`, sets this itself. Servers that tests start inherit it.
os.environ.setdefault("TRUNKLINE_STT", "sphinx")
os.environ.setdefault("TRUNKLINE_TTS", "espeak")
# `trunkline serve` stores calls in the user's data folder. A test of the store names another one.
os.environ["TRUNKLINE_STORE"] = "off"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a `realtime` test one retry, and a slow test more time."""
    if item.get_closest_marker("realtime"):
        item.add_marker(pytest.mark.flaky(reruns=1))
    if any(map(item.get_closest_marker, SLOW)) and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))


@pytest.fixture(autouse=True)
def _restore_module_path() -> Iterator[None]:
    """Restore `sys.path` after each test: a scenario's file adds its folder, in which another test finds modules."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test on a new event loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    try:
        asyncio.run(_run_without_leaks(pyfuncitem, arguments))
    except pytest.fail.Exception as failure:
        # pytest-timeout interrupts the event loop: show the line at which the test waited as well.
        failure.__cause__ = pyfuncitem.stash.get(INTERRUPTED, None)
        raise
    return True


async def _run_without_leaks(item: pytest.Function, arguments: dict[str, Any]) -> None:
    """Run a test and fail it if a task of it still runs after `GRACE_S`."""
    before = asyncio.all_tasks()
    try:
        await item.obj(**arguments)
    except asyncio.CancelledError as interrupted:
        item.stash[INTERRUPTED] = interrupted
        raise
    leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
    if leaked:
        _done, leaked = await asyncio.wait(leaked, timeout=GRACE_S)
    if leaked:
        names = "\n".join(f"  {task!r}" for task in leaked)
        pytest.fail(f"The test left {len(leaked)} task(s) running:\n{names}")
