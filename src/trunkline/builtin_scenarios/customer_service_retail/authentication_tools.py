"""The authentication agent's tools: verify a caller, save the address, note the answer to an offer."""

from __future__ import annotations

from datetime import date

from trunkline import CallContext
from trunkline.builtin_scenarios.customer_service_retail.orders import TODAY
from trunkline.builtin_scenarios.customer_service_retail.state import (
    Address,
    CardKind,
    Identity,
    OfferAnswer,
    OfferResponse,
    ShopCallState,
)
from trunkline.builtin_scenarios.customer_service_retail.tool_schemas import (
    object_schema,
    phone_number,
    shop_tool,
    text,
)


@shop_tool(
    "Checks a caller's phone number, date of birth and the last four digits of a card or Social Security number "
    "against the shop's records. Confirm each with the caller before.",
    phone_number=phone_number("The caller's phone number, for finding their record"),
    date_of_birth=text("The caller's date of birth, written 'YYYY-MM-DD'", pattern=r"^\d{4}-\d{2}-\d{2}$"),
    last_4_digits=text("The last four digits of their credit card or Social Security number", pattern=r"^\d{4}$"),
    last_4_digits_type=text("Which of the two these digits are from", enum=["credit_card", "ssn"]),
)
async def authenticate_user_information(
    call: CallContext[ShopCallState],
    phone_number: str,
    date_of_birth: str,
    last_4_digits: str,
    last_4_digits_type: CardKind,
) -> dict[str, bool]:
    """Verify the caller; the demo accepts every date of birth before its present day."""
    if date.fromisoformat(date_of_birth) > TODAY:
        raise ValueError("nobody is born in the future; ask for the date of birth again")
    call.state.identity = Identity(phone_number, date_of_birth, last_4_digits, last_4_digits_type)
    return {"success": True}


@shop_tool(
    "Saves the caller's street address, or replaces the one on record. Only after they have been verified.",
    phone_number=phone_number("The phone number the caller was verified by"),
    new_address=object_schema(
        street=text("House number and street"),
        city=text("The town"),
        state=text("The state or province"),
        postal_code=text("The ZIP or postal code"),
    ),
)
async def save_or_update_address(
    call: CallContext[ShopCallState], phone_number: str, new_address: dict[str, str]
) -> dict[str, bool]:
    """Save the address of the verified caller."""
    _must_be_verified(call.state, phone_number)
    call.state.address = Address(**new_address)
    return {"success": True}


@shop_tool(
    "Notes what the caller answers to an offer that was read to them.",
    phone=text("The phone number the caller was verified by"),
    offer_id=text("The offer's id"),
    user_response=text("Their answer", enum=["ACCEPTED", "DECLINED", "REMIND_LATER"]),
)
async def update_user_offer_response(
    call: CallContext[ShopCallState], phone: str, offer_id: str, user_response: OfferAnswer
) -> dict[str, bool]:
    """Note the verified caller's answer to an offer."""
    _must_be_verified(call.state, phone)
    call.state.offer = OfferResponse(offer_id, user_response)
    return {"success": True}


def _must_be_verified(visit: ShopCallState, phone_number: str) -> None:
    if visit.identity is None:
        raise PermissionError("the caller has not been verified yet; do that first")
    if visit.identity.phone_number != phone_number:
        raise PermissionError("that is not the phone number the caller was verified by")


AUTHENTICATION_TOOLS = [authenticate_user_information, save_or_update_address, update_user_offer_response]
