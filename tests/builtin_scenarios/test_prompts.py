"""The built-in scenarios' prompts: a line ends where a sentence or an item of a list does."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from trunkline.builtin_scenarios.chat_supervisor.prompts import SUPERVISOR
from trunkline.builtin_scenarios.customer_service_retail import eligibility
from trunkline.builtin_scenarios.customer_service_retail.policy import POLICY
from trunkline.scenario.loading import load

AGENTS = {
    f"{scenario.name}.{agent.name}": agent.instructions
    for scenario in load([]).by_name.values()
    for agent in scenario.agents
}
PROMPTS = {**AGENTS, "supervisor": SUPERVISOR, "policy": POLICY, "eligibility": eligibility._INSTRUCTIONS}
BEGINS = re.compile(r"#|\s*- |\d\. |\s*[\[\]{}\"(]|\w+: |$")
"""What begins a line of its own: headings, items, JSON, and who says it."""


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_no_line_breaks_off_in_the_middle_of_a_sentence(prompt: str) -> None:
    lines = prompt.splitlines()
    assert [line for line, next_line in pairwise(lines) if _goes_on(line, next_line)] == []


def _goes_on(line: str, next_line: str) -> bool:
    if not line or line.startswith(("#", "{")) or BEGINS.match(next_line):
        return False
    return next_line.startswith(" ") or not line.endswith((".", ":", "?", "!", '"'))
