"""chatSupervisor: wordings of callers, and the lookups of a real model."""

from __future__ import annotations

import agents.realtime  # noqa: F401 - before the tests' own warnings filter: importing it takes long
import pytest

from trunkline.builtin_scenarios.chat_supervisor.places import miles_between
from trunkline.builtin_scenarios.chat_supervisor.sample_data import DOCUMENTS, STORES
from trunkline.builtin_scenarios.chat_supervisor.tools import documents_about
from trunkline.testing import VoiceCall, VoiceCalls

pytestmark = pytest.mark.parametrize("voice_mode", ["typed"])
ACCOUNTS, POLICIES, NEAREST = "getUserAccountInfo", "lookupPolicyDocument", "findNearestStore"
NUMBER = "(206) 555-0142"


async def greeted(voice_call: VoiceCalls) -> VoiceCall:
    """A call to NewTelco whose caller has been greeted."""
    made = await voice_call("chatSupervisor")
    await made.hears("how can I help you")
    return made


@pytest.mark.parametrize(
    ("words", "store"),
    [
        ("and stores in New York?", "New York Midtown"),
        ("what about Oregon", "Portland Pearl"),
        ("is there one in Denver?", "Denver"),
        ("do you have a store in Boston", "Boston"),
        ("and near 60602?", "Chicago Loop"),
    ],
)
async def test_another_place_gets_its_own_store(voice_call: VoiceCalls, words: str, store: str) -> None:
    call = await greeted(voice_call)
    await call.say("where is the nearest store, near 98101")
    assert "Downtown Seattle" in call.turns[-1].text
    turn = await call.say(words)
    turn.called(NEAREST)
    assert f"The nearest store is {store}" in turn.text
    assert "Seattle" not in turn.text


async def test_a_store_in_a_named_town_needs_no_zip_code(voice_call: VoiceCalls) -> None:
    call = await greeted(voice_call)
    turn = await call.say("where is your store in Miami?")
    turn.called(NEAREST, zip_code="33130")
    assert "3 0 5, 5 5 5, 0 1 7 8" in turn.text


async def test_the_nearest_store_is_told_with_its_distance_and_number(voice_call: VoiceCalls) -> None:
    call = await greeted(voice_call)
    await call.say("nearest store please")
    turn = await call.say("10001")
    found = turn.called(NEAREST, zip_code="10001").result
    assert found[0]["name"] == "New York Midtown"
    assert found[0]["distance_miles"] < 5
    assert found[0]["phone_number"] == "(212) 555-0177"
    assert "mile" in turn.text
    assert "2 1 2, 5 5 5, 0 1 7 7" in turn.text


@pytest.mark.parametrize(
    "words",
    [
        "my bill is higher than last month, why is that?",
        "why is my bill so high compared to the month before?",
        "why is it more than it was in October?",
    ],
)
async def test_a_bill_that_is_compared_with_an_earlier_one_is_the_last_bill(voice_call: VoiceCalls, words: str) -> None:
    call = await greeted(voice_call)
    await call.say("I have a question about my bill")
    await call.say("206 555 0142")
    turn = await call.say(words)
    assert "Your bill is $42.17" in turn.text


@pytest.mark.parametrize("words", ["what about last month?", "and the month before?", "how much was it in October?"])
async def test_the_bill_before_is_explained(voice_call: VoiceCalls, words: str) -> None:
    call = await greeted(voice_call)
    await call.say("my balance please, 206 555 0142")
    turn = await call.say(words)
    turn.called(ACCOUNTS, phone_number=NUMBER)
    assert "In October your bill was $37.17" in turn.text


@pytest.mark.parametrize("words", ["do you ship to Canada", "can you deliver it to Mexico?", "will you mail me one"])
async def test_shipping_is_not_roaming(voice_call: VoiceCalls, words: str) -> None:
    call = await greeted(voice_call)
    turn = await call.say(words)
    turn.did_not_call(POLICIES)
    assert "nothing can be changed or ordered on this line" in turn.text


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        ("cheapest plan?", "The Basic plan is the cheapest"),
        ("what's your cheapest plan", "The Basic plan is the cheapest"),
        ("what plans do you have", "a month"),
        ("how much is the unlimited plan", "35 dollars"),
        ("is there a data limit?", "data"),
    ],
)
async def test_plans_have_prices(voice_call: VoiceCalls, words: str, fact: str) -> None:
    call = await greeted(voice_call)
    turn = await call.say(words)
    turn.called(POLICIES)
    assert fact in turn.text
    assert turn.text.endswith("[Plans and Prices](NT-050)")


@pytest.mark.parametrize(
    ("topic", "ids"),
    [
        ("phones", ["NT-040"]),
        ("iPhone 16 price", ["NT-040", "NT-050"]),
        ("promo code", ["NT-020"]),
        ("data limits", ["NT-050"]),
        ("unlimited plan", ["NT-050"]),
        ("broken screen", ["NT-040"]),
        ("calling Germany", ["NT-030"]),
        ("pricing", ["NT-050"]),
        ("families", ["NT-010"]),
        ("travelling overseas", ["NT-030"]),
        ("kids", ["NT-010"]),
        ("trade-ins", ["NT-040"]),
    ],
)
def test_a_document_is_found_by_the_words_of_a_model(topic: str, ids: list[str], voice_mode: str) -> None:
    assert voice_mode == "typed"
    found = [document.id for document in documents_about(topic)]
    assert set(ids) <= set(found)
    assert len(found) <= 2


@pytest.mark.parametrize("topic", ["", "qwertz", "the weather"])
def test_an_unknown_topic_finds_all_documents(topic: str, voice_mode: str) -> None:
    assert voice_mode == "typed"
    assert documents_about(topic) == list(DOCUMENTS)


@pytest.mark.parametrize(
    ("one", "other", "miles"),
    [("98101", "97209", 145), ("10001", "02110", 190), ("98101", "98125", 1), ("94110", "94607", 8)],
)
def test_distances_are_close_to_the_real_ones(one: str, other: str, miles: int, voice_mode: str) -> None:
    assert voice_mode == "typed"
    assert miles_between(one, other) == pytest.approx(miles, rel=0.1, abs=1)
    assert miles_between(one, other) == miles_between(other, one)


def test_each_store_is_its_own_nearest(voice_mode: str) -> None:
    assert voice_mode == "typed"
    assert all(miles_between(store.zip_code, store.zip_code) == 1 for store in STORES)


@pytest.mark.parametrize("pieces", [["206", "555", "0142"], ["two oh six", "five five five", "oh one four two"]])
async def test_a_number_with_pauses_is_put_together(voice_call: VoiceCalls, pieces: list[str]) -> None:
    call = await greeted(voice_call)
    await call.say("my bill")
    for piece in pieces[:-1]:
        (await call.say(piece)).did_not_call()
    (await call.say(pieces[-1])).called(ACCOUNTS, phone_number=NUMBER)


@pytest.mark.parametrize("words", ["206 555 0124 no sorry 206 555 0142", "206 555 0199, I mean 206 555 0142"])
async def test_a_number_corrected_in_the_same_breath_counts(voice_call: VoiceCalls, words: str) -> None:
    call = await greeted(voice_call)
    await call.say("my bill")
    (await call.say(words)).called(ACCOUNTS, phone_number=NUMBER)


@pytest.mark.parametrize("words", ["um, my bill please", "get me a supervisor", "how late is the store at 98101 open"])
async def test_requests_are_understood(voice_call: VoiceCalls, words: str) -> None:
    call = await greeted(voice_call)
    turn = await call.say(words)
    assert "didn't" not in turn.text


async def test_a_second_misunderstanding_is_helped_differently(voice_call: VoiceCalls) -> None:
    call = await greeted(voice_call)
    await call.say("my bill")
    first = (await call.say("asdf")).text
    second = (await call.say("asdf")).text
    assert "one by one, or use the keys" not in first
    assert "one by one, or use the keys" in second
    (await call.dtmf("2065550142")).called(ACCOUNTS, phone_number=NUMBER)


async def test_a_question_in_between_is_answered_and_the_point_returns(voice_call: VoiceCalls) -> None:
    call = await greeted(voice_call)
    await call.say("my bill")
    turn = await call.say("is it going to rain in Paris?")
    assert "can't help with that" in turn.text
    assert turn.text.endswith("What's the ten-digit phone number of the account?")


async def test_a_corrected_account_number_with_a_digit_too_few_is_no_zip_code(voice_call: VoiceCalls) -> None:
    call = await greeted(voice_call)
    await call.say("why is my last bill so high")
    await call.say("it's 2006 5 5 5 1 4 2")
    assert "Is the number right?" in call.turns[-1].text
    await call.say("You know, it's 206-55-0142.")
    assert "2 0 6 5 5 0 1 4 2 so far" in call.turns[-1].text
    turn = await call.say("two oh six, five five five, oh one four two")
    assert turn.called(ACCOUNTS).arguments == {"phone_number": NUMBER}
