"""The view of a call that its turns and failures need, without the call itself."""

from __future__ import annotations

from typing import Protocol

from trunkline.testing.conversation_view import ConversationView


class LogSpan(Protocol):
    """A part of the log with an end."""

    @property
    def last_seq(self) -> int: ...


class ConversationSource(Protocol):
    """A conversation that a test reads: `VoiceCall` is one."""

    @property
    def view(self) -> ConversationView: ...

    @property
    def last_seq(self) -> int: ...

    def on_read(self, span: LogSpan) -> None: ...
