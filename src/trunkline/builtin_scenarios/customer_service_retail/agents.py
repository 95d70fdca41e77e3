"""The four agents; each may hand the caller to the other three."""

from __future__ import annotations

from typing import Any

from agents import Handoff, RunContextWrapper
from agents.realtime import RealtimeAgent, realtime_handoff

from trunkline import CallContext
from trunkline.builtin_scenarios.customer_service_retail.authentication_prompt import AUTHENTICATION_PROMPT
from trunkline.builtin_scenarios.customer_service_retail.authentication_tools import AUTHENTICATION_TOOLS
from trunkline.builtin_scenarios.customer_service_retail.prompts import HUMAN_PROMPT, RETURNS_PROMPT, SALES_PROMPT
from trunkline.builtin_scenarios.customer_service_retail.returns_tools import RETURNS_TOOLS
from trunkline.builtin_scenarios.customer_service_retail.sales_tools import SALES_TOOLS
from trunkline.builtin_scenarios.customer_service_retail.state import ShopCallState

ShopAgent = RealtimeAgent[CallContext[ShopCallState]]

authentication: ShopAgent = RealtimeAgent(
    name="authentication",
    handoff_description="Answers the phone, verifies callers, keeps their address, and brings them to the others.",
    instructions=AUTHENTICATION_PROMPT,
    tools=list(AUTHENTICATION_TOOLS),
)
returns: ShopAgent = RealtimeAgent(
    name="returns",
    handoff_description="Jane from returns: looks up orders, knows the policy, has them decided and sets them going.",
    instructions=RETURNS_PROMPT,
    tools=list(RETURNS_TOOLS),
)
sales_agent: ShopAgent = RealtimeAgent(
    name="salesAgent",
    handoff_description="Knows the promotions, recommends, fills the cart and sends the payment link.",
    instructions=SALES_PROMPT,
    tools=list(SALES_TOOLS),
)
simulated_human: ShopAgent = RealtimeAgent(
    name="simulatedHuman",
    handoff_description="Stands in for a human. For whoever asks for one, and for whom nobody else can help.",
    instructions=HUMAN_PROMPT,
)
AGENTS = [authentication, returns, sales_agent, simulated_human]


def _only_verified(context: RunContextWrapper) -> None:
    """Raise PermissionError for an unverified caller; the SDK reports the reason to the agent."""
    visit: ShopCallState = context.context.state
    if visit.identity is None:
        raise PermissionError("the caller has not been verified yet, and until then only a human may take them")


def _handoffs(agent: ShopAgent) -> list[ShopAgent | Handoff[Any, Any]]:
    """Return an agent's handoffs. Unverified callers may only go to the human or to the front desk."""
    behind_the_desk = (returns, sales_agent)
    is_before_it = agent not in behind_the_desk
    return [
        realtime_handoff(other, on_handoff=_only_verified) if is_before_it and other in behind_the_desk else other
        for other in AGENTS
        if other is not agent
    ]


for _agent in AGENTS:
    _agent.handoffs = _handoffs(_agent)
