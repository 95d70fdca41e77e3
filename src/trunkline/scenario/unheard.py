"""The sentences of an interrupted answer that the caller has not heard."""

from __future__ import annotations

import re
from dataclasses import replace

from trunkline.scenario.moves import say

SENTENCE = re.compile(r"(?<=[.?!])\s+")


def unheard(lines: list[say], heard: str) -> list[say]:
    """Return the lines without the sentences that the caller heard to the end; none if the end was heard."""
    words = " ".join(heard.split())
    if not words or words.endswith(" ".join(lines[-1].text.split())):
        return []
    rest: list[say] = []
    place = 0
    for line in lines:
        sentences = SENTENCE.split(line.text)
        while sentences and not rest:
            sentence = " ".join(sentences[0].split())
            if (found := words.find(sentence, place)) < 0:
                break
            place = found + len(sentence)
            del sentences[0]
        if sentences:
            rest.append(replace(line, text=" ".join(sentences)))
    return rest
