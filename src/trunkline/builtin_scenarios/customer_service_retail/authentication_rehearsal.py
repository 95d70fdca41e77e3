"""The rehearsal of the authentication agent: its state machine, step by step."""

from __future__ import annotations

from trunkline import NO, YES, Caller, Lines, Phrases, Rehearsal, Reply, act, call_tool, say
from trunkline.builtin_scenarios.customer_service_retail.addresses import ADDRESS_FIELD
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import BUY, BYE, COST, LATER, ORDERS, RETURN
from trunkline.builtin_scenarios.customer_service_retail.disclosure import (
    DISCLOSURE,
    DISCLOSURE_SPEED,
    OFFER_ID,
    QUESTION,
)
from trunkline.builtin_scenarios.customer_service_retail.identity_fields import (
    BIRTHDAY,
    CARD,
    NAME,
    PHONE,
    written_phone,
)
from trunkline.builtin_scenarios.customer_service_retail.shop_form import ShopForm

LEADS: dict[Phrases, str] = {RETURN: "returns", ORDERS: "returns", BUY: "salesAgent"}
REQUEST_NAMES = {"returns": "your return", "salesAgent": "something new for you"}
IDENTITY = ("phone", "birthday", "card")
OTHER = Phrases(
    "[I have | I've got] (a | another) (question | problem | request)", "[I need] [some | your] help",
    "[can | could] you help me", "(something | anything) else",
)  # fmt: skip


def add_authentication_part(rehearsal: Rehearsal) -> None:
    """Add the part to the rehearsal."""
    rehearsal.plays("authentication")(_authentication)


async def _authentication(caller: Caller) -> Lines:
    notes = caller.notes
    form = ShopForm(
        caller, LEADS, lambda agent, reply: _not_yet(caller, agent, reply),
        name=NAME, phone=PHONE, birthday=BIRTHDAY, card=CARD, address=ADDRESS_FIELD,
    )  # fmt: skip
    for name, value in notes.get("known", {}).items():
        if name in ("name", *IDENTITY):
            form[name] = value
    if not notes.get("greeted"):
        notes["greeted"] = True
        before = await _learn_request(form)
    else:
        before = "Hello again, this is the front desk."
        if "name" in form and "details" not in notes:
            before = f"{before} {NAME.thanks.format(form['name'])}"
    await _verify(form, before)
    if "address" not in notes:
        await _keep_address(form)
        await _verify(form)
    if "offer" not in notes:
        await _make_offer(form)
        await _verify(form)
    await _hand_over(form)
    while True:
        yield "Goodbye, and enjoy the snow!"
        await form.ask("If there is anything else, just say so.", BYE)


def _not_yet(caller: Caller, agent: str, reply: Reply) -> str | None:
    """Return the refusal of a transfer before verification, and keep the request; None allows the transfer."""
    if agent == "simulatedHuman" or caller.notes.get("offer"):
        return None
    changed = caller.notes.get("request") not in (None, agent)
    caller.notes.update(request=agent, first_words=reply.text)
    about = REQUEST_NAMES[agent]
    first = "a few last questions" if caller.notes.get("phone") else "I need to verify you"
    return f"{f'All right, then it is about {about}.' if changed else f'I will come to {about}.'} First, {first}."


async def _learn_request(form: ShopForm) -> str:
    """Ask for the caller's request, which decides the agent at the end; return the words before the next question."""
    reply = await form.ask(
        "Welcome to Snowy Peak Boards! What can I do for you today? A return, perhaps, or something new?",
        RETURN, ORDERS, BUY, OTHER,
        again="What is it about: a return, an order, or something new from the shop?",
    )  # fmt: skip
    form.hear(reply.text)
    said = "We'll see to that together."
    if reply.meant in LEADS:
        form.caller.notes.update(request=LEADS[reply.meant], first_words=reply.text)
        form.caller.notes["also"] = reply.meant is RETURN and BUY.match(reply.text) is not None
        said = "I can help with that."
    return f"{said} I need to verify you first; that's a few short questions."


async def _verify(form: ShopForm, before: str = "") -> None:
    """Verify the caller, unless the present details were verified before."""
    notes = form.caller.notes
    while notes.get("details") is None or any(form[name] != notes["details"].get(name) for name in IDENTITY):
        for _attempt in (1, 2):
            if await _checked(form, before):
                break
            form.forget(*IDENTITY)
            before = "I'm sorry, something in that doesn't match our records. Let's go through it once more."
        else:
            before = await _no_match(form)


async def _checked(form: ShopForm, before: str) -> bool:
    details = await form.fill("name", *IDENTITY, before=before)
    digits, kind = details["card"]
    phone = written_phone(details["phone"])
    await act("Thank you. One moment, I'm checking that.")
    result: object = await act(
        call_tool(
            "authenticate_user_information",
            phone_number=phone,
            date_of_birth=details["birthday"].isoformat(),
            last_4_digits=digits,
            last_4_digits_type=kind,
        )
    )
    if not (isinstance(result, dict) and result.get("success") is True):
        return False
    form.caller.notes.update(phone=phone, details={name: details[name] for name in ("name", *IDENTITY)})
    await act(f"You're verified, {details['name']}.")
    return True


async def _no_match(form: ShopForm) -> str:
    question = "I'm sorry, that still doesn't match our records, so I can't go on. Shall I put you through to a human?"
    reply = await form.ask(question, YES, NO, BYE)
    if reply.meant is YES:
        return f"{await form.lead('simulatedHuman', reply.text)} You can also call again later, or try once more."
    await form.ask(
        "All right. You can call again any time, or visit us with an identity card. Goodbye!",
        YES,
        again="Shall we try once more?",
    )
    return "Then once more."


async def _keep_address(form: ShopForm) -> None:
    notes = form.caller.notes
    address = notes["address"] = (await form.fill("address"))["address"]
    if address is None:
        await act("That's fine, we leave your address as it is.")
        return
    await _verify(form)
    await act("Thank you, I'm saving that.")
    saved: object = await act(call_tool("save_or_update_address", phone_number=notes["phone"], new_address=address))
    if not (isinstance(saved, dict) and saved.get("success") is True):
        await act("I'm sorry, that could not be saved. We'll come back to you about it.")


async def _make_offer(form: ShopForm) -> None:
    reply = await form.ask(
        QUESTION,
        YES,
        NO,
        LATER,
        reading=say(DISCLOSURE, speed=DISCLOSURE_SPEED),
        again=f"{QUESTION} Say yes, no, or: remind me later.",
        asides={
            ShopForm.WHY: "It's an offer, nothing more; your answer changes nothing about your return.",
            COST: "It's our loyalty programme, and membership is free of charge.",
        },
    )
    await _verify(form)
    notes = form.caller.notes
    answer = {YES: "ACCEPTED", LATER: "REMIND_LATER"}.get(reply.meant or NO, "DECLINED")
    await act(call_tool("update_user_offer_response", phone=notes["phone"], offer_id=OFFER_ID, user_response=answer))
    notes["offer"] = answer
    said = {"ACCEPTED": "Welcome to Summit Circle!", "REMIND_LATER": "I've noted that we ask you another time."}
    await act(said.get(answer, "That's fine, I've noted it."))


async def _hand_over(form: ShopForm) -> None:
    notes = form.caller.notes
    request = notes.pop("request", None)
    if request is None:
        question = "What can I do for you: a return, an order, or something new?"
        reply = await form.ask(question, RETURN, ORDERS, BUY, BYE, NO)
        if reply.meant in (BYE, NO):
            return
        request, notes["first_words"] = LEADS[reply.meant or RETURN], reply.text
    await act(await form.lead(request, notes.get("first_words", "")))
