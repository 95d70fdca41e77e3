"""Tests from calls: a call's log becomes turns, a pytest file, or a replay against today's agents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.calls.log import Entry

__all__ = ["pytest_file"]


def pytest_file(entries: Iterable[Entry], *, run_tools: bool = False) -> str:
    """Return the source of a pytest file from a call's log. The caller says words, and no other file is needed.

    Args:
        entries: the entries of the log, from `call.started`.
        run_tools: run the tools; otherwise they answer from the record.

    Raises:
        UnusableLogError: a `ValueError`: no test can be made from this log; the message has the reason and the fix.
    """
    from trunkline.testing.from_call.read_call import read_call
    from trunkline.testing.from_call.test_file import FromCallOptions, generate_test

    return generate_test(read_call(entries), FromCallOptions(run_tools=run_tools, files=False)).source
