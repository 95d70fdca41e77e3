"""Checksums of card and account numbers."""

from __future__ import annotations

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
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


def iban_length(characters: str, first: int) -> int:
    """Return the length of the longest IBAN that begins at `first` in capital letters and digits; 0 without one.

    It is a country, two check digits and an account, by ISO 7064 (mod 97).
    """
    country, check = characters[first : first + 2], characters[first + 2 : first + 4]
    if not (country.isalpha() and check.isdigit()):
        return 0
    head, found, remainder = _value(country + check), 0, 0
    for place in range(first + 4, min(first + MAX_IBAN_CHARS, len(characters))):
        digits = str(int(characters[place], 36))
        remainder = (remainder * 10 ** len(digits) + int(digits)) % 97
        if place - first + 1 >= MIN_IBAN_CHARS and (remainder * _HEAD_SHIFT + head) % 97 == 1:
            found = place - first + 1
    return found


_HEAD_SHIFT = 10**6
"""The country and the check digits, which count as the end of an IBAN, have six digits."""


def _value(characters: str) -> int:
    return int("".join(str(int(one, 36)) for one in characters))
