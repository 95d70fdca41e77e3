"""Checksums of card and account numbers."""

from __future__ import annotations

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_ABA_WEIGHTS = (3, 7, 1)
MIN_CARD_DIGITS = 13
MAX_CARD_DIGITS = 19
MIN_IBAN_CHARS = 15
MAX_IBAN_CHARS = 34


def is_card_number(digits: str) -> bool:
    """Return whether 13 to 19 ASCII digits are a card number: a first digit of a card's issuer, and a Luhn checksum."""
    if not MIN_CARD_DIGITS <= len(digits) <= MAX_CARD_DIGITS or digits[0] not in "23456":
        return False
    total = sum(int(digit) for digit in digits[-1::-2])
    total += sum(_LUHN_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def is_iban(characters: str) -> bool:
    """Return whether capital letters and digits are an IBAN: country, check digits, account; ISO 7064, mod 97."""
    if not MIN_IBAN_CHARS <= len(characters) <= MAX_IBAN_CHARS or not (characters.isascii() and characters.isalnum()):
        return False
    if not (characters[:2].isalpha() and characters[2:4].isdigit()):
        return False
    return int("".join(str(int(one, 36)) for one in characters[4:] + characters[:4])) % 97 == 1


def is_routing_number(digits: str) -> bool:
    """Return whether nine ASCII digits are a routing number of a US bank, by the checksum of the ABA."""
    if len(digits) != 9:
        return False
    return sum(int(digit) * _ABA_WEIGHTS[place % 3] for place, digit in enumerate(digits)) % 10 == 0
