"""Questions of the built-in scenarios, and the agents' reactions to a caller's words at them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from trunkline.builtin_scenarios.chat_supervisor import chat_supervisor
from trunkline.builtin_scenarios.customer_service_retail import customer_service_retail
from trunkline.builtin_scenarios.simple_handoff import simple_handoff
from trunkline.realtime.events import Item
from trunkline.scenario.expected_reply import ExpectedReply
from trunkline.scenario.moves import say
from trunkline.scenario.performance import RehearsedTurn, perform
from trunkline.scenario.scenario import AnyScenario

# They have no meaning in any scenario.
NONSENSE = "zorp flim krell"


@dataclass(frozen=True)
class OpenQuestion:
    """A question that a caller is asked.

    Attributes:
        scenario: the scenario; its first agent asks.
        said: the caller's words before the question.
        asks: the end of the question.
        answers: sentences that answer it.
    """

    name: str
    scenario: AnyScenario
    said: Sequence[str]
    asks: str
    answers: Sequence[str] = ()

    @cached_property
    def _items(self) -> list[Item]:
        items: list[Item] = []
        for words in (*self.said, None):
            text = _spoken(self._turn(items))
            items.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
            if words is not None:
                items.append(_of_caller(words))
        assert text.endswith(self.asks), text
        return items

    @cached_property
    def expected(self) -> ExpectedReply:
        """The expected reply."""
        return ExpectedReply(self._turn(self._items).expects)

    def reaction(self, words: str) -> str:
        """Return the agent's words and tool calls after the caller's words."""
        return _spoken(self._turn_after(words))

    def understands(self, heard: str, said: str) -> bool:
        """Return whether the heard words have the effect of the typed ones."""
        return self.reaction(heard) == self.reaction(said)

    def misreads(self, heard: str, unrelated: Sequence[str]) -> bool:
        """Return whether words move the call on as none of the unrelated sentences does when it is typed.

        A repeated question does not move it, also after an aside.
        """
        turn = self._turn_after(heard)
        if any(_spoken(turn).endswith(end) for end in (self.asks, *self._repeated)):
            return False
        return _kind(turn) not in {_kind(self._turn_after(sentence)) for sentence in unrelated}

    @cached_property
    def _repeated(self) -> tuple[str, ...]:
        """The ends of the reactions to words that the agent cannot understand, and to none, without their apology."""
        reactions = (self.reaction(NONSENSE), self.reaction(""))
        return tuple(re.sub(r"^.*?[.?!]\s+", "", reaction, count=1) for reaction in reactions)

    def _turn_after(self, words: str) -> RehearsedTurn:
        return self._turn([*self._items, _of_caller(words)])

    def _turn(self, items: Sequence[Item]) -> RehearsedTurn:
        rehearsal = self.scenario.rehearsal
        assert rehearsal is not None
        first = self.scenario.agents[0].name
        return perform(rehearsal, items, first_agent=first, transfer_tool=self.scenario.transfer_tool)


def _of_caller(words: str) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}


def _spoken(turn: RehearsedTurn) -> str:
    return " ".join(move.text if isinstance(move, say) else f"{move.tool} {move.arguments}" for move in turn.does)


def _kind(turn: RehearsedTurn) -> tuple[tuple[str, str], ...]:
    """Return the agent's words and tools, and the digits among the tools' arguments: other words may be passed on."""
    return tuple(
        (move.text, "") if isinstance(move, say) else (move.tool, re.sub(r"\D", "", str(move.arguments)))
        for move in turn.does
    )


QUESTIONS = (
    OpenQuestion(
        "greeter: a haiku?",
        simple_handoff,
        (),
        "yes please.",
        (
            "Yes, please.", "Sure, go ahead.", "I'd love to.", "Yeah, okay.", "No, thank you.", "Not now.",
            "No thanks, goodbye.", "What's a haiku?",
        ),
    ),
    OpenQuestion(
        "supervisor: your phone number?",
        chat_supervisor,
        ("Why is my last bill so high?",),
        "number of the account?",
        (
            "It's two oh six, five five five, oh one four two.", "Two zero six, five five five, zero one four two.",
            "My number is four one five, five five five, oh one nine two.",
            "Nine one seven, triple five, oh one oh six.", "Why do you need that?", "One moment, please.",
            "Could you repeat that?",
        ),
    ),
    OpenQuestion(
        "shop: what can I do for you?",
        customer_service_retail,
        (),
        "something new?",
        (
            "I'd like to return my snowboard.", "Where is my order?", "I'd like to buy a snowboard.",
            "Can I talk to a human?", "My boots are broken.", "Do you have anything on sale?", "When are you open?",
            "I want my money back.",
        ),
    ),
    OpenQuestion(
        "shop: is that right?",
        customer_service_retail,
        ("I'd like to return my snowboard", "Dana", "two oh six, five five five, oh one double oh"),
        "Is that right?",
        ("Yes.", "Yes, that's right.", "Yeah, correct.", "That's right.", "No.", "No, that's wrong.", "No, it isn't."),
    ),
)  # fmt: skip
