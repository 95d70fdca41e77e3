"""The built-in scenarios' prompts: a line ends where a sentence or an item of a list does."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest

from trunkline.builtin_scenarios.chat_supervisor.prompts import SUPERVISOR
from trunkline.builtin_scenarios.chat_supervisor.sample_data import ACCOUNT, DOCUMENTS
from trunkline.builtin_scenarios.customer_service_retail import eligibility
from trunkline.builtin_scenarios.customer_service_retail.policy import POLICY
from trunkline.scenario.loading import load

AGENTS = {
    f"{scenario.name}.{agent.name}": agent.instructions
    for scenario in load([]).by_name.values()
    for agent in scenario.agents
}
PROMPTS = {**AGENTS, "supervisor": SUPERVISOR, "policy": POLICY, "eligibility": eligibility._INSTRUCTIONS}
STATE_MACHINES = ("customerServiceRetail.authentication", "customerServiceRetail.returns")
BEGINS = re.compile(r"#|\s*- |\d\. |\s*[\[\]{}\"(]|\w+(?: \w+)?: |$")
"""What begins a line of its own: headings, items, JSON, and who says it."""


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_no_line_breaks_off_in_the_middle_of_a_sentence(prompt: str) -> None:
    lines = prompt.splitlines()
    assert [line for line, next_line in pairwise(lines) if _goes_on(line, next_line)] == []


def _goes_on(line: str, next_line: str) -> bool:
    if not line or line.startswith(("#", "{")) or BEGINS.match(next_line):
        return False
    return next_line.startswith(" ") or not line.endswith((".", ":", "?", "!", '"'))


@pytest.mark.parametrize("agent", STATE_MACHINES)
def test_every_state_has_examples_and_leads_to_a_known_one(agent: str) -> None:
    states = json.loads(str(AGENTS[agent]).partition("# Conversation states\n")[2])
    assert [state["id"] for state in states if not state["examples"]] == []
    known = {state["id"] for state in states} | {"transfer"}
    assert {way["next_step"] for state in states for way in state["transitions"]} <= known


@pytest.mark.parametrize("agent", ["returns", "salesAgent"])
def test_agents_that_count_days_know_todays_date(agent: str) -> None:
    assert "Today is Thursday, December 26, 2024." in str(AGENTS[f"customerServiceRetail.{agent}"])


@pytest.mark.parametrize("agent", ["authentication", "returns", "salesAgent"])
@pytest.mark.parametrize("fact", ["helmets", "Online fitting", "Loyalty programme"])
def test_the_shops_agents_know_the_shop(agent: str, fact: str) -> None:
    assert fact in str(AGENTS[f"customerServiceRetail.{agent}"])


def test_the_supervisors_examples_are_true_of_the_sample_data() -> None:
    account = json.dumps({name: ACCOUNT[name] for name in ("last_bill", "bill_before")})[1:-1]
    assert account in SUPERVISOR
    [(id_, sentence)] = re.findall(r'"id": "(NT-\d+)".*?"content": \["(.*?)"\]', SUPERVISOR)
    assert sentence in next(document.content for document in DOCUMENTS if document.id == id_)
