"""The environment of a client's script, and its report."""

from __future__ import annotations

import json
import os

ORIGIN = os.environ["ORIGIN"]
"""Address of the engine, such as `https://localhost:3001`."""
SOCKET_ORIGIN = ORIGIN.replace("https", "wss")
KEY = os.environ["KEY"]
QUESTION = os.environ["QUESTION"]
"""Words of the caller that make the weather desk call its tool."""
API_VERSION = "2025-04-01-preview"
BYTES_PER_MS = 48
"""Bytes of a millisecond of PCM16 at 24 kHz."""


class Report:
    """The facts that a script learns, as JSON on one line."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.city: str | None = None
        self.audio_bytes = 0

    def weather(self, city: str) -> str:
        """Be the client's tool: note the arguments, and return the weather."""
        self.city = city
        return "sunny"

    def print(self) -> None:
        """Print the report: the greeting is the first answer, and the answer the last one."""
        told = {"greeting": self.answers[0], "city": self.city, "answer": self.answers[-1]}
        print(json.dumps({**told, "audio_ms": self.audio_bytes // BYTES_PER_MS}))
