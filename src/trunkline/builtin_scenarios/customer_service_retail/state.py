"""`ShopCallState`: what one call has really done, for its tools to build on and for tests to check."""

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
    """Who was verified."""

    phone_number: str
    date_of_birth: str
    last_4_digits: str
    last_4_digits_type: CardKind


@dataclass(frozen=True)
class Address:
    """Where parcels go."""

    street: str
    city: str
    state: str
    postal_code: str


@dataclass(frozen=True)
class OfferResponse:
    """What the caller makes of an offer."""

    offer_id: str
    answer: OfferAnswer


@dataclass(frozen=True)
class Checkout:
    """A payment link that was sent."""

    item_ids: tuple[str, ...]
    phone_number: str
    url: str


@dataclass(frozen=True)
class InitiatedReturn:
    """A return that was set going: what the caller wants, and what happens next."""

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
