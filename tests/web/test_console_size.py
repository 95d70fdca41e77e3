"""Size of the console: the files that a browser loads, gzipped."""

from __future__ import annotations

import gzip

import pytest

from trunkline.web.app import STATIC

SCRIPT_BUDGET = 60_000
STYLE_BUDGET = 10_000
"""The budget of each file ending, in bytes."""


@pytest.mark.parametrize(("ending", "budget"), [("*.js", SCRIPT_BUDGET), ("*.css", STYLE_BUDGET)])
def test_the_files_fit_the_budget(ending: str, budget: int) -> None:
    files = list(STATIC.rglob(ending))
    if not files:
        pytest.skip("the console is not built: make setup")
    sizes = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in files}
    assert sum(sizes.values()) <= budget, sizes
