"""Words of street addresses: states, kinds of streets, and phrases for the recogniser."""

from __future__ import annotations

from trunkline import DigitGroups, Phrases, Words

PARTS = {
    "street": "house number and street",
    "city": "city",
    "state": "state",
    "postal_code": "ZIP or postal code",
}
"""The parts of an address, with their names for the caller."""

STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "DC", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine",
    "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri",
    "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico",
    "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon",
    "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee",
    "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming", "OTA": "Otago",
}  # fmt: skip
_KIND_WORDS = "street avenue road drive lane court place terrace way boulevard circle square highway"
_KINDS = _KIND_WORDS.split()
_FURTHER_KIND_WORDS = "close crescent gardens grove loop mews parkway path plaza row trail walk broadway"
"""As above, for typed addresses."""
UNITS = {"apt", "apartment", "unit", "suite", "ste", "floor", "flat", "room", "#"}
_SHORT_KINDS = {"st", "ave", "rd", "dr", "ln", "ct", "pl", "blvd", "hwy"}
KINDS = {*_KINDS, *_SHORT_KINDS, *_FURTHER_KIND_WORDS.split()}
_STREET_NAMES = """
main oak pine maple cedar elm park lake hill washington walnut spring north south ridge church evergreen alpine glacier
mill river sunset highland forest jackson lincoln madison franklin
"""
_STREETS = _STREET_NAMES.split()
_CITY_NAMES = """
albany atlanta austin boston boulder chicago dallas denver detroit eugene houston miami minneapolis nashville oakland
orlando phoenix portland queenstown sacramento salem seattle spokane springfield tacoma tucson wanaka
"""
CITIES = _CITY_NAMES.split()
"""Streets and cities for the speech recogniser; typed addresses may have others."""

ADDRESS = Phrases(
    "[it's | I live at | I moved to | my [new] address is] {number} {street} {kind} [[in] {city}] [{state}] [{zip}]",
    number=DigitGroups(1, 1, 1, 1),
    street=Words(_STREETS),
    kind=Words(_KINDS),
    city=Words(CITIES),
    state=Words(list(STATES.values())),
    zip=DigitGroups(5),
)
PLACE = Phrases(
    "[it's | it is] [in] {city} [{state}] [{zip}]",
    "[it's | it is] [in] {state} [{zip}]",
    "[it's | it is] {zip}",
    city=Words(CITIES),
    state=Words(list(STATES.values())),
    zip=DigitGroups(5),
)
