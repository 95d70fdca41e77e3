"""Child processes that end with their parent, also after a kill that the parent cannot handle."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def end_with_parent(pipe: int) -> None:
    """End this process when its parent dies. Call this first in a child process.

    On Linux the kernel kills the process, also while it is in a native library. Elsewhere a thread waits for the pipe,
    so a library that holds the interpreter lock delays the end.

    Args:
        pipe: a file descriptor of a pipe; the parent alone holds its other end. It is not read, so it may
            be the standard input that carries requests. The process also ends when the parent closes its end.
    """
    if sys.platform == "linux":
        # For the thread that started this process, which for an event loop is the loop's thread.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    end_with_pipe(pipe)


def end_with_pipe(pipe: int) -> None:
    """End this process when the other end of a pipe is closed, which may have happened before."""
    if not hasattr(select, "poll"):  # Windows: a worker's main thread sees the end of its input
        return
    threading.Thread(target=_wait_for_hang_up, args=(pipe,), name="parent watch", daemon=True).start()


def _wait_for_hang_up(pipe: int) -> None:
    poll = select.poll()
    poll.register(pipe, 0)  # POLLHUP and POLLERR are always reported, and data that waits to be read is not
    while True:
        for _fd, event in poll.poll():
            if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                os._exit(0)
