"""Hashes of the packages that CI and deployments install."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parent.parent


def name_of(package: str) -> str:
    """Return the normal form of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def test_every_constraint_has_hashes_for_its_version() -> None:
    constraints = {
        name_of(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    }
    hashed = {
        name_of(name): (version, hashes.count("--hash=sha256:"))
        for name, version, hashes in re.findall(
            r"^([\w.-]+)==(\S+)((?: \\\n +--hash=\S+)*)", (ROOT / "constraints-hashes.txt").read_text(), re.MULTILINE
        )
    }
    assert {name: version for name, (version, _count) in hashed.items()} == constraints, "run: make hashes"
    assert all(count > 0 for _version, count in hashed.values())
