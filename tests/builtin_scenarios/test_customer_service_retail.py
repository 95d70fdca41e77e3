"""customerServiceRetail: its agents, tools and prompts."""

from __future__ import annotations

import json
import re

import pytest
from agents import FunctionTool

from trunkline.builtin_scenarios import customer_service_retail as scenario
from trunkline.builtin_scenarios.customer_service_retail.disclosure import DISCLOSURE
from trunkline.builtin_scenarios.customer_service_retail.orders import ORDERS
from trunkline.builtin_scenarios.customer_service_retail.state import ShopCallState

PHONE = r"^\(\d{3}\) \d{3}-\d{4}$"
NAMES = ["authentication", "returns", "salesAgent", "simulatedHuman"]
TOOLS = {
    "authentication": ["authenticate_user_information", "save_or_update_address", "update_user_offer_response"],
    "returns": ["lookupOrders", "retrievePolicy", "checkEligibilityAndPossiblyInitiateReturn"],
    "salesAgent": ["lookupNewSales", "addToCart", "checkout"],
    "simulatedHuman": [],
}


def schema(agent: str, tool: str) -> dict[str, object]:
    found = next(each for each in scenario.agent(agent).tools if each.name == tool)
    assert isinstance(found, FunctionTool)
    assert found.strict_json_schema
    return found.params_json_schema


def test_the_agents_are_as_they_are_known() -> None:
    assert scenario.name == "customerServiceRetail"
    assert [agent.name for agent in scenario.agents] == NAMES
    assert scenario.voice == "sage"
    assert scenario.company == "Snowy Peak Boards"
    assert [guardrail.get_name() for guardrail in scenario.guardrails] == ["moderation"]
    assert scenario.state is ShopCallState
    assert scenario.title
    assert scenario.description
    assert scenario.things_to_say


@pytest.mark.parametrize("name", NAMES)
def test_every_agent_can_hand_over_to_the_three_others(name: str) -> None:
    assert sorted(scenario.transfers(name).values()) == sorted(other for other in NAMES if other != name)


@pytest.mark.parametrize("name", NAMES)
def test_every_agent_has_its_tools(name: str) -> None:
    assert [tool.name for tool in scenario.agent(name).tools] == TOOLS[name]


@pytest.mark.parametrize(("agent", "tool"), [(agent, tool) for agent, tools in TOOLS.items() for tool in tools])
def test_every_schema_wants_all_fields_and_no_others(agent: str, tool: str) -> None:
    wanted = schema(agent, tool)
    properties = wanted["properties"]
    assert isinstance(properties, dict)
    assert wanted["type"] == "object"
    assert wanted["additionalProperties"] is False
    assert wanted["required"] == list(properties)


def properties_of(agent: str, tool: str) -> dict[str, dict[str, object]]:
    properties = schema(agent, tool)["properties"]
    assert isinstance(properties, dict)
    return {
        name: {key: value for key, value in field.items() if key != "description"} for name, field in properties.items()
    }


def test_the_schemas_are_exact() -> None:
    text = {"type": "string"}
    assert properties_of("authentication", "authenticate_user_information") == {
        "phone_number": {"type": "string", "pattern": PHONE},
        "date_of_birth": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "last_4_digits": {"type": "string", "pattern": r"^\d{4}$"},
        "last_4_digits_type": {"type": "string", "enum": ["credit_card", "ssn"]},
    }
    address = properties_of("authentication", "save_or_update_address")["new_address"]
    assert address["required"] == ["street", "city", "state", "postal_code"]
    assert address["additionalProperties"] is False
    offer = properties_of("authentication", "update_user_offer_response")
    assert offer["user_response"]["enum"] == ["ACCEPTED", "DECLINED", "REMIND_LATER"]
    assert list(offer) == ["phone", "offer_id", "user_response"]
    assert properties_of("returns", "lookupOrders") == {"phoneNumber": text}
    assert properties_of("returns", "retrievePolicy") == {"region": text, "itemCategory": text}
    assert properties_of("returns", "checkEligibilityAndPossiblyInitiateReturn") == {
        "userDesiredAction": text,
        "question": text,
    }
    categories = ["snowboard", "apparel", "boots", "accessories", "any"]
    assert properties_of("salesAgent", "lookupNewSales")["category"]["enum"] == categories
    assert properties_of("salesAgent", "addToCart") == {"item_id": text}
    assert properties_of("salesAgent", "checkout") == {
        "item_ids": {"type": "array", "items": text},
        "phone_number": {"type": "string", "pattern": PHONE},
    }


def test_the_orders_add_up() -> None:
    assert [order.order_id for order in ORDERS] == ["SNP-20230914-001", "SNP-20230820-002"]
    for order in ORDERS:
        assert sum(item.retail_price_usd for item in order.items) == pytest.approx(order.subtotal_usd)


def test_the_disclosure_has_ten_sentences_and_more() -> None:
    assert len(re.findall(r"[.!?](?:\s|$)", DISCLOSURE)) >= 10


def test_the_front_desks_prompt_has_its_sections_and_its_states() -> None:
    prompt = scenario.agent("authentication").instructions
    assert isinstance(prompt, str)
    for section in ("Personality and tone", "Context", "Reference pronunciations", "Overall instructions"):
        assert f"# {section}\n" in prompt
    for part in (
        "Identity",
        "Task",
        "Demeanour",
        "Tone",
        "Enthusiasm",
        "Formality",
        "Emotion",
        "Filler words",
        "Pacing",
    ):
        assert f"## {part}\n" in prompt
    states = json.loads(prompt.split("# Conversation states\n")[1])
    assert [state["id"].partition("_")[0] for state in states] == list("12345678")
    for state in states:
        assert set(state) == {"id", "description", "instructions", "examples", "transitions"}
    ids = [state["id"] for state in states]
    assert [state["transitions"][0]["next_step"] for state in states] == [*ids[1:], "transfer"]
    assert any(DISCLOSURE in line for state in states for line in state["instructions"])


def test_the_simulated_humans_prompt_is_german() -> None:
    prompt = scenario.agent("simulatedHuman").instructions
    assert isinstance(prompt, str)
    assert "ausschließlich auf Deutsch" in prompt
    assert "künstliche Intelligenz" in prompt


@pytest.mark.parametrize("name", ["returns", "salesAgent"])
def test_the_agents_for_returns_and_sales_know_the_date(name: str) -> None:
    prompt = scenario.agent(name).instructions
    assert isinstance(prompt, str)
    assert "Today is Thursday, December 26, 2024." in prompt
