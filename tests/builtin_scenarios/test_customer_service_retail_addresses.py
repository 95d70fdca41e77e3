"""Snowy Peak Boards: addresses as callers write and say them."""

from __future__ import annotations

import pytest

from trunkline import Partial
from trunkline.builtin_scenarios.customer_service_retail.addresses import ADDRESS_FIELD, read_address

pytestmark = pytest.mark.pure
SALEM = {"street": "14 Birch Road", "city": "Salem", "state": "Oregon", "postal_code": "97301"}
MACON = {"street": "PO Box 88", "city": "Macon", "state": "Georgia", "postal_code": "31201"}


@pytest.mark.parametrize(
    "said",
    [
        "14 Birch Road, Salem, Oregon 97301",
        "14 Birch Road, Salem, Oregon, 97301",
        "14 Birch Road, Salem, OR, 97301",
        "14 Birch Road, Salem, 97301, Oregon",
        "14 Birch Road, 97301 Salem, Oregon",
        "14 Birch Road, 97301 Salem Oregon",
        "14 Birch Road in Salem, Oregon, zip code 97301",
        "14 Birch Road. Salem, Oregon. The ZIP is nine seven three oh one.",
        "we're at 14 Birch Road, Salem, Oregon, and the zip is 97301, thank you dear",
        "um, it's fourteen Birch Road, er, Salem, Oregon, er, nine seven three oh one",
        "we moved last month, so... 14 Birch Road, Salem, Oregon 97301",
        "14 Birch Road, Salem OR 97301",
        "it's 14 Birch Road, Salem, Oregon 97301, a lovely old house",
    ],
)
def test_an_address_has_many_orders(said: str) -> None:
    assert read_address(said) == SALEM


@pytest.mark.parametrize(
    ("said", "street"),
    [
        ("14 Birch Road, flat 3, Salem, Oregon 97301", "14 Birch Road Flat 3"),
        ("flat 3, 14 Birch Road, Salem, Oregon 97301", "14 Birch Road Flat 3"),
        ("it's Apartment 3B, 14 Birch Road, Salem, Oregon, 97301", "14 Birch Road Apartment 3B"),
        ("14 Birch Road #3, Salem, Oregon 97301", "14 Birch Road # 3"),
        ("14 Birch Road, Suite 300, 97301 Salem, Oregon", "14 Birch Road Suite 300"),
        ("80 Heather Gardens, Salem, Oregon 97301", "80 Heather Gardens"),
    ],
)
def test_an_apartment_belongs_to_the_street(said: str, street: str) -> None:
    assert read_address(said) == {**SALEM, "street": street}


def test_a_state_may_be_two_small_letters_before_the_code() -> None:
    assert read_address("14 birch road, salem or 97301") == SALEM
    assert read_address("14 Birch Road, Salem or 97301") != SALEM


@pytest.mark.parametrize(
    "said",
    [
        "PO Box 88, Macon, Georgia 31201",
        "P.O. Box 88, Macon, GA 31201",
        "my address is P O box eight eight, Macon, Georgia, three one two oh one",
        "post office box 88, Macon, Georgia, 31201",
    ],
)
def test_a_post_office_box_is_a_street(said: str) -> None:
    assert read_address(said) == MACON


def test_the_address_in_the_agents_own_example_is_understood() -> None:
    example = ADDRESS_FIELD.help.split("such as: ")[1].split(". Or")[0]
    assert read_address(example) == {
        "street": "742 Evergreen Terrace",
        "city": "Springfield",
        "state": "Oregon",
        "postal_code": "97477",
    }


@pytest.mark.parametrize(
    ("answers", "parts"),
    [
        (["Oregon, as I told you"], {"state": "Oregon"}),
        (["Oregon, my dear"], {"state": "Oregon"}),
        (["97301", "Oregon!"], {"postal_code": "97301", "state": "Oregon"}),
        (["nine seven three oh one"], {"postal_code": "97301"}),
        (["Salem, Oregon, 97301"], {"state": "Oregon", "postal_code": "97301"}),
    ],
)
def test_missing_parts_come_in_other_words_and_in_any_order(answers: list[str], parts: dict[str, str]) -> None:
    address = read_address("14 Birch Road, Salem")
    for answer in answers:
        before = read_address("14 Birch Road") if address is None else address
        assert isinstance(before, Partial)
        address = read_address(answer, before.value)
    found = address.value if isinstance(address, Partial) else address
    assert found == {"street": "14 Birch Road", "city": "Salem"} | parts


@pytest.mark.parametrize(
    ("correction", "changed"),
    [
        ("it's flat 7, otherwise it's right", {"street": "14 Birch Road Flat 7"}),
        ("no, apartment 7", {"street": "14 Birch Road Apartment 7"}),
        ("no, it's 41 Birch Road", {"street": "41 Birch Road"}),
        ("the zip is 97302", {"postal_code": "97302"}),
        ("no, PO Box 5", {"street": "PO Box 5"}),
    ],
)
def test_a_part_corrects_the_address(correction: str, changed: dict[str, str]) -> None:
    assert read_address(correction, SALEM) == SALEM | changed


@pytest.mark.parametrize("said", ["otherwise fine", "but that's all right", "why the floor?", "what?", "that's us"])
def test_other_words_are_no_part_of_an_address(said: str) -> None:
    assert read_address(said) is None
    assert read_address(said, SALEM) is None
    partial = read_address(said, {"street": "14 Birch Road"})
    assert partial is None
