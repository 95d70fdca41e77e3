"""The rehearsal of the returns agent, Jane."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from trunkline import NO, YES, Caller, Field, Lines, Phrases, Rehearsal, Reply, act, call_tool
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import BUY, BYE, CANCEL, ORDERS, RETURN
from trunkline.builtin_scenarios.customer_service_retail.identity_fields import PHONE, written_phone
from trunkline.builtin_scenarios.customer_service_retail.shop_form import ShopForm

Order = dict[str, Any]
Piece = tuple[Order, dict[str, object]]
"""An order and one of its items."""

ITEM = Phrases(
    "[no] [it's | it is | I mean | it's about] [the | my] [new | other] (twin tip [snowboard] | snowboard [boots]"
    " | board | boots | goggles | bindings | binding set | freestyle board | park and pipe [board])",
)
KEEP = Phrases(
    "[no] (never mind | forget it) [I'll keep it]",
    "[no] [you know what] (I want to | I will | I'll | I'd rather | let me) keep (it | them)",
    too=(
        "I (don't | do not | no longer) want to (return | send | give) (it | them | anything | something | that) [back]"
        " [anymore | any more | after all]",
        "(nothing | no return) [after all | anymore | at all]",
        "I [have | I've] changed my mind [about the return]",
    ),
)
DETAILS = Phrases(
    "[it's | (the | my) (board | snowboard) [is | was | has] | it [is | was | has]]"
    " (defective | broken | cracked | damaged) [there's a [big] crack]",
    "there's a [big] crack",
    "[the (board | snowboard)] delaminated [and] [(an | the) edge came off] [in normal use] [after three runs]",
    "(an | the) edge came off [in normal use] [after (one | two | three) runs]",
    "(it's | it is | I have) (unused | never used [it]) [I (don't like it | changed my mind)] [it's the wrong size]",
    "(I don't like it | it's the wrong size | it doesn't fit | I changed my mind)",
)
"""Reasons for a return for the speech recogniser; typed reasons may be others."""

_REASON = re.compile(
    r"\b(defect\w*|broke\w*|crack\w*|fault\w*|damag\w*|delaminat\w*|peel\w*|split|snap\w*|torn|tore|leak\w*|loose|apart"
    r"|came off|fell|scratch\w*|bent|rust\w*|stuck|unused|un-used|used|worn|wore|ridden|rode|sealed|unopened|brand new"
    r"|tags|packaging|too \w+|(?:do(?:es)?n't|didn't|do(?:es)? not|did not) (?:\w+ )?(?:fit|like|work|want|need|suit)"
    r"|wrong|size|colou?r|changed my mind|gift|present|bored|cheaper|hurts?|uncomfortable|because|ate|chew\w*|bit|hit"
    r"|crash\w*|drop\w*|stol\w+|lost|exchange|disappoint\w*|not happy|arrived|late)\b"
)
_QUESTION = re.compile(r"\W*(?:why|what|when|where|who|how|which|can|could|do|does|is|are|may|will|would)\b")
_MISSING_USE = "Is it unused"
_KEYWORDS = {
    "twin tip": ["SNB-TT-X01"], "boot": ["SNB-BOOT-ALM02"], "park": ["SNB-PKbk-012"], "freestyle": ["SNB-PKbk-012"],
    "goggles": ["GOG-037"], "binding": ["SNB-BIND-CPRO"], "board": ["SNB-TT-X01", "SNB-PKbk-012"],
}  # fmt: skip
"""The items that a word may mean, the most likely first."""


_ALSO = "You also asked for something new. Shall I put you through to our sales team?"
_KEPT = "All right, then you keep it, and nothing was set going."


def add_returns_part(rehearsal: Rehearsal) -> None:
    """Add the part to the rehearsal."""
    rehearsal.plays("returns")(_returns)


async def _returns(caller: Caller) -> Lines:
    notes = caller.notes
    form = ShopForm(caller, {BUY: "salesAgent"}, phone=PHONE)
    yield "Hi, this is Jane from returns."
    if "phone" not in notes and "request_text" not in notes:
        reply = await form.ask("What can I do for you?", RETURN, ORDERS, ITEM)
        form.hear(reply.text)
        notes["request_text"] = reply.text
    orders = await _orders(form)
    request = notes.pop("request_text", "")
    while True:
        if ORDERS.match(request) and not RETURN.match(request):
            await act(_status(orders))
        else:
            await _return(caller, orders, request)
        if notes.pop("also", None) and (await form.ask(_ALSO, YES, NO)).meant is YES:
            await act(await form.lead("salesAgent", ""))
        reply = await form.ask("Is there anything else?", RETURN, ORDERS, BYE, NO, YES, ITEM)
        while reply.meant in (NO, BYE, YES):
            more = "What is it about?" if reply.meant is YES else "Then have a good time on the mountain. Goodbye!"
            reply = await form.ask(more, RETURN, ORDERS, BYE, NO, YES, ITEM)
        request = reply.text


async def _orders(form: ShopForm) -> Sequence[Order]:
    """Look up the orders by the verified phone number, or by one that the caller gives."""
    notes = form.caller.notes
    before = "By which phone number can I look up your orders?"
    while True:
        if "phone" not in notes:
            notes["phone"] = written_phone((await form.fill("phone", before=before))["phone"])
        await act("One moment, I'm looking up your orders.")
        found: object = await act(call_tool("lookupOrders", phoneNumber=notes["phone"]))
        orders = found.get("orders") if isinstance(found, dict) else None
        if isinstance(orders, list) and orders:
            return orders
        del notes["phone"]
        form.forget("phone")
        before = "I'm sorry, I can't find any orders under that number. Is there another one?"


async def _return(caller: Caller, orders: Sequence[Order], request: str) -> None:
    item_field = Field(
        _all_items(orders),
        read=partial(_named, orders),
        hears=ITEM,
        named=ITEM,
        spoken=lambda piece: _described(*piece),
        confirm=True,
        check="I see {}. Is that the one?",
        why="I can only take back what I find in your orders.",
        thanks="",
        help="You can say: the board, the boots, the goggles or the bindings.",
    )

    async def keep(_reply: Reply) -> None:
        form["item"] = None
        await act(_KEPT)

    answers = dict.fromkeys((KEEP, CANCEL, ShopForm.CANCEL), keep)
    form = ShopForm(caller, {BUY: "salesAgent"}, answers=answers, item=item_field)
    form.hear(request, "item")
    if (piece := (await form.fill())["item"]) is None:
        return
    order, item = piece
    question, asked = "Why would you like to return it, and in what condition is it?", ""
    reasons: list[str] = []
    action = "exchange" if "exchange" in request.lower() else "return"
    known = None
    while True:
        if item is not known:
            await _read_policy(caller, item)
            known = item
        reply = await form.ask(
            question, DETAILS, KEEP, *((YES, NO) if asked.startswith(_MISSING_USE) else ()),
            accepts=is_reason,
            asides={ShopForm.WHY: "Our policy depends on the reason and on the condition."},
            help="For example: it broke, it doesn't fit, or I don't like it; and used, or unused.",
        )  # fmt: skip
        order, item = form["item"]
        if item is not known:
            await _read_policy(caller, item)
            known = item
        if reply.meant is KEEP:
            await act(_KEPT)
            return
        reasons.append({YES: "It is unused.", NO: "It was used."}.get(reply.meant or KEEP, reply.text))
        action = "exchange" if "exchange" in reply.text.lower() else action
        await act("Thank you. I'm looking into that; it takes a moment.")
        verdict: object = await act(
            call_tool(
                "checkEligibilityAndPossiblyInitiateReturn",
                userDesiredAction=f"{action} {item['item_name']} ({item['item_id']}) of order {order['order_id']}",
                question=_question(order, item, reasons),
            )
        )
        if not isinstance(verdict, dict) or "isEligible" not in verdict:
            question = "I'm sorry, I can't get that decided just now. What was wrong with it? I'll try once more."
        elif verdict["isEligible"] == "need_more_information":
            asked = verdict["additionalInformationNeeded"]
            question = f"To decide that, I need to know a little more. {asked}"
        elif verdict["isEligible"] == "true":
            await act(f"Good news: that's accepted. {verdict['returnNextSteps']}")
            return
        else:
            await act(f"I'm sorry, I can't take it back. {verdict['rationale']}")
            return


async def _read_policy(caller: Caller, item: dict[str, object]) -> None:
    await act("Let me look at our policy for that.")
    address = caller.notes.get("address") or {}
    await act(call_tool("retrievePolicy", region=address.get("state", "United States"), itemCategory=_category(item)))


def is_reason(text: str) -> bool:
    """Return whether the words give a reason for a return, or the condition of the goods."""
    words = text.lower().replace("’", "'")
    if _QUESTION.match(words) and words.rstrip().endswith("?") and len(re.split(r"[.!?]\s", words)) == 1:
        return False
    if _REASON.search(words):
        return True
    return len(words.split()) > 6 and not _QUESTION.match(words) and not BUY.match(words)


def _question(order: Order, item: dict[str, object], reasons: Sequence[str]) -> str:
    delivered = (
        f"was delivered on {order['delivered_date'][:10]}" if order["delivered_date"] else "has not been delivered yet"
    )
    what = f"Can it be taken back? It was ordered on {order['order_date'][:10]} and {delivered}."
    return f"{what} The caller says: {' '.join(reasons)}"


def _named(orders: Sequence[Order], words: str, before: Piece | None) -> Piece | None:
    """Return the item that the words name. A general word means the item before, "the other" another one."""
    said = words.lower()
    item_ids = next((item_ids for keyword, item_ids in _KEYWORDS.items() if keyword in said), [])
    pieces = [
        (order, item)
        for item_id in item_ids
        for order in orders
        for item in order["items"]
        if item["item_id"] == item_id
    ]
    is_other = re.search(r"\b(?:other|another|different|not)\b", said) is not None
    if before in pieces and not is_other:
        return before
    return next((piece for piece in pieces if piece != before or not is_other), None)


def _described(order: Order, item: dict[str, object]) -> str:
    when = f"delivered on {_day(order['delivered_date'])}" if order["delivered_date"] else "which is still on its way"
    return f"the {item['item_name']} of order {order['order_id']}, {when}"


def _all_items(orders: Sequence[Order]) -> str:
    names = [f"the {item['item_name']}" for order in orders for item in order["items"]]
    return f"I see {', '.join(names[:-1])} and {names[-1]}. Which one is it about?"


def _status(orders: Sequence[Order]) -> str:
    told = [
        f"Order {order['order_id']} "
        + (f"was delivered on {_day(order['delivered_date'])}." if order["delivered_date"] else "is still on its way.")
        for order in orders
    ]
    return " ".join(told)


def _day(moment: str) -> str:
    day = datetime.fromisoformat(moment)
    return f"{day:%B} {day.day}"


def _category(item: dict[str, object]) -> str:
    name = str(item["item_name"]).lower()
    for category, words in {"boots": ("boots",), "snowboard": ("snowboard x", "freestyle board")}.items():
        if any(word in name for word in words):
            return category
    return "accessories"
