"""Snowy Peak Boards, returns: orders, policy, eligibility, and accepted returns."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.builtin_scenarios.snowy_peak import NAME, PHONE, asked_why, at_jane, says, verified
from trunkline.builtin_scenarios.customer_service_retail.orders import ORDERS
from trunkline.builtin_scenarios.customer_service_retail.policy import POLICY
from trunkline.calls.log_events import Breadcrumb
from trunkline.testing import ANY, VoiceCalls, containing

pytestmark = pytest.mark.parametrize("voice_mode", ["typed"])
ELIGIBILITY = "checkEligibilityAndPossiblyInitiateReturn"
CRACK = "it's defective, there's a big crack"
DELAMINATED = "The board delaminated and an edge came off in normal use after three runs"
NEXT_STEPS = (
    f"A text message with instructions for sending it in is on its way to {PHONE}. It is for item SNB-TT-X01 of order "
    "SNP-20230914-001. Once it is here, the inspection takes up to five business days."
)


async def test_the_snowboard_goes_back(voice_call: VoiceCalls) -> None:
    call = await at_jane(voice_call)
    assert "this is Jane from returns" in call.turns[-1].text
    call.turns[-1].called("lookupOrders", phoneNumber=PHONE)
    assert "Twin Tip Snowboard X of order SNP-20230914-001, delivered on September 16" in call.turns[-1].text
    turn = await call.say("yes")
    turn.called("retrievePolicy", region="Oregon", itemCategory="snowboard")
    turn = await call.say(DELAMINATED)
    assert turn.messages[0].text == "Thank you. I'm looking into that; it takes a moment."
    use = turn.called(
        ELIGIBILITY,
        userDesiredAction="return Twin Tip Snowboard X (SNB-TT-X01) of order SNP-20230914-001",
        question=containing("delivered on 2024-09-16"),
    )
    assert use.result["isEligible"] == "true"
    assert set(use.result) == {
        "rationale",
        "userRequest",
        "isEligible",
        "additionalInformationNeeded",
        "returnNextSteps",
    }
    assert NEXT_STEPS in turn.text
    assert call.state.initiated_return.next_steps == NEXT_STEPS
    assert call.state.initiated_return.desired_action == use.arguments["userDesiredAction"]
    assert "Goodbye" in await says(call, "no thanks")
    call.took_path("authentication", "returns")
    call.called_in_order(
        "authenticate_user_information",
        "save_or_update_address",
        "update_user_offer_response",
        "lookupOrders",
        "retrievePolicy",
        ELIGIBILITY,
    )


async def test_the_orders_are_those_in_the_books(voice_call: VoiceCalls) -> None:
    call = await at_jane(voice_call)
    found = call.turns[-1].called("lookupOrders").result["orders"]
    assert found == json.loads(json.dumps([dataclasses.asdict(order) for order in ORDERS]))
    assert (found[0]["total_usd"], found[1]["order_status"], found[1]["delivered_date"]) == (471.48, "in_transit", None)
    assert call.state.orders == ORDERS


async def test_a_defect_with_too_little_detail_is_asked_about_and_no_denial(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    turn = await call.say(CRACK)
    assert turn.called(ELIGIBILITY).result["isEligible"] == "need_more_information"
    assert "What exactly has failed" in turn.text
    assert not call.state.initiated_return
    assert call.state.verdict.isEligible == "need_more_information"
    turn = await call.say(DELAMINATED)
    turn.called(ELIGIBILITY, question=containing(CRACK))
    assert "Good news" in turn.text
    assert call.state.initiated_return
    assert call.state.verdict.isEligible == "true"
    notes = [entry.event.title for entry in call.log if isinstance(entry.event, Breadcrumb)]
    assert notes == ["More must be known to decide", "The return is accepted"]


async def test_a_vague_caller_is_asked_again_and_again(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    for vague in (CRACK, "it just broke", "I told you, it is broken"):
        assert "a little more" in await says(call, vague)
    assert not call.state.initiated_return


async def test_a_crack_and_its_circumstances_are_enough(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    await call.say(CRACK)
    assert "Good news" in await says(call, "It broke after three runs.")


async def test_a_caller_who_said_when_it_broke_is_asked_what_broke(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    assert "What exactly has failed? For example" in await says(call, "It's faulty, I used it twice.")


async def test_a_denied_return_says_why_and_sets_nothing_going(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    turn = await call.say("It's unused, I just don't like it")
    assert turn.called(ELIGIBILITY).result["isEligible"] == "false"
    assert "I can't take it back. It was delivered 101 days ago" in turn.text
    assert "store credit" in turn.text
    assert not call.state.initiated_return
    assert "Shall I put you through to a human?" in await says(call, "Then let me speak to a human")
    assert (await call.say("yes please")).handed_to == "simulatedHuman"


@pytest.mark.parametrize(
    ("reason", "because"),
    [
        ("I hit a rock and the base cracked", "accident"),
        ("I've used it all winter and I'm bored with it", "Used goods"),
    ],
)
async def test_other_denials(voice_call: VoiceCalls, reason: str, because: str) -> None:
    call = await asked_why(voice_call)
    turn = await call.say(reason)
    assert turn.called(ELIGIBILITY).result["isEligible"] == "false"
    assert because in turn.text
    assert not call.state.initiated_return


async def test_an_undelivered_item_cannot_be_returned(voice_call: VoiceCalls) -> None:
    call = await at_jane(voice_call, "I want to return my goggles")
    assert "Mirrored Snow Goggles of order SNP-20230820-002, which is still on its way" in call.turns[-1].text
    turn = await call.say("yes")
    turn.called("retrievePolicy", itemCategory="accessories", region=ANY)
    turn = await call.say("they are too dark for me")
    turn.called(ELIGIBILITY, userDesiredAction=containing("GOG-037"))
    assert "not been delivered yet" in turn.text


async def test_unused_and_within_thirty_days_is_taken_back(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    recent = [dataclasses.asdict(dataclasses.replace(ORDERS[0], delivered_date="2024-12-10T14:00:00Z"))]
    call.mock_tool("lookupOrders", {"orders": recent})
    await says(call, "skip it", "no", "yes")
    turn = await call.say("I simply don't like the colour")
    assert turn.called(ELIGIBILITY).result["additionalInformationNeeded"].startswith("Is it unused")
    turn = await call.say("yes it is unused, still in its box with the tags")
    assert (
        turn.called(ELIGIBILITY).result["rationale"] == "It is unused and was delivered 16 days ago, within the window."
    )
    assert call.state.initiated_return


async def test_an_exchange_is_an_exchange(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    turn = await call.say(f"I'd like an exchange. {DELAMINATED}")
    turn.called(ELIGIBILITY, userDesiredAction=containing("exchange Twin Tip"))
    assert call.state.initiated_return.desired_action.startswith("exchange")


async def test_the_other_board(voice_call: VoiceCalls) -> None:
    call = await at_jane(voice_call)
    assert "Which one is it about?" in await says(call, "no")
    assert "Park & Pipe Freestyle Board" in await says(call, "the other board")
    turn = await call.say("yes")
    turn.called("retrievePolicy", itemCategory="snowboard")


async def test_another_item_may_be_named_instead(voice_call: VoiceCalls) -> None:
    call = await at_jane(voice_call)
    assert "All-Mountain Snowboard Boots" in await says(call, "no, it's my boots")
    (await call.say("yes")).called("retrievePolicy", itemCategory="boots")


async def test_keeping_the_item_starts_no_return(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    turn = await call.say("never mind")
    turn.did_not_call()
    assert "you keep it" in turn.text
    assert not call.state.initiated_return


async def test_a_second_thing_may_follow(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    await says(call, DELAMINATED)
    assert "All-Mountain Snowboard Boots" in await says(call, "I'd also like to return my boots")
    await says(call, "yes")
    turn = await call.say("they are unused but too small")
    assert turn.called(ELIGIBILITY).result["isEligible"] == "false"
    assert "SNB-TT-X01" in call.state.initiated_return.desired_action


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("this is unacceptable!", "I'm sorry"),
        ("what?", ""),
        ("when are you open?", "Monday to Friday"),
        ("flurbl", "didn't get that"),
    ],
)
async def test_other_words_are_not_a_reason(voice_call: VoiceCalls, words: str, answer: str) -> None:
    call = await asked_why(voice_call)
    turn = await call.say(words)
    turn.did_not_call()
    assert answer in turn.text
    assert turn.text.endswith("in what condition is it?")


async def test_jane_hands_over_to_sales(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    assert "Shall I put you through to our sales team?" in await says(call, "what's on sale?")
    assert (await call.say("yes")).handed_to == "salesAgent"
    call.took_path("authentication", "returns", "salesAgent")


async def test_an_undecided_escalation_may_be_tried_again(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    call.mock_tool(ELIGIBILITY, RuntimeError("no text model"))
    assert "can't get that decided just now" in await says(call, DELAMINATED)
    assert not call.state.initiated_return


async def test_the_caller_is_not_left_in_silence_while_it_is_decided(voice_call: VoiceCalls) -> None:
    import asyncio

    async def slow(userDesiredAction: str, question: str) -> dict[str, str]:
        await asyncio.sleep(3.5)
        return {"isEligible": "false", "rationale": "No.", "additionalInformationNeeded": "", "returnNextSteps": ""}

    call = await asked_why(voice_call)
    call.mock_tool(ELIGIBILITY, slow)
    turn = await call.say(DELAMINATED)
    turn.answers_within(100)
    assert turn.called(ELIGIBILITY).duration_ms == 3500


async def test_jane_may_be_called_first(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME, agent="returns")
    await call.hears("Jane from returns")
    assert "phone number" in await says(call, "I want to return my boots")
    assert "2 0 6, 5 5 5, 0 1 0 0" in await says(call, "206 555 0100")
    turn = await call.say("yes")
    turn.called("lookupOrders", phoneNumber=PHONE)
    assert "All-Mountain Snowboard Boots" in turn.text


async def test_without_orders_another_number_is_asked_for(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME, agent="returns")
    call.mock_tool("lookupOrders", {"orders": []})
    answer = await says(call, "my boots", "206 555 0199", "yes")
    assert "can't find any orders" in answer
    turn = await says(call, "206 555 0100", "yes")
    assert "can't find any orders" in turn


async def test_the_policy_is_the_shops(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    assert call.turns[-1].called("retrievePolicy").result == {"policy": POLICY}
