"""The sales agent's tools: list the sale, fill the cart, send a payment link."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trunkline import CallContext
from trunkline.builtin_scenarios.customer_service_retail.catalogue import SALE, on_sale
from trunkline.builtin_scenarios.customer_service_retail.state import Checkout, ShopCallState
from trunkline.builtin_scenarios.customer_service_retail.tool_schemas import phone_number, shop_tool, text

CHECKOUT_URL = "https://example.com/checkout"


@shop_tool(
    "Lists what is on sale, the biggest discount first.",
    category=text("What kind of thing", enum=["snowboard", "apparel", "boots", "accessories", "any"]),
)
async def lookupNewSales(_call: CallContext[ShopCallState], category: str) -> dict[str, list[dict[str, Any]]]:
    """Return the sale items of a category, the biggest discount first."""
    return {"sales": [asdict(item) for item in on_sale(category)]}


@shop_tool("Puts an item into the caller's cart.", item_id=text("The item's id, as the sale lists it"))
async def addToCart(call: CallContext[ShopCallState], item_id: str) -> dict[str, bool]:
    """Put an item into the cart."""
    _must_exist(item_id)
    call.state.cart.append(item_id)
    return {"success": True}


@shop_tool(
    "Makes a payment link for items and sends it to the caller's phone.",
    item_ids={"type": "array", "items": {"type": "string"}, "description": "The ids of what is to be bought"},
    phone_number=phone_number("The phone number that the link goes to"),
)
async def checkout(call: CallContext[ShopCallState], item_ids: list[str], phone_number: str) -> dict[str, str]:
    """Return a payment link for the items."""
    if not item_ids:
        raise ValueError("there is nothing to pay for; ask what the caller would like")
    for item_id in item_ids:
        _must_exist(item_id)
    call.state.checkout = Checkout(tuple(item_ids), phone_number, CHECKOUT_URL)
    return {"checkoutUrl": CHECKOUT_URL}


def _must_exist(item_id: str) -> None:
    if item_id not in {item.item_id for item in SALE}:
        known = ", ".join(f"{item.item_id} ({item.name})" for item in SALE)
        raise LookupError(f"there is no item {item_id}; there are: {known}")


SALES_TOOLS = [lookupNewSales, addToCart, checkout]
