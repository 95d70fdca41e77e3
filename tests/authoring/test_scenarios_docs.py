"""Every example of docs/scenarios.md is run, and its package is really installed."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import agents.mcp.server  # imported once here, not once for each run of pytest below
import agents.realtime  # noqa: F401 - as above
import pytest

import trunkline
import trunkline.testing.environment
import trunkline.testing.report
from trunkline.authoring.prompt import metaprompt
from trunkline.cli import app
from trunkline.scenario.loading import load

pytest_plugins = "pytester"
DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "scenarios.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
TESTS = [name for name in EXAMPLES if name.startswith("test_")]
SCENARIOS = {
    "hello.py": ["surgery"], "library.py": ["library"], "bank.py": ["bank", "carefulBank"], "taxi.py": ["taxi"],
    "insurance.py": ["insurance"], "cafe.py": ["cafe"], "acme_voices.py": ["acmeHotel"], "resort.py": ["resort"],
    "salon.py": ["salon"], "support.py": ["support"], "office.py": ["office"], "orders.py": ["orders"],
    "fillers.py": ["quietBank", "germanBank", "checkingBank"],
    "interruptions.py": ["reading", "patient"],
}  # fmt: skip


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """A folder with all of them."""
    for name, text in EXAMPLES.items():
        (pytester.path / name).write_text(text, "utf-8")
    return pytester.path


def test_every_example_names_its_file() -> None:
    assert len(EXAMPLES) == TEXT.count("```python") + TEXT.count("```toml")
    assert {*EXAMPLES} == {*SCENARIOS, *TESTS, "phrases.py", "pyproject.toml"}


def test_the_conversations_pass(folder: Path, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-W", "error", *TESTS)
    result.assert_outcomes(passed=8)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenarios_can_be_served(folder: Path, name: str) -> None:
    found = load([str(folder / name)], built_in=False)
    assert found.problems == []
    assert list(found.by_name) == SCENARIOS[name]


def test_the_phrases_match(folder: Path) -> None:
    runpy.run_path(str(folder / "phrases.py"))


def test_the_commands_are_there() -> None:
    commands = {re.sub(r"_", "-", command.callback.__name__) for command in app.registered_commands if command.callback}
    shown = set(re.findall(r"^trunkline (\w+)", TEXT, re.MULTILINE))
    assert shown
    assert shown <= commands


def test_the_metaprompt_is_shown_as_it_is() -> None:
    assert (DOCS / "metaprompt.md").read_text("utf-8").partition("```markdown\n")[2] == metaprompt() + "```\n"


def test_an_installed_package_brings_its_scenarios(folder: Path) -> None:
    installed = folder / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(installed)]
    subprocess.run([*pip, str(wheel_of(folder))], check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    code = "from trunkline.scenario.loading import load; found = load(); print(*found.by_name, found.problems)"
    source = str(Path(trunkline.__file__).parents[1])
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed.parent.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([source, str(installed)])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "acmeHotel" in shown
    assert "simpleHandoff" in shown
    assert shown[-1] == "[]"


def wheel_of(folder: Path) -> Path:
    """The wheel that a build of the example's package comes to: its module, its metadata, its entry points."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    entries = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    )
    contents = {
        "acme_voices.py": (folder / "acme_voices.py").read_text("utf-8"),
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": entries,
    }
    record = "".join(f"{name},,\n" for name in [*contents, f"{stem}.dist-info/RECORD"])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**contents, f"{stem}.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    return path
