"""`trunkline new`: its files work at once, and existing files stay unchanged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import agents.realtime  # noqa: F401 - imported once here, not once for each run of pytest below
import pytest
from typer.testing import CliRunner, Result

import trunkline.testing.environment
import trunkline.testing.report  # noqa: F401 - as above
from trunkline.cli import app
from trunkline.scenario.loading import load

pytest_plugins = "pytester"


def new(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments])


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """An empty folder to stand in."""
    return pytester.path


@pytest.mark.parametrize(("name", "module"), [("front-desk", "front_desk"), ("nightPorter", "night_porter")])
def test_its_test_passes(pytester: pytest.Pytester, name: str, module: str) -> None:
    assert new(name).exit_code == 0
    result = pytester.runpytest_inprocess("-W", "error", f"test_{module}.py")
    result.assert_outcomes(passed=4)


def test_it_can_be_served(folder: Path) -> None:
    assert new("front-desk").exit_code == 0
    found = load([str(folder / "front_desk.py")], built_in=False)
    assert found.problems == []
    (scenario,) = found.by_name.values()
    assert scenario.name == "front-desk"
    assert [agent.name for agent in scenario.agents] == ["reception", "booking"]
    assert [tool.name for tool in scenario.agent("booking").tools] == ["book_table"]
    assert scenario.guardrails
    assert scenario.rehearsal is not None


def test_a_linter_has_nothing_to_say_of_it(folder: Path) -> None:
    assert new("front-desk").exit_code == 0
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E4,E7,E9,F,I,B,UP", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_it_shows_the_next_steps(folder: Path) -> None:
    said = new("front-desk").output
    assert "pytest test_front_desk.py" in said
    assert "trunkline serve front_desk.py" in said


def test_it_writes_into_another_folder(folder: Path) -> None:
    said = new("front-desk", "--folder", "deep/er").output
    assert (folder / "deep" / "er" / "front_desk.py").is_file()
    assert "trunkline serve deep/er/front_desk.py" in said.replace("\\", "/")


@pytest.mark.parametrize("there", ["front_desk.py", "test_front_desk.py"])
def test_it_overwrites_nothing(folder: Path, there: str) -> None:
    (folder / there).write_text("mine")
    result = new("front-desk")
    assert result.exit_code == 1
    assert f"{there} already exists" in result.output
    assert [path.name for path in folder.glob("*.py")] == [there]
    assert (folder / there).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("front desk", "must begin with a letter"),
        ("../desk", "must begin with a letter"),
        ("1st", "must begin with a letter"),
        ("x" * 65, "at most 64"),
        ("class", "a Python keyword"),
        ("json", "would hide the module 'json'"),
        ("agents", "would hide the module 'agents'"),
        ("trunkline", "would hide the module 'trunkline'"),
        ("test-desk", "as a test"),
        ("simpleHandoff", "exists already"),
    ],
)
def test_a_bad_name_is_refused_with_the_reason(folder: Path, name: str, why: str) -> None:
    result = new(name)
    assert result.exit_code == 1
    assert why in result.output
    assert list(folder.glob("*.py")) == []


def test_an_unwritable_folder_is_reported(folder: Path) -> None:
    (folder / "file").write_text("")
    result = new("front-desk", "--folder", "file/below")
    assert result.exit_code == 1
    assert "cannot be written" in result.output
