"""The rehearsed Jane from returns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline import Caller, Lines, Phrases, Rehearsal, act, call
from trunkline.scenarios.customer_service_retail.details import read_phone, spoken_phone, written_phone
from trunkline.scenarios.customer_service_retail.replies import BUY, BYE, NO, ORDERS, PHONE, RETURN, YES
from trunkline.scenarios.customer_service_retail.talk import Talk

Order = dict[str, Any]
Piece = tuple[Order, dict[str, Any]]
"""An order, and one of its items."""

ITEM = Phrases(
    "[no] [it's | it is | I mean | it's about] [the | my] [new] (twin tip [snowboard] | snowboard | board | boots"
    " | goggles | bindings | freestyle board | park and pipe [board])",
)
KEEP = Phrases(
    "[no] [I (changed my mind | want to keep it | will keep it | 'll keep it)]"
    " (never mind | forget it | keep it | I changed my mind)"
)
DETAILS = Phrases(
    "[the | it | my] [board | snowboard | it] [is | was | has] (defective | broken | cracked | damaged)",
    "[it's | it is] (defective | broken | damaged) [there's] [a] [big] [crack]",
    "[the (board | snowboard)] delaminated [and] [(an | the) edge came off] [in normal use] [after three runs]",
    "(an | the) edge came off [in normal use] [after (one | two | three) runs]",
    "(it's | it is | I have) (unused | never used [it]) [I (don't like it | changed my mind)] [it's the wrong size]",
    "(I don't like it | it's the wrong size | it doesn't fit | I changed my mind)",
)
"""Why things come back, as far as the recogniser listens for it. Typed, anything will do."""

_KEYWORDS = {
    "twin tip": "SNB-TT-X01", "boots": "SNB-BOOT-ALM02", "boot": "SNB-BOOT-ALM02", "park": "SNB-PKbk-012",
    "pipe": "SNB-PKbk-012", "freestyle": "SNB-PKbk-012", "goggles": "GOG-037", "bindings": "SNB-BIND-CPRO",
    "binding": "SNB-BIND-CPRO", "snowboard": "SNB-TT-X01", "board": "SNB-TT-X01",
}  # fmt: skip


def returns_desk(rehearsal: Rehearsal) -> None:
    """Adds the part."""
    rehearsal.plays("returns")(_returns)


async def _returns(caller: Caller) -> Lines:
    notes = caller.notes
    talk = Talk(caller, {BUY: "salesAgent"})
    yield "Hi, this is Jane from returns."
    orders = await _orders(talk)
    wish = notes.pop("wish_text", "")
    while True:
        if ORDERS.match(wish) and not RETURN.match(wish):
            await act(_status(orders))
        else:
            await _return(talk, orders, wish)
        reply = await talk.ask("Is there anything else?", RETURN, ORDERS, BYE, NO, YES, ITEM)
        while reply.meant in (NO, BYE, YES):
            more = "What is it about?" if reply.meant is YES else "Then have a good time on the mountain. Goodbye!"
            reply = await talk.ask(more, RETURN, ORDERS, BYE, NO, YES, ITEM)
        wish = reply.text


async def _orders(talk: Talk) -> Sequence[Order]:
    """Looks the orders up, by the number the caller was verified by, or else by one that they tell."""
    notes = talk.caller.notes
    question = "By which phone number can I look up your orders?"
    while True:
        if "phone" not in notes:
            need = "I need all ten digits, the area code first. What is your phone number?"
            notes["phone"] = written_phone(await talk.confirmed(question, PHONE, read_phone, spoken_phone, need=need))
        await act("One moment, I'm looking up your orders.")
        found: Any = await act(call("lookupOrders", phoneNumber=notes["phone"]))
        if isinstance(found, list) and found:
            return found
        del notes["phone"]
        question = "I'm sorry, I can't find any orders under that number. Is there another one?"


async def _return(talk: Talk, orders: Sequence[Order], wish: str) -> None:
    order, item = await _chosen(talk, orders, wish)
    await act("Let me look at our policy for that.")
    address = talk.caller.notes.get("address") or {}
    await act(call("retrievePolicy", region=address.get("state", "United States"), itemCategory=_category(item)))
    question = "Why would you like to return it, and in what condition is it?"
    reasons: list[str] = []
    action = "exchange" if "exchange" in wish.lower() else "return"
    while True:
        reply = await talk.ask(question, DETAILS, KEEP, accepts=lambda text: len(text.split()) > 1)
        if reply.meant is KEEP:
            await act("All right, then you keep it, and nothing was set going.")
            return
        reasons.append(reply.text)
        action = "exchange" if "exchange" in reply.text.lower() else action
        await act("Thank you. I'm looking into that; it takes a moment.")
        verdict: Any = await act(
            call(
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


def _question(order: Order, item: dict[str, Any], reasons: Sequence[str]) -> str:
    delivered = f"delivered on {order['delivered_date'][:10]}" if order["delivered_date"] else "not delivered yet"
    return (
        f"The caller's {item['item_name']} was ordered on {order['order_date'][:10]} and {delivered}. "
        f"They say: {' / '.join(reasons)}"
    )


async def _chosen(talk: Talk, orders: Sequence[Order], wish: str) -> Piece:
    """What is to come back: what the caller has named, once they have confirmed it."""
    piece = _named(orders, wish)
    question = _all_items(orders)
    while True:
        if piece is None:
            reply = await talk.ask(question, ITEM, accepts=lambda text: _named(orders, text))
        else:
            reply = await talk.ask(f"{_described(*piece)} Is that the one?", YES, NO, ITEM)
            if reply.meant is YES:
                return piece
        named = _named(orders, reply.text)
        if named == piece or named is None:
            named = _other_board(orders, piece) if named and reply.meant is ITEM else None
        piece, question = named, f"Which one is it, then? {_all_items(orders)}"


def _named(orders: Sequence[Order], words: str) -> Piece | None:
    said = f" {words.lower()} "
    item_id = next((item_id for keyword, item_id in _KEYWORDS.items() if f" {keyword}" in said), None)
    return next(((order, item) for order in orders for item in order["items"] if item["item_id"] == item_id), None)


def _other_board(orders: Sequence[Order], piece: Piece | None) -> Piece | None:
    boards = [(order, item) for order in orders for item in order["items"] if "board" in item["item_name"].lower()]
    others = [board for board in boards if piece is None or board[1] != piece[1]]
    return others[-1] if others else None


def _described(order: Order, item: dict[str, Any]) -> str:
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
