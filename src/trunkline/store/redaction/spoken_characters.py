"""Digits and letters of a text as figures, with their places: "double five, oh B" is "550B".

Numbers are read as `scenario.spoken_numbers.read_digits` reads them, in English, and digit by digit in German too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_DIGITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
    "null": "0", "eins": "1", "zwei": "2", "zwo": "2", "drei": "3", "vier": "4", "fünf": "5", "fuenf": "5",
    "sechs": "6", "sieben": "7", "acht": "8", "neun": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
    "zehn": "10", "elf": "11", "zwölf": "12", "dreizehn": "13", "vierzehn": "14", "fünfzehn": "15", "sechzehn": "16",
    "siebzehn": "17", "achtzehn": "18", "neunzehn": "19",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6", "seventy": "7",
    "eighty": "8", "ninety": "9",
}  # fmt: skip
_GERMAN_TENS = {
    "zwanzig": "2", "dreißig": "3", "dreissig": "3", "vierzig": "4", "fünfzig": "5", "sechzig": "6", "siebzig": "7",
    "achtzig": "8", "neunzig": "9",
}  # fmt: skip
_GERMAN_UNITS = {
    "": "0", "einund": "1", "zweiund": "2", "dreiund": "3", "vierund": "4", "fünfund": "5", "sechsund": "6",
    "siebenund": "7", "achtund": "8", "neunund": "9",
}  # fmt: skip
_UNITS = frozenset(
    {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *"123456789"}
)  # the second part of "forty two"
_TIMES = {"double": 2, "triple": 3, "treble": 3, "doppel": 2}
_NUMBER = (
    {word: digits for word, digits in (_DIGITS | _TEENS).items() if word != "o"}
    | {"hundred": "00", "hundert": "00"}
    | {unit + ten: digit + second for ten, digit in _GERMAN_TENS.items() for unit, second in _GERMAN_UNITS.items()}
)
_BETWEEN = frozenset(
    ("dash", "hyphen", "minus", "space", "then", "and", "und", "strich", "um", "uh", "uhm", "er", "äh")
)
"""Words that may stand within a number."""
NUMBER_WORDS = frozenset({*_NUMBER, *_TENS, *_TIMES})
"""The words that are digits, or several."""
_WORD = re.compile(r"(?<![^\W_])\d{1,2}(?:st|nd|rd|th)\b|\d+|[^\W\d_]+(?:['’][^\W\d_]+)*", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_SPELLED = re.compile(r"[^\W\d_]\d|\d[^\W\d_]|\b[^\W\d_aAiI]\b|\b[aAiI]\W{1,3}[aAiI]\b")
"""A text without a match has no letters beside figures, and no spelled letters."""
_DIVIDES = re.compile(r"[?!;:+\"{}\[\]<>=|]|[^\w]{5}")
"""Characters that end a number, unlike ", " and " - "."""
_IBAN_START = re.compile(r"(?:^|[^A-Z])[A-Z]{2}[0-9]{2}$")


class Word(NamedTuple):
    """A word or a number of a text.

    Attributes:
        text: the word, in lower case.
        start: its first character in the text.
        end: the character after it.
    """

    text: str
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        """True if it is in figures, and not an ordinal such as "5th"."""
        return self.text.isdecimal()


class Run(NamedTuple):
    """Digits, or digits and letters, in a row.

    Attributes:
        characters: the digits and capital letters.
        places: the start and end of each in the text. Two digits of one word have the same place.
        groups: the lengths of the parts, as they were written or said.
        plus: true if a plus sign is before it.
    """

    characters: str
    places: tuple[tuple[int, int], ...]
    groups: tuple[int, ...]
    plus: bool = False

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the part of the text with the characters from `first` to before `last`."""
        return self.places[first][0], self.places[last - 1][1]


def words_of(text: str) -> list[Word]:
    """Return the words and numbers of a text in order."""
    return [Word(found[0].lower().replace("’", "'"), *found.span()) for found in _WORD.finditer(text)]


def has_number(text: str) -> bool:
    """Return whether a text has a digit or a word for one."""
    return _DIGIT.search(text) is not None or not NUMBER_WORDS.isdisjoint(_LETTERS.findall(text.lower()))


def digit_runs(text: str, words: list[Word]) -> list[Run]:
    """Return the digits that stand in a row in a text, however they are written or said."""
    return _runs(text, words, letters=False)


def character_runs(text: str, words: list[Word]) -> list[Run]:
    """Return the digits and spelled letters that stand in a row. A run has a digit and a letter."""
    if not _SPELLED.search(text):
        return []
    return [run for run in _runs(text, words, letters=True) if not run.characters.isdigit()]


def _runs(text: str, words: list[Word], *, letters: bool) -> list[Run]:
    runs: list[Run] = []
    builder = _RunBuilder(text)
    doubled: Word | None = None
    for place, word in enumerate(words):
        if place and _DIVIDES.search(text, words[place - 1].end, word.start):
            builder.finish(runs)
            doubled = None
        if word.text in _TIMES:
            doubled = word
            continue
        characters = _characters(words, place, letters=letters)
        if letters and doubled is not None and word.text in ("u", "you"):
            builder.add(word, "W", doubled.start)
        elif characters and doubled is not None:
            builder.add(word, characters * _TIMES[doubled.text], doubled.start)
        elif characters:
            builder.add(word, characters, word.start)
        elif letters and len(word.text) == 4 and builder.is_begun_iban:
            builder.add(word, word.text.upper(), word.start)
        elif word.text not in _BETWEEN or doubled is not None:
            builder.finish(runs, plus=word.text == "plus")
        doubled = None
    builder.finish(runs)
    return [run for run in runs if any(one.isdigit() for one in run.characters)]


def _characters(words: list[Word], place: int, *, letters: bool) -> str:
    """Return the digits or letters that a word stands for; an empty text if it is another word."""
    said = words[place].text
    if words[place].is_number:
        return said if said.isascii() else "".join(str(int(digit)) for digit in said)
    if letters and said.isascii() and said.isalpha() and _touches_figures(words, place):
        return said.upper()
    if said in _NUMBER:
        return _NUMBER[said]
    if said in _TENS:
        following = words[place + 1].text if place + 1 < len(words) else ""
        return _TENS[said] if following in _UNITS else _TENS[said] + "0"
    if said == "o" and _is_beside_digit(words, place):
        return "0"
    return said.upper() if letters and len(said) == 1 and said.isascii() else ""


def _is_beside_digit(words: list[Word], place: int) -> bool:
    beside = words[max(0, place - 1) : place] + words[place + 1 : place + 2]
    return any(word.is_number or word.text in _NUMBER or word.text in _TENS or word.text == "o" for word in beside)


def _touches_figures(words: list[Word], place: int) -> bool:
    """Return whether letters touch figures, as in "DE89"."""
    word, before, after = words[place], words[max(0, place - 1) : place], words[place + 1 : place + 2]
    return any(one.is_number and one.end == word.start for one in before) or any(
        one.is_number and one.start == word.end for one in after
    )


class _RunBuilder:
    """The run that is being read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._characters = ""
        self._places: list[tuple[int, int]] = []
        self._groups: list[int] = []
        self._follows_plus = False
        """True if the word "plus" is before the run."""

    @property
    def is_begun_iban(self) -> bool:
        """True if the run is a country and two digits, after which a bank's letters may follow."""
        return _IBAN_START.search(self._characters) is not None

    def add(self, word: Word, characters: str, start: int) -> None:
        if word.is_number and len(characters) == word.end - start:
            self._places += [(place, place + 1) for place in range(start, word.end)]
        else:
            self._places += [(start, word.end)] * len(characters)
        self._characters += characters
        self._groups.append(len(characters))

    def finish(self, runs: list[Run], *, plus: bool = False) -> None:
        if self._characters:
            before = self._text[max(0, self._places[0][0] - 2) : self._places[0][0]]
            plus_before = "+" in before or self._follows_plus
            runs.append(Run(self._characters, tuple(self._places), tuple(self._groups), plus_before))
            self._characters, self._places, self._groups = "", [], []
        self._follows_plus = plus
