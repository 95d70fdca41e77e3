"""The rehearsal of the authentication agent: its state machine, step by step."""

from __future__ import annotations

from functools import partial

from trunkline import Caller, Lines, Phrases, Rehearsal, Reply, act, call_tool, say
from trunkline.builtin_scenarios.customer_service_retail import caller_phrases as phrases
from trunkline.builtin_scenarios.customer_service_retail.addresses import (
    ADDRESS,
    PARTS,
    PLACE,
    corrected,
    missing,
    read_address,
    read_part,
    spoken_address,
)
from trunkline.builtin_scenarios.customer_service_retail.caller_details import (
    KINDS,
    read_birthday,
    read_kind,
    read_last_four,
    read_name,
    read_phone,
    spoken_birthday,
    spoken_phone,
    written_phone,
)
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import (
    BUY,
    BYE,
    CARD,
    DATE,
    LAST_FOUR,
    LATER,
    NAME,
    NO,
    ORDERS,
    PHONE,
    RATHER_NOT,
    RETURN,
    SSN,
    UNKNOWN,
    WHY,
    YES,
)
from trunkline.builtin_scenarios.customer_service_retail.dialogue import Dialogue, spaced
from trunkline.builtin_scenarios.customer_service_retail.disclosure import (
    DISCLOSURE,
    DISCLOSURE_SPEED,
    OFFER_ID,
    QUESTION,
)
from trunkline.builtin_scenarios.customer_service_retail.state import CardKind

LEADS = {RETURN: "returns", ORDERS: "returns", BUY: "salesAgent"}
REQUEST_NAMES = {"returns": "your return", "salesAgent": "something new for you"}
CANNOT_VERIFY = (
    "Without it I can't find you in our books. I can put you through to a human: just say: human. Or try again."
)
ABOUT_DETAILS: dict[Phrases, str] = {
    WHY: "It keeps other people away from your orders.",
    UNKNOWN: CANNOT_VERIFY,
    RATHER_NOT: CANNOT_VERIFY,
}


def add_authentication_part(rehearsal: Rehearsal) -> None:
    """Add the part to the rehearsal."""
    rehearsal.plays("authentication")(_authentication)


async def _authentication(caller: Caller) -> Lines:
    notes = caller.notes
    dialogue = Dialogue(caller, LEADS, before_leading=lambda agent, reply: _not_yet(caller, agent, reply))
    if not notes.get("greeted"):
        notes["greeted"] = True
        yield "Welcome to Snowy Peak Boards! What can I do for you today? A return, perhaps, or something new?"
        await _learn_request(dialogue)
    elif notes.get("verified"):
        yield "Hello again, this is the front desk."
    else:
        yield "Hello again."
    for attempt in (1, 2):
        if notes.get("verified"):
            break
        await _verify(dialogue, attempt)
    while not notes.get("verified"):
        reply = await dialogue.ask(
            "I'm sorry, that still doesn't match our records, so I can't go on. Shall I put you through to a human?",
            YES,
            NO,
            BYE,
        )
        if reply.meant is YES:
            await dialogue.lead("simulatedHuman", reply, "You can also call again later.")
        else:
            yield "All right. You can call again any time, or visit us with an identity card. Goodbye!"
            await caller.says(YES, phrases.HUMAN)
    if "address" not in notes:
        await _keep_address(dialogue)
    if "offer" not in notes:
        await _make_offer(dialogue)
    await _hand_over(dialogue)
    while True:
        yield "Goodbye, and enjoy the snow!"
        await dialogue.ask("If there is anything else, just say so.", BYE)


def _not_yet(caller: Caller, agent: str, reply: Reply) -> str | None:
    """Return the refusal of a transfer before verification, and keep the request; None allows the transfer."""
    if agent == "simulatedHuman" or caller.notes.get("offer"):
        return None
    changed = caller.notes.get("request") not in (None, agent)
    caller.notes.update(request=agent, first_words=reply.text)
    about = REQUEST_NAMES[agent]
    first = "a few last questions" if caller.notes.get("verified") else "I need to verify you"
    return f"{f'All right, then it is about {about}.' if changed else f'I will come to {about}.'} First, {first}."


async def _learn_request(dialogue: Dialogue) -> None:
    """Ask for the caller's request, which decides the agent at the end."""
    reply = await dialogue.caller.says(RETURN, ORDERS, BUY, phrases.HUMAN, phrases.HELLO, phrases.REPEAT)
    if not reply.text.strip() or reply.meant in (phrases.HELLO, phrases.REPEAT):
        question = "What is it about: a return, an order, or something new from the shop?"
        reply = await dialogue.ask(f"Hello! {question}", RETURN, ORDERS, BUY, accepts=lambda _text: True)
    if reply.meant is phrases.HUMAN:
        await dialogue.lead("simulatedHuman", reply, "What can I do for you?")
    notes = dialogue.caller.notes
    if reply.meant in (RETURN, ORDERS, BUY):
        notes.update(request=LEADS[reply.meant], first_words=reply.text)
        await act("I can help with that.")
    else:
        await act("We'll see to that together.")
    if found := NAME.match(reply.text):
        notes["name"] = found.slots["name"].title()
    if found := PHONE.match(reply.text):
        notes["phone_heard"] = found.slots["number"]


async def _verify(dialogue: Dialogue, attempt: int) -> None:
    notes = dialogue.caller.notes
    if attempt == 1:
        await act("I need to verify you first; that's a few short questions.")
    if "name" not in notes:
        notes["name"] = await _name(dialogue)
    name = notes["name"]
    phone = await dialogue.confirmed(
        "What is your phone number, with the area code?",
        PHONE,
        read_phone,
        spoken_phone,
        need="I need all ten digits of it, the area code first. What is your phone number?",
        before=f"Thank you, {name}.",
        heard=notes.pop("phone_heard", ""),
        answers=ABOUT_DETAILS,
    )
    birthday = await dialogue.confirmed(
        "When were you born? Day, month and year, please.",
        DATE,
        read_birthday,
        spoken_birthday,
        need="I need a day, a month and a year, such as: May 1st, 1985. When were you born?",
        before="Thank you.",
        heard=notes.pop("birthday_heard", ""),
        answers=ABOUT_DETAILS,
    )
    digits, kind = await _last_four(dialogue)
    await act("Thank you. One moment, I'm checking that.")
    result: object = await act(
        call_tool(
            "authenticate_user_information",
            phone_number=written_phone(phone),
            date_of_birth=birthday,
            last_4_digits=digits,
            last_4_digits_type=kind,
        )
    )
    if isinstance(result, dict) and result.get("success") is True:
        notes.update(verified=True, phone=written_phone(phone))
        await act(f"You're verified, {name}.")
    elif attempt == 1:
        await act("I'm sorry, something in that doesn't match our records. Let's go through it once more.")


async def _name(dialogue: Dialogue) -> str:
    question = "What is your first name?"
    answers = {WHY: "So that I know what to call you.", RATHER_NOT: "It needn't be the one in your passport."}
    reply = await dialogue.ask(question, DATE, PHONE, NAME, accepts=read_name, answers=answers)
    while reply.meant in (DATE, PHONE):  # answers to later questions are kept
        dialogue.caller.notes["birthday_heard" if reply.meant is DATE else "phone_heard"] = reply.text
        later = f"Thank you, I'll come to that in a moment. {question}"
        reply = await dialogue.ask(later, DATE, PHONE, NAME, accepts=read_name, again=question, answers=answers)
    return read_name(reply.text) or "my friend"


async def _last_four(dialogue: Dialogue) -> tuple[str, CardKind]:
    digits, kind = "", None
    question = "Now the last four digits of your credit card or your Social Security number, and which of them it is."
    wanted = (LAST_FOUR, CARD, SSN)
    reply = await dialogue.ask(question, *wanted, answers=ABOUT_DETAILS)
    while True:
        said = read_last_four(reply.text)
        digits = digits if said is None else said
        kind = read_kind(reply.text) or kind
        if not digits:
            what = "I need exactly four digits" if said == "" else "And the last four digits"
            reply = await dialogue.ask(f"{what}, please, and only those.", *wanted, answers=ABOUT_DETAILS)
        elif kind is None:
            which = "Are they from your credit card or from your Social Security number?"
            reply = await dialogue.ask(which, CARD, SSN, LAST_FOUR, answers=ABOUT_DETAILS)
        else:
            check = f"I have {spaced(digits)}, from your {KINDS[kind]}. Is that right?"
            reply = await dialogue.ask(check, YES, NO, *wanted)
            if reply.meant is YES:
                return digits, kind
            if reply.meant is NO and not read_kind(reply.text):
                digits = ""


async def _keep_address(dialogue: Dialogue) -> None:
    notes = dialogue.caller.notes
    address = notes["address"] = await _address(dialogue)
    if address is None:
        await act("That's fine, we leave your address as it is.")
        return
    await act("Thank you, I'm saving that.")
    saved: object = await act(call_tool("save_or_update_address", phone_number=notes["phone"], new_address=address))
    if not (isinstance(saved, dict) and saved.get("success") is True):
        await act("I'm sorry, that could not be saved. We'll come back to you about it.")


async def _address(dialogue: Dialogue) -> dict[str, str] | None:
    """Return a confirmed address; None if the caller does not give it."""
    question = "What is your street address, with city, state and ZIP code?"
    address: dict[str, str] = {}
    reply = await dialogue.ask(question, ADDRESS, RATHER_NOT, NO, accepts=read_address)
    while reply.meant not in (RATHER_NOT, NO):
        address = corrected(address, read_address(reply.text))
        if not await _completed(dialogue, address):
            return None
        check = f"I have {spoken_address(address)}. Is that right?"
        reply = await dialogue.ask(check, YES, NO, accepts=read_address)
        changed = corrected(address, read_address(reply.text)) != address
        if reply.meant is YES and not changed:
            return address
        if changed or reply.meant is None:  # "no, it's 2 Main Street" also has an address
            reply = Reply(reply.text)
        else:
            address = {}
            once_more = f"Then let's try again. {question}"
            reply = await dialogue.ask(once_more, ADDRESS, RATHER_NOT, NO, accepts=read_address, again=question)
    return None


async def _completed(dialogue: Dialogue, address: dict[str, str]) -> bool:
    """Ask for missing parts; return False if the caller does not give them."""
    while gaps := missing(address):
        fits = partial(read_part, gaps[0])
        reply = await dialogue.ask(f"And the {PARTS[gaps[0]]}?", ADDRESS, PLACE, RATHER_NOT, NO, accepts=fits)
        if reply.meant in (RATHER_NOT, NO):
            return False
        address |= read_part(gaps[0], reply.text)
    return True


async def _make_offer(dialogue: Dialogue) -> None:
    notes = dialogue.caller.notes
    reply = await dialogue.ask(
        QUESTION,
        YES,
        NO,
        LATER,
        RATHER_NOT,
        after=say(DISCLOSURE, speed=DISCLOSURE_SPEED),
        again=f"{QUESTION} Say yes, no, or: remind me later.",
        answers={WHY: "It's an offer, nothing more; your answer changes nothing about your return."},
    )
    answer = {YES: "ACCEPTED", LATER: "REMIND_LATER"}.get(reply.meant or NO, "DECLINED")
    await act(call_tool("update_user_offer_response", phone=notes["phone"], offer_id=OFFER_ID, user_response=answer))
    notes["offer"] = answer
    said = {"ACCEPTED": "Welcome to Summit Circle!", "REMIND_LATER": "I've noted that we ask you another time."}
    await act(said.get(answer, "That's fine, I've noted it."))


async def _hand_over(dialogue: Dialogue) -> None:
    notes = dialogue.caller.notes
    request = notes.pop("request", None)
    if request is None:
        reply = await dialogue.ask(
            "What can I do for you: a return, an order, or something new?", RETURN, ORDERS, BUY, BYE, NO
        )
        if reply.meant in (BYE, NO):
            return
        request, notes["first_words"] = LEADS[reply.meant or RETURN], reply.text
    await dialogue.lead(request, Reply(notes.get("first_words", "")), "What else can I do for you?")
