"""Reading the values of several fields from one reply."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.scenario.field import Field
from trunkline.scenario.phrases import normalise


def readings(
    said: str, asked: str | None, fields: Mapping[str, Field], befores: Mapping[str, object]
) -> dict[str, object]:
    """Return the values and `Partial` values in the words, by field.

    A field's name begins a clause that belongs to it. In the words before the first name, whole numbers and dates are
    taken by their fields, and the rest belongs to the field that was asked for.

    Args:
        said: the caller's words.
        asked: the field that was asked for, if any.
        fields: the fields by name.
        befores: the present values.
    """
    found: dict[str, object] = {}
    words = normalise(said)
    clauses = _clauses(words, asked, fields)
    for owner, clause in clauses:
        rest, is_changed = _unmistakable(clause, owner, fields, found)
        if owner is None or owner in found:
            continue
        raw = said if len(clauses) == 1 and not is_changed else rest
        if (
            any(sign.isalnum() for sign in raw)
            and (value := fields[owner].kind.read(raw, befores.get(owner))) is not None
        ):
            found[owner] = value
    return found


def _clauses(words: str, asked: str | None, fields: Mapping[str, Field]) -> list[tuple[str | None, str]]:
    """Split the words at the names of fields; each clause has the field that owns it."""
    names: list[tuple[int, int, str]] = []
    for name, each in fields.items():
        if each.named is None:
            continue
        start = 0
        while match := each.named.match(words[start:]):
            names.append((start + match.start, start + match.end, name))
            start += match.end
    names.sort(key=lambda place: (place[0], -place[1]))
    outer = [place for place in names if not any(_is_within(place, other) for other in names)]
    owners = {name for _start, _end, name in outer}
    if not outer or owners == {asked}:
        return [(asked, words)]
    if len(outer) == 1 and not words[outer[0][1] :].strip():  # "4321 is my card"
        return [(outer[0][2], words)]
    clauses: list[tuple[str | None, str]] = [(asked, words[: outer[0][0]])]
    for place, (start, _end, name) in enumerate(outer):
        until = outer[place + 1][0] if place + 1 < len(outer) else len(words)
        clauses.append((name, words[start:until]))
    return clauses


def _is_within(place: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return place is not other and other[0] <= place[0] and place[1] <= other[1] and place[:2] != other[:2]


def _unmistakable(
    clause: str, owner: str | None, fields: Mapping[str, Field], found: dict[str, object]
) -> tuple[str, bool]:
    """Take whole numbers and dates that belong to another field; return the rest, and True if one was taken."""
    taken = False
    for name, each in sorted(fields.items(), key=lambda item: item[1].digits or 0):  # the digits of a date come first
        if name == owner or name in found or (place := each.kind.find(clause)) is None:
            continue
        value, start, end = place
        found[name] = value
        clause, taken = f"{clause[:start]} {clause[end:]}", True
    return clause, taken
