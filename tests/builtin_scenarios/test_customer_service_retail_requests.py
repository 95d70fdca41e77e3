"""Snowy Peak Boards: phrases and readings that several parts share."""

from __future__ import annotations

import pytest

from trunkline.builtin_scenarios.customer_service_retail import caller_phrases as phrases
from trunkline.builtin_scenarios.customer_service_retail.identity_fields import CARD, read_name
from trunkline.builtin_scenarios.customer_service_retail.returns_rehearsal import KEEP, is_reason
from trunkline.builtin_scenarios.customer_service_retail.sales_rehearsal import CHEAPEST
from trunkline.scenario.phrases import Phrases, best_match

pytestmark = pytest.mark.pure
REQUESTS = (phrases.RETURN, phrases.ORDERS, phrases.BUY)
SIDES = (phrases.SHIPPING, phrases.POLICY, phrases.REFUND_TIME, phrases.SAFE, phrases.PRICE, phrases.COST)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("well, I believe I have to give something back", phrases.RETURN),
        ("I want send back board, is broken", phrases.RETURN),
        ("so it's about returning some boots", phrases.RETURN),
        ("I'd like to bring my new goggles back", phrases.RETURN),
        ("how can I get my money back", phrases.RETURN),
        ("my son's board snapped, I'm very cross", phrases.RETURN),
        ("I order boots, they are too narrow", phrases.RETURN),
        ("the parcel with my board never arrived", phrases.ORDERS),
        ("I don't want to buy anything, I'd like to return my board", phrases.RETURN),
        ("I'm looking for a new board for my son", phrases.BUY),
        ("we'd love to find her some boots", phrases.BUY),
        ("forget the return, I'd rather buy a new board", phrases.BUY),
        ("no, not a return, I want to buy goggles", phrases.BUY),
        ("instead of returning it I'd like to buy another one", phrases.BUY),
    ],
)
def test_a_request_is_what_the_caller_wants_and_not_what_is_refused(said: str, meant: Phrases) -> None:
    found = best_match(said, REQUESTS)
    assert found is not None
    assert found[0] is meant


@pytest.mark.parametrize("said", ["I don't want to return it", "I don't need any offers", "forget the return"])
def test_a_refused_request_is_none(said: str) -> None:
    assert best_match(said, REQUESTS) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("and what does delivery cost?", phrases.SHIPPING),
        ("do you deliver to Mexico?", phrases.SHIPPING),
        ("how long will shipping take", phrases.SHIPPING),
        ("what's the return policy", phrases.POLICY),
        ("tell me about your policy on opened boots", phrases.POLICY),
        ("when will I get my money back?", phrases.REFUND_TIME),
        ("is this safe?", phrases.SAFE),
        ("how much is a board?", phrases.PRICE),
        ("how much would it cost", phrases.COST),
    ],
)
def test_a_side_question_is_no_request(said: str, meant: Phrases) -> None:
    found = best_match(said, (*REQUESTS, *SIDES))
    assert found is not None
    assert found[0] is meant


@pytest.mark.parametrize("said", ["how much is the cheapest board?", "what's your least expensive one", "the cheapest"])
def test_sales_knows_the_cheapest_before_it_talks_of_prices(said: str) -> None:
    found = best_match(said, (CHEAPEST, phrases.PRICE))
    assert found is not None
    assert found[0] is CHEAPEST


@pytest.mark.parametrize("said", ["another robot, how great", "what a lovely place", "no joke", "an awful lot of snow"])
def test_other_words_are_neither_thanks_nor_anger(said: str) -> None:
    assert best_match(said, (phrases.THANKS, phrases.ANGRY)) is None


@pytest.mark.parametrize(
    ("said", "card"),
    [
        ("my card, 2277, sorry, 2278", ("2278", "credit_card")),
        ("2277 from my social, no, 2278", ("2278", "ssn")),
        ("from my debit card: 2278", ("2278", "credit_card")),
        ("my amex ends in two two seven eight", ("2278", "credit_card")),
        ("2278, not 2277, from my card", ("2278", "credit_card")),
        ("the last four digits of my card are 2278", ("2278", "credit_card")),
    ],
)
def test_the_digits_of_a_card_are_read(said: str, card: tuple[str, str]) -> None:
    assert CARD.read(said) == card


@pytest.mark.parametrize(
    ("said", "name"),
    [("Dana, if you must know", "Dana"), ("Why do you ask? Oh, my name is Dana", "Dana"), ("oh, it's Dana", "Dana")],
)
def test_a_name_is_found_beside_other_words(said: str, name: str) -> None:
    assert read_name(said) == name


@pytest.mark.parametrize("said", ["yes that's correct", "that's fine", "right", "great, thanks", "it's an order"])
def test_an_answer_to_another_question_is_no_name(said: str) -> None:
    assert read_name(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "what's the policy for worn ones?",
        "and then I want to buy some new boots",
        "is it too late?",
        "can used boots come back?",
    ],
)
def test_a_question_or_a_request_is_no_reason(said: str) -> None:
    assert not is_reason(said)


@pytest.mark.parametrize("said", ["too small. Can you exchange it?", "does it matter? It broke."])
def test_a_reason_beside_a_question_is_one(said: str) -> None:
    assert is_reason(said)


@pytest.mark.parametrize("said", ["I no longer want to return it", "I don't want to send anything back anymore"])
def test_a_caller_may_keep_the_goods(said: str) -> None:
    assert KEEP.match(said)
