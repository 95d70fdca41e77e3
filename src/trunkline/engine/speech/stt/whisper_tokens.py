"""Whisper's tokens as text, and text as tokens.

CTranslate2 gives and takes tokens as strings. Each character of such a string stands for one byte of UTF-8, by the
table of GPT-2, which gives a visible character to every byte.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

_SPECIAL = re.compile(r"<\|[^|]*\|>")
_MAX_TOKEN = 24


def text_of(tokens: Iterable[str]) -> str:
    """Return the text of tokens; special tokens such as `<|notimestamps|>` are left out."""
    characters = "".join(token for token in tokens if not _SPECIAL.fullmatch(token))
    table = _byte_of()
    return bytes(table[character] for character in characters if character in table).decode("utf-8", "replace").strip()


def tokens_of(text: str, vocabulary: Mapping[str, int] | frozenset[str]) -> list[str]:
    """Return tokens that spell `text`, the longest that fit first; a byte without a token is left out.

    The model reads them as hints, for which any spelling will do: the merge table of its own tokeniser is not needed.
    """
    table = _character_of()
    spelled = "".join(table[byte] for byte in f" {text.strip()}".encode())
    tokens, at = [], 0
    while at < len(spelled):
        for length in range(min(_MAX_TOKEN, len(spelled) - at), 0, -1):
            if (token := spelled[at : at + length]) in vocabulary:
                tokens.append(token)
                at += length
                break
        else:
            at += 1
    return tokens


@functools.cache
def _character_of() -> dict[int, str]:
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(others)}


@functools.cache
def _byte_of() -> dict[str, int]:
    return {character: byte for byte, character in _character_of().items()}
