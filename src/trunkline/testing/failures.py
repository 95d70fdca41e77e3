"""Failures in tests of conversations, with their place in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.testing.conversation_source import ConversationSource


class VoiceFailure(AssertionError):  # noqa: N818 - a failed assertion, not an error of the program
    """A conversation that differs from the test's expectation.

    Attributes:
        call: the call that failed.
        seq: the place in the call's log; None for the place that the call had reached.
    """

    def __init__(self, message: str, call: ConversationSource, seq: int | None = None) -> None:
        super().__init__(message)
        self.call = call
        self.seq = seq
