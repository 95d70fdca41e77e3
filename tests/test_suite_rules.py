"""The rules of tests/conftest.py and pyproject.toml: time limits and retries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = "pytester"

ROOT = Path(__file__).parents[1]
FAILS_FIRST = """
import pathlib, pytest

def attempt(name, kind="attempts"):
    \"\"\"Count an attempt and return its number.\"\"\"
    with pathlib.Path(f"{name}.{kind}").open("a") as file:
        file.write("x")
    return len(pathlib.Path(f"{name}.{kind}").read_text())
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project with the rules of this one."""
    options = (ROOT / "pyproject.toml").read_text().partition("[tool.pytest.ini_options]\n")[2].partition("\n[")[0]
    assert "max-suite-reruns" in options
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n" + options.replace('testpaths = ["tests"]\n', ""))
    # Only these plugins: each run would import the others again.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_rerunfailures -p pytest_timeout")
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    return pytester


def attempts(project: pytest.Pytester, name: str) -> int:
    """Return how often a test of `FAILS_FIRST` began."""
    return len((project.path / f"{name}.attempts").read_text())


def test_a_realtime_test_that_was_late_once_is_rescued_and_listed(project: pytest.Pytester) -> None:
    project.makepyfile(
        FAILS_FIRST
        + """
@pytest.mark.realtime
def test_late():
    assert attempt("late") == 2, "the audio was late"
"""
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["RERUN *::test_late", "*the audio was late*", "PASSED *::test_late"])


def test_a_realtime_test_that_fails_twice_fails(project: pytest.Pytester) -> None:
    project.makepyfile(
        FAILS_FIRST
        + """
@pytest.mark.realtime
def test_late():
    assert attempt("late") == 3
"""
    )
    assert project.runpytest_inprocess().ret == 1
    assert attempts(project, "late") == 2


@pytest.mark.parametrize("mark", ["browser", "speech"])
def test_only_a_realtime_test_is_retried(project: pytest.Pytester, mark: str) -> None:
    project.makepyfile(
        FAILS_FIRST
        + f"""
@pytest.mark.{mark}
def test_wrong():
    assert attempt("wrong") == 2
"""
    )
    assert project.runpytest_inprocess().ret == 1
    assert attempts(project, "wrong") == 1


def test_two_tests_of_a_session_may_be_rescued_and_the_third_fails(project: pytest.Pytester) -> None:
    project.makepyfile(
        FAILS_FIRST
        + """
pytestmark = pytest.mark.realtime

@pytest.fixture(scope="module")
def line():
    attempt("line", "opened")
    yield
    attempt("line", "closed")

@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_late(line, name):
    assert attempt(name) == 2
"""
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    assert [attempts(project, name) for name in ("first", "second", "third")] == [2, 2, 1]
    assert [(project.path / f"line.{kind}").read_text() for kind in ("opened", "closed")] == ["x", "x"]


def test_a_crash_is_not_retried(project: pytest.Pytester) -> None:
    project.makepyfile(
        FAILS_FIRST
        + """
import os, signal

@pytest.mark.realtime
def test_crash():
    if attempt("crash") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    assert project.runpytest_subprocess().ret == -9
    assert attempts(project, "crash") == 1


def test_a_test_that_hangs_fails_once_and_shows_its_line(project: pytest.Pytester) -> None:
    project.makepyfile(
        FAILS_FIRST
        + """
import asyncio

@pytest.mark.realtime
@pytest.mark.timeout(0.1)
async def test_hang():
    attempt("hang")
    await asyncio.Event().wait()
"""
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">*await asyncio.Event().wait()", "E *Timeout (>0.1s) from pytest-timeout."])
    assert attempts(project, "hang") == 1


def test_a_browser_speech_or_realtime_test_has_more_time(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
import pytest

@pytest.mark.parametrize(
    "limit_s",
    [
        pytest.param(180, marks=pytest.mark.browser),
        pytest.param(180, marks=pytest.mark.speech),
        pytest.param(180, marks=pytest.mark.realtime),
        pytest.param(7, marks=[pytest.mark.realtime, pytest.mark.timeout(7)]),
    ],
)
def test_limit(request, limit_s):
    assert request.node.get_closest_marker("timeout").args == (limit_s,)
"""
    )
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_a_fixture_that_hangs_ends_the_run_with_its_stack(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
import pytest, time

@pytest.fixture
def slow_to_close():
    yield
    time.sleep(30)

def test_passes(slow_to_close):
    pass
"""
    )
    result = project.runpytest_subprocess("-o", "faulthandler_timeout=0.5")
    assert result.ret == 1
    result.stderr.fnmatch_lines(["Timeout (*)!", "*in slow_to_close"])


def test_no_test_patches_a_time_constant_of_the_package() -> None:
    """Times are arguments. Constants of other libraries, which offer no argument, may be patched."""
    patched = re.compile(r"monkeypatch\.setattr\(\s*(?:\"trunkline[\w.]*\.|\w+, \")(\w+_(?:S|MS))\"")
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in patched.findall(path.read_text("utf-8"))
    }
    assert found == set()
