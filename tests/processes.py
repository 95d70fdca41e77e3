"""Child processes of a process, as Linux lists them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def children_of(pid: int | None = None) -> list[int]:
    """Return the processes that a process has started and not cleared up; None means this process.

    A thread that ends meanwhile has no list any more: Linux gives its children to another thread of the process.
    """
    tasks = Path(f"/proc/{os.getpid() if pid is None else pid}/task")
    if not list(tasks.glob("*/children")):
        pytest.skip("This system does not list the children of a process.")
    found: list[int] = []
    for task in tasks.iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def command_of(pid: int) -> bytes:
    """Return the command line of a process, empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
