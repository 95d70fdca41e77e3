"""A call's state as JSON text, so that another server can continue the call."""

from __future__ import annotations

import msgspec
from pydantic import BaseModel, ValidationError


class StateNotSavedError(Exception):
    """The state cannot be saved, or does not fit the scenario any more; the message has the reason."""


def save_state(state: object) -> str:
    """Return a state as JSON text: a dataclass, a model of pydantic or msgspec, or a value of JSON.

    Raises:
        StateNotSavedError: it holds something that JSON cannot represent.
    """
    try:
        if isinstance(state, BaseModel):
            return state.model_dump_json()
        return msgspec.json.encode(state).decode()
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
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
        if isinstance(fresh, BaseModel):
            return type(fresh).model_validate_json(saved)
        return msgspec.json.decode(saved, type=type(fresh))
    except (msgspec.MsgspecError, ValidationError, TypeError) as error:
        raise StateNotSavedError(f"The saved state does not fit the scenario's state: {error}") from error
