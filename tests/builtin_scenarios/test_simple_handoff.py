"""simpleHandoff: typed conversations as in the local engine."""

from __future__ import annotations

import re

import pytest

from tests.builtin_scenarios.pronunciations import pronunciations
from trunkline.builtin_scenarios import simple_handoff
from trunkline.builtin_scenarios.simple_handoff.syllables import syllables
from trunkline.realtime.events import Item
from trunkline.scenario.moves import call_tool
from trunkline.scenario.performance import RehearsedTurn, perform
from trunkline.scenario.phrases import grammar


class Typed:
    """A call to simpleHandoff by someone who types."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.calls: list[str] = []
        self.turn = RehearsedTurn(())

    def type(self, words: str) -> str:
        """Type `words` and return the agents' lines until the caller's next turn."""
        assert simple_handoff.rehearsal
        self._message("user", words)
        said = []
        while True:
            self.turn = perform(
                simple_handoff.rehearsal, self.items, first_agent="greeter", transfer_tool=simple_handoff.transfer_tool
            )
            text = " ".join(move.text for move in self.turn.does if not isinstance(move, call_tool))
            said.append(text)
            self._message("assistant", text)
            calls = [move.tool for move in self.turn.does if isinstance(move, call_tool)]
            for tool in calls:
                self.calls.append(tool)
                self._handed_over(tool)
            if not calls:
                return "\n".join(said)

    def interrupt(self, heard: str) -> None:
        """Cuts off the last message after `heard`."""
        assert self.items[-1]["content"][0]["text"].startswith(heard)
        self.items.pop()
        self._message("assistant", heard)

    def _message(self, role: str, text: str) -> None:
        self.items.append({"type": "message", "role": role, "content": [{"type": "text", "text": text}]})

    def _handed_over(self, tool: str) -> None:
        call_id = f"call_{len(self.calls)}"
        self.items.append({"type": "function_call", "call_id": call_id, "name": tool, "arguments": "{}"})
        self.items.append(
            {"type": "function_call_output", "call_id": call_id, "output": '{"assistant": "haikuWriter"}'}
        )


@pytest.fixture
def caller() -> Typed:
    """Somebody who has just been greeted."""
    typed = Typed()
    assert "haiku" in typed.type("hi")
    return typed


@pytest.fixture
def guest(caller: Typed) -> Typed:
    """Somebody who has been handed to the haiku writer."""
    assert "What shall yours be about?" in caller.type("yes please")
    return caller


def haiku_in(said: str) -> list[str]:
    lines = said.split("\n")[:3]
    assert [syllables(line) for line in lines] == [5, 7, 5], said
    return lines


def test_the_agents_are_as_they_are_known() -> None:
    assert simple_handoff.name == "simpleHandoff"
    assert [agent.name for agent in simple_handoff.agents] == ["greeter", "haikuWriter"]
    assert dict(simple_handoff.transfers("greeter")) == {"transfer_to_haikuwriter": "haikuWriter"}
    assert simple_handoff.voice == "sage"


def test_the_greeting_suggests_a_reply() -> None:
    assert "yes please" in Typed().type("hi")


@pytest.mark.parametrize(
    "words", ["yes", "Yes, please!", "sure", "ok", "oh yes I'd love one", "why not", "I would like a haiku"]
)
def test_a_yes_is_handed_over(caller: Typed, words: str) -> None:
    assert "What shall yours be about?" in caller.type(words)
    assert caller.calls == ["transfer_to_haikuwriter"]


def test_a_topic_said_at_once_is_not_asked_for_again(caller: Typed) -> None:
    said = caller.type("Yes please, about my cat Ludwig")
    assert caller.calls == ["transfer_to_haikuwriter"]
    assert "my cat Ludwig" in "\n".join(haiku_in(said.partition("\n")[2]))


@pytest.mark.parametrize(
    "words", ["no", "No thanks.", "not now", "maybe later", "no no, thank you very much, bye", "I'm fine, thanks"]
)
def test_a_no_is_taken_well_and_the_offer_stands(caller: Typed, words: str) -> None:
    assert "change your mind" in caller.type(words)
    assert caller.calls == []
    caller.type("yes")
    assert caller.calls == ["transfer_to_haikuwriter"]


@pytest.mark.parametrize("words", ["what?", "what is a haiku?", "hello", "how are you", "tell me a joke", "", "asdf"])
def test_chatter_comes_back_to_the_question(caller: Typed, words: str) -> None:
    assert re.search("Would you like (one|a haiku)", caller.type(words))
    assert caller.calls == []


@pytest.mark.parametrize(
    "words", ["the deep blue sea", "about the deep blue sea", "A haiku about the deep blue sea, please."]
)
def test_a_topic_gets_a_haiku(guest: Typed, words: str) -> None:
    said = guest.type(words)
    assert "the deep blue sea" in "\n".join(haiku_in(said)).lower()
    assert "another one" in said


@pytest.mark.parametrize(
    "words", ["elephants", "how about elephants", "can you write me one about elephants", "let's try elephants"]
)
def test_a_topic_is_found_in_its_sentence(guest: Typed, words: str) -> None:
    lines = " ".join(haiku_in(guest.type(words))).lower()
    assert "elephants" in lines
    assert "about elephants" not in lines


def test_a_topic_keeps_its_capitals_and_accents(guest: Typed) -> None:
    assert "USB" in guest.type("about the USB stick")
    assert "crème brûlée" in guest.type("crème brûlée").lower()
    assert "क्षमा" in guest.type("a haiku about क्षमा")


def test_an_emoji_is_a_topic(guest: Typed) -> None:
    assert "cat" in " ".join(haiku_in(guest.type("🐱"))).lower()


def test_an_unrecognised_reply_is_asked_again(guest: Typed) -> None:
    for nothing in ("", "…", "?"):
        assert "didn't catch that" in guest.type(nothing)
    haiku_in(guest.type("rain"))


@pytest.mark.parametrize(
    "words", ["another one", "another one please", "once more", "again", "yes", "yes please", "one more haiku"]
)
def test_another_one_is_about_the_same(guest: Typed, words: str) -> None:
    first, second = haiku_in(guest.type("my cat Ludwig")), haiku_in(guest.type(words))
    assert "Ludwig" in "\n".join(second)
    assert not set(first) & set(second)


@pytest.mark.parametrize("words", ["something else", "how about something different", "a new topic please"])
def test_something_else_asks_for_a_topic(guest: Typed, words: str) -> None:
    guest.type("rain")
    assert "What shall it be about?" in guest.type(words)
    assert "snow" in " ".join(haiku_in(guest.type("snow"))).lower()


def test_a_new_topic_may_be_named_at_once(guest: Typed) -> None:
    guest.type("rain")
    assert "two dogs" in " ".join(haiku_in(guest.type("2 dogs"))).lower()


@pytest.mark.parametrize("words", ["another one", "yes"])
def test_another_one_before_any_asks_for_a_topic(guest: Typed, words: str) -> None:
    assert "What shall it be about?" in guest.type(words)


@pytest.mark.parametrize("words", ["surprise me", "you choose", "anything", "I don't know"])
def test_the_writer_may_choose(guest: Typed, words: str) -> None:
    haiku_in(guest.type(words))


@pytest.mark.parametrize(
    "words", ["no thanks, bye", "no", "goodbye", "that's all, thank you", "No, that's enough for today, thanks. Bye!"]
)
def test_goodbye_gets_a_kind_line(guest: Typed, words: str) -> None:
    guest.type("rain")
    assert "Goodbye!" in guest.type(words)


def test_after_goodbye_one_may_come_back(guest: Typed) -> None:
    guest.type("rain")
    guest.type("no thanks")
    assert "rain" in " ".join(haiku_in(guest.type("another one"))).lower()


@pytest.mark.parametrize(
    ("words", "reply"), [("thank you", "very kind"), ("wait", "Take your time"), ("what?", "three short lines")]
)
def test_small_talk_is_not_a_topic(guest: Typed, words: str, reply: str) -> None:
    guest.type("rain")
    assert reply in guest.type(words)


def test_an_interrupted_haiku_leaves_the_conversation_whole(guest: Typed) -> None:
    first = haiku_in(guest.type("rain"))
    guest.interrupt(first[0])
    assert "Take your time" in guest.type("wait")
    assert not set(first) & set(haiku_in(guest.type("another one")))


def test_an_interrupted_greeting_is_not_said_again(caller: Typed) -> None:
    caller.interrupt("Hello, and")
    assert "What shall yours be about?" in caller.type("yes")


def test_a_long_conversation_never_repeats_a_haiku(guest: Typed) -> None:
    haikus = [
        tuple(haiku_in(guest.type(words))) for words in ["the sea", *["another one"] * 12, "a fox", *["again"] * 6]
    ]
    assert len(set(haikus)) == len(haikus)


def test_the_recogniser_knows_every_expected_word(guest: Typed) -> None:
    greeted = Typed()
    greeted.type("hi")
    for turn in (greeted.turn, guest.turn):
        text = grammar(turn.expects)
        assert text
        words = set(re.findall(r"[a-z']+", text.partition("=")[2]))
        assert words <= set(pronunciations())


def test_a_noun_may_be_spoken_alone_or_in_a_phrase(guest: Typed) -> None:
    text = grammar(guest.turn.expects)
    assert text
    assert "[ [ a haiku ] about ] [ the ] ( ocean | river |" in text
