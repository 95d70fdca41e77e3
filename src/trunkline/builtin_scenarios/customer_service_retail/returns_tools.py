"""The returns agent's tools: look up orders and the policy, and decide on a return."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trunkline import CallContext
from trunkline.builtin_scenarios.customer_service_retail.eligibility import decide
from trunkline.builtin_scenarios.customer_service_retail.orders import ORDERS
from trunkline.builtin_scenarios.customer_service_retail.policy import POLICY
from trunkline.builtin_scenarios.customer_service_retail.state import InitiatedReturn, ShopCallState
from trunkline.builtin_scenarios.customer_service_retail.tool_schemas import shop_tool, text

OUTCOMES = {
    "true": "The return is accepted",
    "false": "The return is not accepted",
    "need_more_information": "More must be known to decide",
}
"""The note in the transcript for each verdict."""


@shop_tool(
    "Looks up a caller's orders: items, prices, dates, delivery.",
    phoneNumber=text("The caller's phone number, written '(xxx) xxx-xxxx'"),
)
async def lookupOrders(call: CallContext[ShopCallState], phoneNumber: str) -> dict[str, Any]:
    """Return the orders of the verified caller."""
    identity = call.state.identity
    if identity is not None and identity.phone_number != phoneNumber:
        raise PermissionError("the caller was verified by another phone number; look up the orders of that one")
    call.state.orders = ORDERS
    call.state.phone_number = phoneNumber
    return {"orders": [asdict(order) for order in ORDERS]}


@shop_tool(
    "Gives the shop's return policy. Read it before you say anything about what can be returned.",
    region=text("Where the caller lives, as a country or state"),
    itemCategory=text("What kind of thing it is about, such as snowboard or boots"),
)
async def retrievePolicy(_call: CallContext[ShopCallState], region: str, itemCategory: str) -> dict[str, str]:
    """Return the return policy, which is the same for all regions and items."""
    return {"policy": POLICY}


@shop_tool(
    "Has a return decided and, where it is eligible, sets it going. It takes up to ten seconds: say first that you are "
    "looking into it.",
    userDesiredAction=text("What the caller wants done, with item and order"),
    question=text("What is to be decided, with everything the caller has said about the condition of the goods"),
)
async def checkEligibilityAndPossiblyInitiateReturn(
    call: CallContext[ShopCallState],
    userDesiredAction: str,
    question: str,
) -> dict[str, str]:
    """Ask the text model for a verdict, and note an accepted return."""
    call.progress("A specialist looks at the policy and the order.")
    verdict = await decide(call, userDesiredAction, question)
    call.state.verdict = verdict
    call.breadcrumb(OUTCOMES[verdict.isEligible], verdict.model_dump())
    if verdict.isEligible == "true":
        call.state.initiated_return = InitiatedReturn(userDesiredAction, verdict.returnNextSteps)
    return verdict.model_dump()


RETURNS_TOOLS = [lookupOrders, retrievePolicy, checkEligibilityAndPossiblyInitiateReturn]
