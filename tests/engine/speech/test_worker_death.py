"""Processes of the speech parts end with their server, also after SIGKILL."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.processes import children_of

ROOT = Path(__file__).parents[3]
WAIT_S = 20.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and pidfds")


@contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python with the repository's packages."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    variables = {**os.environ, "PYTHONPATH": path, **environment}
    with subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, cwd=ROOT
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def ends(pidfd: int) -> bool:
    """Return whether a process ends in time."""
    readable, _, _ = select.select([pidfd], [], [], WAIT_S)
    return bool(readable)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    own = children_of(pid)
    return own + [other for one in own for other in descendants(one)]


@linux
def test_a_busy_worker_ends_when_its_server_is_killed() -> None:
    with process("-m", "tests.engine.speech.server_with_stuck_worker") as server:
        assert server.stdout is not None
        worker = os.pidfd_open(int(server.stdout.readline()))
        try:
            server.send_signal(signal.SIGKILL)

            assert ends(worker)
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(worker, signal.SIGKILL)
            os.close(worker)


def test_a_process_ends_when_the_other_end_of_its_pipe_is_closed() -> None:
    code = (
        "import threading; from trunkline.parent_watch import end_with_pipe; end_with_pipe(0); print('on', flush=True);"
        "threading.Event().wait()"
    )
    with process("-c", code) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdin.write(b"a request that nobody reads")
        child.stdin.flush()
        assert child.stdout.readline() == b"on\n"

        child.stdin.close()

        assert child.wait(WAIT_S) == 0


@linux
def test_all_processes_of_an_engine_end_when_it_is_killed() -> None:
    pytest.importorskip("pocketsphinx", reason="the extra `speech` is not installed")
    with process(
        "-m", "trunkline.cli", "engine", "--port", "0", TRUNKLINE_STT="sphinx", TRUNKLINE_TTS="espeak"
    ) as engine:
        assert engine.stdout is not None
        assert b"Realtime endpoint" in engine.stdout.readline()
        while len(descendants(engine.pid)) < 3:  # the voice, the recogniser, and the recogniser's first decoder
            assert engine.poll() is None
            os.sched_yield()
        started = [os.pidfd_open(pid) for pid in descendants(engine.pid)]

        engine.send_signal(signal.SIGKILL)

        try:
            assert all(ends(one) for one in started)
        finally:
            for one in started:
                os.close(one)
