"""The rehearsal of the sales agent."""

from __future__ import annotations

from trunkline import NO, YES, Caller, Lines, Phrases, Rehearsal, Reply, act, call_tool
from trunkline.builtin_scenarios.customer_service_retail.caller_phrases import BYE, ORDERS, RETURN
from trunkline.builtin_scenarios.customer_service_retail.catalogue import SALE, SaleItem, on_sale
from trunkline.builtin_scenarios.customer_service_retail.identity_fields import PHONE, written_phone
from trunkline.builtin_scenarios.customer_service_retail.shop_form import ShopForm

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
_IT = "(it | them | that [one] | those | these | this [one])"
_COUNT = "(a pair of | one | two [pairs] | three [pairs] | four [pairs])"
TAKE = Phrases(
    "[yes] [please] [I'll take | I will take | I'd take | (I want | I'd like) [to (buy | have)] | add | give me | put"
    f" | and [also] | also] [the | a | an | some | {_COUNT} [[of] (the | your)]] {_NAMES} [in (my | the) cart"
    " | to (my | the) cart] [please]",
    f"[yes] [please] (I'll take | I will take | I'd take | add | give me | put | I want | I'd like) [{_COUNT}] [of]"
    f" {_IT} [in (my | the) cart | to (my | the) cart] [please]",
    f"[yes] (I'll take | I will take | add | give me | make (it | that)) {_COUNT} [of] [them] [please]",
    too=(f"[yes] [please] {_COUNT} [of] (them | those | please) [please]",),
)
REMOVE = Phrases(f"[please] [no] (remove | take out | without | not) [the | any] ({_NAMES} | {_IT}) [please]")
ASK_ABOUT = Phrases(
    "(how much (is | are | does | do | for) | what (does | do) | what's the price of | what is the price of"
    f" | tell me about | what about | how about | do you have) [the | a | any | some] ({_NAMES} | {_IT}) [cost]",
    "(what does it cost | what's the price | how much [is it | are they | does it cost | do they cost])",
)
CHEAPEST = Phrases(
    too=(
        "[how much (is | are | for) | what (is | are)] [the | your] (cheapest | least expensive | lowest price"
        " | most affordable) [new] [one | ones | board | boards | snowboard | snowboards | boots | thing] [cost]",
    )
)
CHECKOUT = Phrases(
    "[I'd like | I want | can I | let me] [to] (check out | checkout | pay [now]) [please] [now]",
    "[no] [thanks] that's (all | it | everything) [thanks | please] [check out]",
    too=("(that's | that is) (my lot | the lot | me)", "(that'll | that will) (be all | be it | do)"),
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
    form = ShopForm(caller, {RETURN: "returns", ORDERS: "returns"}, phone=PHONE)
    cart: list[SaleItem] = []
    yield "Hi, here is sales! One moment, I'm looking at what is on offer."
    if best := await _offers("any"):
        await act(f"The best today: {_listed(best[:3])}.")
    again = question = "What are you looking for: a snowboard, boots, clothing or accessories?"
    shown = "any"
    item: SaleItem | None = None
    """The item that "it" means."""
    while True:
        offered = question.endswith((_OFFER, _ANOTHER))
        reply = await form.ask(
            question, TAKE, REMOVE, CHEAPEST, ASK_ABOUT, CHECKOUT, RECOMMEND, NO, BYE, YES, *CATEGORIES.values(),
            again=again,
            help="You can name a thing, ask for its price, or say: check out.",
        )  # fmt: skip
        item = _named(reply.text) or item
        again = "What else may I do for you: show you something, or check out?"
        if reply.meant is REMOVE and item in cart:
            cart.remove(item)
            question = f"All right, without the {item.name}. {_cart(cart)} What else?"
        elif item and (reply.meant is TAKE or (reply.meant is YES and offered)):
            question = again = await _added(cart, item, _count(reply))
        elif item and reply.meant is ASK_ABOUT:
            question = again = f"{_priced(item)} {_ANOTHER if item in cart else _OFFER}"
        elif category := next((name for name, meaning in CATEGORIES.items() if reply.meant is meaning), None):
            offers, shown = await _offers(category), category
            listed = f"There is {_listed(offers)}." if offers else "I can't look that up just now."
            question = f"{listed} Which one may I put into your cart?"
        elif reply.meant in (RECOMMEND, CHEAPEST):
            item, praise = _advised(reply, shown)
            question = again = f"{praise} {_OFFER}"
        elif cart and _is_done(reply, question):
            question = await _checked_out(form, cart)
        elif reply.meant in (YES, TAKE, REMOVE, ASK_ABOUT):
            question = "Good. Which one, then?" if reply.meant in (YES, TAKE) else "Which one do you mean?"
        elif reply.meant is CHECKOUT:
            question = "Your cart is still empty. What would you like?"
        elif reply.meant is BYE:
            question = "Goodbye, and have fun out there! If you think of something else, I'm here."
        else:
            question = "No problem. The sale goes on for a while; I'm here if you want something."


_OFFER = "Shall I put it into your cart?"
_ANOTHER = "Shall I put another one into your cart?"
_PAY = "shall we check out?"


def _is_done(reply: Reply, question: str) -> bool:
    """Return whether the caller wants nothing else in the cart."""
    if reply.meant is NO:
        return not question.endswith((_OFFER, _ANOTHER))
    return reply.meant in (CHECKOUT, BYE) or (reply.meant is YES and question.endswith(_PAY))


def _advised(reply: Reply, shown: str) -> tuple[SaleItem, str]:
    """Return an item with a sentence: the cheapest of the category that is named or was shown, or one for beginners."""
    if reply.meant is RECOMMEND:
        item = next(each for each in SALE if each.name == "Alpine Blade")
        return item, "For a first season I'd take the Alpine Blade: it forgives."
    category = next((name for name, meaning in CATEGORIES.items() if meaning.match(reply.text)), shown)
    item = min(on_sale(category), key=lambda each: each.sale_price_usd)
    return item, _priced(item)


def _count(reply: Reply) -> int:
    words = reply.text.lower().split()
    return next(
        (count for word, count in {"two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4}.items() if word in words), 1
    )


async def _offers(category: str) -> list[dict[str, object]]:
    found: object = await act(call_tool("lookupNewSales", category=category))
    offers = found.get("sales") if isinstance(found, dict) else None
    return offers if isinstance(offers, list) else []


async def _added(cart: list[SaleItem], item: SaleItem, count: int) -> str:
    for _ in range(count):
        result: object = await act(call_tool("addToCart", item_id=item.item_id))
        if not (isinstance(result, dict) and result.get("success") is True):
            return f"I'm sorry, I can't put the {item.name} into your cart just now. Would you like something else?"
        cart.append(item)
    await act(_cart(cart))
    return f"Anything else, or {_PAY}"


async def _checked_out(form: ShopForm, cart: list[SaleItem]) -> str:
    notes = form.caller.notes
    reply = await form.ask(f"{_cart(cart)} Shall I send you the payment link?", YES, NO, CHECKOUT, REMOVE)
    if reply.meant is REMOVE:
        unwanted = _named(reply.text)
        cart[:] = [item for item in cart if item != unwanted]
        return f"{_cart(cart)} Anything else, or shall we check out?"
    if reply.meant is NO:
        return "All right. What would you like to change?"
    if "phone" not in notes:
        number = (await form.fill("phone", before="To which phone number shall it go?"))["phone"]
        notes["phone"] = written_phone(number)
    await act("One moment, I'm making the payment link.")
    sent: object = await act(
        call_tool("checkout", item_ids=[item.item_id for item in cart], phone_number=notes["phone"])
    )
    if not (isinstance(sent, dict) and "checkoutUrl" in sent):
        return "I'm sorry, the link could not be made. Shall we check out once more?"
    cart.clear()
    await act(f"It's on its way to {notes['phone']} as a text message.")
    return "Is there anything else?"


def _priced(item: SaleItem) -> str:
    return (
        f"The {item.name} is {item.sale_price_usd} dollars instead of {item.retail_price_usd}, "
        f"{item.sale_discount_pct} percent off."
    )


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
    counts = {item.item_id: sum(each == item for each in cart) for item in cart}
    names = [
        f"the {item.name}" if counts[item.item_id] == 1 else f"{counts[item.item_id]} times the {item.name}"
        for item in dict.fromkeys(cart)
    ]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"In your cart: {listed}, {sum(item.sale_price_usd for item in cart)} dollars in all."
