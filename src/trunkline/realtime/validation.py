"""Validation of client data: small composable checks, and the services' error codes and messages.

A validator takes a value and its path ("session.audio.output.speed"). It returns the value as the session keeps it, or
raises `InvalidRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trunkline.realtime.events import Event


class InvalidRequest(ValueError):  # noqa: N818 - the protocol calls it invalid_request_error
    """Invalid request of a client. It becomes an `error` event, and the session continues."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def error_event(
    event_id: str,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    caused_by: str | None = None,
    kind: str = "invalid_request_error",
) -> Event:
    """Return an `error` event.

    Args:
        caused_by: the `event_id` of the client's event, if it has one.
    """
    return {
        "type": "error",
        "event_id": event_id,
        "error": {"type": kind, "code": code, "message": message, "param": param, "event_id": caused_by},
    }


Validator = Callable[[object, str], Any]

_JSON_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def _name_of(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "an integer" if isinstance(value, int) else "a decimal"
    return _JSON_NAMES.get(type(value), "something else")


def wrong_type(path: str, expected: str, value: object) -> InvalidRequest:
    """Return the error for a value of the wrong JSON type."""
    message = f"Invalid type for '{path}': expected {expected}, but got {_name_of(value)} instead."
    return InvalidRequest(message, "invalid_type", path)


def missing_field(path: str) -> InvalidRequest:
    """Return the error for a missing required field."""
    return InvalidRequest(f"Missing required parameter: '{path}'.", "missing_required_parameter", path)


def invalid_value(path: str, value: object, allowed: Sequence[str]) -> InvalidRequest:
    """Return the error for a value outside the allowed ones."""
    supported = " and ".join(f"'{one}'" for one in allowed) if len(allowed) < 3 else _listed(allowed)
    message = f"Invalid value: '{value}'. Supported values are: {supported}."
    return InvalidRequest(message, "invalid_value", path)


def _listed(allowed: Sequence[str]) -> str:
    quoted = [f"'{one}'" for one in allowed]
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}"


def text(value: object, path: str) -> str:
    """Accept any text."""
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)
    return value


def non_empty_text(value: object, path: str) -> str:
    """Accept text of at least one character."""
    if not text(value, path):
        raise InvalidRequest(
            f"Invalid '{path}': empty string. Expected a string with minimum length 1.",
            "empty_string",
            path,
        )
    return str(value)


def text_up_to(length: int, validate_member: Validator = text) -> Validator:
    """Return a validator of text with at most `length` characters."""

    def check(value: object, path: str) -> Any:
        checked = validate_member(value, path)
        if len(checked) > length:
            raise InvalidRequest(
                f"Invalid '{path}': string too long. Expected a string with maximum length {length}, but got a string "
                f"with length {len(checked)} instead.",
                "string_above_max_length",
                path,
            )
        return checked

    return check


def boolean(value: object, path: str) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)
    return value


def any_value(value: object, path: str) -> Any:
    """Accept any value, unchanged."""
    return value


def json_object(value: object, path: str) -> dict[str, Any]:
    """Accept any JSON object."""
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)
    return value


def number_between(low: float, high: float) -> Validator:
    """Return a validator of numbers from `low` to `high`."""

    def check(value: object, path: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(path, "a decimal", value)
        return _within(value, path, low, high, "decimal")

    return check


def integer_between(low: int, high: int) -> Validator:
    """Return a validator of integers from `low` to `high`."""

    def check(value: object, path: str) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, "an integer", value)
        return _within(value, path, low, high, "integer")

    return check


def _within(value: float, path: str, low: float, high: float, kind: str) -> float:
    if low <= value <= high:
        return value
    below = value < low
    side, bound = ("below min", low) if below else ("above max", high)
    raise InvalidRequest(
        f"Invalid '{path}': {kind} {side}imum value. Expected a value {'>=' if below else '<='} {bound}, but got "
        f"{value} instead.",
        f"{kind}_{side.replace(' ', '_')}_value",
        path,
    )


def one_of(*allowed: str) -> Validator:
    """Return a validator of a few allowed texts."""

    def check(value: object, path: str) -> Any:
        if not isinstance(value, str):
            raise wrong_type(path, "a string", value)
        if value not in allowed:
            raise invalid_value(path, value, allowed)
        return value

    return check


def list_of(validate_member: Validator, max_length: int = 1024) -> Validator:
    """Return a validator of arrays, which validates each member."""

    def check(value: object, path: str) -> Any:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        if len(value) > max_length:
            raise InvalidRequest(
                f"Invalid '{path}': array too long. Expected an array with maximum length {max_length}, but got an "
                f"array with length {len(value)} instead.",
                "array_above_max_length",
                path,
            )
        return [validate_member(member, f"{path}[{index}]") for index, member in enumerate(value)]

    return check


def nullable(validate_member: Validator, cleared: object = None) -> Validator:
    """Return a validator that accepts null, and replaces it by `cleared`."""

    def check(value: object, path: str) -> Any:
        return cleared if value is None else validate_member(value, path)

    return check


def object_with(known: Mapping[str, Validator], required: Sequence[str] = ()) -> Validator:
    """Return a validator of objects with known fields. It rejects unknown fields and requires the `required` ones.

    With an empty path, as for a whole body, the names of the fields are their paths.
    """

    def check(value: object, path: str) -> Any:
        given = json_object(value, path)
        within = f"{path}." if path else ""
        for name in given:
            if name not in known:
                message = f"Unknown parameter: '{within}{name}'."
                raise InvalidRequest(message, "unknown_parameter", f"{within}{name}")
        for name in required:
            if name not in given:
                raise missing_field(f"{within}{name}")
        return {name: known[name](part, f"{within}{name}") for name, part in given.items()}

    return check


def body_with(known: Mapping[str, Validator], required: Sequence[str] = ()) -> Callable[[object], dict[str, Any]]:
    """Return a validator of a whole event or request body: an object with known fields."""
    check = object_with(known, required)
    return lambda value: dict(check(json_object(value, "body"), ""))


def tagged(variants: Mapping[str, Validator], tag: str = "type") -> Validator:
    """Return a validator of objects with several variants, which the field `tag` distinguishes."""

    def check(value: object, path: str) -> Any:
        given = json_object(value, path)
        if tag not in given:
            raise missing_field(f"{path}.{tag}")
        kind = given[tag]
        if not isinstance(kind, str) or kind not in variants:
            raise invalid_value(f"{path}.{tag}", kind, tuple(variants))
        return variants[kind](given, path)

    return check
