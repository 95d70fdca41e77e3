"""Rules of state and time.

A part alone assigns its attributes, a dispatch has a case for each variant, and tests give durations as arguments.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
SOURCES = Path(__file__).parents[1] / "src" / "trunkline"
PACKAGES = ["calls", "engine/session"]
DISPATCHES = ["calls/machine", "calls/model_link", "calls/call.py", "engine/session", "engine/session_runner.py"]
BUILDS_RECORDS_OF = {"calls/machine/restoration.py": "calls/machine/transcript.py"}
"""A file that makes the records of another one, from the log."""
SDK_RECORDS = {"calls/agents/mcp_servers.py": {"description"}}
"""Fields of the SDK's records, which it has just made for this file."""


def stores(tree: ast.AST) -> list[ast.Attribute]:
    """Return the attributes that code assigns or deletes."""
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
    ]


def is_own(attribute: ast.Attribute) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id in ("self", "cls")


def declared(tree: ast.AST) -> set[str]:
    """Return the names of the attributes that the classes of a file declare, as fields or on `self`."""
    fields = {
        node.target.id
        for declaration in ast.walk(tree)
        if isinstance(declaration, ast.ClassDef)
        for node in declaration.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return fields | {attribute.attr for attribute in stores(tree) if is_own(attribute)}


def foreign_assignments(path: str) -> list[str]:
    """Return the assignments of a file to attributes that it does not declare, with their lines."""
    tree = ast.parse((SOURCES / path).read_text("utf-8"))
    known = declared(tree) | SDK_RECORDS.get(path, set())
    if path in BUILDS_RECORDS_OF:
        known |= declared(ast.parse((SOURCES / BUILDS_RECORDS_OF[path]).read_text("utf-8")))
    return [
        f"{path}:{attribute.lineno}: {ast.unparse(attribute)}"
        for attribute in stores(tree)
        if not is_own(attribute) and attribute.attr not in known
    ]


def sources(place: str) -> list[str]:
    """Return the paths of a file or of all files of a package."""
    path = SOURCES / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [file.relative_to(SOURCES).as_posix() for file in files]


def incomplete_matches(path: str) -> list[str]:
    """Return the `match` statements of a file without a last `case _`, which pass over an unknown variant."""
    return [
        f"{path}:{node.lineno}: match {ast.unparse(node.subject)}"
        for node in ast.walk(ast.parse((SOURCES / path).read_text("utf-8")))
        if isinstance(node, ast.Match) and ast.unparse(node.cases[-1].pattern) != "_"
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_part_assigns_the_attributes_of_another_one(package: str) -> None:
    paths = sources(package)
    assert len(paths) > 10
    assert [found for path in paths for found in foreign_assignments(path)] == []


@pytest.mark.parametrize("place", DISPATCHES)
def test_every_match_says_what_happens_to_any_other_value(place: str) -> None:
    assert [found for path in sources(place) for found in incomplete_matches(path)] == []


def test_no_test_patches_a_duration() -> None:
    """A constant of seconds or milliseconds is an argument with a default, so that a test can give another one."""
    patched = re.compile(r"setattr\([^)]*\b[A-Z][A-Z_]*_M?S\b")
    tests = {path: path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py")}
    assert [path.name for path, text in tests.items() if patched.search(text)] == []
