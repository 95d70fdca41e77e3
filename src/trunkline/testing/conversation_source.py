"""Interface of a call for its turns and failures, which must not import the call itself."""

from __future__ import annotations

from typing import Protocol

from trunkline.testing.conversation_view import ConversationView


class LogSpan(Protocol):
    """Part of the log with an end."""

    @property
    def last_seq(self) -> int:
        """The last place in the log that belongs to the part."""


class ConversationSource(Protocol):
    """Conversation that a test reads, such as a `VoiceCall`."""

    view: ConversationView
    """The conversation so far."""

    @property
    def last_seq(self) -> int:
        """The last place in the log that the test has reached."""

    def on_read(self, span: LogSpan) -> None:
        """Note that the test reads a part of the log."""
