"""Estimating tokens for `response.done`, where the brain does not count them itself.

The rates are those the services document or show: a second of sound is 10 tokens when heard and 20 when spoken;
a token of text is taken as four characters. Cached tokens are reported only where a brain knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trunkline.engine.brains import Usage
from trunkline.realtime.events import Item, text_of

INPUT_AUDIO_MS_PER_TOKEN = 100
OUTPUT_AUDIO_MS_PER_TOKEN = 50
CHARACTERS_PER_TOKEN = 4


def text_tokens(text: str) -> int:
    """About how many tokens a text is."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def output_audio_tokens(ms: float) -> int:
    """About how many tokens spoken sound is."""
    return -(-int(ms) // OUTPUT_AUDIO_MS_PER_TOKEN)


def input_audio_tokens(ms: float) -> int:
    """About how many tokens heard sound is."""
    return -(-int(ms) // INPUT_AUDIO_MS_PER_TOKEN)


def input_text_tokens(instructions: str, tools: Iterable[Mapping[str, Any]], items: Iterable[Item]) -> int:
    """About how many tokens of text a request carries: instructions, tools and the words of the items."""
    tokens = text_tokens(instructions)
    tokens += sum(text_tokens(msgspec.json.encode(tool).decode()) for tool in tools)
    for item in items:
        words = text_of(item) + item.get("arguments", "") + item.get("output", "")
        tokens += text_tokens(words)
    return tokens


def report(*, text_in: int, audio_in: int, text_out: int, audio_out: int, counted: Usage | None) -> dict[str, Any]:
    """The `usage` of a response. What the brain counted replaces the estimates for text."""
    cached = 0
    if counted is not None:
        text_in, text_out, cached = counted.input_tokens, counted.output_tokens, counted.cached_tokens
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
