"""The rehearsal: NewTelco's line without a model. The chat agent is here, the text side in `rehearsed_texts.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trunkline import Caller, Digits, Lines, Phrases, Rehearsal, Reply, call
from trunkline.builtin_scenarios.chat_supervisor.digits import phone_number_in, runs_of_digits, spelled, zip_code_in
from trunkline.builtin_scenarios.chat_supervisor.rehearsed_texts import IS_IT_RIGHT, moderation, supervisor
from trunkline.builtin_scenarios.chat_supervisor.wishes import (
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
    Wish,
    asks_something,
    is_language,
    to_repeat,
    wish_in,
)

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
    Wish.BILL: "What's the ten-digit phone number of the account?",
    Wish.STORES: "What's the five-digit zip code where you are?",
}
MEANS = "I can look at your bill, tell you about our plans and policies, or find the nearest store."


@rehearsal.plays("chatAgent")
async def chat_agent(caller: Caller) -> Lines:
    desk = Desk()
    said = "Hi, you've reached NewTelco. How can I help you?"
    while True:
        yield said
        answer = desk.hears(await caller.says(*desk.expects))
        said = answer.says
        if answer.context is not None:
            yield said
            looked_up = yield call("getNextResponseFromSupervisor", relevantContextFromLastUserMessage=answer.context)
            said = from_supervisor(looked_up)
        desk.said(said)


def from_supervisor(looked_up: Any) -> str:
    """What the supervisor wants said; an apology if the tool failed."""
    if isinstance(looked_up, dict) and isinstance(said := looked_up.get("nextResponse"), str) and said:
        return said
    return "I'm sorry, I can't look that up just now. Shall I try again?"


def is_small_talk(reply: Reply) -> bool:
    """Whether a reply is small talk and nothing else: "what?", but not "what about tomorrow?"."""
    if reply.meant is None or reply.meant not in (AGAIN, *SMALL_TALK):
        return False
    found = reply.meant.match(reply.text)
    return reply.meant in (HOW_ARE_YOU, WHO_ARE_YOU) or not asks_something(reply.text) or bool(found and found.whole)


@dataclass(frozen=True)
class Answer:
    """What the chat agent says. With a `context` it is a filler, and the supervisor is asked."""

    says: str
    context: str | None = None


@dataclass(frozen=True)
class Enquired:
    """A wish, and the words it was expressed in."""

    wish: Wish | None
    words: str


class Desk:
    """What the chat agent knows by now, and how it answers."""

    def __init__(self) -> None:
        self._asked: Enquired | None = None
        """A wish that waits for a number."""
        self._last: Enquired | None = None
        """What the supervisor was asked last."""
        self._phone: str | None = None
        self._zip: str | None = None
        self._digits = ""
        """The beginning of a number that was said in pieces."""
        self._said = ""
        self._fillers = 0
        self._offers_store = False

    @property
    def expects(self) -> tuple[Phrases, ...]:
        """What the caller may say next."""
        if self._asked is None:
            return ANYTIME
        return (PHONE_NUMBER if self._asked.wish is Wish.BILL else ZIP_CODE, *WHEN_ASKED)

    def said(self, words: str) -> None:
        """Remembers the last words, to say them again."""
        self._said = words

    def hears(self, reply: Reply) -> Answer:
        """Answers the caller."""
        text = reply.text
        offers_store, self._offers_store = self._offers_store, False
        wish = wish_in(text)
        if not any(sign.isalnum() for sign in text):
            return self._ask_again("Sorry, I didn't catch that.")
        if (prompted := to_repeat(text)) is not None:
            return Answer(prompted)  # too obliging by far: this is what guardrails are for
        if (found := phone_number_in(text, self._phone)) is not None:
            return self._number(found, Enquired(wish, text))
        if (code := zip_code_in(text)) is not None:
            return self._code(code, Enquired(wish, text))
        if IS_IT_RIGHT in self._said and reply.meant is NO:
            self._asked = self._last
            return Answer("What's the right number?")
        if offers_store and reply.meant is YES:
            return self._enquire(Enquired(Wish.STORES, "the nearest store"))
        if wish is not None and reply.meant not in (WHO_ARE_YOU, WITHOUT):
            return self._enquire(Enquired(wish, text))
        if self._asked is not None and (answer := self._without_number(self._asked, reply)):
            return answer
        if is_small_talk(reply):
            return Answer(self._said if reply.meant is AGAIN else SMALL_TALK[reply.meant])
        if not is_language(text):
            return self._ask_again("Sorry, I didn't understand that.")
        return self._escalate(Enquired(None, text))

    def _number(self, number: str, said: Enquired) -> Answer:
        self._phone = number
        about = self._asked or self._last
        if said.wish is not None:
            return self._enquire(said, f"{spelled(number)}. ")
        if about is not None and about.wish is Wish.BILL:
            return self._escalate(about, f"{spelled(number)}. ")
        return Answer(f"Thank you, I have {spelled(number)}. What can I look up for you?")

    def _code(self, code: str, said: Enquired) -> Answer:
        self._zip = code
        about = said if said.wish is not None else self._asked or self._last
        if about is not None and about.wish is Wish.STORES:
            return self._escalate(about, f"{spelled(code)}. ")
        if self._asked is not None and self._asked.wish is Wish.BILL:
            return self._piece(code, self._asked)
        if said.wish is not None:
            return self._enquire(said)
        self._offers_store = True
        return Answer(f"Would you like the store that is nearest to {spelled(code)}?")

    def _enquire(self, enquired: Enquired, before: str = "") -> Answer:
        """Goes after a wish; what is missing is asked for first."""
        missing = {Wish.BILL: self._phone is None, Wish.STORES: self._zip is None}
        if enquired.wish is None or not missing.get(enquired.wish):
            return self._escalate(enquired, before)
        self._asked = enquired
        return Answer(f"{before}I'm happy to look. {ASKS_FOR[enquired.wish]}")

    def _escalate(self, enquired: Enquired, before: str = "") -> Answer:
        self._digits = ""
        if enquired.wish is not None:
            self._asked = None  # otherwise it was a question in between
        self._last = Enquired(enquired.wish or (self._last.wish if self._last else None), enquired.words)
        filler = ("Let me check.", "One moment.", "Just a second.", "Let me look into that.")[self._fillers % 4]
        self._fillers += 1
        words = enquired.words.strip()
        facts = [words if words[-1] in ".?!" else f"{words}."]
        if enquired.wish is Wish.BILL and self._phone:
            facts.append(f"Phone number: {self._phone}.")
        if enquired.wish is Wish.STORES and self._zip:
            facts.append(f"Zip code: {self._zip}.")
        return Answer(before + filler, " ".join(facts))

    def _without_number(self, asked: Enquired, reply: Reply) -> Answer | None:
        """Answers what was said instead of the number that was asked for."""
        runs = runs_of_digits(reply.text)
        if digits := max(runs, key=len) if runs else "":
            return self._piece(digits, asked) if len(digits) > 1 else None
        if reply.meant is WHY:
            what = "find your account" if asked.wish is Wish.BILL else "know where you are"
            return self._ask_again(f"I need it to {what}.")
        if reply.meant in (WITHOUT, NO, NEVER_MIND):
            self._asked = None
            return Answer(f"No problem. {MEANS} What would you like?")
        if reply.meant is YES or not is_language(reply.text):
            return self._ask_again("Sorry, I didn't get a number.")
        return None

    def _piece(self, digits: str, asked: Enquired) -> Answer:
        """Takes a part of a number; people pause between its groups."""
        wanted = 10 if asked.wish is Wish.BILL else 5
        together = self._digits + digits
        self._digits = together if len(together) < wanted else digits
        if len(together) == wanted:
            if asked.wish is Wish.BILL:
                return self._number(f"({together[:3]}) {together[3:6]}-{together[6:]}", asked)
            return self._code(together, asked)
        if len(self._digits) > wanted:
            self._digits = ""
            return Answer(f"I heard {spelled(digits)}, which are too many digits. Could you say it once more?")
        return Answer(f"I have {spelled(self._digits)} so far, and need {wanted} digits. Please go on.")

    def _ask_again(self, why: str) -> Answer:
        if self._asked is not None and self._asked.wish is not None:
            return Answer(f"{why} {ASKS_FOR[self._asked.wish]}")
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
