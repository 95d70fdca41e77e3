"""chatSupervisor: follow-ups, several requests at once, words beside the point, and numbers that come late."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from tests.scenario.rehearsal_driver import Stage
from trunkline import Question
from trunkline.builtin_scenarios.chat_supervisor.intents import Intent, detect_intent, parts_of
from trunkline.builtin_scenarios.chat_supervisor.rehearsal import MEANS, rehearsal
from trunkline.builtin_scenarios.chat_supervisor.sample_data import ACCOUNT, DOCUMENTS, STORES
from trunkline.builtin_scenarios.chat_supervisor.text_rehearsal import about_bill, about_policy, about_stores
from trunkline.scenario.moves import call_tool
from trunkline.scenario.text_answers import answer

pytestmark = pytest.mark.pure

ASK, ACCOUNTS, POLICIES, NEAREST = (
    "getNextResponseFromSupervisor",
    "getUserAccountInfo",
    "lookupPolicyDocument",
    "findNearestStore",
)
PHONE = "What's the ten-digit phone number of the account?"
ZIP = "What's the five-digit zip code where you are?"
ROAMING = asdict(next(document for document in DOCUMENTS if document.id == "NT-030"))


class Dialling:
    """A caller of the chat agent; its supervisor always gives the same answer."""

    def __init__(self, answer: str = "That is so.") -> None:
        self.stage = Stage(rehearsal, "chatAgent", outputs={ASK: json.dumps({"nextResponse": answer})})
        self.stage.plays("hi")

    def says(self, *turns: str) -> str:
        """Say each of the turns; return the last answer."""
        said = ""
        for words in turns:
            said = self.stage.plays(words)
        return said

    @property
    def asked(self) -> list[str]:
        """The facts that the supervisor was given."""
        return [str(call.arguments["relevantContextFromLastUserMessage"]) for call in self.stage.calls]


@pytest.fixture
def caller() -> Dialling:
    return Dialling()


def looked_up(*said: str) -> call_tool | Any:
    """Return the first lookup of the supervisor after the caller's messages, or its answer without one."""
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": one}]} for one in said]
    return answer(rehearsal, Question("supervisor", items=items, tools=[ACCOUNTS, POLICIES, NEAREST]))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("hang on, am I talking to a computer?", "voice assistant"),
        ("wonderful, another machine", "voice assistant"),
        ("hello dear, have I reached the phone company?", "this is NewTelco"),
        ("is that customer service", "this is NewTelco"),
        ("will this take long?", "a minute"),
        ("can we speak in English please", "I speak English"),
        ("hmm, just a sec", "Take your time"),
        ("can we start again", "from the beginning"),
        ("very kind, thank you, cheerio then", "Goodbye!"),
        ("that's super, good day to you", "Goodbye!"),
        ("righto, that's all I wanted", "Goodbye!"),
        ("okay thanks, that is everything I need", "Goodbye!"),
    ],
)
def test_words_beside_the_point_are_not_passed_to_the_supervisor(caller: Dialling, words: str, says: str) -> None:
    assert says in caller.says(words)
    assert caller.asked == []


@pytest.mark.parametrize("words", ["who is this? are you a robot?", "are you a real person"])
def test_a_question_about_the_assistant_returns_to_the_number(caller: Dialling, words: str) -> None:
    said = caller.says("why is my bill so high", words)
    assert "not a human" in said
    assert said.endswith(PHONE)


@pytest.mark.parametrize("words", ["what you say? I don't understand", "please repeat that a little slower"])
def test_an_answer_is_repeated_for_who_did_not_understand(caller: Dialling, words: str) -> None:
    assert caller.says("is there a student discount?", words) == "That is so."
    assert len(caller.asked) == 1


@pytest.mark.parametrize(
    "between",
    [
        ["I don't have it on me right now"],
        ["never mind", "what can you do?"],
        ["let me speak to a human"],
    ],
)
def test_a_number_that_comes_late_answers_the_request_it_was_asked_for(caller: Dialling, between: list[str]) -> None:
    caller.says("why was my last bill so high", *between, "okay, it's 206 555 0142")
    assert caller.asked[-1] == "why was my last bill so high. Phone number: (206) 555-0142."


@pytest.mark.parametrize(
    ("words", "intents"),
    [
        ("what do handsets cost, and can I travel abroad with one?", [Intent.HANDSETS, Intent.INTERNATIONAL]),
        ("My bill seems too high. Also what promotions are there?", [Intent.BILL, Intent.PROMOTIONS]),
        ("is there a shop near me and do you have a family plan", [Intent.STORES, Intent.FAMILY]),
        ("how much is the basic plan and how much data has it got", [Intent.PLANS]),
        ("we fly to Kenya soon and I wonder if my phone works there", [Intent.INTERNATIONAL]),
        ("my bill, no wait, I mean the family plan. What does it cost?", None),
        ("I was overcharged. I want to speak to a manager", None),
    ],
)
def test_several_requests_are_told_apart(words: str, intents: list[Intent] | None) -> None:
    if intents is None:
        assert parts_of(words) == [words]
    else:
        assert [detect_intent(part) for part in parts_of(words)] == intents


def test_several_requests_are_all_answered(caller: Dialling) -> None:
    caller.says("206 555 0142. Why is my bill so high? And what does the family plan cost?")
    assert caller.asked == [
        "206 555 0142. Why is my bill so high? Phone number: (206) 555-0142.",
        "And what does the family plan cost?",
    ]


def test_a_corrected_number_answers_the_request_of_the_wrong_one() -> None:
    caller = Dialling("I can't find an account for 2 0 6, 5 5 5, 0 1 9 9. Is the number right?")
    caller.says("my bill, 206 555 0199. And what does the family plan cost?", "oops, it's 206 555 0142")
    assert caller.asked[-1] == "my bill, 206 555 0199. Phone number: (206) 555-0142."


def test_a_request_that_needs_a_number_comes_after_one_that_needs_none(caller: Dialling) -> None:
    said = caller.says("where is your nearest store, and what discounts are there?")
    assert caller.asked == ["what discounts are there?"]
    assert said.endswith(ZIP)
    caller.says("60602")
    assert caller.asked[-1].endswith("Zip code: 60602.")


@pytest.mark.parametrize(
    "words", ["sorry, I don't know it, I'm in Denver", "I live near Denver but I can't remember it"]
)
def test_a_town_stands_for_an_unknown_zip_code(caller: Dialling, words: str) -> None:
    caller.says("where is your nearest store", words)
    assert caller.asked[-1].endswith("Zip code: 80202.")


def test_starting_over_forgets_the_number(caller: Dialling) -> None:
    caller.says("my balance please, 206 555 0142", "let's start over")
    assert caller.says("my balance please").endswith(PHONE)


@pytest.mark.parametrize(
    ("words", "intent"),
    [
        ("I'm going to Portugal, will my phone work?", Intent.INTERNATIONAL),
        ("we move to japan in May", Intent.INTERNATIONAL),
        ("what if I want to send it back", Intent.HANDSETS),
        ("your policy on returning devices", Intent.HANDSETS),
        ("what happens if I buy a handset and break it", Intent.HANDSETS),
        ("can you put my line on hold", Intent.CHANGE),
        ("I'd like that refunded", Intent.CHANGE),
        ("I want to buy one", Intent.CHANGE),
        ("please charge my card", Intent.CHANGE),
        ("and the 5 dollars?", Intent.BILL),
        ("where should I go in Austin", Intent.STORES),
        ("the phone was stolen", Intent.HANDSETS),
        ("so what is the deal with upgrades", Intent.HANDSETS),
        ("have you any deals", Intent.PROMOTIONS),
        ("so who can I phone?", Intent.PERSON),
        ("what if it is paid with autopay", Intent.PROMOTIONS),
        ("have you got a place in Tacoma", Intent.STORES),
        ("two dollars, what for?", Intent.BILL),
    ],
)
def test_intents(words: str, intent: Intent) -> None:
    assert detect_intent(words) is intent


@pytest.mark.parametrize("words", ["and the bill before?", "okay, what about the one before", "October's?"])
def test_the_bill_before_is_meant(words: str) -> None:
    assert "In October your bill was $37.17" in about_bill(words, {"found": True, **ACCOUNT})
    assert looked_up("my bill please, 206 555 0142", words).tool == ACCOUNTS


@pytest.mark.parametrize("words", ["there's an extra 5 dollars, and when is it due", "what for, and when must I pay?"])
def test_two_questions_about_a_bill_are_both_answered(words: str) -> None:
    said = about_bill(words, {"found": True, **ACCOUNT})
    assert "roaming in Canada" in said
    assert "due on December 20" in said


def test_another_store_is_not_invented() -> None:
    assert about_stores("is there another one?", "60602", [asdict(STORES[13])]).startswith("Chicago Loop is our only")


@pytest.mark.parametrize("words", ["and September's bill?", "how much was it in July"])
def test_an_older_bill_is_not_invented(words: str) -> None:
    assert about_bill(words, {"found": True, **ACCOUNT}).startswith("I only have your bills of October and November.")


@pytest.mark.parametrize("words", ["why is it that high?", "and what was the one before?"])
def test_a_follow_up_does_not_refer_to_a_person_or_a_change(words: str) -> None:
    said = "my bill, 206 555 0142", "can I talk to a human", "cancel my contract then", words
    assert looked_up(*said).tool == ACCOUNTS


@pytest.mark.parametrize(
    "words", ["is there something cheaper?", "hm and is there anything cheaper then", "which is cheapest?"]
)
def test_a_comparison_of_prices_is_about_the_topic_before(words: str) -> None:
    assert looked_up("how much is roaming in Peru", words).arguments == {"topic": "international roaming"}
    assert looked_up("what plans are there", words).arguments == {"topic": "plans and prices"}
    said = about_policy(words, [ROAMING])
    assert "12 dollars a day" in said
    assert "40 dollars a month" in said


@pytest.mark.parametrize("words", ["what does it cost in Norway?", "roaming price for Thailand"])
def test_a_country_gets_its_own_price(words: str) -> None:
    said = about_policy(words, [ROAMING])
    assert "12 dollars a day" in said
    assert "Mexico" not in said


def test_the_assistant_lists_its_services_in_between(caller: Dialling) -> None:
    assert caller.says("why is my bill so high", "what can I ask?").startswith(MEANS)
