"""What models cost, and the table that says so: a file of the user's, on top of the list prices that come with us.

The file is TOML or JSON. Prices are in US dollars for a million tokens, or for a minute of sound:

    [models."gpt-realtime-2.1-mini"]
    input_text = 0.60
    cached_text = 0.06
    output_text = 2.40

    [models."my-deployment"]        # on Azure a model goes by the name of its deployment
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
"""When the built-in prices were looked up, on the pages of OpenAI's models."""
_MILLION = 1_000_000
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class PriceError(ValueError):
    """A price table cannot be read. The message says where and why."""


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's prices: US dollars for a million tokens of each kind, and for a minute of sound."""

    input_text: float = 0.0
    input_audio: float = 0.0
    cached_text: float = 0.0
    cached_audio: float = 0.0
    output_text: float = 0.0
    output_audio: float = 0.0
    minute: float = 0.0

    def of(self, tokens: Tokens, seconds: float = 0.0) -> float:
        """What these tokens and so much sound cost, in US dollars. Cached tokens are part of the input's."""
        return (
            (tokens.input_text - tokens.cached_text) * self.input_text
            + (tokens.input_audio - tokens.cached_audio) * self.input_audio
            + tokens.cached_text * self.cached_text
            + tokens.cached_audio * self.cached_audio
            + tokens.output_text * self.output_text
            + tokens.output_audio * self.output_audio
        ) / _MILLION + seconds / 60 * self.minute


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A model in a file. A cached token without a price of its own costs what another one does."""

    like: str | None = None
    input_text: float | None = None
    input_audio: float | None = None
    cached_text: float | None = None
    cached_audio: float | None = None
    output_text: float | None = None
    output_audio: float | None = None
    minute: float | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    models: dict[str, _Line]


class PriceTable:
    """Prices by model.

    Args:
        prices: all of them; the built-in ones by default.
    """

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = dict(LIST_PRICES if prices is None else prices)

    def __getitem__(self, model: str) -> Price | None:
        """The price of a model, or of the model that it is a dated snapshot of; None if there is none."""
        return self._prices.get(model) or self._prices.get(_SNAPSHOT.sub("", model))

    def cost(self, model: str, tokens: Tokens, seconds: float = 0.0) -> float | None:
        """What a model's work costs in US dollars; None without a price for it."""
        price = self[model]
        return None if price is None else price.of(tokens, seconds)

    @classmethod
    def read(cls, path: Path) -> PriceTable:
        """The built-in prices with those of a file on top.

        Raises:
            PriceError: it cannot be read, or is no price table.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise PriceError(f"{path} cannot be read: {error.strerror or error}.") from error
        try:
            raw = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text.decode())
            given = msgspec.convert(raw, _File)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
            raise PriceError(f"{path} is no table of prices: {error}") from error
        table = cls()
        for model, line in given.models.items():
            table._prices[model] = table._priced(path, model, line)
        return table

    def _priced(self, path: Path, model: str, line: _Line) -> Price:
        base: Mapping[str, float] = {}
        if line.like is not None:
            like = self[line.like]
            if like is None:
                raise PriceError(f"{path}: {model} is to cost as much as {line.like}, which has no price.")
            base = msgspec.structs.asdict(like)
        own = {name: value for name, value in msgspec.structs.asdict(line).items() if name != "like"}
        prices = {**base, **{name: value for name, value in own.items() if value is not None}}
        if any(value < 0 for value in prices.values()):
            raise PriceError(f"{path}: {model} has a price below zero.")
        prices.setdefault("cached_text", prices.get("input_text", 0.0))
        prices.setdefault("cached_audio", prices.get("input_audio", 0.0))
        return Price(**prices)


def _realtime(text: tuple[float, float, float], audio: tuple[float, float, float]) -> Price:
    """Input, cached input and output, each."""
    return Price(
        input_text=text[0],
        cached_text=text[1],
        output_text=text[2],
        input_audio=audio[0],
        cached_audio=audio[1],
        output_audio=audio[2],
    )


def _transcribing(heard: float, written: float) -> Price:
    return Price(input_audio=heard, cached_audio=heard, input_text=heard, cached_text=heard, output_text=written)


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
        "gpt-4o-transcribe": _transcribing(2.50, 10.0),
        "gpt-4o-mini-transcribe": _transcribing(1.25, 5.0),
        "o4-mini": Price(input_text=1.10, cached_text=0.275, output_text=4.40),
    }
)
"""List prices at OpenAI on `LIST_PRICES_DATE`. A model that is not here has no price until a file gives it one."""
