"""Open resources of this process, for tests that look for leaks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path


def open_resources() -> tuple[int, int, int]:
    """Return the numbers of tasks, threads and open sockets, without the threads of the event loop's own pool."""
    threads = sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate())
    return len(asyncio.all_tasks()), threads, _sockets()


def _sockets() -> int:
    """Other descriptors come and go with the interpreter."""
    count = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of this very directory
            count += str(path.readlink()).startswith("socket:")
    return count
