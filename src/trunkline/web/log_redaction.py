"""Redaction of the server's log: no words of a call, no SDP and no keys in headers, unless the settings ask for them.

Trunkline itself logs none of these. Two sources can: libraries that write whole frames and headers to their loggers at
`DEBUG`, some at `INFO`; and errors of users' code, which may repeat the caller's words in their messages.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

_MIN_LEVELS = {
    "websockets": logging.WARNING,  # frames, and the headers of handshakes
    "websockets.client": logging.WARNING,
    "websockets.server": logging.WARNING,
    "websockets.protocol": logging.WARNING,
    "uvicorn.error": logging.INFO,  # uvicorn gives this logger to websockets, which writes frames to it
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "openai": logging.WARNING,  # requests with their bodies
    "openai.agents": logging.WARNING,  # tools' arguments and results
    "openai-agents": logging.WARNING,
    "agents": logging.WARNING,
    "aioice": logging.WARNING,  # candidates, which are addresses
    "aiortc": logging.WARNING,
    "mcp": logging.WARNING,
    "aiosqlite": logging.WARNING,  # statements with their values, which are the stored calls
    "sqlalchemy": logging.WARNING,
}
"""The lowest level of each library's logger that shows no content."""

ERROR_LOGGERS = (
    "trunkline.calls.agents.runner",
    "trunkline.calls.call",
    "trunkline.calls.media_transport",
    "trunkline.cluster.background",
    "trunkline.engine.http.webrtc_calls",
    "trunkline.engine.session_runner",
    "trunkline.store.audio.recorder",
    "trunkline.store.audio.uploads",
    "trunkline.store.writer",
    "trunkline.web.call_routes",
    "trunkline.web.client_api",
    "asyncio",  # tasks that failed and that nobody waited for
)
"""Loggers that receive errors which users' code may have raised in a call."""
_HINT = "(TRUNKLINE_LOG_CONTENT=true shows the messages.)"


@contextmanager
def redact_logs(*, log_content: bool) -> Iterator[None]:
    """Keep content out of the logs inside the `with` block: raise the libraries' levels, redact the errors.

    Args:
        log_content: changes nothing if true, as `TRUNKLINE_LOG_CONTENT` asks.
    """
    if log_content:
        yield
        return
    redaction = ErrorRedactionFilter()
    filtered = [logging.getLogger(name) for name in (*ERROR_LOGGERS, *_MIN_LEVELS)]
    for logger in filtered:
        logger.addFilter(redaction)
    try:
        with _raised_levels():
            yield
    finally:
        for logger in filtered:
            logger.removeFilter(redaction)


class ErrorRedactionFilter(logging.Filter):
    """Replacement of each record's traceback by one without messages, before any handler formats the record.

    An error of a tool, an agent's instructions or a rehearsal may repeat the caller's words in its message.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record's error; let every record pass."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.exc_info = None
            record.exc_text = "\n".join([*_redacted_lines(error, set()), _HINT])
            if record.name == "asyncio":  # below its first line asyncio shows the task, and with it the error
                record.msg, record.args = record.getMessage().partition("\n")[0], None
        return True


def _redacted_lines(error: BaseException, seen: set[int], indent: str = "") -> Iterator[str]:
    """Yield an error as Python shows it, its cause first, without messages and source lines."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _redacted_lines(before, seen, indent)
        yield f"{indent}and from that:"
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        yield f'{indent}  File "{code.co_filename}", line {line}, in {code.co_name}'
    yield f"{indent}{type(error).__module__}.{type(error).__qualname__}".replace("builtins.", "")
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, 1):
            yield f"{indent}  {number} of {len(error.exceptions)}:"
            yield from _redacted_lines(inner, seen, indent + "    ")


@contextmanager
def _raised_levels() -> Iterator[None]:
    before: dict[logging.Logger, int] = {}
    for name, min_level in _MIN_LEVELS.items():
        for logger in _with_children(name):
            before.setdefault(logger, logger.level)
            logger.setLevel(max(logger.getEffectiveLevel(), min_level))
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)


def _with_children(name: str) -> list[logging.Logger]:
    """Return the named logger and its existing children, which may have levels of their own."""
    known = logging.Logger.manager.loggerDict
    below = [child for child in list(known) if child.startswith(f"{name}.")]
    return [logging.getLogger(name), *(logging.getLogger(child) for child in below)]
