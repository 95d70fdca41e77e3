"""The rehearsed answer of the moderation, for all built-in scenarios."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from trunkline import Question

_CATEGORIES = {
    "VIOLENCE": r"\b(?:kill|murder|shoot|stab|strangle|bomb|blow up|(?:beat|hurt) (?:you|him|her|them))\b",
    "OFFENSIVE": r"\b(?:idiots?|morons?|stupid|dumb|shut up|bastards?|bitch|fuck\w*|shit\w*|asshole|retard\w*|scum)\b",
}


def moderation_answer(off_brand: str) -> Callable[[Question], Coroutine[Any, Any, Mapping[str, Any]]]:
    """Return an answer that classifies a message by a few plain words; a text model understands more.

    Args:
        off_brand: a regular expression for words against the company or for its competitors.
    """

    async def answer(question: Question) -> Mapping[str, Any]:
        words = question.text.lower()
        for category, pattern in {**_CATEGORIES, "OFF_BRAND": off_brand}.items():
            if found := re.search(pattern, words):
                return {"category": category, "rationale": f"It says “{found[0]}”."}
        return {"category": "NONE", "rationale": "It is ordinary service talk."}

    return answer
