"""Size of the console: the files that a browser loads, gzipped."""

from __future__ import annotations

import gzip

import pytest

from trunkline.web.app import STATIC

BUDGETS = {
    ("console", ".js"): 65_000,
    ("console", ".css"): 10_000,
    ("calls page", ".js"): 20_000,
    ("calls page", ".css"): 5_000,
}
"""The budget in bytes of each kind of file: of the console with its worklets, and of the Calls page that it loads."""


@pytest.mark.parametrize(("part", "ending"), BUDGETS)
def test_the_files_fit_the_budget(part: str, ending: str) -> None:
    files = list(STATIC.rglob(f"*{ending}"))
    if not files:
        pytest.skip("the console is not built: make setup")
    sizes = {
        file.name: len(gzip.compress(file.read_bytes(), 9))
        for file in files
        if file.name.startswith("pages-") is (part == "calls page")
    }
    assert 0 < sum(sizes.values()) <= BUDGETS[part, ending], sizes
