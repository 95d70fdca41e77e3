"""Anything as something that JSON can hold. Tools and scenarios hand us whatever they like; the log and the model
get the nearest plain value, and nothing they hand us can break a call."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Set
from enum import Enum
from typing import Any

import msgspec

MAX_DEPTH = 32
"""Levels of nesting that are kept; what is deeper is left out as "…"."""
MAX_VALUES = 50_000
"""Values that are kept; what comes after is left out likewise."""
MAX_TEXT = 1_000
"""Characters of a text that stands for an object."""


def to_json_value(value: object) -> Any:
    """A copy of `value` made of None, booleans, numbers, text, lists and dicts with text keys.

    Models (pydantic's, msgspec's, dataclasses) become their fields, sets become lists, and what is nothing of that
    kind becomes its text. Numbers that JSON does not know become None, whole numbers beyond 64 bits their digits,
    halves of surrogate pairs "?".
    """
    return _Copy().of(value, MAX_DEPTH)


def to_json(value: object) -> bytes:
    """`value` as JSON."""
    return _encoder.encode(to_json_value(value))


def valid_unicode(text: str) -> str:
    """`text` without halves of surrogate pairs, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


class _Copy:
    def __init__(self) -> None:
        self._left = MAX_VALUES
        self._above: set[int] = set()

    def of(self, value: object, deeper: int) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return valid_unicode(value)
        if isinstance(value, int | float) and not isinstance(value, Enum):
            return _number(value)
        if deeper == 0 or self._left < 0 or id(value) in self._above:
            return "…"  # its own text might be as endless
        self._above.add(id(value))
        try:
            return self._composite(value, deeper - 1)
        except Exception:  # noqa: BLE001 - an object of the user's may do anything when it is looked at
            return _text_for(value)
        finally:
            self._above.discard(id(value))

    def _composite(self, value: object, deeper: int) -> Any:
        if isinstance(value, Mapping):
            return {_key(key): self.of(item, deeper) for key, item in value.items()}
        if isinstance(value, list | tuple | Set):
            return [self.of(item, deeper) for item in value]
        if (fields := _fields(value)) is not None:
            return {name: self.of(item, deeper) for name, item in fields.items()}
        return self.of(msgspec.to_builtins(value), deeper)  # dates, UUIDs, decimals, enums, bytes


def _fields(value: object) -> dict[str, Any] | None:
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
