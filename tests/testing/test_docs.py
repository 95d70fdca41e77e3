"""Every example of docs/testing.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import agents.realtime  # noqa: F401 - see test_plugin.py
import pytest

import trunkline.testing.conformance
import trunkline.testing.environment
import trunkline.testing.report  # noqa: F401 - as above

pytest_plugins = "pytester"
DOCS = Path(__file__).parents[2] / "docs" / "testing.md"
FENCED = re.compile(r"^```(python|ini)\n# (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def examples() -> dict[str, str]:
    """Return the examples by the file names in their first lines."""
    return {name: text for _language, name, text in FENCED.findall(DOCS.read_text("utf-8"))}


@pytest.fixture(autouse=True)
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write all examples to a folder, without a provider."""
    for name in ("AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_CHAT_BASE_URL", "TRUNKLINE_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    for name, text in examples().items():
        (pytester.path / name).write_text(text, "utf-8")


def test_every_example_says_what_file_it_is() -> None:
    text = DOCS.read_text("utf-8")
    assert len(examples()) == text.count("```python") + text.count("```ini")


TYPED = [name for name in examples() if name.startswith("test_") and name != "test_server.py"]


def test_the_typed_examples_pass(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-W", "error", "-rs", "--voice=typed", *TYPED)
    number = sum(examples()[name].count("async def test_") for name in TYPED)
    # One needs a text model, and two are only spoken.
    result.assert_outcomes(passed=number - 3, skipped=3)


@pytest.mark.speech
@pytest.mark.realtime
def test_the_spoken_examples_pass(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-W", "error", "test_line.py", "-k", "telephone or natural")
    result.assert_outcomes(passed=2)


@pytest.mark.speech
def test_the_server_example_passes(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("-W", "error", "test_server.py").assert_outcomes(passed=1)


def test_the_script_runs(pytester: pytest.Pytester) -> None:
    result = pytester.runpython(pytester.path / "script.py")
    assert result.ret == 0, result.stderr.str()


def test_the_printed_failure_is_the_real_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        async def test_it(voice_call):
            call = await voice_call("shop")
            turn = await call.say("two pears please")
            await call.say("I want to pay")
            turn.called("add_to_basket", thing="plums")
        """
    )
    shown = re.search(r"^```text\n(.*?)^```$", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert shown is not None
    printed = pytester.runpytest_inprocess("test_it.py").stdout.str()
    assert shown[1] in printed
