"""`Talk`: a rehearsed agent who asks for something, and deals with all the rest that callers say instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trunkline import Caller, Phrases, Reply, act, transfer
from trunkline.builtin_scenarios.customer_service_retail import caller_phrases as phrases
from trunkline.builtin_scenarios.customer_service_retail import shop
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import HUMAN, NO, REPEAT, YES

Accepts = Callable[[str], object]
"""Whether free words will do as an answer, by truth."""

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
"""What any agent answers to words that were no answer, before it asks again."""

GOODBYES = {
    "returns": "I'll put you through to Jane from returns.",
    "salesAgent": "I'll put you through to our sales team.",
    "authentication": "I'll put you back to the front desk.",
    "simulatedHuman": "Of course. I'll put you through to a human right away.",
}


class Dialogue:
    """One agent's way to talk with a caller.

    Args:
        leads: what callers may say to be handed to another agent. A human may always be asked for.
        answers: what this agent answers beside `ANSWERS`.
        before_leading: asked before a transfer; None lets it happen, words refuse it.
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
        again: str | None = None,
        answers: Mapping[Phrases, str] | None = None,
    ) -> Reply:
        """Asks, and listens until the reply means one of `wanted` or, in free words, is accepted.

        Args:
            again: the question when it is asked again, if it should then be shorter.
            answers: what is answered to other words, for this question alone.
        """
        await act(question)
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
                await act(question)
            elif reply.meant in all_answers:
                await act(f"{all_answers[reply.meant]} {again or question}")
            else:
                await self.lead(self._leads[reply.meant], reply, again or question)

    async def lead(self, agent: str, reply: Reply, question: str) -> None:
        """Hands the caller to another agent; comes back, with the question, only if that may not be."""
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
        """Asks for a number, reads it back and has it confirmed, and once more after every correction.

        Args:
            read: the number in a reply, given also the one that is being corrected; None if it is not whole.
            spoken: how it is read back.
            need: says what is missing when it is not whole.
            before: what is said before the question when it is asked first.
            heard: what the caller has said of it already.
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
        """Free words are an answer unless all of them, and not just some, mean something else."""
        if accepts is None or reply.meant is HUMAN or not reply.text.strip():
            return False
        match = reply.meant.match(reply.text) if reply.meant else None
        return not (match and match.whole) and bool(accepts(reply.text))


def spaced(digits: str) -> str:
    """Digits as they are read back, one by one."""
    return " ".join(digits)
