"""`Dialogue`: questions of a rehearsed agent, with answers to unrelated replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trunkline import Caller, Phrases, Reply, act, say, transfer
from trunkline.builtin_scenarios.customer_service_retail import caller_phrases as phrases
from trunkline.builtin_scenarios.customer_service_retail import shop
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import HUMAN, NO, REPEAT, YES

Accepts = Callable[[str], object]
"""A check of free words: a true value accepts them as the answer."""

_NOTHING = "I'm sorry, I didn't hear anything."
_NONSENSE = "I'm sorry, I didn't get that."
_HUMAN_OFFER = "If you'd rather talk to a human, just say: human."

ANSWERS: Mapping[Phrases, str] = {
    phrases.WAIT: "Of course, take your time.",
    phrases.ANGRY: "I hear that you're upset, and I'm sorry. I want to get this done. If you'd rather talk to a "
    "human, just say so.",
    phrases.HOURS: f"We're open {shop.HOURS}",
    phrases.PLACES: f"You find us at {shop.PLACES}.",
    phrases.WHO: "I'm the automatic assistant of Snowy Peak Boards, not a human.",
    phrases.HELLO: "Hello to you!",
    phrases.THANKS: "You're welcome.",
    phrases.CANCEL: "We can stop here any time: just hang up. To go on:",
    phrases.BYE: "Goodbye, if you have to go! If not:",
}
"""Every agent's answers to unrelated words; then it repeats its question."""

GOODBYES = {
    "returns": "I'll put you through to Jane from returns.",
    "salesAgent": "I'll put you through to our sales team.",
    "authentication": "I'll put you back to the front desk.",
    "simulatedHuman": "Of course. I'll put you through to a human right away.",
}


class Dialogue:
    """One agent's dialogue with a caller.

    Args:
        caller: the caller.
        leads: phrases that request another agent; callers may always request a human.
        answers: this agent's answers in addition to `ANSWERS`.
        before_leading: checks a transfer; it returns None to allow it, or the words that refuse it.
    """

    def __init__(
        self,
        caller: Caller,
        leads: Mapping[Phrases, str],
        answers: Mapping[Phrases, str] | None = None,
        before_leading: Callable[[str, Reply], str | None] = lambda _agent, _reply: None,
    ) -> None:
        self.caller = caller
        self._leads = {HUMAN: "simulatedHuman", **leads}
        self._answers = {**ANSWERS, **(answers or {})}
        self._before_leading = before_leading

    async def ask(
        self,
        question: str,
        *wanted: Phrases,
        accepts: Accepts | None = None,
        after: say | None = None,
        again: str | None = None,
        answers: Mapping[Phrases, str] | None = None,
    ) -> Reply:
        """Ask a question until the reply means one of `wanted` or is accepted as free words.

        Args:
            question: the question.
            wanted: the expected replies.
            accepts: checks free words.
            after: a text to read before the question, and again when the caller asks for a repeat.
            again: a shorter form of the question for repetitions.
            answers: additional answers to other words, for this question only.
        """
        await self._put(question, after)
        all_answers = {**self._answers, **(answers or {})}
        asides = [aside for aside in (REPEAT, *self._leads, *all_answers) if aside not in wanted]
        missed = 0
        while True:
            reply = await self.caller.says(*wanted, *asides)
            if reply.meant in wanted or self._is_free_answer(reply, accepts):
                return reply
            if reply.meant is None:
                missed += 1
                sorry = f"{_NONSENSE if reply.text.strip() else _NOTHING} {_HUMAN_OFFER if missed > 1 else ''}".strip()
                await act(f"{sorry} {again or question}")
            elif reply.meant is REPEAT:
                await self._put(question, after)
            elif reply.meant in all_answers:
                await act(f"{all_answers[reply.meant]} {again or question}")
            else:
                await self.lead(self._leads[reply.meant], reply, again or question)

    async def _put(self, question: str, after: say | None) -> None:
        if after is not None:
            await act(after)
        await act(question)

    async def lead(self, agent: str, reply: Reply, question: str) -> None:
        """Hand the caller to another agent; return only if the transfer fails, after repeating the question."""
        if refusal := self._before_leading(agent, reply):
            await act(f"{refusal} {question}")
            return
        await act(GOODBYES[agent])
        self.caller.notes["request_text"] = reply.text
        await act(transfer(agent))
        await act(f"I'm sorry, nobody can take over just now. {question}")

    async def confirmed(
        self,
        question: str,
        meaning: Phrases,
        read: Callable[[str, str], str | None],
        spoken: Callable[[str], str],
        *,
        need: str,
        before: str = "",
        heard: str = "",
        answers: Mapping[Phrases, str] | None = None,
    ) -> str:
        """Ask for a number, read it back until the caller confirms it, and return it.

        Args:
            question: the question.
            meaning: the phrases with the number.
            read: reads the number from a reply and the previous number; None if it is incomplete.
            spoken: returns the number for reading it back.
            need: the words for an incomplete number.
            before: words before the first question.
            heard: a reply that the caller already gave.
            answers: additional answers to other words.
        """
        first = f"{before} {question}".strip()
        said = heard or (await self.ask(first, meaning, again=question, answers=answers)).text
        value = ""
        while True:
            corrected = read(said, value)
            if corrected is None:
                said = (await self.ask(need, meaning, answers=answers)).text
                continue
            if corrected == value:
                return value
            value = corrected
            reply = await self.ask(f"I have {spoken(value)}. Is that right?", YES, NO, meaning)
            if reply.meant is YES:
                return value
            said = reply.text
            if reply.meant is NO and read(said, value) is None:
                value = ""
                once_more = f"Then let's try again. {question}"
                said = (await self.ask(once_more, meaning, again=question, answers=answers)).text

    def _is_free_answer(self, reply: Reply, accepts: Accepts | None) -> bool:
        """Return whether free words are an answer: accepted, and not entirely another phrase."""
        if accepts is None or reply.meant is HUMAN or not reply.text.strip():
            return False
        match = reply.meant.match(reply.text) if reply.meant else None
        return not (match and match.whole) and bool(accepts(reply.text))


def spaced(digits: str) -> str:
    """Return digits for reading them back, one by one."""
    return " ".join(digits)
