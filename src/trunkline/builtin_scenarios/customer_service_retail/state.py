"""`ShopCallState`: the actions of one call, for its tools and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from trunkline.builtin_scenarios.customer_service_retail.orders import Order
from trunkline.builtin_scenarios.customer_service_retail.verdict import Verdict

CardKind = Literal["credit_card", "ssn"]
OfferAnswer = Literal["ACCEPTED", "DECLINED", "REMIND_LATER"]


@dataclass(frozen=True)
class Identity:
    """The details of the verified caller."""

    phone_number: str
    date_of_birth: str
    last_4_digits: str
    last_4_digits_type: CardKind


@dataclass(frozen=True)
class Address:
    """A delivery address."""

    street: str
    city: str
    state: str
    postal_code: str


@dataclass(frozen=True)
class OfferResponse:
    """The caller's answer to an offer."""

    offer_id: str
    answer: OfferAnswer


@dataclass(frozen=True)
class Checkout:
    """A sent payment link."""

    item_ids: tuple[str, ...]
    phone_number: str
    url: str


@dataclass(frozen=True)
class InitiatedReturn:
    """An accepted return: the caller's request and the next steps."""

    desired_action: str
    next_steps: str


@dataclass
class ShopCallState:
    """The state of one call."""

    identity: Identity | None = None
    address: Address | None = None
    offer: OfferResponse | None = None
    orders: Sequence[Order] = ()
    cart: list[str] = field(default_factory=list)
    checkout: Checkout | None = None
    verdict: Verdict | None = None
    initiated_return: InitiatedReturn | None = None
    phone_number: str | None = None
    """The number by which the orders were looked up."""
