"""Removal of a model's reasoning, `<think>…</think>`, from a text that arrives in pieces."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class ReasoningFilter:
    """Filter that passes the text outside the tags. A tag may be split between pieces."""

    def __init__(self) -> None:
        self._pending = ""
        self._reasoning = False
        self._started = False

    def feed(self, piece: str) -> str:
        """Add a piece, and return the text that is certainly outside the tags."""
        self._pending += piece
        out = ""
        while True:
            tag = _CLOSE if self._reasoning else _OPEN
            before, found, after = self._pending.partition(tag)
            if not found:
                break
            if not self._reasoning:
                out += before
            self._reasoning = not self._reasoning
            self._pending = after
        kept = partial_tag_length(self._pending, tag)
        safe, self._pending = self._pending[: len(self._pending) - kept], self._pending[len(self._pending) - kept :]
        if not self._reasoning:
            out += safe
        return self._strip_start(out)

    def flush(self) -> str:
        """Return the rest of the text at its end, such as an incomplete tag."""
        rest, self._pending = self._pending, ""
        return "" if self._reasoning else self._strip_start(rest)

    def _strip_start(self, text: str) -> str:
        """Remove white space before the first text, such as blank lines after the reasoning."""
        if not self._started:
            text = text.lstrip()
        self._started = self._started or bool(text)
        return text


def partial_tag_length(text: str, tag: str) -> int:
    """Return the length of the longest end of `text` with which `tag` starts."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
