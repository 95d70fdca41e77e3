"""NewTelco's sample data: one account, the policy documents, and the stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACCOUNT: dict[str, Any] = {
    "account_id": "NT-204118",
    "name": "Dana Whitfield",
    "phone_number": "(206) 555-0142",
    "plan": "Unlimited",
    "status": "active",
    "balance_usd": 42.17,
    "due_date": "December 20",
    "last_bill": {
        "period": "November",
        "total_usd": 42.17,
        "items": [
            {"what": "the Unlimited plan", "amount_usd": 35.00},
            {"what": "roaming in Canada on November 18", "amount_usd": 5.00},
            {"what": "taxes and fees", "amount_usd": 2.17},
        ],
    },
    "bill_before": {"period": "October", "total_usd": 37.17},
    "automatic_payment": False,
}
"""The only account there is."""


@dataclass(frozen=True)
class Document:
    """A policy document. `topics` are the words by which it is found."""

    id: str
    name: str
    topics: frozenset[str]
    content: tuple[str, ...]


DOCUMENTS = (
    Document(
        "NT-010",
        "Family Plan Policy",
        frozenset({"family", "line", "shared", "children", "kid"}),
        (
            "The family plan joins two to five lines that live at one address.",
            "Each line has unlimited data, and costs 30 dollars a month; from the third line on it is 20 dollars.",
            "A line can be added at any time, and its first month is charged by the day.",
            "A line can leave the family plan at the end of a billing month; it then moves to the Basic plan.",
            "Parental controls for children's lines are free.",
        ),
    ),
    Document(
        "NT-020",
        "Promotions and Discounts Policy",
        frozenset({"promotion", "discount", "offer", "deal", "student"}),
        (
            "Students, teachers and military members get a discount of 10 percent on their plan, with proof.",
            "Paying automatically saves 5 dollars a month.",
            "Whoever brings a friend gets 25 dollars once the friend has stayed for two months.",
            "Only one percentage discount can be used on an account; dollar discounts can be added to it.",
            "Promotions for new customers cannot be given to existing accounts.",
        ),
    ),
    Document(
        "NT-030",
        "International Policy",
        frozenset({"international", "roaming", "abroad", "travel", "overseas", "canada", "mexico"}),
        (
            "In Canada and Mexico a roaming pass costs 5 dollars a day; it starts by itself with the first use.",
            "In other countries the roaming pass costs 12 dollars a day, in more than a hundred countries.",
            "The Traveler plan costs 40 dollars a month, with calls and 10 gigabytes of data in all those countries.",
            "Calls from home to other countries cost 15 cents a minute without a plan for them.",
            "Roaming can be switched off for a line at any time, free of charge.",
        ),
    ),
    Document(
        "NT-040",
        "Handset Policy",
        frozenset({"handset", "device", "upgrade", "trade", "insurance", "warranty"}),
        (
            "A handset can be paid for in 24 monthly rates without interest.",
            "An upgrade is possible once half of the rates have been paid.",
            "A handset can be returned within 14 days, undamaged, for a fee of 35 dollars.",
            "Handset insurance costs 9 dollars a month and covers loss, theft and a broken screen.",
            "A handset is unlocked on request once it has been paid for.",
        ),
    ),
    Document(
        "NT-050",
        "Plans and Prices",
        frozenset({"price", "unlimited", "basic", "cheapest", "data limit"}),
        (
            "The Basic plan is the cheapest: it costs 20 dollars a month, with 5 gigabytes of data.",
            "The Unlimited plan costs 35 dollars a month, with calls and data without a limit.",
            "After the data of the Basic plan is used up, it is slower until the next month; nothing is charged.",
            "A plan can be changed to another one at the end of each billing month.",
        ),
    ),
)


@dataclass(frozen=True)
class Store:
    """A store, and when it is open."""

    name: str
    address: str
    zip_code: str
    phone_number: str
    hours: str


_CITY = "Monday to Saturday 9 to 19, Sunday 11 to 17"
_MALL = "every day 10 to 21"
_SMALL = "Monday to Friday 10 to 18, Saturday 10 to 14, closed on Sunday"

STORES = (
    Store("Downtown Seattle", "418 Harbor Steps Lane, Seattle, Washington", "98101", "(206) 555-0161", _CITY),
    Store("Northgate", "77 Meridian Court, Seattle, Washington", "98125", "(206) 555-0162", _MALL),
    Store("Bellevue", "1205 Lakeside Row, Bellevue, Washington", "98004", "(425) 555-0163", _MALL),
    Store("Tacoma", "36 Foundry Street, Tacoma, Washington", "98402", "(253) 555-0164", _SMALL),
    Store("Spokane", "910 Riverbend Avenue, Spokane, Washington", "99201", "(509) 555-0165", _SMALL),
    Store("Portland Pearl", "240 Cannery Way, Portland, Oregon", "97209", "(503) 555-0166", _CITY),
    Store("Eugene", "58 Willow Mill Road, Eugene, Oregon", "97401", "(541) 555-0167", _SMALL),
    Store("San Francisco Mission", "2114 Bakery Alley, San Francisco, California", "94110", "(415) 555-0168", _CITY),
    Store("Oakland", "303 Estuary Drive, Oakland, California", "94607", "(510) 555-0169", _SMALL),
    Store("Sacramento", "19 Delta Square, Sacramento, California", "95814", "(916) 555-0170", _MALL),
    Store("Los Angeles", "620 Citrus Grove Street, Los Angeles, California", "90012", "(213) 555-0171", _CITY),
    Store("Denver", "88 Union Yard, Denver, Colorado", "80202", "(303) 555-0172", _CITY),
    Store("Austin", "515 Pecan Bend, Austin, Texas", "78701", "(512) 555-0173", _MALL),
    Store("Chicago Loop", "140 Signal House Street, Chicago, Illinois", "60602", "(312) 555-0174", _CITY),
    Store("Atlanta", "27 Magnolia Arcade, Atlanta, Georgia", "30303", "(404) 555-0175", _MALL),
    Store("Boston", "9 Ropewalk Lane, Boston, Massachusetts", "02110", "(617) 555-0176", _CITY),
    Store("New York Midtown", "233 Printers Row, New York, New York", "10018", "(212) 555-0177", _CITY),
    Store("Miami", "71 Pelican Walk, Miami, Florida", "33130", "(305) 555-0178", _MALL),
)
