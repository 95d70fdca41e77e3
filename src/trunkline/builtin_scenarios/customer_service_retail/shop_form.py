"""`ShopForm`: a form with the shop's answers to unrelated words, and transfers that ask first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from trunkline import NO, YES, Caller, Field, Form, Phrases, Reply, act, transfer
from trunkline.builtin_scenarios.customer_service_retail import caller_phrases as phrases
from trunkline.builtin_scenarios.customer_service_retail import shop
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import HUMAN
from trunkline.scenario.form import Aside

OFFER = "If you'd rather talk to a human, just say: human."
ANSWERS: Mapping[Phrases, str] = {
    phrases.ANGRY: f"I hear that you're upset, and I'm sorry. I want to get this done. {OFFER}",
    phrases.HOURS: f"We're open {shop.HOURS}",
    phrases.PLACES: f"You find us at {shop.PLACES}.",
    phrases.WHO: "I'm the automatic assistant of Snowy Peak Boards, not a human.",
    Form.CAN_DO: "I take returns, look up orders, and help you to something new.",
    phrases.HELLO: "Hello to you!",
    phrases.THANKS: "You're welcome.",
    phrases.SHIPPING: "The payment link shows the cost and the time of shipping before you pay.",
    phrases.POLICY: "Unused goods can come back within 30 days of delivery, and defects are covered for one year.",
    phrases.REFUND_TIME: "Once it is here, the inspection takes up to five business days.",
    phrases.SAFE: "Yes: I only need it to find you in our books.",
    phrases.PRICE: "Our sales team has all prices.",
    phrases.CANCEL: "We can stop here any time: just hang up. To go on:",
    phrases.BYE: "Goodbye, if you have to go! If not:",
}
_QUESTIONS = (phrases.POLICY, phrases.SHIPPING, phrases.REFUND_TIME, phrases.HOURS, phrases.PLACES)
DESKS = {
    "returns": "Jane from returns",
    "salesAgent": "our sales team",
    "authentication": "the front desk",
    "simulatedHuman": "a human",
}


class ShopForm(Form):
    """A form of one of the shop's agents.

    Args:
        caller: the caller.
        leads: phrases that request another agent; callers may always request a human.
        refuses: returns the words that refuse a transfer, or None to allow it.
        answers: more answers to unrelated words.
        fields: the fields.
    """

    ASSISTANT = ANSWERS[phrases.WHO]

    def __init__(
        self,
        caller: Caller,
        leads: Mapping[Phrases, str],
        refuses: Callable[[str, Reply], str | None] = lambda _agent, _reply: None,
        answers: Mapping[Phrases, Aside] | None = None,
        **fields: Field,
    ) -> None:
        self._refuses = refuses
        transfers = {
            meant: partial(self._asked, agent, meant) for meant, agent in {HUMAN: "simulatedHuman", **leads}.items()
        }
        asides = {**transfers, **ANSWERS, **(answers or {})}
        super().__init__(caller, asides=asides, otherwise=None, offer=OFFER, **fields)

    async def _asked(self, agent: str, meant: Phrases, reply: Reply) -> str:
        """Hand the caller over after a yes; return the words before the next question."""
        if refusal := self._refuses(agent, reply):
            return refusal
        if not (meant is HUMAN and OFFER in self.said):
            answer = await self.ask(f"Shall I put you through to {DESKS[agent]}?", YES, NO, meant)
            if answer.meant is NO:
                beside = next((asked for asked in _QUESTIONS if asked.match(answer.text)), None)
                return f"All right, we stay here. {ANSWERS[beside] if beside else ''}".strip()
        return await self.lead(agent, reply.text)

    async def lead(self, agent: str, request: str) -> str:
        """Hand the caller over; return an apology if the transfer fails."""
        await act(f"I'll put you through to {DESKS[agent]}.")
        notes = self.caller.notes
        notes.update(request_text=request, known={**notes.get("known", {}), **self.values})
        await act(transfer(agent))
        return "I'm sorry, nobody can take over just now."
