"""The types of the package: `Any` switches mypy's checks off, so its use is limited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
SOURCES = Path(__file__).parents[1] / "src"
MAX_LINES_WITH_ANY = 240
"""A limit that may only fall. Use `object` for a value that is only passed on, and TypedDicts or structs for data."""


def test_the_use_of_any_does_not_grow() -> None:
    lines = [
        f"{path.relative_to(SOURCES)}:{number}"
        for path in sorted(SOURCES.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"\bAny\b", line)
    ]
    assert len(lines) <= MAX_LINES_WITH_ANY, f"{len(lines)} lines of src use Any: {' '.join(lines)}"
