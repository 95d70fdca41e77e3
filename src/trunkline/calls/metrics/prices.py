"""Prices of models: built-in list prices, and a user's price table on top of them.

The file is TOML or JSON. Prices are in US dollars per million tokens, or per minute of audio:

    [models."gpt-realtime-2.1-mini"]
    input_text = 0.60
    cached_text = 0.06
    output_text = 2.40

    [models."my-deployment"]        # on Azure, the name of the deployment
    like = "gpt-realtime-2.1-mini"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from trunkline.calls.log_events import Tokens

LIST_PRICES_DATE = "2026-11-22"
"""The date of the built-in prices, from OpenAI's model pages."""
_MILLION = 1_000_000
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class PriceError(ValueError):
    """A price table that cannot be read. The message names the place and the problem."""


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's prices: US dollars per million tokens of each kind, and per minute of audio."""

    input_text: float = 0.0
    input_audio: float = 0.0
    cached_text: float = 0.0
    cached_audio: float = 0.0
    output_text: float = 0.0
    output_audio: float = 0.0
    minute: float = 0.0

    def cost(self, tokens: Tokens, seconds: float = 0.0) -> float:
        """Return the cost of tokens and seconds of audio, in US dollars. Cached tokens are part of the input tokens."""
        return (
            (tokens.input_text - tokens.cached_text) * self.input_text
            + (tokens.input_audio - tokens.cached_audio) * self.input_audio
            + tokens.cached_text * self.cached_text
            + tokens.cached_audio * self.cached_audio
            + tokens.output_text * self.output_text
            + tokens.output_audio * self.output_audio
        ) / _MILLION + seconds / 60 * self.minute


class _PriceEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A model in a file. Without a price for cached tokens, they cost as much as other input tokens."""

    like: str | None = None
    input_text: float | None = None
    input_audio: float | None = None
    cached_text: float | None = None
    cached_audio: float | None = None
    output_text: float | None = None
    output_audio: float | None = None
    minute: float | None = None


class _PriceFile(msgspec.Struct, forbid_unknown_fields=True):
    models: dict[str, _PriceEntry]


class PriceTable:
    """Prices by model.

    Args:
        prices: the price of each model; the built-in ones by default.
    """

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = dict(LIST_PRICES if prices is None else prices)

    def __getitem__(self, model: str) -> Price | None:
        """Return the price of a model, for a dated snapshot that of its base model; None without a price."""
        return self._prices.get(model) or self._prices.get(_SNAPSHOT.sub("", model))

    def cost(self, model: str, tokens: Tokens, seconds: float = 0.0) -> float | None:
        """Return the cost of a model's tokens and seconds of audio, in US dollars; None without a price."""
        price = self[model]
        return None if price is None else price.cost(tokens, seconds)

    @classmethod
    def read(cls, path: Path) -> PriceTable:
        """Read a price file. Its prices replace the built-in ones.

        Raises:
            PriceError: the file cannot be read, or is not a price table.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise PriceError(f"{path} cannot be read: {error.strerror or error}.") from error
        try:
            raw = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text.decode())
            given = msgspec.convert(raw, _PriceFile)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
            raise PriceError(f"{path} is not a price table: {error}") from error
        table = cls()
        for model, entry in given.models.items():
            table._prices[model] = table._price_of(path, model, entry)
        return table

    def _price_of(self, path: Path, model: str, entry: _PriceEntry) -> Price:
        base: Mapping[str, float] = {}
        if entry.like is not None:
            like = self[entry.like]
            if like is None:
                raise PriceError(f"{path}: {model} is like {entry.like}, which has no price. Add one above it.")
            base = msgspec.structs.asdict(like)
        own = {name: value for name, value in msgspec.structs.asdict(entry).items() if name != "like"}
        prices = {**base, **{name: value for name, value in own.items() if value is not None}}
        if any(value < 0 for value in prices.values()):
            raise PriceError(f"{path}: {model} has a negative price. Prices start at 0.")
        prices.setdefault("cached_text", prices.get("input_text", 0.0))
        prices.setdefault("cached_audio", prices.get("input_audio", 0.0))
        return Price(**prices)


def _realtime(text: tuple[float, float, float], audio: tuple[float, float, float]) -> Price:
    """Make a price from (input, cached input, output) of text and of audio."""
    return Price(
        input_text=text[0],
        cached_text=text[1],
        output_text=text[2],
        input_audio=audio[0],
        cached_audio=audio[1],
        output_audio=audio[2],
    )


def _transcription(input_: float, output: float) -> Price:
    return Price(input_audio=input_, cached_audio=input_, input_text=input_, cached_text=input_, output_text=output)


_FLAGSHIP_AUDIO = (32.0, 0.40, 64.0)
_MINI_AUDIO = (10.0, 0.30, 20.0)
LIST_PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "gpt-realtime-2.1": _realtime((4.0, 0.40, 24.0), _FLAGSHIP_AUDIO),
        "gpt-realtime-2.1-mini": _realtime((0.60, 0.06, 2.40), _MINI_AUDIO),
        "gpt-realtime-2": _realtime((4.0, 0.40, 24.0), _FLAGSHIP_AUDIO),
        "gpt-realtime-1.5": _realtime((4.0, 0.40, 16.0), _FLAGSHIP_AUDIO),
        "gpt-4o-realtime-preview": _realtime((5.0, 2.50, 20.0), (40.0, 2.50, 80.0)),
        "gpt-4o-mini-realtime-preview": _realtime((0.60, 0.30, 2.40), _MINI_AUDIO),
        "gpt-realtime-whisper": Price(minute=0.017),
        "gpt-live-transcribe": Price(minute=0.017),
        "gpt-4o-transcribe": _transcription(2.50, 10.0),
        "gpt-4o-mini-transcribe": _transcription(1.25, 5.0),
        "o4-mini": Price(input_text=1.10, cached_text=0.275, output_text=4.40),
    }
)
"""OpenAI's list prices on `LIST_PRICES_DATE`. Other models need a price from a file."""
