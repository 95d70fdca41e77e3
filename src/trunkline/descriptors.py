"""File descriptors of the process: the soft limit, and the connections and calls that fit into it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

WANTED = 65_536
"""Descriptors to ask the system for."""
RESERVED = 64
"""Descriptors for files, listeners, workers and requests to the provider."""
FOR_EACH_CALL = 4
"""Descriptors of a call besides its page's connection: the link, with the engine's end of it, and WebRTC's sockets."""


def raise_soft_limit() -> None:
    """Raise the process's limit of descriptors as far as the system allows, up to `WANTED`."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def soft_limit() -> int | None:
    """Return the process's limit of descriptors, None without one."""
    try:
        import resource
    except ImportError:
        return None
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def open_descriptors() -> int | None:
    """Return the number of open descriptors, None if the system does not tell."""
    for folder in (Path("/proc/self/fd"), Path("/dev/fd")):
        try:
            return len(os.listdir(folder)) - 1  # noqa: PTH208 - only names are needed; one is the folder's own
        except OSError:
            continue
    return None


@dataclass(frozen=True)
class Capacity:
    """Limits of a server.

    Attributes:
        connections: TCP connections at once.
        calls: calls at once.
    """

    connections: int
    calls: int


def capacity_for(wanted: Capacity, descriptors: int | None) -> Capacity:
    """Return the wanted limits, or lower ones that fit into the number of descriptors.

    Calls get at most half of the descriptors, so that their pages and other clients can connect.
    """
    if descriptors is None or RESERVED + wanted.connections + FOR_EACH_CALL * wanted.calls <= descriptors:
        return wanted
    free = max(descriptors - RESERVED, 2 * (FOR_EACH_CALL + 1))
    calls = max(1, min(wanted.calls, free // 2 // FOR_EACH_CALL))
    return Capacity(max(1, min(wanted.connections, free - FOR_EACH_CALL * calls)), calls)
