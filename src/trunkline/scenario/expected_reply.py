"""The reply that a rehearsal expects: its grammar, and judgements of a caller's words by it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trunkline.scenario.phrases import CheckedSlot, Digits, Phrases, Words, best_match, grammar, normalise
from trunkline.scenario.spoken_numbers import DateSlot, DigitGroups, read_date, read_digits

_MONTH = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b", re.IGNORECASE
)
_NUMBER_WORD = (
    r"\d+|zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundred|double|triple"
)
_TRAILING_NUMBER = re.compile(rf"(?:\b(?:{_NUMBER_WORD})\b[\s-]*)+$")


class ExpectedReply:
    """The meanings of which the caller's next utterance should express one.

    Args:
        meanings: the expected phrases.
    """

    def __init__(self, meanings: Sequence[Phrases]) -> None:
        self._meanings = meanings

    def grammar(self) -> str | None:
        """Return the JSGF grammar of the reply for a recogniser; None if no phrase can be spoken."""
        return grammar(self._meanings)

    def is_expected(self, text: str) -> bool:
        """Return whether `text` as a whole matches one of the meanings, with values that callers are likely to say."""
        return any(
            match.whole
            and all(
                slot.is_likely(match.slots[name])
                for name, slot in meaning.slots.items()
                if isinstance(slot, CheckedSlot) and name in match.slots
            )
            for meaning in self._meanings
            if (match := meaning.match(text))
        )

    def is_complete(self, words: str) -> bool | None:
        """Return whether the words so far are a whole reply; None if nothing is known about them.

        Words that end with a number are whole if it has as many digits as an expected number. A date is whole with its
        year. Other words are whole if they match a phrase completely; a phrase with an open slot decides nothing.
        """
        slots = [slot for phrases in self._meanings for slot in phrases.slots.values()]
        said = normalise(words)
        if any(isinstance(slot, DateSlot) for slot in slots) and _MONTH.search(said):
            return read_date(said) is not None
        counts = {slot.count for slot in slots if isinstance(slot, Digits | DigitGroups)}
        if counts and (number := _TRAILING_NUMBER.search(said)):
            return len(read_digits(number.group())) in counts
        found = best_match(words, [phrases for phrases in self._meanings if not _is_open(phrases)])
        return True if found is not None and found[1].whole else None


def _is_open(phrases: Phrases) -> bool:
    return any(isinstance(slot, Words) and slot.open for slot in phrases.slots.values())
