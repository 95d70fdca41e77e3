"""`Field`: one value that a form asks a caller for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from trunkline.scenario.field_kinds import Choice, Day, Free, Kind, Number, Partial, Read
from trunkline.scenario.form_phrases import DECLINE
from trunkline.scenario.phrases import Phrases


class Field:
    """One value of a `Form`: its question, its reading, and its confirmation.

    Exactly one of `digits`, `between`, `choices` and `read` defines the value.

    Args:
        question: the question for the value.
        digits: the number of digits, or the groups in which people say them, such as `(3, 3, 4)`. The value is a text
            of digits. The recogniser listens for one group or more, and the form puts the pieces together.
        between: the first and the last possible date. The value is a date.
        choices: the possible values, each with the phrases for it. The value is one of the keys.
        read: a function of the caller's words and the value before, which is None at first. It returns the value, a
            `Partial` if a part is missing, or None if the words are not an answer.
        hears: phrases of possible answers, for the recogniser; they replace those of `digits` and `between`.
        spoken: a function that returns the value in words for reading it back.
        named: phrases by which callers name the field ("my phone number"). Words after the name are for this field,
            also if another was asked for.
        confirm: True to read the value back until the caller confirms it.
        check: the read-back; `{}` stands for the value.
        again: a shorter question for repetitions.
        help: words after a second misunderstanding in a row.
        why: the answer to "why do you ask?".
        thanks: words before the next question; `{}` stands for the value.
        optional: True if callers may decline: the value is then None.
        declined: the answer to a caller who declines a value that is not optional.
        declines: more phrases by which callers decline, such as "it hasn't changed".

    Raises:
        ValueError: none, or more than one, of the four kinds is given.
    """

    def __init__(
        self,
        question: str,
        *,
        digits: int | Sequence[int] | None = None,
        between: tuple[date, date] | None = None,
        choices: Mapping[str, Phrases] | None = None,
        read: Read | None = None,
        hears: Phrases | Sequence[Phrases] = (),
        spoken: Callable[[Any], str] | None = None,
        named: Phrases | None = None,
        confirm: bool = False,
        check: str = "I have {}. Is that right?",
        again: str | None = None,
        help: str | None = None,  # noqa: A002 - the word for it
        why: str = "I need it to help you.",
        thanks: str = "Thank you.",
        optional: bool = False,
        declined: str = "I can't go on without it.",
        declines: Phrases | None = None,
    ) -> None:
        self.question, self.again = question, again or question
        self.kind = _kind(digits, between, choices, read)
        heard = (hears,) if isinstance(hears, Phrases) else tuple(hears)
        self.hears, self.whole = heard or self.kind.hears, heard or self.kind.whole
        self.spoken = spoken or self.kind.spoken
        self.named, self.confirm, self.check = named, confirm, check
        self.help, self.why, self.thanks = help or self.kind.help, why, thanks
        self.optional, self.declined = optional, declined
        self.declines = (DECLINE, declines) if declines else (DECLINE,)

    def read(self, said: str, before: object = None) -> Any:
        """Return the complete value in the words, which may correct the value before; None if it is not complete."""
        value = self.kind.read(said, before)
        return None if isinstance(value, Partial) else value

    @property
    def digits(self) -> int | None:
        """The number of digits of the value, if it is a number."""
        return self.kind.digits


def _kind(
    digits: int | Sequence[int] | None,
    between: tuple[date, date] | None,
    choices: Mapping[str, Phrases] | None,
    read: Read | None,
) -> Kind:
    kinds: list[Kind] = []
    if digits is not None:
        kinds.append(Number((digits,) if isinstance(digits, int) else tuple(digits)))
    if between is not None:
        kinds.append(Day(*between))
    if choices:
        kinds.append(Choice(choices))
    if read is not None:
        kinds.append(Free(read))
    if len(kinds) != 1:
        raise ValueError("A field needs exactly one of digits=, between=, choices= and read=: give one.")
    return kinds[0]
