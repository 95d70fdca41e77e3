"""Snowy Peak Boards: refusals of the tools, and the rehearsed text models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from agents import FunctionTool, RunContextWrapper
from agents.tool_context import ToolContext

from trunkline import CallContext, Question
from trunkline.builtin_scenarios import customer_service_retail as scenario
from trunkline.builtin_scenarios.customer_service_retail.eligibility import decide
from trunkline.builtin_scenarios.customer_service_retail.policy import POLICY
from trunkline.builtin_scenarios.customer_service_retail.state import Identity, InitiatedReturn, ShopCallState
from trunkline.builtin_scenarios.customer_service_retail.verdict import Verdict
from trunkline.engine.speech.language_id import detect_language
from trunkline.realtime.events import Item
from trunkline.scenario.context import TextModelRequest
from trunkline.scenario.moves import call_tool, say
from trunkline.scenario.performance import perform
from trunkline.scenario.text_answers import answer

PHONE = "(206) 555-0100"
DANA = Identity(PHONE, "1990-03-05", "4321", "ssn")


def use(agent: str, name: str, visit: ShopCallState, ask: Any = None, **arguments: object) -> Any:
    """Lets a tool run, as a model would call it."""
    tool = next(each for each in scenario.agent(agent).tools if each.name == name)
    assert isinstance(tool, FunctionTool)
    context = CallContext("call", scenario.name, visit, **({"_ask": ask} if ask else {}))
    text = json.dumps(arguments)
    whole: ToolContext[CallContext[ShopCallState]] = ToolContext(
        context, tool_name=name, tool_call_id="call_1", tool_arguments=text
    )
    return asyncio.run(_awaited(tool, whole, text))


def test_a_future_date_of_birth_is_refused() -> None:
    visit = ShopCallState()
    arguments = {"phone_number": PHONE, "last_4_digits": "4321", "last_4_digits_type": "ssn"}
    for day in ("2031-01-01", "1990-02-30"):
        with pytest.raises(ValueError, match=r"future|day"):
            use("authentication", "authenticate_user_information", visit, date_of_birth=day, **arguments)
    assert visit.identity is None
    answered = use("authentication", "authenticate_user_information", visit, date_of_birth="1990-03-05", **arguments)
    assert answered == {"success": True}
    assert visit.identity == DANA


ADDRESS = {"street": "1 Main Street", "city": "Salem", "state": "Oregon", "postal_code": "97301"}


@pytest.mark.parametrize("identity", [None, DANA])
def test_address_and_offer_need_a_verified_caller(identity: Identity | None) -> None:
    visit = ShopCallState(identity=identity)
    other = "(206) 555-0199"
    with pytest.raises(PermissionError):
        use("authentication", "save_or_update_address", visit, phone_number=other, new_address=ADDRESS)
    with pytest.raises(PermissionError):
        use(
            "authentication",
            "update_user_offer_response",
            visit,
            phone=other,
            offer_id="a-592",
            user_response="ACCEPTED",
        )
    assert (visit.address, visit.offer) == (None, None)


def test_orders_of_another_number_are_refused() -> None:
    with pytest.raises(PermissionError, match="another phone number"):
        use("returns", "lookupOrders", ShopCallState(identity=DANA), phoneNumber="(206) 555-0199")
    assert len(use("returns", "lookupOrders", ShopCallState(identity=DANA), phoneNumber=PHONE)["orders"]) == 2


def test_unknown_items_are_neither_added_nor_sold() -> None:
    visit = ShopCallState()
    with pytest.raises(LookupError, match="101 \\(Alpine Blade\\)"):
        use("salesAgent", "addToCart", visit, item_id="999")
    with pytest.raises(LookupError):
        use("salesAgent", "checkout", visit, item_ids=["101", "999"], phone_number=PHONE)
    with pytest.raises(ValueError, match="nothing to pay for"):
        use("salesAgent", "checkout", visit, item_ids=[], phone_number=PHONE)
    assert (visit.cart, visit.checkout) == ([], None)


@pytest.mark.parametrize("agent", ["authentication", "simulatedHuman"])
@pytest.mark.parametrize("target", ["returns", "salesAgent"])
def test_only_the_verified_are_handed_on(agent: str, target: str) -> None:
    handoff: Any = next(each for each in scenario.agent(agent).handoffs if getattr(each, "agent_name", None) == target)
    for visit in (ShopCallState(), ShopCallState(identity=DANA)):
        context = RunContextWrapper(CallContext("call", scenario.name, visit))
        if visit.identity:
            assert asyncio.run(handoff.on_invoke_handoff(context, "{}")).name == target
        else:
            with pytest.raises(PermissionError, match="not been verified"):
                asyncio.run(handoff.on_invoke_handoff(context, "{}"))


def test_the_escalation_asks_with_the_last_ten_messages_and_wants_a_verdict() -> None:
    asked: list[TextModelRequest] = []
    verdict = Verdict(
        rationale="It fits.",
        userRequest="return",
        isEligible="true",
        additionalInformationNeeded="",
        returnNextSteps="A text message.",
    )

    async def ask(asking: TextModelRequest) -> Verdict:
        asked.append(asking)
        return verdict

    visit = ShopCallState(identity=DANA)
    result = use(
        "returns",
        "checkEligibilityAndPossiblyInitiateReturn",
        visit,
        ask,
        userDesiredAction="return the board",
        question="it delaminated",
    )
    assert result == verdict.model_dump()
    assert visit.verdict == verdict
    assert visit.initiated_return == InitiatedReturn("return the board", "A text message.")
    (asking,) = asked
    assert (asking.purpose, asking.history, asking.schema) == ("eligibility", 10, Verdict)
    assert asking.model == "escalation"
    assert all(known in asking.instructions for known in ("2024-12-26", "SNP-20230914-001", "need_more_information"))
    assert "30 days of delivery" in asking.instructions
    assert all(word in asking.question for word in ("return the board", "it delaminated", PHONE))


def test_the_decider_learns_the_phone_number_by_which_jane_looked_the_orders_up() -> None:
    asked: list[TextModelRequest] = []

    async def ask(asking: TextModelRequest) -> Verdict:
        asked.append(asking)
        return Verdict(
            rationale="", userRequest="", isEligible="false", additionalInformationNeeded="", returnNextSteps=""
        )

    visit = ShopCallState()  # the call began with the returns agent
    use("returns", "lookupOrders", visit, phoneNumber=PHONE)
    use("returns", "checkEligibilityAndPossiblyInitiateReturn", visit, ask, userDesiredAction="r", question="q")
    assert PHONE in asked[0].question
    assert "not verified" not in asked[0].question


def test_a_verdict_that_is_not_true_sets_nothing_going() -> None:
    async def ask(_asking: TextModelRequest) -> Verdict:
        return Verdict(
            rationale="",
            userRequest="",
            isEligible="need_more_information",
            additionalInformationNeeded="?",
            returnNextSteps="",
        )

    visit = ShopCallState()
    context = CallContext("call", scenario.name, visit, _ask=ask)
    assert asyncio.run(decide(context, "return", "broken")).isEligible == "need_more_information"
    use("returns", "checkEligibilityAndPossiblyInitiateReturn", visit, ask, userDesiredAction="r", question="q")
    assert visit.initiated_return is None
    assert visit.verdict


def asked(purpose: str, *said: str) -> Mapping[str, Any]:
    """What the rehearsed text model answers after these messages of the user."""
    items: list[Item] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]} for text in said
    ]
    assert scenario.rehearsal
    answered = answer(scenario.rehearsal, Question(purpose, items=items))
    assert not isinstance(answered, str | call_tool)
    return answered


def eligibility(reason: str, delivered: str = "2024-09-16", ordered: str = "2024-09-14", before: str = "") -> Verdict:
    question = (
        "The caller wants: return Twin Tip Snowboard X (SNB-TT-X01) of order SNP-20230914-001\n"
        f"The agent asks: Can it be taken back? It was ordered on {ordered} and was delivered on {delivered}. "
        f"The caller says: {reason}\nThe caller's phone number: {PHONE}"
    )
    return Verdict.model_validate(asked("eligibility", before, question))


@pytest.mark.parametrize(
    ("reason", "eligible"),
    [
        ("it's defective, big crack", "need_more_information"),
        ("it is broken", "need_more_information"),
        ("it delaminated", "need_more_information"),
        ("It delaminated and an edge came off in normal use after three runs", "true"),
        ("the base split on the first day", "true"),
        ("a screw insert came loose while riding", "true"),
        ("I drove over it and the nose broke off after three runs", "false"),
        ("it is unused, I don't like it", "false"),
        ("I used it for a season", "false"),
    ],
)
def test_verdicts_of_the_rehearsed_model(reason: str, eligible: str) -> None:
    assert eligibility(reason).isEligible == eligible


def test_the_window_is_thirty_days_from_delivery() -> None:
    assert eligibility("it is unused", delivered="2024-11-26").isEligible == "true"
    assert eligibility("it is unused", delivered="2024-11-25").isEligible == "false"


def test_defects_are_covered_for_a_year() -> None:
    reason = "it delaminated in normal use"
    assert eligibility(reason, ordered="2023-12-27", delivered="2024-01-02").isEligible == "true"
    assert eligibility(reason, ordered="2023-12-20", delivered="2024-01-02").isEligible == "false"


def test_earlier_words_of_the_call_count() -> None:
    earlier = "My board delaminated and the edge came off in normal use"
    assert eligibility("as I said", before=earlier).isEligible == "true"


def test_an_eligible_verdict_confirms_item_order_and_phone() -> None:
    steps = eligibility("it delaminated in normal use").returnNextSteps
    assert all(part in steps for part in ("text message", "SNB-TT-X01", "SNP-20230914-001", PHONE))


@pytest.mark.parametrize(
    ("words", "category"),
    [
        ("Good news: that's accepted.", "NONE"),
        ("I'm sorry, I can't take it back. That is damage from an accident.", "NONE"),
        ("The board is defective and has a crack.", "NONE"),
        ("You idiots should have read the manual.", "OFFENSIVE"),
        ("I will hurt you.", "VIOLENCE"),
        ("Our boards are garbage, buy a Burton.", "OFF_BRAND"),
    ],
)
def test_moderation_knows_clear_words(words: str, category: str) -> None:
    assert asked("moderation", words)["category"] == category


@pytest.mark.parametrize(
    "words", ["hi", "Wer sind Sie?", "where are you?", "I'm angry", "flurbl", "", "I want to return it"]
)
def test_every_line_of_the_simulated_human_is_german(words: str) -> None:
    assert scenario.rehearsal
    items: list[Item] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]} for text in ("hi", words)
    ]
    greeting: Item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hallo"}]}
    turn = perform(
        scenario.rehearsal,
        [items[0], greeting, items[1]],
        first_agent="simulatedHuman",
        transfer_tool=scenario.transfer_tool,
    )
    lines = [move for move in turn.does if isinstance(move, say)]
    assert lines
    assert {line.language for line in lines} == {"de"}
    assert all(detect_language(line.text) == "de" for line in lines)


async def _awaited(tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Any:
    return await tool.on_invoke_tool(context, arguments)


@pytest.mark.parametrize(
    "rule",
    [
        "30 days of delivery",
        "one year of",
        "up to 5 business days",
        "restocking fee",
        "store credit",
        "can still be sold as new",
        "no photos are needed",
        "Where the shop made the mistake",
        "deducted from the refund",
        "very often",
        "a transaction of its own",
    ],
)
def test_the_policy_has_the_rule(rule: str) -> None:
    assert rule in POLICY
