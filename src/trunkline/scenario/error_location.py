"""Place of an error in the user's code: the file, the line, and the text of the line."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

from trunkline.users_code import is_users_code

_MAX_LINE = 120


def error_location(error: BaseException) -> str:
    """Return the innermost line of the user's code that raised an error, or called the raising library.

    It is shown as ` (shop.py:54: price = prices[name])`, and "" if no line of the traceback is the user's.
    """
    found: tuple[CodeType, int] | None = None
    for code, line in _frames(error):
        if is_users_code(code.co_filename):
            found = code, line
    if found is None:
        return ""
    code, line = found
    linecache.checkcache(code.co_filename)
    text = linecache.getline(code.co_filename, line).strip()
    shown = f": {text[:_MAX_LINE]}" if text else ""
    return f" ({Path(code.co_filename).name}:{line}{shown})"


def _frames(error: BaseException) -> Iterator[tuple[CodeType, int]]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield frame.f_code, line
