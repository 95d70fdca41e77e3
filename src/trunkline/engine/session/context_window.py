"""Context window: the part of a long conversation that the brain gets, according to the session's `truncation`.

The services drop the oldest items from the model's context when the conversation exceeds a limit. The items stay in the
conversation. The limit here is `token_limits.post_instructions`. Without it the brain gets the whole conversation,
because the engine does not know the model's limit. A dropped item stays dropped, so that the context keeps the same
start from turn to turn and the model's prompt cache stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trunkline.realtime.events import Item


class ContextWindow:
    """The part of a conversation in the brain's context.

    Args:
        tokens: estimates the tokens of an item.
    """

    def __init__(self, tokens: Callable[[Item], int]) -> None:
        self._tokens = tokens
        self._dropped: set[str] = set()

    def select(self, items: Sequence[Item], truncation: str | Mapping[str, Any]) -> list[Item]:
        """Return the items for the brain. The latest item is always included."""
        kept = self._without_dropped(items)
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
        self._dropped |= {item["id"] for item in _with_tool_results(kept[:first], kept[first:-1])}
        return [item for item in kept if item["id"] not in self._dropped]

    def _without_dropped(self, items: Sequence[Item]) -> list[Item]:
        if not self._dropped:
            return list(items)
        self._dropped &= {item["id"] for item in items}
        return [item for item in items if item["id"] not in self._dropped]


def _limit(truncation: str | Mapping[str, Any]) -> int | None:
    limits = truncation.get("token_limits") if isinstance(truncation, Mapping) else None
    limit = (limits or {}).get("post_instructions")
    return None if limit is None else int(limit)


def _with_tool_results(old: Sequence[Item], later: Sequence[Item]) -> list[Item]:
    """Return the old items and the results of their function calls. A result without its call has no meaning."""
    calls = {item["call_id"] for item in old if item["type"] == "function_call"}
    results = [item for item in later if item["type"] == "function_call_output" and item["call_id"] in calls]
    return [*old, *results]
