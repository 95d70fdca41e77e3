"""The rehearsal of the sales agent."""

from __future__ import annotations

from trunkline import Caller, Lines, Phrases, Rehearsal, act, call_tool
from trunkline.builtin_scenarios.customer_service_retail.caller_details import read_phone, spoken_phone, written_phone
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import (
    BYE,
    NO,
    ORDERS,
    PHONE,
    RETURN,
    THANKS,
    YES,
)
from trunkline.builtin_scenarios.customer_service_retail.catalogue import SALE, SaleItem
from trunkline.builtin_scenarios.customer_service_retail.dialogue import Dialogue

_PLEASE = (
    "[please] [show me | tell me about | what about | how about | I'm looking for | I want | I'd like | do you have]"
)
CATEGORIES = {
    "snowboard": Phrases(
        f"{_PLEASE} [a | an | some | your | the] [new] (snowboard | snowboards | board | boards) [please]"
    ),
    "apparel": Phrases(f"{_PLEASE} [some | your | the] (clothes | clothing | apparel) [please]"),
    "boots": Phrases(f"{_PLEASE} [some | your | the] [new] boots [please]"),
    "accessories": Phrases(f"{_PLEASE} [some | your | the] accessories [please]"),
    "any": Phrases(f"{_PLEASE} (everything | anything | all [of it] | what else [is there]) [please]"),
}
_NAMES = (
    "(alpine blade | peak bomber | [thermal] jacket | [insulated] pants | glacier grip | summit steps | goggles"
    " | [warm] gloves)"
)
TAKE = Phrases(
    "[yes] [please] [I'll take | I will take | I want | I'd like | add | give me | put | and | also] [to (buy | have)]"
    f" [the | a | an | some | also] {_NAMES} [in (my | the) cart | to (my | the) cart] [please]",
)
REMOVE = Phrases(f"[please] [no] (remove | take out | without | not) [the | any] {_NAMES} [please]")
CHECKOUT = Phrases(
    "[I'd like | I want | can I | let me] [to] (check out | checkout | pay [now]) [please] [now]",
    "[no] [thanks] that's (all | it | everything) [thanks | please] [check out]",
)
RECOMMEND = Phrases(
    "[what (do | would | can) you] recommend [me] [for a beginner]",
    "(I'm a beginner | I am a beginner | which one is (best | good) [for (me | a beginner)])",
    "[I] [don't know] [you] (choose | decide | help me choose)",
)


def add_sales_part(rehearsal: Rehearsal) -> None:
    """Add the part to the rehearsal."""
    rehearsal.plays("salesAgent")(_sales)


async def _sales(caller: Caller) -> Lines:
    dialogue = Dialogue(caller, {RETURN: "returns", ORDERS: "returns"})
    cart: list[SaleItem] = []
    yield "Hi, here is sales! One moment, I'm looking at what is on offer."
    if best := await _offers("any"):
        await act(f"The best today: {_listed(best[:3])}.")
    question = "What are you looking for: a snowboard, boots, clothing or accessories?"
    while True:
        reply = await dialogue.ask(
            question,
            TAKE,
            REMOVE,
            CHECKOUT,
            RECOMMEND,
            NO,
            BYE,
            YES,
            *CATEGORIES.values(),
            answers={THANKS: "My pleasure."},
        )
        item = _named(reply.text)
        if reply.meant is REMOVE and item in cart:
            cart.remove(item)
            question = f"All right, without the {item.name}. {_cart(cart)} What else?"
        elif reply.meant is TAKE and item:
            question = await _added(cart, item)
        elif category := next((name for name, meaning in CATEGORIES.items() if reply.meant is meaning), None):
            offers = await _offers(category)
            listed = f"There is {_listed(offers)}." if offers else "I can't look that up just now."
            question = f"{listed} Which one may I put into your cart?"
        elif reply.meant is RECOMMEND:
            question = (
                "For a first season I'd take the Alpine Blade: it forgives. If you want it, say: the Alpine Blade."
            )
        elif reply.meant is YES:
            question = "Good. Which one, then?"
        elif cart and reply.meant in (CHECKOUT, NO, BYE):
            question = await _checked_out(dialogue, cart)
        elif reply.meant is CHECKOUT:
            question = "Your cart is still empty. What would you like?"
        elif reply.meant is BYE:
            question = "Goodbye, and have fun out there! If you think of something else, I'm here."
        else:
            question = "No problem. The sale goes on for a while; I'm here if you want something."


async def _offers(category: str) -> list[dict[str, object]]:
    offers: object = await act(call_tool("lookupNewSales", category=category))
    return offers if isinstance(offers, list) else []


async def _added(cart: list[SaleItem], item: SaleItem) -> str:
    result: object = await act(call_tool("addToCart", item_id=item.item_id))
    if not (isinstance(result, dict) and result.get("success") is True):
        return f"I'm sorry, I can't put the {item.name} into your cart just now. Would you like something else?"
    cart.append(item)
    await act(_cart(cart))
    return "Anything else, or shall we check out?"


async def _checked_out(dialogue: Dialogue, cart: list[SaleItem]) -> str:
    notes = dialogue.caller.notes
    reply = await dialogue.ask(f"{_cart(cart)} Shall I send you the payment link?", YES, NO, CHECKOUT, REMOVE)
    if reply.meant is REMOVE:
        unwanted = _named(reply.text)
        cart[:] = [item for item in cart if item != unwanted]
        return f"{_cart(cart)} Anything else, or shall we check out?"
    if reply.meant is NO:
        return "All right. What would you like to change?"
    if "phone" not in notes:
        need = "I need all ten digits, the area code first. What is your phone number?"
        question = "To which phone number shall it go?"
        notes["phone"] = written_phone(await dialogue.confirmed(question, PHONE, read_phone, spoken_phone, need=need))
    await act("One moment, I'm making the payment link.")
    sent: object = await act(
        call_tool("checkout", item_ids=[item.item_id for item in cart], phone_number=notes["phone"])
    )
    if not (isinstance(sent, dict) and "checkoutUrl" in sent):
        return "I'm sorry, the link could not be made. Shall we check out once more?"
    cart.clear()
    await act(f"It's on its way to {notes['phone']} as a text message.")
    return "Is there anything else?"


def _named(words: str) -> SaleItem | None:
    """Return the item that the words name, by its name or its last word."""
    said = words.lower()
    return next((item for item in SALE if item.name.lower() in said or item.name.lower().split()[-1] in said), None)


def _listed(offers: list[dict[str, object]]) -> str:
    told = [
        f"the {offer['name']} for {offer['sale_price_usd']} instead of {offer['retail_price_usd']} dollars, "
        f"{offer['sale_discount_pct']} percent off"
        for offer in offers
    ]
    return f"{'; '.join(told[:-1])}; and {told[-1]}" if len(told) > 1 else told[0]


def _cart(cart: list[SaleItem]) -> str:
    if not cart:
        return "Your cart is empty."
    names = [f"the {item.name}" for item in cart]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"In your cart: {listed}, {sum(item.sale_price_usd for item in cart)} dollars in all."
