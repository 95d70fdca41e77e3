"""What goes wrong in a test of a conversation, and where in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.testing.voice_call import VoiceCall


class VoiceFailure(AssertionError):  # noqa: N818 - a failed assertion, not an error of the program
    """The conversation did not go as expected. `seq` is the place in the call's log, None for where it stood."""

    def __init__(self, message: str, call: VoiceCall, seq: int | None = None) -> None:
        super().__init__(message)
        self.call = call
        self.seq = seq
