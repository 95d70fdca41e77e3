"""What the server's log may not hold unless it was asked for: what is said, SDP, and keys in headers.

Trunkline itself logs none of it. But the libraries below write whole frames and headers to their loggers at `DEBUG`,
and some of it at `INFO`, for whoever has turned these on for everything; and the errors of users' code, which both log,
may say what the caller said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from trunkline.web.error_redaction import WithoutWords

_QUIET = {
    "websockets": logging.WARNING,  # frames, and the headers of handshakes
    "websockets.client": logging.WARNING,
    "websockets.server": logging.WARNING,
    "websockets.protocol": logging.WARNING,
    "uvicorn.error": logging.INFO,  # it gives this logger to websockets, which writes frames to it
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "openai": logging.WARNING,  # requests with their bodies
    "openai.agents": logging.WARNING,  # tools' arguments and results
    "openai-agents": logging.WARNING,
    "agents": logging.WARNING,
    "aioice": logging.WARNING,  # candidates, which are addresses
    "aiortc": logging.WARNING,
    "mcp": logging.WARNING,
}

LOGS_ERRORS = (
    "trunkline.calls.agents.runner",
    "trunkline.calls.call",
    "trunkline.engine.http.webrtc_calls",
    "trunkline.engine.session_runner",
    "trunkline.web.call_routes",
    "trunkline.web.client_api",
    "asyncio",  # tasks that failed and that nobody waited for
)
"""Loggers that are given errors which users' code may have raised in a call."""


@contextmanager
def quiet_log(*, log_content: bool) -> Iterator[None]:
    """Keeps the libraries' loggers quiet, whatever level they were given or have from above, and errors wordless."""
    if log_content:
        yield
        return
    wordless = WithoutWords()
    told = [logging.getLogger(name) for name in (*LOGS_ERRORS, *_QUIET)]
    for logger in told:
        logger.addFilter(wordless)
    try:
        with _quiet_libraries():
            yield
    finally:
        for logger in told:
            logger.removeFilter(wordless)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    raised: dict[logging.Logger, int] = {}
    for name, least in _QUIET.items():
        for logger in _with_children(name):
            raised.setdefault(logger, logger.level)
            logger.setLevel(max(logger.getEffectiveLevel(), least))
    try:
        yield
    finally:
        for logger, level in raised.items():
            logger.setLevel(level)


def _with_children(name: str) -> list[logging.Logger]:
    """The logger of this name, and those below it that were made already and might have a level of their own."""
    known = logging.Logger.manager.loggerDict
    below = [one for one in list(known) if one.startswith(f"{name}.")]
    return [logging.getLogger(name), *(logging.getLogger(one) for one in below)]
