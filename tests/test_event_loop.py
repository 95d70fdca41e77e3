"""The event loop of a server: exits of users' code do not end it, and all others do."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trunkline import event_loop
from trunkline.event_loop import ServerLoop
from trunkline.settings import Settings
from trunkline.web.uvicorn_config import server_config


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Runner with a server's loop."""
    with asyncio.Runner(loop_factory=ServerLoop) as running:
        yield running


class Handled:
    """The exceptions that the loop's handler has received."""

    def __init__(self) -> None:
        self.errors: list[object] = []

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception"))


def leave() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_a_callback_is_an_error_and_the_loop_continues(
    runner: asyncio.Runner, kind: type[BaseException]
) -> None:
    handled = Handled()

    def callback() -> None:
        raise kind

    async def serve() -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(handled)
        loop.call_soon(callback)
        await asyncio.sleep(0.01)
        return "served"

    assert runner.run(serve()) == "served"
    assert [type(error) for error in handled.errors] == [kind]


def test_an_exit_in_a_task_that_nobody_awaits_is_an_error_and_the_loop_continues(runner: asyncio.Runner) -> None:
    async def background() -> None:
        leave()

    async def serve() -> bool:
        asyncio.get_running_loop().set_exception_handler(Handled())
        task = asyncio.create_task(background())
        await asyncio.sleep(0.01)
        return isinstance(task.exception(), SystemExit)

    assert runner.run(serve())


def test_an_exit_in_the_turn_in_which_the_loop_stops_does_not_keep_it_running(runner: asyncio.Runner) -> None:
    loop = runner.get_loop()
    loop.set_exception_handler(Handled())
    loop.call_soon(loop.stop)
    loop.call_soon(leave)
    never = loop.call_later(30, pytest.fail, "the loop did not stop")
    loop.run_forever()
    never.cancel()


def test_an_exit_of_the_program_ends_the_loop(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "is_users_code", lambda _file: False)

    async def serve() -> None:
        asyncio.get_running_loop().call_soon(leave)
        await asyncio.sleep(30)

    with pytest.raises(SystemExit):
        runner.run(serve())


@pytest.fixture
def default_ctrl_c() -> Iterator[None]:
    """Python's own handler of Ctrl-C. A shell starts background jobs with the signal ignored."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("default_ctrl_c")
@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to itself")
def test_a_second_ctrl_c_ends_a_loop_that_does_not_heed_the_first_one(runner: asyncio.Runner) -> None:
    async def serve() -> None:
        while True:
            try:
                await asyncio.sleep(0)
                signal.raise_signal(signal.SIGINT)
            except asyncio.CancelledError:
                continue

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt):
        runner.run(serve())


def test_a_server_runs_in_this_loop(tmp_path: Path) -> None:
    async def app(*_arguments: object) -> None:
        """Never called."""

    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]  # only pydantic's plugin knows it
    assert server_config(app, settings).get_loop_factory() is ServerLoop
