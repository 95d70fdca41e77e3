"""Recogniser of this machine for callers who speak over the agent: the local engine's, or one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.engine.speech import ProbingStt
from trunkline.providers import Provider
from trunkline.settings import Settings

if TYPE_CHECKING:
    from trunkline.engine.speech.stt.whisper import WhisperStt


class WordRecogniser:
    """The recogniser, which starts with the first call. Use `aclose` at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: WhisperStt | None = None

    def get(self, provider: Provider) -> ProbingStt | None:
        """Return the recogniser beside a provider; None if this machine has none for any words."""
        from trunkline.engine.speech.factory import create_word_stt
        from trunkline.providers.local_engine import LocalEngineProvider
        from trunkline.providers.remote_engine import RemoteEngineProvider

        if isinstance(provider, LocalEngineProvider):
            return provider.stt if isinstance(provider.stt, ProbingStt) else None
        if isinstance(provider, RemoteEngineProvider):
            return None  # its transcripts have the words while the caller speaks
        if self._own is None and (created := create_word_stt(self._settings)) is not None:
            created.start()
            self._own = created
        return self._own

    async def aclose(self) -> None:
        """End a recogniser of its own."""
        if self._own is not None:
            await self._own.aclose()
