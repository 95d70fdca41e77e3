"""The rehearsal of the chat agent; `text_rehearsal.py` has the supervisor and the moderation."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline import Caller, Digits, Lines, Phrases, Rehearsal, Reply, call_tool
from trunkline.builtin_scenarios.chat_supervisor.intents import (
    ABOUT_BILL,
    ABOUT_PERSON,
    ABOUT_PLANS,
    ABOUT_STORES,
    AGAIN,
    BYE,
    CAN_DO,
    HEAR_ME,
    HELLO,
    HOW_ARE_YOU,
    NEVER_MIND,
    NO,
    PROBLEM,
    THANKS,
    WAIT,
    WHO_ARE_YOU,
    WHY,
    WITHOUT,
    YES,
    Intent,
    asks_something,
    detect_intent,
    is_language,
    to_repeat,
)
from trunkline.builtin_scenarios.chat_supervisor.phone_numbers import (
    phone_number_in,
    runs_of_digits,
    spoken_number,
    zip_code_in,
)
from trunkline.builtin_scenarios.chat_supervisor.text_rehearsal import IS_IT_RIGHT, moderation, supervisor

rehearsal = Rehearsal(instead="I'm sorry, I can't say that. What else can I do for you?")
rehearsal.answers("supervisor")(supervisor)
rehearsal.answers("moderation")(moderation)

PHONE_NUMBER = Phrases(
    "{number}", "(my number is | it's | the number is) {number}", "no [it's] {number}", number=Digits(10)
)
ZIP_CODE = Phrases("{zip}", "(my zip code is | it's | near) {zip}", zip=Digits(5))
ANYTIME = (
    ABOUT_BILL, ABOUT_PLANS, ABOUT_STORES, ABOUT_PERSON, YES, NO, BYE, THANKS, HELLO, HOW_ARE_YOU, WHO_ARE_YOU, CAN_DO,
    HEAR_ME, PROBLEM, AGAIN, WAIT, NEVER_MIND,
)  # fmt: skip
WHEN_ASKED = (WHY, WITHOUT, NO, NEVER_MIND, AGAIN, WAIT, BYE, ABOUT_PERSON, ABOUT_PLANS, ABOUT_STORES, ABOUT_BILL)

ASKS_FOR = {
    Intent.BILL: "What's the ten-digit phone number of the account?",
    Intent.STORES: "What's the five-digit zip code where you are?",
}
MEANS = "I can look at your bill, tell you about our plans and policies, or find the nearest store."


@rehearsal.plays("chatAgent")
async def chat_agent(caller: Caller) -> Lines:
    """Play the chat agent."""
    dialogue = ChatAgentDialogue()
    said = "Hi, you've reached NewTelco. How can I help you?"
    while True:
        yield said
        answer = dialogue.on_reply(await caller.says(*dialogue.expects))
        said = answer.says
        if answer.context is not None:
            yield said
            looked_up = yield call_tool(
                "getNextResponseFromSupervisor", relevantContextFromLastUserMessage=answer.context
            )
            said = from_supervisor(looked_up)
        dialogue.remember(said)


def from_supervisor(looked_up: object) -> str:
    """Return the supervisor's answer, or an apology if the tool failed."""
    if isinstance(looked_up, dict) and isinstance(said := looked_up.get("nextResponse"), str) and said:
        return said
    return "I'm sorry, I can't look that up just now. Shall I try again?"


def is_small_talk(reply: Reply) -> bool:
    """Return whether a reply is only small talk: "what?", but not "what about tomorrow?"."""
    if reply.meant is None or reply.meant not in (AGAIN, *SMALL_TALK):
        return False
    found = reply.meant.match(reply.text)
    return reply.meant in (HOW_ARE_YOU, WHO_ARE_YOU) or not asks_something(reply.text) or bool(found and found.whole)


@dataclass(frozen=True)
class Answer:
    """An answer of the chat agent. With a `context` it is a filler, and the supervisor is asked."""

    says: str
    context: str | None = None


@dataclass(frozen=True)
class Request:
    """An intent, and the caller's words for it."""

    intent: Intent | None
    words: str


class ChatAgentDialogue:
    """The chat agent's side of one conversation: its state and its answers."""

    def __init__(self) -> None:
        self._asked: Request | None = None
        """The request that waits for a number."""
        self._last: Request | None = None
        """The supervisor's last request."""
        self._phone: str | None = None
        self._zip: str | None = None
        self._digits = ""
        """The first digits of a number that the caller gives in parts."""
        self._said = ""
        self._fillers = 0
        self._offers_store = False

    @property
    def expects(self) -> tuple[Phrases, ...]:
        """The expected replies of the caller."""
        if self._asked is None:
            return ANYTIME
        return (PHONE_NUMBER if self._asked.intent is Intent.BILL else ZIP_CODE, *WHEN_ASKED)

    def remember(self, words: str) -> None:
        """Keep the last words, for repeating them."""
        self._said = words

    def on_reply(self, reply: Reply) -> Answer:
        """Answer the caller's reply."""
        text = reply.text
        offers_store, self._offers_store = self._offers_store, False
        intent = detect_intent(text)
        if not any(sign.isalnum() for sign in text):
            return self._ask_again("Sorry, I didn't catch that.")
        if (prompted := to_repeat(text)) is not None:
            return Answer(prompted)  # too obliging on purpose: the guardrail must stop it
        if (found := phone_number_in(text, self._phone)) is not None:
            return self._number(found, Request(intent, text))
        if (code := zip_code_in(text)) is not None:
            return self._code(code, Request(intent, text))
        if IS_IT_RIGHT in self._said and reply.meant is NO:
            self._asked = self._last
            return Answer("What's the right number?")
        if offers_store and reply.meant is YES:
            return self._handle_intent(Request(Intent.STORES, "the nearest store"))
        if intent is not None and reply.meant not in (WHO_ARE_YOU, WITHOUT):
            return self._handle_intent(Request(intent, text))
        if self._asked is not None and (answer := self._without_number(self._asked, reply)):
            return answer
        if is_small_talk(reply):
            return Answer(self._said if reply.meant is AGAIN else SMALL_TALK[reply.meant])
        if not is_language(text):
            return self._ask_again("Sorry, I didn't understand that.")
        return self._escalate(Request(None, text))

    def _number(self, number: str, said: Request) -> Answer:
        self._phone = number
        about = self._asked or self._last
        if said.intent is not None:
            return self._handle_intent(said, f"{spoken_number(number)}. ")
        if about is not None and about.intent is Intent.BILL:
            return self._escalate(about, f"{spoken_number(number)}. ")
        return Answer(f"Thank you, I have {spoken_number(number)}. What can I look up for you?")

    def _code(self, code: str, said: Request) -> Answer:
        self._zip = code
        about = said if said.intent is not None else self._asked or self._last
        if about is not None and about.intent is Intent.STORES:
            return self._escalate(about, f"{spoken_number(code)}. ")
        if self._asked is not None and self._asked.intent is Intent.BILL:
            return self._piece(code, self._asked)
        if said.intent is not None:
            return self._handle_intent(said)
        self._offers_store = True
        return Answer(f"Would you like the store that is nearest to {spoken_number(code)}?")

    def _handle_intent(self, request: Request, before: str = "") -> Answer:
        """Escalate a request, or ask for its missing number first."""
        missing = {Intent.BILL: self._phone is None, Intent.STORES: self._zip is None}
        if request.intent is None or not missing.get(request.intent):
            return self._escalate(request, before)
        self._asked = request
        return Answer(f"{before}I'm happy to look. {ASKS_FOR[request.intent]}")

    def _escalate(self, request: Request, before: str = "") -> Answer:
        self._digits = ""
        if request.intent is not None:
            self._asked = None  # otherwise the caller asked another question in between
        self._last = Request(request.intent or (self._last.intent if self._last else None), request.words)
        filler = ("Let me check.", "One moment.", "Just a second.", "Let me look into that.")[self._fillers % 4]
        self._fillers += 1
        words = request.words.strip()
        facts = [words if words[-1] in ".?!" else f"{words}."]
        if request.intent is Intent.BILL and self._phone:
            facts.append(f"Phone number: {self._phone}.")
        if request.intent is Intent.STORES and self._zip:
            facts.append(f"Zip code: {self._zip}.")
        return Answer(before + filler, " ".join(facts))

    def _without_number(self, asked: Request, reply: Reply) -> Answer | None:
        """Answer a reply without the requested number; None if the supervisor must answer."""
        runs = runs_of_digits(reply.text)
        if digits := max(runs, key=len) if runs else "":
            return self._piece(digits, asked) if len(digits) > 1 else None
        if reply.meant is WHY:
            what = "find your account" if asked.intent is Intent.BILL else "know where you are"
            return self._ask_again(f"I need it to {what}.")
        if reply.meant in (WITHOUT, NO, NEVER_MIND):
            self._asked = None
            return Answer(f"No problem. {MEANS} What would you like?")
        if reply.meant is YES or not is_language(reply.text):
            return self._ask_again("Sorry, I didn't get a number.")
        return None

    def _piece(self, digits: str, asked: Request) -> Answer:
        """Append a part of a number: callers pause between its groups."""
        wanted = 10 if asked.intent is Intent.BILL else 5
        together = self._digits + digits
        self._digits = together if len(together) < wanted else digits
        if len(together) == wanted:
            if asked.intent is Intent.BILL:
                return self._number(f"({together[:3]}) {together[3:6]}-{together[6:]}", asked)
            return self._code(together, asked)
        if len(self._digits) > wanted:
            self._digits = ""
            return Answer(f"I heard {spoken_number(digits)}, which are too many digits. Could you say it once more?")
        return Answer(f"I have {spoken_number(self._digits)} so far, and need {wanted} digits. Please go on.")

    def _ask_again(self, why: str) -> Answer:
        if self._asked is not None and self._asked.intent is not None:
            return Answer(f"{why} {ASKS_FOR[self._asked.intent]}")
        return Answer(f"{why} {MEANS}")


SMALL_TALK: dict[Phrases | None, str] = {
    HELLO: "Hello! What can I do for you?",
    HOW_ARE_YOU: "I'm well, thank you for asking. What can I do for you?",
    WHO_ARE_YOU: f"I'm NewTelco's voice assistant. {MEANS}",
    HEAR_ME: "Yes, I can hear you. What can I do for you?",
    PROBLEM: "Of course. What is it about?",
    CAN_DO: MEANS,
    THANKS: "You're welcome. Is there anything else?",
    YES: "Gladly. What would you like to know?",
    NO: "All right. Thank you for calling NewTelco. Goodbye!",
    BYE: "Thank you for calling NewTelco. Goodbye!",
    WAIT: "Take your time.",
    NEVER_MIND: "No problem. What else can I do for you?",
    WHY: "I only ask for what I need to look something up. What would you like to know?",
    WITHOUT: f"That's fine. {MEANS}",
}
