"""Errors in the server's log without what was said: their types and where they happened, and no message.

A tool, an agent's instructions or a rehearsal that fails may well raise an error whose message repeats the caller.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

_HINT = "(TRUNKLINE_LOG_CONTENT=true shows what it says.)"


class WithoutWords(logging.Filter):
    """Puts a traceback without messages in the place of each record's own, for all who get the record after us."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.exc_info = None
            record.exc_text = "\n".join([*_told(error, set()), _HINT])
            if record.name == "asyncio":  # below its first line it shows the task, and with it the error
                record.msg, record.args = record.getMessage().partition("\n")[0], None
        return True


def _told(error: BaseException, seen: set[int], indent: str = "") -> Iterator[str]:
    """An error as Python would show it, what caused it first, but for its message and the lines of source."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _told(before, seen, indent)
        yield f"{indent}and from that:"
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        yield f'{indent}  File "{code.co_filename}", line {line}, in {code.co_name}'
    yield f"{indent}{type(error).__module__}.{type(error).__qualname__}".replace("builtins.", "")
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, 1):
            yield f"{indent}  {number} of {len(error.exceptions)}:"
            yield from _told(inner, seen, indent + "    ")
