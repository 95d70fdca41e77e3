"""The examples of the README: the scenario loads, its rehearsal holds the conversation, and its test passes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from trunkline.scenario.loading import load
from trunkline.scenario.scenario import Scenario
from trunkline.testing import VoiceCalls

pytest_plugins = ["pytester"]

TEXT = (Path(__file__).parents[1] / "README.md").read_text()
AGENTS, REHEARSAL, TEST = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def surgery(folder: Path, text: str) -> Scenario[Any]:
    """Load the scenario of a file with this text, as `trunkline serve hello.py` does."""
    (folder / "hello.py").write_text(text)
    found = load([str(folder / "hello.py")], built_in=False)
    assert found.problems == []
    return found.by_name["surgery"]


def test_the_first_example_loads(tmp_path: Path) -> None:
    assert [agent.name for agent in surgery(tmp_path, AGENTS).agents] == ["desk", "doctor"]


@pytest.mark.parametrize("voice_mode", ["typed"])
async def test_the_rehearsal_takes_the_place_of_the_last_line(voice_call: VoiceCalls, tmp_path: Path) -> None:
    agents = AGENTS[: AGENTS.rindex("scenario =")]
    call = await voice_call(surgery(tmp_path, agents + REHEARSAL))
    assert "when you are ready" in (await call.say("maybe")).text
    assert (await call.say("yes please")).handed_to == "doctor"
    assert "Rest for a day" in (await call.say("My head.")).text


def test_the_example_test_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(hello=AGENTS[: AGENTS.rindex("scenario =")] + REHEARSAL, test_hello=TEST)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_commands_are_called_by_one_name() -> None:
    assert len(re.findall(r"\.venv/bin/trunkline", TEXT)) == 1  # in the sentence about activating .venv
