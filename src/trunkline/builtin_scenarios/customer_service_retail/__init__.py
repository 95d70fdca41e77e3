"""customerServiceRetail: Snowy Peak Boards, a snowboard shop with four agents."""

from __future__ import annotations

from trunkline import Scenario, moderation
from trunkline.builtin_scenarios.customer_service_retail.agents import AGENTS
from trunkline.builtin_scenarios.customer_service_retail.rehearsal import rehearsal
from trunkline.builtin_scenarios.customer_service_retail.shop import COMPANY
from trunkline.builtin_scenarios.customer_service_retail.state import ShopCallState

customer_service_retail: Scenario[ShopCallState] = Scenario(
    "customerServiceRetail",
    agents=AGENTS,
    title="Customer service: Snowy Peak Boards",
    description="A snowboard shop verifies you, takes things back, sells you others, or gets you a human.",
    voice="sage",
    company=COMPANY,
    state=ShopCallState,
    rehearsal=rehearsal,
    guardrails=[moderation(COMPANY)],
    things_to_say={
        "authentication": [
            "Hi, I'd like to return my snowboard.",
            "My number is 206 555 0100.",
            "The fifth of March, 1990.",
            "4321, from my credit card.",
            "What is on sale?",
            "I want to talk to a human.",
        ],
        "returns": [
            "The board delaminated and an edge came off in normal use after three runs.",
            "I want to talk to a human.",
        ],
        "salesAgent": ["What is on sale?", "I want to talk to a human."],
    },
)
