"""Division of a text into clauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.engine.speech.tts.clauses import FIRST_WORDS, MAX_CHARACTERS, clauses


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in clauses(text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Yes.", ["Yes."]),
        ("How can I help?", ["How can I help?"]),
        ("Thanks for calling, how can I help?", ["Thanks for calling, ", "how can I help?"]),
        ("Oh, I see, so it did not arrive.", ["Oh, I see, ", "so it did not arrive."]),
        ("Sure. I can do that for you now.", ["Sure. I can do that ", "for you now."]),
        ("I can do that for you.", ["I can do that for you."]),
        ("I found three pairs of goggles in stock.", ["I found three pairs of ", "goggles in stock."]),
    ],
)
def test_the_first_piece_is_short(text: str, pieces: list[str]) -> None:
    assert cut(text) == pieces


def test_later_pieces_end_at_pauses() -> None:
    text = (
        "I found three pairs of goggles in stock, and the cheapest is forty dollars. Would you like me to put them "
        "into your cart, or shall I look for something else?"
    )
    assert cut(text)[1:] == [
        "goggles in stock, and the cheapest is forty dollars. ",
        "Would you like me to put them into your cart, or shall I look for something else?",
    ]


@given(st.text(alphabet="ab ,.!\n", max_size=400))
def test_the_pieces_cover_all_words_in_order(text: str) -> None:
    pieces = cut(text)
    assert "".join(pieces).split() == text.split()
    if pieces:
        assert len(pieces[0].split()) <= FIRST_WORDS + 1
        assert all(len(piece.rstrip()) <= max(MAX_CHARACTERS) or len(piece.split()) == 1 for piece in pieces[1:])
