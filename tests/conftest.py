"""Runs `async def` tests on a fresh event loop each, and fails the ones that leave a task behind."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator
from typing import Any

import pytest

GRACE_S = 2.0
"""How long a finished test may take to see its cancelled tasks end."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    loop = pyfuncitem.funcargs.get("event_loop")
    if isinstance(loop, asyncio.AbstractEventLoop):
        loop.run_until_complete(_watched(pyfuncitem, arguments))
    else:
        asyncio.run(_watched(pyfuncitem, arguments))
    return True


@pytest.fixture
def event_loop() -> Generator[asyncio.AbstractEventLoop]:
    """A loop that async fixtures can share with their test (ask for it in both)."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _watched(item: pytest.Function, arguments: dict[str, Any]) -> None:
    before = asyncio.all_tasks()
    await item.obj(**arguments)
    leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
    if leaked:
        _done, leaked = await asyncio.wait(leaked, timeout=GRACE_S)
    if leaked:
        names = "\n".join(f"  {task!r}" for task in leaked)
        pytest.fail(f"The test left {len(leaked)} task(s) running:\n{names}")
