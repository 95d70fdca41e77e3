"""Tap of a session's audio: both directions of a WebRTC call, for a part of this process that records it."""

from __future__ import annotations

from typing import Protocol


class AudioTap(Protocol):
    """Receiver of a WebRTC call's audio: PCM16 at 24 kHz, mono, at the time at which it passes. It must not block."""

    def on_caller_audio(self, pcm: bytes) -> None:
        """Take audio of the caller that has arrived."""

    def on_agent_audio(self, pcm: bytes) -> None:
        """Take audio of the agent that is sent now; silence is left out."""
