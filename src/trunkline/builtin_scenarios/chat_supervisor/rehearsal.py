"""The rehearsal of the chat agent; `text_rehearsal.py` has the supervisor and the moderation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trunkline import NO, YES, Caller, Form, Lines, Phrases, Rehearsal, Reply, act, call_tool, read_digits
from trunkline.builtin_scenarios.chat_supervisor import intents
from trunkline.builtin_scenarios.chat_supervisor.enquiry_fields import (
    IN_PLACE,
    PHONE,
    ZIP,
    spoken_number,
    written,
    zip_code_in,
)
from trunkline.builtin_scenarios.chat_supervisor.intents import (
    Intent,
    asks_for_name,
    asks_something,
    detect_intent,
    is_language,
    parts_of,
    to_repeat,
)
from trunkline.builtin_scenarios.chat_supervisor.text_rehearsal import IS_IT_RIGHT, moderation, supervisor

rehearsal = Rehearsal(instead="I'm sorry, I can't say that. What else can I do for you?")
rehearsal.answers("supervisor")(supervisor)
rehearsal.answers("moderation")(moderation)

MEANS = "I can look at your bill, tell you about our plans and policies, or find the nearest store."
NEEDS = {Intent.BILL: "phone", Intent.STORES: "zip"}
ZIP_DIGITS = 5
LABELS = {"phone": "Phone number", "zip": "Zip code"}
SMALL_TALK: dict[Phrases, str] = {
    intents.HELLO: "Hello! What can I do for you?",
    intents.HOW_ARE_YOU: "I'm well, thank you for asking. What can I do for you?",
    intents.WHO_ARE_YOU: f"I'm NewTelco's voice assistant. {MEANS}",
    intents.HEAR_ME: "Yes, I can hear you. What can I do for you?",
    intents.PROBLEM: "Of course. What is it about?",
    intents.CAN_DO: MEANS,
    intents.THANKS: "You're welcome. Is there anything else?",
    YES: "Gladly. What would you like to know?",
    NO: "All right. Thank you for calling NewTelco. Goodbye!",
    intents.BYE: "Thank you for calling NewTelco. Goodbye!",
    intents.NEVER_MIND: "No problem. What else can I do for you?",
    Form.WHY: "I only ask for what I need to look something up. What would you like to know?",
}
SIDES: dict[Phrases, str] = {
    Form.WHO: SMALL_TALK[intents.WHO_ARE_YOU],
    Form.CAN_DO: MEANS,
    Form.HOW_LONG: "Most questions take a minute. What would you like to know?",
    Form.LANGUAGE: "Yes, I speak English. What can I do for you?",
    Form.OTHER_LANGUAGE: "I'm sorry, I only speak English. What can I do for you?",
    Form.START_OVER: "All right, from the beginning. What can I do for you?",
    Form.CANCEL: SMALL_TALK[intents.NEVER_MIND],
    Form.DONE: SMALL_TALK[NO],
    Form.BYE: SMALL_TALK[intents.BYE],
}
"""Answers to words beside the point."""
THIS_IS_US = "Yes, this is NewTelco. What can I do for you?"
OPEN_QUESTIONS = (intents.HOW_ARE_YOU, intents.WHO_ARE_YOU)


@rehearsal.plays("chatAgent")
async def chat_agent(caller: Caller) -> Lines:
    """Play the chat agent."""
    form = EnquiryForm(caller)
    yield "Hi, you've reached NewTelco."
    said = "How can I help you?"
    while True:
        reply = await form.ask(said, *SMALL_TALK, *SIDES, *intents.REQUESTS, IN_PLACE, accepts=_is_request, again=MEANS)
        said = await form.answer(reply, said)


def _is_request(text: str) -> bool:
    return is_language(text) or read_digits(text) != "" or detect_intent(text) is not None


@dataclass(frozen=True)
class Request:
    """An intent, and the caller's words for it."""

    intent: Intent | None
    words: str


class EnquiryForm(Form):
    """The chat agent's form: it asks for the numbers that the supervisor needs, and asks the supervisor."""

    NOTHING = "Sorry, I didn't catch that."
    SORRY = "Sorry, I didn't understand that."
    PATIENCE = "Take your time."
    ASSISTANT = "I'm NewTelco's voice assistant, not a human."
    HELP = MEANS

    def __init__(self, caller: Caller) -> None:
        asides = {**dict.fromkeys(intents.REQUESTS, self._digression), IN_PLACE: self._place}
        super().__init__(caller, asides=asides, otherwise=self._digression, phone=PHONE, zip=ZIP)
        self._current = Request(None, "")
        self._last: Request | None = None
        """The supervisor's last request."""
        self._pending: Request | None = None
        """A request whose number the caller did not give, or not yet."""
        self._digressed = ""
        """The answer to another request than the one that waits for a number."""
        self._fillers = 0
        self._offers_store = False

    async def answer(self, reply: Reply, said: str) -> str:
        """Return the answer to a reply to an open question."""
        if (prompted := to_repeat(reply.text)) is not None:
            return prompted  # too obliging on purpose: the guardrail must stop it
        if reply.meant in SIDES:
            if reply.meant is Form.START_OVER:
                self.forget("phone", "zip")
                self._last = self._pending = None
            return SIDES[reply.meant]
        if asks_for_name(reply.text) and detect_intent(reply.text) is None:
            return THIS_IS_US
        first, *others = sorted(
            (Request(detect_intent(part), part) for part in parts_of(reply.text)), key=self._is_incomplete
        )
        said = await self._first(reply, first, said)
        for request in others:
            await act(said)
            said = await self.serve(request)
        return said

    def _is_incomplete(self, request: Request) -> bool:
        """Return whether a request needs a number that the caller has not given."""
        need = NEEDS.get(request.intent) if request.intent else None
        return need is not None and need not in self and not read_digits(request.words)

    async def _first(self, reply: Reply, request: Request, said: str) -> str:
        """Return the answer to the first request of a reply."""
        text = reply.text
        offers_store, self._offers_store = self._offers_store, False
        about_account = IS_IT_RIGHT in said or (request.intent or (self._last and self._last.intent)) is Intent.BILL
        heard = self.hear(text, "phone" if about_account and "phone" in self else None)
        if heard and "phone" in self and self["phone"] is not None:  # a denied or incomplete one has no value
            return await self._number(request)
        if heard and "phone" not in self and (IS_IT_RIGHT in said or len(read_digits(text)) > ZIP_DIGITS):
            return await self.serve(self._last or request)  # a part of the account's number, and not a zip code
        code = zip_code_in(text)
        if request.intent is Intent.STORES and code:
            self["zip"] = code
            return await self._escalate(request, f"{spoken_number(code)}. ")
        if ZIP.read(text) and request.intent is None and code:
            return await self._code(code)
        if IS_IT_RIGHT in said and reply.meant is NO and self._last:
            self.forget("phone")
            return await self.serve(self._last)
        if offers_store and reply.meant is YES:
            return await self.serve(Request(Intent.STORES, "the nearest store"))
        if reply.meant in SMALL_TALK and (request.intent is None or reply.meant in OPEN_QUESTIONS):
            match = reply.meant.match(text)
            if reply.meant in OPEN_QUESTIONS or (match and match.whole) or not asks_something(text):
                return SMALL_TALK[reply.meant]
        return await self.serve(request)

    async def serve(self, request: Request) -> str:
        """Ask for the number that a request needs, and return the supervisor's answer."""
        need = NEEDS.get(request.intent) if request.intent else None
        before = ""
        if need and need not in self:
            self._current, self._digressed = request, ""
            number = (await self.fill(need, before="I'm happy to look."))[need]
            if number is None:
                self.forget(need)
                self._pending = request
                return self._digressed or f"No problem. {MEANS} What would you like?"
            before = f"{self._spoken(need)}. "
        return await self._escalate(request, before)

    async def _number(self, request: Request) -> str:
        """Answer a phone number that was not asked for, or that corrects the one before."""
        about = request if request.intent is not None else self._pending or self._last
        if about is not None and NEEDS.get(about.intent or Intent.PERSON) == "phone":
            return await self._escalate(about, f"{self._spoken('phone')}. ")
        if request.intent is not None:
            return await self.serve(request)
        return f"Thank you, I have {self._spoken('phone')}. What can I look up for you?"

    async def _code(self, code: str) -> str:
        """Answer a zip code that was not asked for."""
        self["zip"] = code
        about = self._pending or self._last
        if about is not None and about.intent is Intent.STORES:
            return await self._escalate(about, f"{spoken_number(code)}. ")
        self._offers_store = True
        return f"Would you like the store that is nearest to {spoken_number(code)}?"

    async def _digression(self, reply: Reply) -> str | None:
        """Answer another request while a number is asked for. It takes the place of the request before."""
        request = Request(detect_intent(reply.text), reply.text)
        need = NEEDS[self._current.intent or Intent.BILL]
        if request.intent is None and not is_language(reply.text):
            return None
        if request.intent is self._current.intent:
            code = zip_code_in(reply.text) if need == "zip" else None
            if code:
                self["zip"] = code
            return ""
        if need == "zip" and (code := zip_code_in(reply.text)):
            self["zip"] = code
            return ""
        if request.intent is None:
            return await self._escalate(request)
        self[need] = None
        self._digressed = await self.serve(request) if NEEDS.get(request.intent) != need else ""
        return ""

    async def _place(self, reply: Reply) -> str:
        """Take a town for its zip code."""
        if self._current.intent is Intent.STORES:
            self["zip"] = zip_code_in(reply.text)
        return ""

    async def _escalate(self, request: Request, before: str = "") -> str:
        """Ask the supervisor, after a filler."""
        self._last = Request(request.intent or (self._last.intent if self._last else None), request.words)
        if self._pending and request.intent is self._pending.intent:
            self._pending = None
        filler = ("Let me check.", "One moment.", "Just a second.", "Let me look into that.")[self._fillers % 4]
        self._fillers += 1
        await act(before + filler)
        words = request.words.strip()
        facts = [words if words[-1] in ".?!" else f"{words}."]
        need = NEEDS.get(request.intent) if request.intent else None
        if need and need in self and self[need]:
            facts.append(f"{LABELS[need]}: {self._written(need)}.")
        looked_up = await act(
            call_tool("getNextResponseFromSupervisor", relevantContextFromLastUserMessage=" ".join(facts))
        )
        said = from_supervisor(looked_up)
        if IS_IT_RIGHT in said and need:
            self._pending = request
        return said

    def _written(self, name: str) -> str:
        return written(self[name]) if name == "phone" else str(self[name])

    def _spoken(self, name: str) -> str:
        return spoken_number(self._written(name))


def from_supervisor(looked_up: Any) -> str:
    """Return the supervisor's answer, or an apology if the tool failed."""
    if isinstance(looked_up, dict) and isinstance(said := looked_up.get("nextResponse"), str) and said:
        return said
    return "I'm sorry, I can't look that up just now. Shall I try again?"
