"""The architecture page: its index of behaviours names files and symbols that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
INDEX = TEXT.partition("## Index of behaviours")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| ([^|]+) \| `([\w/]+\.py)` \| `(\w+)` \|$", INDEX, re.MULTILINE)


def test_the_index_names_at_least_ten_behaviours() -> None:
    assert len(ROWS) >= 10


@pytest.mark.parametrize(("behaviour", "file", "symbol"), ROWS)
def test_the_file_of_a_behaviour_defines_its_symbol(behaviour: str, file: str, symbol: str) -> None:
    tree = ast.parse((ROOT / "src" / "trunkline" / file).read_text("utf-8"))
    definitions = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    defined = {node.name for node in tree.body if isinstance(node, definitions)}
    assert symbol in defined, behaviour


def test_the_layers_are_those_of_the_contract() -> None:
    layers = re.search(r"^layers = \[\n(.*?)\]", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert layers is not None
    listed = TEXT.partition("top first:\n\n")[2].partition("\n\n| package")[0]
    assert re.findall(r"`(\w+)`", listed) == re.findall(r"\w+", layers[1])
