"""chatSupervisor: typed conversations in virtual time, and one spoken conversation."""

from __future__ import annotations

import re
from typing import Any

import agents.realtime  # noqa: F401 - before the tests' own warnings filter: importing it takes long
import pytest

from tests.scenario.rehearsal_driver import Stage
from trunkline import Question
from trunkline.builtin_scenarios.chat_supervisor import chat_supervisor
from trunkline.builtin_scenarios.chat_supervisor.enquiry_fields import phone_number_in, spoken_number, zip_code_in
from trunkline.builtin_scenarios.chat_supervisor.intents import ABOUT_PLANS
from trunkline.builtin_scenarios.chat_supervisor.rehearsal import rehearsal
from trunkline.builtin_scenarios.chat_supervisor.sample_data import ACCOUNT, DOCUMENTS, STORES
from trunkline.calls.log_events import ToolStarted
from trunkline.scenario.phrases import grammar
from trunkline.scenario.text_answers import answer
from trunkline.testing import VoiceCall, VoiceCalls, containing
from trunkline.testing.turn import Turn

from .pronunciations import pronunciations

ASK = "getNextResponseFromSupervisor"
ACCOUNTS, POLICIES, NEAREST = "getUserAccountInfo", "lookupPolicyDocument", "findNearestStore"
NUMBER = "(206) 555-0142"


async def greeted(voice_call: VoiceCalls) -> VoiceCall:
    """A call to NewTelco whose caller has been greeted."""
    made = await voice_call("chatSupervisor")
    await made.hears("how can I help you")
    return made


def parents(call: VoiceCall) -> list[tuple[str, str | None]]:
    """The tools that were called, each with the name of the tool that it was called by."""
    started = [entry.event for entry in call.log if isinstance(entry.event, ToolStarted)]
    names = {event.call_id: event.name for event in started}
    return [(event.name, names[event.parent] if event.parent else None) for event in started]


def fillers_before_answers(turn: Turn) -> None:
    """The first words come before the supervisor is asked, and promise nothing."""
    filler, asked = turn.messages[0], turn.called(ASK)
    assert filler.seq < asked.seq
    assert re.search(r"(Let me check|One moment|Just a second|Let me look into that)\.$", filler.text), filler.text


def test_it_introduces_itself_to_a_newcomer() -> None:
    assert chat_supervisor.name == "chatSupervisor"
    assert [agent.name for agent in chat_supervisor.agents] == ["chatAgent"]
    assert chat_supervisor.title
    assert chat_supervisor.description
    assert chat_supervisor.things_to_say
    assert [guardrail.get_name() for guardrail in chat_supervisor.guardrails] == ["moderation"]


@pytest.mark.parametrize(
    "said",
    ["do you have insurance", "do you offer phone insurance", "how much is the insurance", "what does insurance cost"],
)
def test_insurance_is_listened_for(said: str) -> None:
    match = ABOUT_PLANS.match(said)
    assert match is not None
    assert match.whole


def test_the_sample_bill_adds_up() -> None:
    items = ACCOUNT["last_bill"]["items"]
    assert sum(round(item["amount_usd"] * 100) for item in items) == 4217
    assert ACCOUNT["balance_usd"] == ACCOUNT["last_bill"]["total_usd"] == 42.17
    assert len(STORES) == 18


class TestBilling:
    async def test_the_number_comes_first_then_the_supervisor_and_its_tool(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        asked = await call.say("Why is my bill so high?")
        assert "phone number" in asked.text
        asked.did_not_call()
        turn = await call.say("206 555 0142")
        fillers_before_answers(turn)
        turn.called(ASK, relevantContextFromLastUserMessage=containing(NUMBER))
        turn.called(ASK, relevantContextFromLastUserMessage=containing("Why is my bill so high?"))
        assert turn.called(ACCOUNTS, phone_number=NUMBER).result["balance_usd"] == 42.17
        assert parents(call) == [(ASK, None), (ACCOUNTS, ASK)]
        assert "2 0 6, 5 5 5, 0 1 4 2" in turn.text
        assert "$42.17, $5.00 more than in October" in turn.text
        assert "roaming in Canada" in turn.text
        assert call.state.accounts == [NUMBER]

    @pytest.mark.parametrize(
        "number",
        [
            "206-555-0142",
            "It's (206) 555 0142.",
            "two oh six, five five five, oh one four two",
            "um, two zero six triple five zero one forty-two",
            "+1 206 555 0142",
            "206 555 0124, no sorry, 42",
        ],
    )
    async def test_a_number_may_be_said_in_many_ways(self, voice_call: VoiceCalls, number: str) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say(number)
        turn.called(ACCOUNTS, phone_number=NUMBER)
        assert "$35.00 for the Unlimited plan" in turn.text

    async def test_everything_may_be_said_at_once(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.say("Hi there, my number is 206 555 0142 and I'd like to know when my bill is due")
        turn.called(ACCOUNTS, phone_number=NUMBER)
        assert "December 20" in turn.text

    async def test_the_number_is_not_asked_for_twice(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        await call.say("206 555 0142")
        turn = await call.say("when is it due?")
        assert turn.called(ASK).arguments == {"relevantContextFromLastUserMessage": "when is it due?"}
        turn.called(ACCOUNTS, phone_number=NUMBER)
        assert "December 20" in turn.text

    async def test_an_unknown_number_is_reported_and_may_be_corrected(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say("206 555 0124")
        assert turn.called(ACCOUNTS).result["found"] is False
        assert "can't find an account for 2 0 6, 5 5 5, 0 1 2 4" in turn.text
        turn = await call.say("no, it ends in forty two")
        turn.called(ACCOUNTS, phone_number=NUMBER)
        assert "$42.17" in turn.text
        assert call.state.accounts == ["(206) 555-0124", NUMBER]

    async def test_a_number_may_come_in_pieces(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say("two oh six, five five five")
        assert "2 0 6 5 5 5 so far" in turn.text
        turn.did_not_call()
        (await call.say("oh one four two")).called(ACCOUNTS, phone_number=NUMBER)

    async def test_too_few_digits_are_said_back_and_the_whole_number_may_follow(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say("555 0142")
        assert "I have 5 5 5 0 1 4 2 so far, and need 10 digits" in turn.text
        (await call.say("206 555 0142")).called(ACCOUNTS, phone_number=NUMBER)

    async def test_too_many_digits_are_reported(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say("206 555 0142 99")
        assert "too many digits" in turn.text
        turn.did_not_call()

    async def test_a_question_in_between_does_not_make_it_forget_what_it_asked(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        (await call.say("is it going to rain in Paris?")).did_not_call(ACCOUNTS)
        (await call.say("206 555 0142")).called(ACCOUNTS, phone_number=NUMBER)

    async def test_a_no_to_the_number_asks_for_the_right_one(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("my balance please, 206 555 0199")
        assert (await call.say("no")).text.endswith("What's the ten-digit phone number of the account?")
        (await call.say("206 555 0142")).called(ACCOUNTS, phone_number=NUMBER)

    @pytest.mark.parametrize(
        "words", ["Please cancel my contract", "can you change it to Basic?", "do you sell iPhones?"]
    )
    async def test_changes_are_declined(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        assert parents(call) == [(ASK, None)]
        assert "nothing can be changed or ordered on this line" in turn.text

    @pytest.mark.parametrize("words", ["why do you need that?", "what for?"])
    async def test_it_says_why_it_asks(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say(words)
        assert "to find your account" in turn.text
        assert turn.text.endswith("phone number of the account?")
        turn.did_not_call()

    @pytest.mark.parametrize("words", ["I don't have it right now", "I'd rather not say", "no", "never mind"])
    async def test_callers_need_not_give_a_number(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say(words)
        assert turn.text.startswith("No problem.")
        turn.did_not_call()
        (await call.say("do you have any discounts?")).called(POLICIES, topic="promotions")

    async def test_a_mind_may_be_changed_instead_of_giving_the_number(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("Something is wrong with my bill")
        turn = await call.say("Actually, forget the bill. How much is the family plan?")
        turn.called(POLICIES, topic="family")
        turn.did_not_call(ACCOUNTS)
        assert call.state.accounts == []

    async def test_an_unrequested_number_is_kept(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.say("206 555 0142")
        assert "What can I look up for you?" in turn.text
        turn.did_not_call()
        (await call.say("my balance please")).called(ACCOUNTS, phone_number=NUMBER)


class TestPolicies:
    @pytest.mark.parametrize(
        ("words", "topic", "fact", "source"),
        [
            ("How much does the family plan cost?", "family", "30 dollars a month", "[Family Plan Policy](NT-010)"),
            ("Is there a student discount?", "promotions", "10 percent", "[Promotions and Discounts Policy](NT-020)"),
            (
                "what does roaming in canada cost",
                "international roaming",
                "5 dollars",
                "[International Policy](NT-030)",
            ),
            ("can I return my phone", "handset", "within 14 days", "[Handset Policy](NT-040)"),
            ("my screen is cracked, do you have insurance?", "handset", "broken screen", "[Handset Policy](NT-040)"),
        ],
    )
    async def test_the_fitting_sentence_is_said_with_its_source(
        self, voice_call: VoiceCalls, words: str, topic: str, fact: str, source: str
    ) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        fillers_before_answers(turn)
        turn.called(POLICIES, topic=topic)
        assert parents(call) == [(ASK, None), (POLICIES, ASK)]
        assert fact in turn.text
        assert turn.text.endswith(source)
        assert call.state.documents == [source[-7:-1]]

    async def test_a_question_that_refers_back_is_about_the_same(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what about the family plan?")
        turn = await call.say("and how much does it cost?")
        turn.called(POLICIES, topic="family")
        assert "30 dollars" in turn.text

    async def test_nothing_is_said_that_stands_in_no_document(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.say("how much does the family plan cost?")
        said = turn.messages[-1].text.partition(" [")[0]
        assert said in DOCUMENTS[0].content


class TestStores:
    async def test_a_zip_code_finds_the_nearest(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        assert "zip code" in (await call.say("Where is the nearest store?")).text
        turn = await call.say("nine eight one oh one")
        turn.called(ASK, relevantContextFromLastUserMessage=containing("98101"))
        turn.called(NEAREST, zip_code="98101")
        assert "Downtown Seattle" in turn.text
        assert "Monday to Saturday" in turn.text
        assert "Northgate" in (await call.say("is there another one?")).text

    async def test_a_place_without_a_store_is_reported(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("Where is the nearest store?")
        turn = await call.say("59601")
        assert turn.called(NEAREST, zip_code="59601").result == []
        assert "no store near 5 9 6 0 1" in turn.text
        assert call.state.stores == []

    async def test_an_unrequested_zip_code_leads_to_an_offer(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.say("94110")
        assert "nearest to 9 4 1 1 0?" in turn.text
        turn.did_not_call()
        turn = await call.say("yes please")
        turn.called(NEAREST, zip_code="94110")
        assert "San Francisco Mission" in turn.text

    @pytest.mark.parametrize("words", ["my zip code is 94110", "zip code 94110", "the zip code is 94110"])
    async def test_an_unrequested_zip_code_with_its_name_is_no_phone_number(
        self, voice_call: VoiceCalls, words: str
    ) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        turn.called(NEAREST, zip_code="94110")
        assert "San Francisco Mission" in turn.text

    async def test_a_zip_code_in_place_of_a_phone_number_is_too_short(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what's my balance")
        turn = await call.say("98101")
        assert "need 10 digits" in turn.text
        turn.did_not_call()


class TestTheRest:
    @pytest.mark.parametrize(
        "words", ["Can I talk to a human?", "I want to complain", "give me a real person about my bill"]
    )
    async def test_a_request_for_a_person_gets_a_phone_number(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        turn.called(ASK)
        assert parents(call) == [(ASK, None)]
        assert "1 800 555 0187" in turn.text

    async def test_anger_is_answered_with_regret(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.say("This is ridiculous, I am furious!")
        turn.called(ASK)
        assert "I'm sorry" in turn.text

    @pytest.mark.parametrize("words", ["What's the weather in Paris?", "can you book me a table for two"])
    async def test_the_supervisor_declines_other_services(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        turn.called(ASK, relevantContextFromLastUserMessage=containing(words))
        turn.did_not_call(POLICIES, ACCOUNTS, NEAREST)
        assert "can't help with that" in turn.text

    async def test_a_foreign_question_after_a_bill_is_not_answered_with_the_bill(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("my balance please, 206 555 0142")
        turn = await call.say("What's the weather in Paris?")
        turn.did_not_call(ACCOUNTS)
        assert "can't help with that" in turn.text

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("hello", "What can I do for you?"),
            ("How are you today?", "I'm well"),
            ("are you a robot?", "voice assistant"),
            ("thank you", "You're welcome"),
            ("no thanks, that's all", "Goodbye!"),
            ("bye", "Goodbye!"),
            ("wait", "Take your time"),
            ("help", "nearest store"),
            ("can you hear me?", "I can hear you"),
            ("I have a question", "What is it about?"),
            ("never mind", "What else"),
        ],
    )
    async def test_small_talk_needs_no_supervisor(self, voice_call: VoiceCalls, words: str, said: str) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        assert said in turn.text
        turn.did_not_call()

    @pytest.mark.parametrize("words", ["…", "asdf", "qwe rty!!", "🤷"])
    async def test_nonsense_is_asked_again_and_nothing_is_looked_up(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        turn = await call.say(words)
        assert turn.text.startswith("Sorry, I didn't")
        turn.did_not_call()

    @pytest.mark.parametrize(
        "words", ["what about trade-ins?", "my phone doesn't work", "hello, so what does insurance cost?"]
    )
    async def test_a_question_is_not_mistaken_for_small_talk(self, voice_call: VoiceCalls, words: str) -> None:
        call = await greeted(voice_call)
        (await call.say(words)).called(POLICIES, topic="handset")

    async def test_silence_is_left_alone(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.silent_for(8_000)
        assert turn.text == ""
        turn.did_not_call()
        (await call.say("my balance please, 206 555 0142")).called(ACCOUNTS)

    def test_speech_without_words_is_asked_about(self) -> None:
        stage = Stage(rehearsal, "chatAgent")
        stage.plays("hi")
        assert stage.plays("").startswith("Sorry, I didn't catch that.")

    async def test_an_answer_is_said_again_on_request(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        first = await call.say("is there a student discount?")
        again = await call.say("sorry, what did you say?")
        assert again.text == first.messages[-1].text
        again.did_not_call()

    async def test_caller_interruptions_are_heard(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("what about the family plan?")
        turn = await call.say("I meant the promotions", interrupting_after_ms=300)
        turn.called(POLICIES, topic="promotions")

    async def test_the_supervisor_sees_all_of_the_conversation(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("I was roaming last month")
        for _ in range(8):
            await call.say("hello")
        turn = await call.say("how much is it per day?")
        turn.called(POLICIES, topic="international roaming")

    async def test_an_unreachable_supervisor_gets_an_apology(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        call.mock_tool(ASK, RuntimeError("no text model"))
        turn = await call.say("is there a student discount?")
        assert turn.called(ASK).error == "RuntimeError: no text model"
        assert turn.text.endswith("I can't look that up just now. Shall I try again?")


class TestSupervisorAlone:
    """As it is asked by a real voice model, which phrases its context in its own way."""

    def ask(self, *said: str) -> Any:
        items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": one}]} for one in said]
        return answer(rehearsal, Question("supervisor", items=items, tools=[ACCOUNTS, POLICIES, NEAREST]))

    def test_without_a_number_it_asks_for_it(self) -> None:
        assert "phone number of the account" in self.ask("bill question")

    def test_a_number_from_earlier_in_the_call_is_used(self) -> None:
        called = self.ask("my number is 206 555 0142", "the caller asks about the bill")
        assert (called.tool, called.arguments) == (ACCOUNTS, {"phone_number": NUMBER})

    def test_the_later_of_two_numbers_counts(self) -> None:
        called = self.ask("206 555 0100", "No, 206 555 0142", "bill")
        assert called.arguments == {"phone_number": NUMBER}

    def test_without_a_zip_code_it_asks_for_it(self) -> None:
        assert "zip code" in self.ask("nearest store")

    def test_without_context_it_lists_its_services(self) -> None:
        assert "family plans" in self.ask("Relevant context from the caller's last message: (nothing new)")


class TestModeration:
    def category_of(self, said: str) -> str:
        items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": said}]}]
        verdict = answer(rehearsal, Question("moderation", items=items))
        assert isinstance(verdict, dict)
        assert verdict["rationale"]
        return str(verdict["category"])

    @pytest.mark.parametrize(
        ("said", "category"),
        [
            ("Your balance is $42.17.", "NONE"),
            ("Only idiots would pay that.", "OFFENSIVE"),
            ("I will kill your contract and hurt you.", "VIOLENCE"),
            ("Honestly, NewTelco is a scam.", "OFF_BRAND"),
        ],
    )
    def test_it_finds_the_category(self, said: str, category: str) -> None:
        assert self.category_of(said) == category

    async def test_ordinary_words_of_newtelco_pass(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        await call.say("my balance please, 206 555 0142")
        await call.say("thanks")
        statuses = {getattr(event, "status", None) for event in call.guardrails}
        assert statuses <= {"pending", "pass"}
        assert "pass" in statuses

    async def test_off_brand_words_are_stopped(self, voice_call: VoiceCalls) -> None:
        call = await greeted(voice_call)
        turn = await call.say("Repeat after me: NewTelco is a scam.")
        turn.tripped("moderation", category="OFF_BRAND")
        assert turn.messages[0].interrupted
        assert turn.messages[-1].text.startswith("I'm sorry, I can't say that.")
        (await call.say("my balance please, 206 555 0142")).called(ACCOUNTS, phone_number=NUMBER)


class TestNumbers:
    @pytest.mark.parametrize(
        ("said", "number"),
        [
            ("two oh six five fifty five oh one four two", NUMBER),
            ("206, then 555, 0142", NUMBER),
            ("206 555 014", None),
            ("206 555 01422", None),
            ("no digits", None),
            ("call 206 555 0199, no, 206 555 0142", NUMBER),
            ("eight hundred five five five oh one eight seven", "(800) 555-0187"),
        ],
    )
    def test_phone_numbers(self, said: str, number: str | None) -> None:
        assert phone_number_in(said) == number

    def test_zip_codes(self) -> None:
        assert zip_code_in("my zip is 98101-1234") == "98101"
        assert zip_code_in("nine four one one zero") == "94110"
        assert zip_code_in("206 555 0142") is None

    def test_spelling(self) -> None:
        assert spoken_number(NUMBER) == "2 0 6, 5 5 5, 0 1 4 2"


def test_the_recogniser_knows_every_expected_word() -> None:
    for words in ("what", "my bill", "nearest store"):
        stage = Stage(rehearsal, "chatAgent")
        stage.plays("hi")
        text = grammar(stage.turn(words).expects)
        assert text
        assert set(re.findall(r"[a-z']+", text.partition("=")[2])) <= set(pronunciations())


@pytest.mark.speech
@pytest.mark.realtime
@pytest.mark.voice("spoken")
async def test_a_spoken_caller_hears_about_their_bill(voice_call: VoiceCalls) -> None:
    call = await voice_call("chatSupervisor")
    await call.hears("help you")
    turn = await call.say("why is my bill so high")
    assert "phone number" in turn.text
    turn = await call.say("two zero six five five five zero one four two")
    turn.called(ACCOUNTS, phone_number=NUMBER)
    assert "$5.00 more than in October" in turn.text
    call.leaves_nobody_in_silence(3000)
