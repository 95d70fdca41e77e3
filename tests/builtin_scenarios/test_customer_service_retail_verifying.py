"""Snowy Peak Boards, front desk: verification, address, the offer, and transfers."""

from __future__ import annotations

import pytest

from tests.builtin_scenarios.snowy_peak import ADDRESS, NAME, PHONE, VERIFYING, says, verified
from trunkline import Partial
from trunkline.builtin_scenarios.customer_service_retail.disclosure import DISCLOSURE, DISCLOSURE_SPEED
from trunkline.builtin_scenarios.customer_service_retail.identity_fields import read_card
from trunkline.builtin_scenarios.customer_service_retail.state import Address, Identity, OfferResponse
from trunkline.engine.speech.tts.silent import MS_PER_CHARACTER
from trunkline.testing import VoiceCalls

pytestmark = pytest.mark.parametrize("voice_mode", ["typed"])
DANA = Identity(PHONE, "1990-03-05", "4321", "credit_card")


async def test_a_caller_is_verified_step_by_step(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await call.hears("Snowy Peak Boards")
    assert "first name" in await says(call, "Hi, I'd like to return my snowboard")
    assert "phone number" in await says(call, "Dana")
    assert "2 0 6, 5 5 5, 0 1 0 0" in await says(call, "two oh six, double five five, oh one double oh")
    assert "born" in await says(call, "yes")
    assert "March 5, 1 9 9 0" in await says(call, "the fifth of March, nineteen ninety")
    assert "last four digits" in await says(call, "that's right")
    assert "4 3 2 1, from your credit card" in await says(call, "4321, from my credit card")
    assert not call.state.identity
    turn = await call.say("yes")
    turn.called(
        "authenticate_user_information",
        phone_number=PHONE,
        date_of_birth="1990-03-05",
        last_4_digits="4321",
        last_4_digits_type="credit_card",
    )
    assert turn.messages[0].text == "Thank you. One moment, I'm checking that."
    assert call.state.identity == DANA
    call.took_path("authentication")


async def test_the_first_name_is_not_spelled_back(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    answer = await says(call, "I want to return my boots", "my name is Zbigniew")
    assert answer.startswith("Thank you, Zbigniew. What is your phone number")


async def test_a_corrected_number_is_read_back_again(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", "Dana", "206 555 0199")
    assert "0 1 0 0. Is that right?" in await says(call, "no, it's 206 555 0100")
    assert "0 1 2 0. Is that right?" in await says(call, "no no, it ends in 0120")
    assert "try again" in await says(call, "no, wrong")
    assert "2 0 6, 5 5 5, 0 1 0 0. Is that right?" in await says(call, "206 555 0100")
    assert "born" in await says(call, "yes")


async def test_a_corrected_date_is_read_back_again(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", *VERIFYING[:3], "5 March 1990")
    assert "March 6, 1 9 9 0" in await says(call, "no, March 6th 1990")
    assert "last four" in await says(call, "correct")


async def test_a_corrected_kind_keeps_the_digits(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", *VERIFYING[:5], "4321")
    await says(call, "my card")
    assert "4 3 2 1, from your Social Security number" in await says(call, "no, from my social security number")
    turn = await call.say("yes")
    turn.called("authenticate_user_information", last_4_digits="4321", last_4_digits_type="ssn")


async def test_wrong_digits_are_said_again(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", *VERIFYING[:5], "1234 from my credit card")
    assert "last four digits" in await says(call, "no")
    assert "4 3 2 1, from your credit card" in await says(call, "4321")
    (await call.say("yes")).called("authenticate_user_information", last_4_digits="4321")


@pytest.mark.parametrize("digits", ["4111 1111 1111 4321", "43212", "432"])
def test_four_digits_are_four(digits: str, voice_mode: str) -> None:
    assert voice_mode == "typed"
    assert read_card(digits, None) == Partial(("", None), "I need exactly four digits, please, and only those.")


async def test_an_incomplete_number_is_asked_for_again(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    assert "need 10 digits" in await says(call, "return", "Dana", "555 0100")
    assert "Is that right?" in await says(call, "206 555 0100")


async def test_a_day_that_never_was_is_asked_for_again(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    assert "such as: May 1st" in await says(call, "return", *VERIFYING[:3], "31 February 1990")
    assert "such as: May 1st" in await says(call, "the first of May 2031")
    assert "May 1, 1 9 8 5" in await says(call, "May 1st 1985")


async def test_an_unknown_own_number_gets_alternatives(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    answer = await says(call, "return", "Dana", "I don't know")
    assert "can't find you in our books" in answer
    assert answer.endswith("What is your phone number, with the area code?")
    turn = await call.say("human")
    assert turn.handed_to == "simulatedHuman"
    assert call.state.identity is None


async def test_an_unknown_number_may_be_tried_twice(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    call.mock_tool("authenticate_user_information", {"success": False})
    assert "doesn't match our records. Let's go through it once more." in await says(call, "return", *VERIFYING)
    answer = await says(call, *VERIFYING[1:])
    assert answer.endswith("Shall I put you through to a human?")
    assert len([use for use in call.tools if use.name == "authenticate_user_information"]) == 2
    turn = await call.say("I want to buy something")
    assert turn.handed_to is None
    turn = await call.say("yes please")
    assert turn.handed_to == "simulatedHuman"
    assert call.state.identity is None


async def test_the_address_is_saved_once_it_is_confirmed(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    turn = await call.say("742 Evergreen Terrace, Springfield, Oregon 97477")
    turn.did_not_call()
    assert "742 Evergreen Terrace, Springfield, Oregon, 9 7 4 7 7. Is that right?" in turn.text
    turn = await call.say("yes")
    saved = {"street": "742 Evergreen Terrace", "city": "Springfield", "state": "Oregon", "postal_code": "97477"}
    turn.called("save_or_update_address", phone_number=PHONE, new_address=saved)
    assert call.state.address == Address(**saved)


async def test_missing_parts_of_an_address_are_asked_for(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    assert "city" in await says(call, "I live at 12 Hope Street")
    assert "state" in await says(call, "Portland")
    assert "ZIP" in await says(call, "Maine")
    assert "12 Hope Street, Portland, Maine, 0 4 1 0 1" in await says(call, "oh four one oh one")
    await says(call, "yes")
    assert call.state.address == Address("12 Hope Street", "Portland", "Maine", "04101")


async def test_a_wrong_address_is_said_again(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    assert "try again" in await says(call, "1 Main Street, Salem, Oregon 97301", "no")
    assert "2 Main Street" in await says(call, "2 Main Street, Salem, OR 97301")
    await says(call, "yes")
    assert call.state.address == Address("2 Main Street", "Salem", "Oregon", "97301")


async def test_a_corrected_address_is_read_back_again(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    answer = await says(call, "1 Main Street, Salem, Oregon 97301", "no, it's 21 Main St Apt 4, Salem, OR 97301")
    assert "I have 21 Main St Apt 4, Salem, Oregon, 9 7 3 0 1." in answer
    await says(call, "yes")
    assert call.state.address == Address("21 Main St Apt 4", "Salem", "Oregon", "97301")


@pytest.mark.parametrize(
    "said",
    ["{}", "it's {}", "no, {}", "yes, {}", "actually {}", "I moved to {}", "sorry, please send it to {}"],
    ids=lambda said: said.format("…"),
)
async def test_an_address_that_answers_the_read_back_is_read_back(voice_call: VoiceCalls, said: str) -> None:
    call = await verified(voice_call)
    answer = await says(call, "12 Hope Street, Portland, Maine 04101", said.format("2 Main Street, Salem, OR 97301"))
    assert answer == "I have 2 Main Street, Salem, Oregon, 9 7 3 0 1. Is that right?"
    await says(call, "yes")
    assert call.state.address == Address("2 Main Street", "Salem", "Oregon", "97301")


async def test_another_city_does_not_keep_the_state_and_the_code(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    await says(call, "12 Hope Street, Portland, Maine 04101", "no, it's 2 Main Street, Salem")
    assert "2 Main Street, Salem, Oregon, 9 7 3 0 1" in await says(call, "Oregon", "97301")


async def test_another_street_keeps_the_city(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    answer = await says(call, "12 Hope Street, Portland, Maine 04101", "sorry, I meant 21 Hope Street")
    assert "I have 21 Hope Street, Portland, Maine, 0 4 1 0 1." in answer


async def test_an_incomplete_address_is_not_saved(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    assert "leave your address as it is" in await says(call, "12 Hope Street", "no")
    assert call.state.address is None


async def test_a_failure_to_save_an_address_is_reported(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    call.mock_tool("save_or_update_address", RuntimeError("no space"))
    assert "could not be saved" in await says(call, *ADDRESS)


async def test_callers_need_not_give_an_address(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    turn = await call.say("I'd rather not")
    turn.did_not_call()
    assert "leave your address as it is" in turn.text
    assert call.state.address is None


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("yes please", "ACCEPTED"),
        ("sure, why not", "ACCEPTED"),
        ("no", "DECLINED"),
        ("not interested", "DECLINED"),
        ("remind me later", "REMIND_LATER"),
        ("let me think about it", "REMIND_LATER"),
    ],
)
async def test_the_answer_to_the_offer_is_noted(voice_call: VoiceCalls, words: str, answer: str) -> None:
    call = await verified(voice_call)
    assert DISCLOSURE in await says(call, *ADDRESS)
    turn = await call.say(words)
    turn.called("update_user_offer_response", phone=PHONE, offer_id="a-592", user_response=answer)
    assert call.state.offer == OfferResponse("a-592", answer)  # type: ignore[arg-type]  # one of its words, from above
    assert turn.handed_to == "returns"


async def test_the_disclosure_is_read_faster_than_other_words(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    reading = await says(call, *ADDRESS)
    await call.say("no", interrupting_after_ms=12_000)
    heard = len(call.turns[-2].heard)
    at_own_speed = reading.index(DISCLOSURE)
    in_12_s = at_own_speed + (12_000 - at_own_speed * MS_PER_CHARACTER) / (MS_PER_CHARACTER / DISCLOSURE_SPEED)
    assert heard == pytest.approx(in_12_s, abs=15)  # the text is cut between words


async def test_the_disclosure_may_be_interrupted(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    reading = await says(call, *ADDRESS)
    turn = await call.say("no", interrupting_after_ms=4000)
    assert call.turns[-2].interrupted
    assert len(call.turns[-2].heard) < len(reading) / 2
    turn.called("update_user_offer_response", user_response="DECLINED")


async def test_other_words_do_not_answer_the_offer(voice_call: VoiceCalls) -> None:
    call = await verified(voice_call)
    await says(call, *ADDRESS)
    turn = await call.say("what are your hours?", interrupting_after_ms=3000)
    turn.did_not_call()
    assert turn.text.endswith("Say yes, no, or: remind me later.")
    turn = await call.say("can you repeat that")
    assert DISCLOSURE in turn.text


async def test_no_transfer_before_verification_but_to_the_human(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "I want to return my snowboard", "Dana")
    turn = await call.say("no, I want to buy a new one")
    assert turn.handed_to is None
    assert "something new" in turn.text
    assert "phone number" in turn.text
    await call.say("let me talk to a human please")
    turn = await call.say("yes")
    assert turn.handed_to == "simulatedHuman"


async def test_a_changed_mind_decides_where_the_caller_goes(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "I want to return my snowboard", "Dana", "I'd like to buy a new snowboard", *VERIFYING[1:])
    await says(call, *ADDRESS)
    turn = await call.say("no")
    assert turn.handed_to == "salesAgent"


async def test_a_missing_request_is_asked_for_at_the_end(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "hello", "I have a question", *VERIFYING, *ADDRESS)
    turn = await call.say("no")
    assert turn.handed_to is None
    turn = await call.say("where is my order?")
    assert turn.handed_to == "returns"
    assert "SNP-20230820-002 is still on its way" in turn.text


async def test_answers_to_questions_that_come_later_are_kept(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    answer = await says(call, "return", "my number is 206 555 0100")
    assert answer.endswith("What is your first name?")
    assert "first name" in await says(call, "I was born on March 5th 1990")
    assert "2 0 6, 5 5 5, 0 1 0 0. Is that right?" in await says(call, "Dana")
    assert "March 5, 1 9 9 0. Is that right?" in await says(call, "yes")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("what?", ""),
        ("can you repeat that please", ""),
        ("this is ridiculous!", "I'm sorry"),
        ("you idiots are useless", "I'm sorry"),
        ("hold on", "take your time"),
        ("why do you need that?", "other people away"),
        ("are you a robot?", "not a human"),
        ("when are you open?", "Monday to Friday"),
        ("where are you?", "123 Alpine Avenue"),
        ("good morning", "Hello"),
        ("cancel", "just hang up"),
        ("goodbye", "Goodbye"),
        ("the purple elephant", "didn't get that"),
        ("?!…", "didn't get that"),
    ],
)
async def test_the_question_returns_after_any_words(voice_call: VoiceCalls, words: str, answer: str) -> None:
    call = await voice_call(NAME)
    await says(call, "return", "Dana")
    turn = await call.say(words)
    assert answer in turn.text
    assert turn.text.endswith("What is your phone number, with the area code?")
    turn.did_not_call()


async def test_speech_without_words_is_asked_about(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", "Dana")
    await call.silent_for(8_000)
    await call.backchannel("")
    assert "didn't hear anything" in call.turns[-1].text
    assert "2 0 6" in await says(call, "206 555 0100")


async def test_silence_is_waited_for(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", "Dana")
    turn = await call.silent_for(60_000)
    assert turn.text == ""
    assert "2 0 6" in await says(call, "206 555 0100")


async def test_after_two_misses_a_human_is_offered(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", "Dana", "bla bla")
    assert "talk to a human, just say: human" in await says(call, "bla bla bla")
    assert (await call.say("human")).handed_to == "simulatedHuman"


async def test_a_lost_link_loses_nothing_that_was_said(voice_call: VoiceCalls) -> None:
    call = await voice_call(NAME)
    await says(call, "return", *VERIFYING[:5])
    call.link.drop(1011, "server error")
    await says(call, *VERIFYING[5:])
    assert call.state.identity == DANA
