"""A scenario's idempotent tools, by name."""

from __future__ import annotations

import re
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent

from trunkline import Scenario, ScenarioError

pytestmark = pytest.mark.pure


@function_tool
def find_order(number: int) -> str:
    """Find an order."""
    return str(number)


def scenario(idempotent: Any) -> Scenario:
    """Return a scenario with one tool."""
    return Scenario("shop", agents=[RealtimeAgent(name="clerk", tools=[find_order])], idempotent=idempotent)


def test_idempotent_tools_are_known_by_name() -> None:
    assert scenario(["find_order"]).idempotent == {"find_order"}


@pytest.mark.parametrize(
    ("idempotent", "problem"),
    [
        ("find_order", "idempotent=[…] takes the names of tools, such as idempotent=['find_order'], not 'find_order'."),
        ([find_order], "takes the names of tools"),
        (["pay"], "idempotent=[…] names the tool 'pay', which no agent has. There are: find_order."),
    ],
)
def test_a_name_that_cannot_work_is_refused(idempotent: object, problem: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(problem)) as raised:
        scenario(idempotent)
    assert "test_idempotent.py" in str(raised.value)
