"""Snowy Peak Boards: wordings of callers, and what the agents make of them."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tests.builtin_scenarios.snowy_peak import ADDRESS, NAME, PHONE, VERIFYING, asked_why, at_jane, says, verified
from trunkline.builtin_scenarios.customer_service_retail.state import Address
from trunkline.testing import VoiceCall, VoiceCalls

pytestmark = pytest.mark.parametrize("voice_mode", ["typed"])
ELIGIBILITY = "checkEligibilityAndPossiblyInitiateReturn"


@pytest.mark.parametrize(
    ("words", "about"),
    [
        ("I bought a snowboard and it broke", "return"),
        ("my new board cracked", "return"),
        ("the boots I got don't fit", "return"),
        ("I want to send it back", "return"),
        ("I'd like my money back", "return"),
        ("there's a problem with my bindings", "return"),
        ("what have you got on sale?", "something new"),
        ("anything on sale?", "something new"),
        ("do you have any deals", "something new"),
        ("I need new boots, I want to buy some boots", "something new"),
    ],
)
async def test_the_request_is_understood_in_the_first_words(voice_call: VoiceCalls, words: str, about: str) -> None:
    call = await voice_call(NAME)
    answer = await says(call, words)
    assert answer.startswith("I can help with that.")
    assert answer.endswith("What is your first name?")
    changed = await says(call, "I want to return my board" if about == "something new" else "what's on sale?")
    assert changed.startswith("All right, then it is about")


@pytest.mark.parametrize(
    "words", ["when are you open?", "your opening hours please", "are you open on sundays?", "hours?"]
)
async def test_a_side_question_may_be_the_first_words(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    answer = await says(call, words)
    assert "Monday to Friday" in answer
    assert answer.endswith("What is it about: a return, an order, or something new from the shop?")


async def test_words_that_are_no_request_are_not_taken_for_one(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    assert "didn't get that" in await says(call, "the purple elephant")
    assert "just say: human" in await says(call, "the purple elephant")
    assert "first name" in await says(call, "a return")


@pytest.mark.parametrize(
    "words",
    [
        "get me a supervisor",
        "I want to speak to your manager",
        "can I talk to someone in charge",
        "a real person please",
    ],
)
async def test_a_request_for_a_human_is_asked_about_and_granted(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    turn = await call.say(words)
    assert turn.handed_to is None
    assert turn.text == "Shall I put you through to a human?"
    assert (await call.say("yes please")).handed_to == "simulatedHuman"


async def test_a_refused_transfer_comes_back_to_the_question(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    answer = await says(call, "return", "Dana", "get me a manager", "no, never mind")
    assert answer == "All right, we stay here. What is your phone number, with the area code?"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("ok Bob Miller", "Bob"),
        ("okay, it's Bob", "Bob"),
        ("Bob Miller", "Bob"),
        ("sure, my name is Bob", "Bob"),
        ("yes, this is Zoë speaking", "Zoë"),
        ("um, Jean-Luc", "Jean-Luc"),
        ("well, call me Ishmael", "Ishmael"),
    ],
)
async def test_a_name_is_found_in_its_sentence(voice_call: VoiceCalls, words: str, name: str) -> None:
    call = await voice_call(NAME)
    assert (await says(call, "return", words)).startswith(f"Thank you, {name}.")


@pytest.mark.parametrize("words", ["goggles please", "why?", "no", "what's on sale", "one two three", "hello", "when?"])
async def test_other_words_are_not_a_name(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    assert (await says(call, "return", words)).endswith("What is your first name?")


async def test_a_number_given_in_the_first_words_is_not_forgotten(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "I want to return my board, my name is Dana and my number is 206 555 0100")
    assert "2 0 6, 5 5 5, 0 1 0 0. Is that right?" in call.turns[-1].text
    assert "born" in await says(call, "yes")


@pytest.mark.parametrize(
    "words", ["206 555 0100 no sorry 206 555 0199", "206 555 0100, I mean 0199", "206 555 0100 wait no 206 555 0199"]
)
async def test_a_number_corrected_in_the_same_breath_counts(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    assert "2 0 6, 5 5 5, 0 1 9 9. Is that right?" in await says(call, "return", "Dana", words)


@pytest.mark.parametrize("pieces", [["206", "555", "0100"], ["two oh six", "five five five", "oh one oh oh"]])
async def test_a_number_with_pauses_is_put_together(voice_call: VoiceCalls, pieces: list[str]) -> None:
    call = await voice_call(NAME)
    assert "2 0 6, 5 5 5, 0 1 0 0. Is that right?" in await says(call, "return", "Dana", *pieces)


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("I was born on the 5th of March in 1990", "March 5, 1 9 9 0"),
        ("the 5th of march, in the year 1990", "March 5, 1 9 9 0"),
        ("5th march 1990, no, 6th march 1990", "March 6, 1 9 9 0"),
    ],
)
async def test_a_birthday_has_many_forms(voice_call: VoiceCalls, words: str, day: str) -> None:
    call = await voice_call(NAME)
    assert f"I have {day}. Is that right?" in await says(call, "return", *VERIFYING[:3], words)


@pytest.mark.parametrize("words", ["no, the fifth of march", "no, March 5th", "no, it was the fifth"])
async def test_a_part_of_a_birthday_keeps_the_year(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    assert "March 5, 1 9 9 0" in await says(call, "return", *VERIFYING[:3], "March 6th 1990", words)


@pytest.mark.parametrize("settled", [3, 4, 5, 6])
@pytest.mark.parametrize(
    "words",
    ["actually my phone number is 206-555-7777", "oh sorry, my number is 206 555 7777", "wait, my phone ends in 7777"],
)
async def test_a_late_correction_reaches_the_tool(voice_call: VoiceCalls, words: str, settled: int) -> None:
    call = await voice_call(NAME)
    await says(call, "return", *VERIFYING[:settled])
    assert "2 0 6, 5 5 5, 7 7 7 7. Is that right?" in await says(call, words)
    await says(call, "yes", *VERIFYING[settled:])
    assert call.state.identity.phone_number == "(206) 555-7777"


async def test_a_number_corrected_after_the_verification_is_verified_again(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    assert "7 7 7 7. Is that right?" in await says(call, "actually my phone number is 206 555 7777")
    await says(call, "yes", *ADDRESS)
    assert call.state.identity.phone_number == "(206) 555-7777"
    assert call.state.address


@pytest.mark.parametrize(
    "words",
    [
        "let me ask my wife about that",
        "hang on, someone is at the door",
        "I'd like goggles",
        "what about boots",
        "blah",
        "mm-hm",
    ],
)
async def test_other_words_neither_confirm_nor_move_the_caller(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    turn = await call.say("return")
    await says(call, "Dana", "206 555 0100")
    turn = await call.say(words)
    assert turn.handed_to is None
    assert turn.text.endswith("I have 2 0 6, 5 5 5, 0 1 0 0. Is that right?")


@pytest.mark.parametrize("words", ["yep, correct", "um, yes please", "yeah that's the one", "206 555 0100", "right"])
async def test_a_number_is_confirmed(voice_call: VoiceCalls, words: str) -> None:
    call = await voice_call(NAME)
    assert "born" in await says(call, "return", "Dana", "206 555 0100", words)


async def test_a_denied_number_that_is_misheard_twice_is_not_accepted(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", "Dana", "206 555 0199", "no, that's wrong")
    assert "one by one, or use the keys" in await says(call, "206 555 0199")
    assert "Is it really that?" in await says(call, "206 555 0199")
    assert "try again" in await says(call, "no")
    assert "0 1 0 0. Is that right?" in (await call.dtmf("2065550100")).text
    assert "born" in await says(call, "yes")


PENNSYLVANIA = Address("1600 Pennsylvania Avenue", "Washington", "DC", "20500")
HOPE = Address("12 Hope Street", "Portland", "Maine", "04101")


@pytest.mark.parametrize(
    ("lines", "saved"),
    [
        (["456 Pine Road, Apt 3, Denver, CO 80202"], Address("456 Pine Road Apt 3", "Denver", "Colorado", "80202")),
        (["456 Pine Road", "Denver Colorado 80202"], Address("456 Pine Road", "Denver", "Colorado", "80202")),
        (["1600 Pennsylvania Avenue, Washington, DC 20500"], PENNSYLVANIA),
        (["1600 Pennsylvania Avenue, Washington, D.C. 20500"], PENNSYLVANIA),
        (["12 Hope Street Unit 4b, Portland, Maine 04101"], dataclasses.replace(HOPE, street="12 Hope Street Unit 4b")),
        (["I moved to 12 Hope Street", "it's Portland", "it's in Maine", "the zip is 04101"], HOPE),
        (["2 Elm St, New York, New York 10001"], Address("2 Elm St", "New York", "New York", "10001")),
    ],
)
@pytest.mark.parametrize("yes", ["yes that's right", "yep, that's correct", "correct"])
async def test_addresses_are_understood(voice_call: VoiceCalls, lines: list[str], saved: Address, yes: str) -> None:
    call = await verified(voice_call)
    await says(call, *lines, yes)
    assert call.state.address == saved


@pytest.mark.parametrize(
    "words",
    [
        "it hasn't changed",
        "it's the same",
        "same as before",
        "you already have it",
        "my address has not changed",
        "no change",
    ],
)
async def test_an_unchanged_address_is_left_as_it_is(voice_call: VoiceCalls, words: str) -> None:
    call = await verified(voice_call)
    turn = await call.say(words)
    assert turn.text.startswith("That's fine, we leave your address as it is.")
    turn.did_not_call()


@pytest.mark.parametrize("words", ["yeah", "right", "sure", "uh-huh", "I see", "mm-hm", "okay", "oh no", "oh"])
async def test_a_murmur_in_the_disclosure_continues_it(voice_call: VoiceCalls, words: str) -> None:
    call = await verified(voice_call)
    await says(call, *ADDRESS)
    turn = await call.say(words, interrupting_after_ms=4000)
    turn.did_not_call()
    heard = call.turns[-2].heard
    assert turn.text.endswith("Would you like to join Summit Circle?")
    assert len(turn.text) < len(call.turns[-2].text)
    assert not turn.text.startswith(heard[:40])
    turn = await call.say("yes please")
    turn.called("update_user_offer_response", user_response="ACCEPTED")


@pytest.mark.parametrize("words", ["uh-huh", "mm-hm", "I see"])
async def test_a_murmur_after_the_disclosure_is_not_an_answer(voice_call: VoiceCalls, words: str) -> None:
    call = await verified(voice_call)
    await says(call, *ADDRESS)
    turn = await call.say(words)
    turn.did_not_call()
    assert turn.text.endswith("Would you like to join Summit Circle? Say yes, no, or: remind me later.")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("yes please", "ACCEPTED"),
        ("no thanks", "DECLINED"),
        ("not interested", "DECLINED"),
        ("ask me later", "REMIND_LATER"),
    ],
)
async def test_an_answer_in_the_disclosure_counts(voice_call: VoiceCalls, words: str, answer: str) -> None:
    call = await verified(voice_call)
    await says(call, *ADDRESS)
    turn = await call.say(words, interrupting_after_ms=4000)
    turn.called("update_user_offer_response", user_response=answer)


@pytest.mark.parametrize(
    "words",
    [
        "the twin tip",
        "yes the twin tip",
        "the Twin Tip snowboard",
        "yeah the snowboard",
        "yes",
        "that's the one",
        "my board",
    ],
)
async def test_the_item_is_confirmed(voice_call: VoiceCalls, words: str) -> None:
    call = await at_jane(voice_call)
    assert "Why would you like to return it" in await says(call, words)


@pytest.mark.parametrize(
    ("words", "item"),
    [
        ("no, the freestyle board", "Park & Pipe"),
        ("the other board", "Park & Pipe"),
        ("no, the goggles", "Goggles"),
        ("I mean the boots", "Boots"),
        ("actually it's the bindings", "Binding"),
    ],
)
async def test_another_item_is_read_back(voice_call: VoiceCalls, words: str, item: str) -> None:
    call = await at_jane(voice_call)
    answer = await says(call, words)
    assert item in answer
    assert answer.endswith("Is that the one?")


@pytest.mark.parametrize(
    "words",
    ["why do you ask?", "why?", "blah blah", "flurbl", "the weather is nice", "what?", "hello there", "say that again"],
)
async def test_these_are_not_reasons(voice_call: VoiceCalls, words: str) -> None:
    call = await asked_why(voice_call)
    turn = await call.say(words)
    turn.did_not_call()
    assert turn.text.endswith("in what condition is it?")


async def test_another_item_is_not_a_reason_either(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    turn = await call.say("goggles please")
    turn.did_not_call()
    assert turn.text.endswith("Is that the one?")
    assert "Goggles" in turn.text
    (await call.say("yes")).did_not_call(ELIGIBILITY)
    (await call.say("they are too dark for me")).called(ELIGIBILITY)


@pytest.mark.parametrize(
    "words",
    [
        "my dog ate it",
        "it's too long for me",
        "it doesn't fit",
        "I never used it",
        "the edge came off",
        "I changed my mind, it's brand new",
        "it was a gift and I have one already",
    ],
)
async def test_these_are_reasons(voice_call: VoiceCalls, words: str) -> None:
    call = await asked_why(voice_call)
    (await call.say(words)).called(ELIGIBILITY)


async def test_damage_by_a_dog_is_no_defect(voice_call: VoiceCalls) -> None:
    call = await asked_why(voice_call)
    turn = await call.say("my dog ate it")
    assert turn.called(ELIGIBILITY).result["isEligible"] == "false"
    assert "accident" in turn.text


async def test_the_number_of_a_lookup_reaches_the_decision(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME, agent="returns")
    await says(call, "I want to return my snowboard", "206 555 0100", "yes", "yes")
    turn = await call.say("The board delaminated and an edge came off in normal use after three runs")
    assert f"is on its way to {PHONE}" in turn.text
    assert call.state.phone_number == PHONE


async def at_sales(voice_call: VoiceCalls) -> VoiceCall:
    call = await voice_call(NAME, agent="salesAgent")
    await call.hears("What are you looking for")
    return call


@pytest.mark.parametrize(
    ("words", "item", "price"),
    [
        ("what about goggles", "Goggles", 60),
        ("how much are the gloves?", "Warm Gloves", 48),
        ("tell me about the Peak Bomber", "Peak Bomber", 374),
        ("how much is the thermal jacket", "Thermal Jacket", 84),
    ],
)
async def test_a_question_about_an_item_puts_nothing_into_the_cart(
    voice_call: VoiceCalls, words: str, item: str, price: int
) -> None:
    call = await at_sales(voice_call)
    turn = await call.say(words)
    turn.did_not_call()
    assert turn.text.startswith(f"The {item} is {price} dollars")
    assert turn.text.endswith("Shall I put it into your cart?")
    (await call.say("no thanks")).did_not_call()
    assert call.state.cart == []


@pytest.mark.parametrize("words", ["yes please", "I'll take it", "sure", "add it to my cart"])
async def test_an_item_that_was_talked_about_is_taken(voice_call: VoiceCalls, words: str) -> None:
    call = await at_sales(voice_call)
    await says(call, "what about goggles", words)
    assert call.state.cart == ["401"]


@pytest.mark.parametrize(
    ("words", "count"),
    [("I'll take two of them", 2), ("give me two", 2), ("I'll take three of those", 3), ("I'll take one", 1)],
)
async def test_several_are_taken(voice_call: VoiceCalls, words: str, count: int) -> None:
    call = await at_sales(voice_call)
    await says(call, "how much are the gloves", words)
    assert call.state.cart == ["402"] * count
    assert f"{48 * count} dollars in all" in call.turns[-1].text


async def test_a_price_is_asked_for_after_a_recommendation(voice_call: VoiceCalls) -> None:
    call = await at_sales(voice_call)
    await says(call, "what do you recommend")
    assert "The Alpine Blade is 360 dollars" in await says(call, "how much is it?")
    await says(call, "I'll take it")
    assert call.state.cart == ["101"]


async def test_the_request_survives_a_detour_to_the_human(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "I'd like to return my boots", "Dana", "human", "yes", "go back please", "yes")
    assert call.agent == "authentication"
    await says(call, *VERIFYING[1:], "skip it", "no")
    assert call.agent == "returns"
    assert re.search("All-Mountain Snowboard Boots", call.turns[-1].text)
