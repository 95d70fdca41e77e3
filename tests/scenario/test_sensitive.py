"""A scenario's own personal data: patterns, and the sensitive parts of tools."""

from __future__ import annotations

import re
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent

from trunkline import Scenario, ScenarioError, Sensitive

pytestmark = pytest.mark.pure


@function_tool
def verify(pin: str) -> str:
    """Check a PIN."""
    return pin


def scenario(**settings: Any) -> Scenario:
    agents = [RealtimeAgent(name="host", instructions="Say hello.", tools=[verify])]
    return Scenario("bank", agents=agents, **settings)


def test_patterns_are_compiled_and_keep_their_flags() -> None:
    made = scenario(redact=[r"KD-\d{6}", re.compile("swan", re.IGNORECASE)])
    assert [pattern.pattern for pattern in made.redact] == [r"KD-\d{6}", "swan"]
    assert made.redact[1].search("SWAN")


def test_a_tool_is_sensitive_in_all_its_parts_by_default() -> None:
    made = scenario(sensitive={"verify": Sensitive()})
    assert made.sensitive["verify"].hides("pin")
    assert made.sensitive["verify"].result


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"redact": r"KD-\d{6}"}, "redact=[…] takes regular expressions"),
        ({"redact": [b"x"]}, "not b'x'"),
        ({"redact": ["("]}, "'(' is not a regular expression"),
        ({"redact": [r"\d*"]}, "matches an empty text"),
        ({"sensitive": ["verify"]}, "not list"),
        ({"sensitive": {"verify": ["pin"]}}, "takes tools' names with their parts"),
        ({"sensitive": {"verify": Sensitive(arguments="pin")}}, "put brackets around 'pin'"),
        ({"sensitive": {"check": Sensitive()}}, "names the tool 'check', which no agent has. There are: verify"),
        ({"sensitive": {"verify": Sensitive(arguments=["code"])}}, "does not take. It takes: pin"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(problem)) as raised:
        scenario(**settings)
    assert "test_sensitive.py" in str(raised.value)
