"""The installation command of an extra."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from trunkline.extras import install_command

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_the_command_covers_the_package_and_a_checkout(extra: str) -> None:
    told = install_command(extra)
    assert f"pip install '{PROJECT['name']}[{extra}]'" in told
    assert f"pip install -e '.[{extra}]'" in told
