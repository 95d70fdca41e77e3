"""Conversion of any value into one that JSON can hold.

Tools and scenarios may return anything. The log and the model get the nearest JSON value, and no value can break a
call.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Set
from enum import Enum
from typing import Any

import msgspec

JsonObject = dict[str, Any]
"""A decoded JSON object, with values of any type."""
MAX_DEPTH = 32
"""Levels of nesting that are kept. Deeper values become "…"."""
MAX_VALUES = 50_000
"""Values that are kept. Later ones become "…"."""
MAX_TEXT = 1_000
"""Characters of a text that represents an object."""


def to_json_value(value: object) -> object:
    """Copy `value` into None, booleans, numbers, text, lists and dicts with text keys.

    Models (pydantic's, msgspec's, dataclasses) become dicts of their fields, sets become lists, and any other object
    becomes its text. NaN and infinities become None, whole numbers beyond 64 bits their digits, lone surrogates "?".
    """
    return _Converter().convert(value, MAX_DEPTH)


def to_json(value: object) -> bytes:
    """Encode `value` as JSON, as `to_json_value` converts it."""
    return _encoder.encode(to_json_value(value))


def decode_or_text(text: str) -> object:
    """Decode JSON text. Return `text` itself if it is not JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def valid_unicode(text: str) -> str:
    """Replace lone surrogates in `text`, which UTF-8 cannot encode, by "?"."""
    return text.encode("utf-8", "replace").decode()


class _Converter:
    def __init__(self) -> None:
        self._left = MAX_VALUES
        self._ancestors: set[int] = set()

    def convert(self, value: object, depth_left: int) -> object:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return valid_unicode(value)
        if isinstance(value, int | float) and not isinstance(value, Enum):
            return _number(value)
        if depth_left == 0 or self._left < 0 or id(value) in self._ancestors:
            return "…"  # not its text, which could be as long
        self._ancestors.add(id(value))
        try:
            return self._composite(value, depth_left - 1)
        except Exception:  # noqa: BLE001 - reading a user's object may raise anything
            return _text_for(value)
        finally:
            self._ancestors.discard(id(value))

    def _composite(self, value: object, depth_left: int) -> object:
        if isinstance(value, Mapping):
            return {_key(key): self.convert(item, depth_left) for key, item in value.items()}
        if isinstance(value, list | tuple | Set):
            return [self.convert(item, depth_left) for item in value]
        if (fields := _fields(value)) is not None:
            return {name: self.convert(item, depth_left) for name, item in fields.items()}
        return self.convert(msgspec.to_builtins(value), depth_left)  # dates, UUIDs, decimals, enums, bytes


def _fields(value: object) -> dict[str, object] | None:
    if isinstance(value, type):
        return None
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    return dict(dump(mode="json")) if callable(dump) else None


def _number(value: float) -> float | str | None:
    if isinstance(value, int):
        return int(value) if abs(value) < 1 << 63 else str(value)
    return float(value) if math.isfinite(value) else None


def _key(key: object) -> str:
    return valid_unicode(key if isinstance(key, str) else str(key))


def _text_for(value: object) -> str:
    try:
        return valid_unicode(str(value))[:MAX_TEXT]
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__name__}>"


_encoder = msgspec.json.Encoder()
