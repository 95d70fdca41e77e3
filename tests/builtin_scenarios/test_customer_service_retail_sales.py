"""Snowy Peak Boards: the sale, the cart, the checkout, and the simulated human."""

from __future__ import annotations

import re

import pytest

from tests.builtin_scenarios.snowy_peak import NAME, PHONE, says, verified
from trunkline.builtin_scenarios.customer_service_retail.sales_tools import CHECKOUT_URL
from trunkline.builtin_scenarios.customer_service_retail.state import Checkout
from trunkline.testing import VoiceCall, VoiceCalls

pytestmark = pytest.mark.parametrize("voice_mode", ["typed"])


async def at_sales(voice_call: VoiceCalls) -> VoiceCall:
    call = await verified(voice_call, "I want to buy a new snowboard")
    turn = await call.say("I'd rather not")
    turn = await call.say("no")
    assert turn.handed_to == "salesAgent"
    return call


async def test_the_sale_begins_with_the_biggest_discounts(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    turn = call.turns[-1]
    offers = turn.called("lookupNewSales", category="any").result["sales"]
    assert [offer["item_id"] for offer in offers] == ["201", "302", "102", "202", "401", "101", "301", "402"]
    assert "the Thermal Jacket for 84 instead of 120 dollars, 30 percent off" in turn.text


@pytest.mark.parametrize(
    ("words", "category", "items"),
    [
        ("a snowboard please", "snowboard", ["102", "101"]),
        ("show me some boots", "boots", ["302", "301"]),
        ("clothing", "apparel", ["201", "202"]),
        ("do you have accessories", "accessories", ["401", "402"]),
    ],
)
async def test_a_category_is_looked_up(voice_call: VoiceCalls, words: str, category: str, items: list[str]) -> None:
    call = await at_sales(voice_call)
    offers = (await call.say(words)).called("lookupNewSales", category=category).result["sales"]
    assert [offer["item_id"] for offer in offers] == items


@pytest.mark.parametrize(
    ("words", "question"),
    [("how much is it", "Which one do you mean?"), ("I'll take it", "Good. Which one, then?")],
)
async def test_an_item_that_was_not_named_is_asked_for(voice_call: VoiceCalls, words: str, question: str) -> None:
    call = await at_sales(voice_call)
    assert (await call.say(words)).text == question


async def test_cart_and_checkout(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    turn = await call.say("I'll take the Peak Bomber please")
    turn.called("addToCart", item_id="102")
    turn = await call.say("and some gloves")
    turn.called("addToCart", item_id="402")
    assert "In your cart: the Peak Bomber and the Warm Gloves, 422 dollars in all." in turn.text
    assert call.state.cart == ["102", "402"]
    turn = await call.say("that's all, check out please")
    turn.did_not_call()
    assert "422 dollars in all. Shall I send you the payment link?" in turn.text
    turn = await call.say("yes please")
    use = turn.called("checkout", item_ids=["102", "402"], phone_number=PHONE)
    assert use.result == {"checkoutUrl": CHECKOUT_URL}
    assert call.state.checkout == Checkout(("102", "402"), PHONE, CHECKOUT_URL)
    assert PHONE in turn.text
    assert "Goodbye" in await says(call, "no thanks, bye")


async def test_a_changed_mind_is_not_checked_out(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    await says(call, "the Alpine Blade", "the goggles", "no, without the goggles")
    await says(call, "check out")
    turn = await call.say("yes")
    turn.called("checkout", item_ids=["101"])


async def test_no_link_without_a_yes(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    await says(call, "the Alpine Blade", "check out")
    turn = await call.say("no")
    turn.did_not_call()
    assert "change" in turn.text
    assert not call.state.checkout


async def test_an_empty_cart_cannot_be_paid_for(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    turn = await call.say("check out please")
    turn.did_not_call()
    assert "still empty" in turn.text


async def test_a_beginner_gets_a_recommendation(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    assert "Alpine Blade" in await says(call, "I'm a beginner, what do you recommend?")
    (await call.say("the alpine blade please")).called("addToCart", item_id="101")


async def test_a_failed_addition_is_not_in_the_cart(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    call.mock_tool("addToCart", RuntimeError("sold out"))
    assert "can't put the Alpine Blade into your cart" in await says(call, "the Alpine Blade")
    assert "still empty" in await says(call, "check out")


async def test_a_sale_that_cannot_be_looked_up_ends_no_call(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME, agent="salesAgent")
    call.mock_tool("lookupNewSales", RuntimeError("no books"))
    assert "can't look that up" in await says(call, "boots please")


@pytest.mark.parametrize(
    ("words", "answer"),
    [("a submarine", "didn't get that"), ("what?", "What are you looking for"), ("you're useless", "I'm sorry")],
)
async def test_other_words_come_back_to_the_question(voice_call: VoiceCalls, words: str, answer: str) -> None:
    call = await at_sales(voice_call)
    turn = await call.say(words)
    turn.did_not_call()
    assert answer in turn.text
    assert "What are you looking for" in turn.text


async def test_a_return_goes_to_jane(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    await call.say("actually I'd like to return my boots")
    turn = await call.say("yes")
    assert turn.handed_to == "returns"
    assert "All-Mountain Snowboard Boots" in turn.text


async def test_sales_called_first_asks_for_the_number(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME, agent="salesAgent")
    assert "which phone number" in await says(call, "the summit steps", "check out", "yes")
    assert "0 1 0 0" in await says(call, "206 555 0100")
    turn = await call.say("yes")
    turn.called("checkout", item_ids=["302"], phone_number=PHONE)


async def test_a_human_may_be_asked_for_at_once_and_speaks_german(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await call.say("I want to talk to a human")
    turn = await call.say("yes")
    assert turn.handed_to == "simulatedHuman"
    assert turn.messages[-1].text.startswith("Hallo und herzlich willkommen! Ich bin eine künstliche Intelligenz")
    turn.did_not_call()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("Wer sind Sie?", "künstliche Intelligenz"),
        ("are you human?", "künstliche Intelligenz"),
        ("Ich bin echt sauer!", "es tut mir leid"),
        ("Danke schön, vielen Dank", "Sehr gern"),
        ("Wann sind die Öffnungszeiten?", "8 bis 18 Uhr"),
        ("where are you?", "Queenstown"),
        ("qwertz", "gebe ich gern"),
        ("Tschüss!", "Auf Wiederhören"),
    ],
)
async def test_the_simulated_human_answers_only_in_german(voice_call: VoiceCalls, words: str, answer: str) -> None:
    call = await voice_call(NAME, agent="simulatedHuman")
    said = await says(call, words)
    assert answer in said
    assert not re.search(r"\b(the|you|your|and|please|sorry)\b", said)


async def test_the_simulated_human_returns_unverified_callers(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "I want to return my board", "Dana", "human please", "yes", "Ich möchte etwas zurückgeben")
    turn = await call.say("ja bitte")
    call.took_path("authentication", "simulatedHuman", "authentication")
    assert "zuerst kurz überprüft" in turn.text
    assert turn.text.endswith("Thank you, Dana. What is your phone number, with the area code?")


async def test_the_simulated_human_transfers_verified_callers(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    await says(call, "get me a human", "yes", "I'd like to return my snowboard")
    turn = await call.say("yes")
    assert turn.handed_to == "returns"
    turn.called("lookupOrders", phoneNumber=PHONE)
