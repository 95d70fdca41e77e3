"""How much of a long conversation the brain is told: what `truncation` in the session asks for.

The services leave the oldest items out of the model's context once the conversation has grown beyond a limit, and keep
them in the conversation. Here the limit is the one that the session names, in `token_limits.post_instructions`; without
it the whole conversation goes to the brain, whose own limit is not known here. What was left out once stays out, so
that from one turn to the next the beginning of the context is the same and a model's cache of it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trunkline.realtime.events import Item


class ContextWindow:
    """The part of one conversation that is still in the brain's context.

    Args:
        tokens: about how many tokens an item is.
    """

    def __init__(self, tokens: Callable[[Item], int]) -> None:
        self._tokens = tokens
        self._left_out: set[str] = set()

    def select(self, items: Sequence[Item], truncation: str | Mapping[str, Any]) -> list[Item]:
        """The items that the brain is told. The latest is always among them."""
        kept = self._not_left_out(items)
        limit = _limit(truncation)
        if limit is None or not isinstance(truncation, Mapping):
            return kept
        sizes = [self._tokens(item) for item in kept]
        excess = sum(sizes) - limit
        if excess <= 0:
            return kept
        excess = sum(sizes) - int(limit * float(truncation["retention_ratio"]))
        first = 0
        while excess > 0 and first < len(kept) - 1:
            excess -= sizes[first]
            first += 1
        self._left_out |= {item["id"] for item in _with_tool_results(kept[:first], kept[first:-1])}
        return [item for item in kept if item["id"] not in self._left_out]

    def _not_left_out(self, items: Sequence[Item]) -> list[Item]:
        if not self._left_out:
            return list(items)
        self._left_out &= {item["id"] for item in items}
        return [item for item in items if item["id"] not in self._left_out]


def _limit(truncation: str | Mapping[str, Any]) -> int | None:
    limits = truncation.get("token_limits") if isinstance(truncation, Mapping) else None
    limit = (limits or {}).get("post_instructions")
    return None if limit is None else int(limit)


def _with_tool_results(old: Sequence[Item], later: Sequence[Item]) -> list[Item]:
    """A result without its call means nothing: it goes with it."""
    calls = {item["call_id"] for item in old if item["type"] == "function_call"}
    results = [item for item in later if item["type"] == "function_call_output" and item["call_id"] in calls]
    return [*old, *results]
