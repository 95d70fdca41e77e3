"""Whisper's tokens, which spell UTF-8 with one character for each byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.engine.speech.stt.whisper_tokens import text_of, tokens_of

# Every byte as a token of its own, in GPT-2's spelling, as each Whisper vocabulary has them; and some words.
BYTES = [*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 256 + 68)]
VOCABULARY = frozenset([*map(chr, BYTES), "Ġyes", "Ġplease", "Ġhello", "lo", "ĠSnow", "ĠSnowy", "ĠPeak", "ĠZ", "Ã¼"])


def test_tokens_are_joined_and_special_ones_are_left_out() -> None:
    assert text_of(["<|notimestamps|>", "ĠYes", ",", "Ġplease", ".", "<|endoftext|>"]) == "Yes, please."


def test_a_character_of_several_bytes_may_be_split_between_tokens() -> None:
    assert text_of(["ĠZ", "Ã", "¼", "rich"]) == "Zürich"


def test_half_a_character_becomes_a_replacement() -> None:
    assert text_of(["ĠZ", "Ã"]) == "Z�"


def test_text_is_spelled_with_the_longest_tokens() -> None:
    assert tokens_of("Snowy Peak", VOCABULARY) == ["ĠSnowy", "ĠPeak"]
    assert tokens_of("Zürich", VOCABULARY) == ["ĠZ", "Ã¼", "r", "i", "c", "h"]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_every_text_survives_its_tokens(text: str) -> None:
    assert text_of(tokens_of(text, VOCABULARY)) == text.strip()
