"""A call's state as JSON text, so that another server can continue the call."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine, Iterator

import msgspec
from msgspec.inspect import CustomType, Field, Type, type_info
from pydantic import BaseModel, ValidationError

KINDS = "a dataclass, a model of pydantic or msgspec, or a value of JSON"
"""The states that can be saved."""


class StateNotSavedError(Exception):
    """The state cannot be saved, or does not fit the scenario any more; the message has the reason."""


def save_state(state: object) -> str:
    """Return a state as JSON text: a dataclass, a model of pydantic or msgspec, or a value of JSON.

    Raises:
        StateNotSavedError: it holds something that JSON cannot represent.
    """
    try:
        return msgspec.json.encode(state, enc_hook=_encoded_model).decode()
    except (TypeError, ValueError, NotImplementedError, RecursionError, OverflowError) as error:
        raise StateNotSavedError(f"A state of the type {type(state).__name__} cannot be saved: {error}") from error


def load_state(saved: str, fresh: object) -> object:
    """Return a saved state.

    Args:
        saved: the JSON text.
        fresh: a new state of the scenario, whose type the saved one has.

    Raises:
        StateNotSavedError: the saved state does not fit the type.
    """
    try:
        return msgspec.json.decode(saved, type=type(fresh), dec_hook=_decoded_model)
    except (msgspec.MsgspecError, ValidationError, NotImplementedError, TypeError, NameError) as error:
        raise StateNotSavedError(f"The saved state does not fit the scenario's state: {error}") from error


def saving_problem(factory: Callable[..., object] | None) -> str | None:
    """Return the reason why the states that a factory makes cannot be saved, with the fix; None if they can be.

    Their type is a class, or the annotation of a function's result. Without one, nothing is known before the first
    call.
    """
    made = _made_type(factory)
    if made is None:
        return None
    name = getattr(made, "__name__", str(made))
    try:
        part = next(_unsaved(type_info(made), name), None)
    except (TypeError, NameError) as error:
        part = str(error)
    if part is None:
        return None
    return (
        f"The state {name} cannot be saved: {part}. A call that moves to another server begins there with a new state. "
        f"Let state=… make {KINDS}."
    )


def _made_type(factory: Callable[..., object] | None) -> object | None:
    if factory is None or inspect.isclass(factory):
        return factory
    try:
        made = typing.get_type_hints(factory).get("return")
    except Exception:  # noqa: BLE001 - an annotation is the user's code, and may be of a type checker only
        return None
    if typing.get_origin(made) in (Awaitable, Coroutine):
        made = typing.get_args(made)[-1]
    return made


def _unsaved(info: Type, place: str) -> Iterator[str]:
    """Yield the parts that cannot be saved, each with its type."""
    seen: set[int] = set()

    def walk(node: object, place: str) -> Iterator[str]:
        if isinstance(node, tuple):
            for one in node:
                yield from walk(one, place)
        elif isinstance(node, Field):
            yield from walk(node.type, f"{place}.{node.name}")
        elif isinstance(node, CustomType):
            if node.cls is not object and not issubclass(typing.get_origin(node.cls) or node.cls, BaseModel):
                name = getattr(node.cls, "__name__", str(node.cls))
                yield f"{name} is another kind of class" if place == name else f"{place} is of the type {name}"
        elif isinstance(node, Type) and id(node) not in seen:
            seen.add(id(node))
            for name in node.__struct_fields__:
                yield from walk(getattr(node, name), place)

    return walk(info, place)


def _encoded_model(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"it holds a value of the type {type(value).__name__}")


def _decoded_model(wanted: type, value: object) -> object:
    if issubclass(wanted, BaseModel):
        return wanted.model_validate_json(msgspec.json.encode(value))  # in strict models, too, a date is a text
    raise NotImplementedError(f"it holds a value of the type {wanted.__name__}")
