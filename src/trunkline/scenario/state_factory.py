"""The `state` factory of a scenario: a function, sync or async, that may take the call's id and metadata."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

CALL_FACTS = ("call_id", "metadata")
"""The parameters that a factory may have, by name."""


def factory_problem(state: object) -> str | None:
    """Return the problem of a scenario's `state` with its fix, or None."""
    if state is None:
        return None
    if inspect.isawaitable(state):
        if inspect.iscoroutine(state):
            state.close()
        return "state=… takes the function itself, not its result; remove the parentheses."
    if not callable(state):
        return f"state=… takes a function that makes the state of one call, not {type(state).__name__}; use lambda: …"
    for name, parameter in _parameters(state).items():
        needed = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if needed and (name not in CALL_FACTS or parameter.kind is parameter.POSITIONAL_ONLY):
            return (
                f"state=… is a function with the parameter {name!r}, which Trunkline does not give; "
                "it may take call_id and metadata."
            )
    return None


def call_factory(state: Callable[..., object], call_id: str, metadata: Mapping[str, str]) -> object:
    """Call a factory with the parameters that it names. The result of an async factory must be awaited.

    Raises:
        Exception: the factory raised it.
    """
    facts = {"call_id": call_id, "metadata": dict(metadata)}
    named = {
        name
        for name, parameter in _parameters(state).items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    return state(**{name: value for name, value in facts.items() if name in named})


def _parameters(state: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(state).parameters
    except (TypeError, ValueError):  # a built-in type, such as dict
        return {}
