"""Estimated token usage for `response.done`, for brains that do not report it.

The rates are the documented or observed rates of the services: 10 tokens for a second of input audio, 20 for output
audio. A token of text is four characters. Only a brain that reports its usage has cached tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from trunkline.engine.brains import Usage
from trunkline.realtime.events import Item, text_of

INPUT_AUDIO_MS_PER_TOKEN = 100
OUTPUT_AUDIO_MS_PER_TOKEN = 50
CHARACTERS_PER_TOKEN = 4


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def output_audio_tokens(ms: float) -> int:
    """Estimate the tokens of output audio."""
    return -(-int(ms) // OUTPUT_AUDIO_MS_PER_TOKEN)


def input_audio_tokens(ms: float) -> int:
    """Estimate the tokens of input audio."""
    return -(-int(ms) // INPUT_AUDIO_MS_PER_TOKEN)


def input_text_tokens(instructions: str, tools: Iterable[Mapping[str, object]], items: Iterable[Item]) -> int:
    """Estimate the text tokens of a request: instructions, tools and the text of the items."""
    tokens = text_tokens(instructions)
    tokens += sum(text_tokens(msgspec.json.encode(tool).decode()) for tool in tools)
    for item in items:
        text = text_of(item) + item.get("arguments", "") + item.get("output", "")
        tokens += text_tokens(text)
    return tokens


def report(*, text_in: int, audio_in: int, text_out: int, audio_out: int, reported: Usage | None) -> dict[str, object]:
    """Return a response's `usage`. Figures of the brain replace the estimates for text."""
    cached = 0
    if reported is not None:
        text_in, text_out, cached = reported.input_tokens, reported.output_tokens, reported.cached_tokens
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
