"""The current sale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["snowboard", "apparel", "boots", "accessories"]


@dataclass(frozen=True)
class SaleItem:
    """An item on sale; prices in US dollars, the discount in per cent."""

    item_id: str
    type: Category
    name: str
    retail_price_usd: int
    sale_price_usd: int
    sale_discount_pct: int


SALE = (
    SaleItem("101", "snowboard", "Alpine Blade", 450, 360, 20),
    SaleItem("102", "snowboard", "Peak Bomber", 499, 374, 25),
    SaleItem("201", "apparel", "Thermal Jacket", 120, 84, 30),
    SaleItem("202", "apparel", "Insulated Pants", 150, 112, 25),
    SaleItem("301", "boots", "Glacier Grip", 250, 200, 20),
    SaleItem("302", "boots", "Summit Steps", 300, 210, 30),
    SaleItem("401", "accessories", "Goggles", 80, 60, 25),
    SaleItem("402", "accessories", "Warm Gloves", 60, 48, 20),
)


def on_sale(category: str = "any") -> list[SaleItem]:
    """Return the sale items of a category, the biggest discount first."""
    wanted = [item for item in SALE if category in ("any", item.type)]
    return sorted(wanted, key=lambda item: -item.sale_discount_pct)
