"""The shop's orders. Every caller of the demo has the same two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

TODAY = date(2024, 12, 26)
"""The present day of the demo's data."""


@dataclass(frozen=True)
class Item:
    """An item of an order; the price is in US dollars."""

    item_id: str
    item_name: str
    retail_price_usd: float


@dataclass(frozen=True)
class Order:
    """An order; times are UTC, amounts US dollars."""

    order_id: str
    order_date: str
    delivered_date: str | None
    order_status: str
    subtotal_usd: float
    total_usd: float
    items: tuple[Item, ...]


ORDERS = (
    Order(
        order_id="SNP-20230914-001",
        order_date="2024-09-14T09:30:00Z",
        delivered_date="2024-09-16T14:00:00Z",
        order_status="delivered",
        subtotal_usd=409.98,
        total_usd=471.48,
        items=(
            Item("SNB-TT-X01", "Twin Tip Snowboard X", 249.99),
            Item("SNB-BOOT-ALM02", "All-Mountain Snowboard Boots", 159.99),
        ),
    ),
    Order(
        order_id="SNP-20230820-002",
        order_date="2023-08-20T10:15:00Z",
        delivered_date=None,
        order_status="in_transit",
        subtotal_usd=339.97,
        total_usd=390.97,
        items=(
            Item("SNB-PKbk-012", "Park & Pipe Freestyle Board", 189.99),
            Item("GOG-037", "Mirrored Snow Goggles", 89.99),
            Item("SNB-BIND-CPRO", "Carving Pro Binding Set", 59.99),
        ),
    ),
)
