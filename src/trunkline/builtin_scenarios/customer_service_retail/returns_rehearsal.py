"""The rehearsal of the returns agent, Jane."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline import Caller, Lines, Phrases, Rehearsal, act, call_tool
from trunkline.builtin_scenarios.customer_service_retail.caller_details import read_phone, spoken_phone, written_phone
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import BUY, BYE, NO, ORDERS, PHONE, RETURN, YES
from trunkline.builtin_scenarios.customer_service_retail.dialogue import Dialogue

Order = dict[str, Any]
Piece = tuple[Order, dict[str, object]]
"""An order and one of its items."""

ITEM = Phrases(
    "[no] [it's | it is | I mean | it's about] [the | my] [new] (twin tip [snowboard] | snowboard | board | boots"
    " | goggles | bindings | freestyle board | park and pipe [board])",
)
KEEP = Phrases(
    "[no] (never mind | forget it) [I'll keep it]",
    "[no] [you know what] (I want to | I will | I'll | I'd rather) keep (it | them)",
)
DETAILS = Phrases(
    "[the | it | my] [board | snowboard | it] [is | was | has] (defective | broken | cracked | damaged)",
    "[it's | it is] (defective | broken | damaged) [there's] [a] [big] [crack]",
    "[the (board | snowboard)] delaminated [and] [(an | the) edge came off] [in normal use] [after three runs]",
    "(an | the) edge came off [in normal use] [after (one | two | three) runs]",
    "(it's | it is | I have) (unused | never used [it]) [I (don't like it | changed my mind)] [it's the wrong size]",
    "(I don't like it | it's the wrong size | it doesn't fit | I changed my mind)",
)
"""Reasons for a return for the speech recogniser; typed reasons may be others."""

_KEYWORDS = {
    "twin tip": ["SNB-TT-X01"], "boot": ["SNB-BOOT-ALM02"], "park": ["SNB-PKbk-012"], "freestyle": ["SNB-PKbk-012"],
    "goggles": ["GOG-037"], "binding": ["SNB-BIND-CPRO"], "board": ["SNB-TT-X01", "SNB-PKbk-012"],
}  # fmt: skip
"""The items that a word may mean, the most likely first."""


def add_returns_part(rehearsal: Rehearsal) -> None:
    """Add the part to the rehearsal."""
    rehearsal.plays("returns")(_returns)


async def _returns(caller: Caller) -> Lines:
    notes = caller.notes
    dialogue = Dialogue(caller, {BUY: "salesAgent"})
    yield "Hi, this is Jane from returns."
    if "phone" not in notes and "request_text" not in notes:
        reply = await dialogue.ask("What can I do for you?", RETURN, ORDERS, ITEM, accepts=bool)
        notes["request_text"] = reply.text
    orders = await _orders(dialogue)
    request = notes.pop("request_text", "")
    while True:
        if ORDERS.match(request) and not RETURN.match(request):
            await act(_status(orders))
        else:
            await _return(dialogue, orders, request)
        reply = await dialogue.ask("Is there anything else?", RETURN, ORDERS, BYE, NO, YES, ITEM)
        while reply.meant in (NO, BYE, YES):
            more = "What is it about?" if reply.meant is YES else "Then have a good time on the mountain. Goodbye!"
            reply = await dialogue.ask(more, RETURN, ORDERS, BYE, NO, YES, ITEM)
        request = reply.text


async def _orders(dialogue: Dialogue) -> Sequence[Order]:
    """Look up the orders by the verified phone number, or by one that the caller gives."""
    notes = dialogue.caller.notes
    question = "By which phone number can I look up your orders?"
    while True:
        if "phone" not in notes:
            need = "I need all ten digits, the area code first. What is your phone number?"
            notes["phone"] = written_phone(
                await dialogue.confirmed(question, PHONE, read_phone, spoken_phone, need=need)
            )
        await act("One moment, I'm looking up your orders.")
        found: object = await act(call_tool("lookupOrders", phoneNumber=notes["phone"]))
        if isinstance(found, list) and found:
            return found
        del notes["phone"]
        question = "I'm sorry, I can't find any orders under that number. Is there another one?"


async def _return(dialogue: Dialogue, orders: Sequence[Order], request: str) -> None:
    order, item = await _chosen(dialogue, orders, request)
    await act("Let me look at our policy for that.")
    address = dialogue.caller.notes.get("address") or {}
    await act(call_tool("retrievePolicy", region=address.get("state", "United States"), itemCategory=_category(item)))
    question = "Why would you like to return it, and in what condition is it?"
    reasons: list[str] = []
    action = "exchange" if "exchange" in request.lower() else "return"
    while True:
        reply = await dialogue.ask(question, DETAILS, KEEP, accepts=lambda text: len(text.split()) > 1)
        if reply.meant is KEEP:
            await act("All right, then you keep it, and nothing was set going.")
            return
        reasons.append(reply.text)
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
            question = f"To decide that, I need to know a little more. {verdict['additionalInformationNeeded']}"
        elif verdict["isEligible"] == "true":
            await act(f"Good news: that's accepted. {verdict['returnNextSteps']}")
            return
        else:
            await act(f"I'm sorry, I can't take it back. {verdict['rationale']}")
            return


def _question(order: Order, item: dict[str, object], reasons: Sequence[str]) -> str:
    delivered = (
        f"was delivered on {order['delivered_date'][:10]}" if order["delivered_date"] else "has not been delivered yet"
    )
    what = f"Can it be taken back? It was ordered on {order['order_date'][:10]} and {delivered}."
    return f"{what} The caller says: {' '.join(reasons)}"


async def _chosen(dialogue: Dialogue, orders: Sequence[Order], request: str) -> Piece:
    """Return the item to take back, after the caller has confirmed it."""
    piece = _named(orders, request)
    refused: list[Piece] = []
    while True:
        if piece is None:
            reply = await dialogue.ask(_all_items(orders), ITEM, accepts=lambda text: _named(orders, text))
        else:
            reply = await dialogue.ask(f"{_described(*piece)} Is that the one?", YES, NO, ITEM)
            if reply.meant is YES:
                return piece
            refused.append(piece)
        piece = _named(orders, reply.text, but=refused)


def _named(orders: Sequence[Order], words: str, but: Sequence[Piece] = ()) -> Piece | None:
    item_ids = next((item_ids for keyword, item_ids in _KEYWORDS.items() if keyword in words.lower()), [])
    pieces = [
        (order, item)
        for item_id in item_ids
        for order in orders
        for item in order["items"]
        if item["item_id"] == item_id
    ]
    return next((piece for piece in pieces if piece not in but), None)


def _described(order: Order, item: dict[str, object]) -> str:
    when = f"delivered on {_day(order['delivered_date'])}" if order["delivered_date"] else "which is still on its way"
    return f"I see the {item['item_name']} of order {order['order_id']}, {when}."


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


def _category(item: dict[str, Any]) -> str:
    name = item["item_name"].lower()
    for category, words in {"boots": ("boots",), "snowboard": ("snowboard x", "freestyle board")}.items():
        if any(word in name for word in words):
            return category
    return "accessories"
