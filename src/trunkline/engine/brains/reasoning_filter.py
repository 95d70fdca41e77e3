"""Leaving out what a model thinks: `<think>…</think>` in a text that arrives in pieces."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class ReasoningFilter:
    """Passes on text outside the tags. A tag may be cut anywhere between two pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._said = False

    def feed(self, piece: str) -> str:
        """What of the text so far is surely to be said."""
        self._held += piece
        out = ""
        while True:
            tag = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                break
            if not self._thinking:
                out += before
            self._thinking = not self._thinking
            self._held = after
        kept = _begun(self._held, tag)
        safe, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        if not self._thinking:
            out += safe
        return self._spoken(out)

    def flush(self) -> str:
        """The rest, once nothing more comes: a tag that never was one."""
        rest, self._held = self._held, ""
        return "" if self._thinking else self._spoken(rest)

    def _spoken(self, text: str) -> str:
        """Without the blank lines that follow the thinking."""
        if not self._said:
            text = text.lstrip()
        self._said = self._said or bool(text)
        return text


def _begun(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
