"""Voice of this machine for fillers: the local engine's own, or one that is installed beside a hosted provider."""

from __future__ import annotations

from trunkline.engine.speech import SpeechError, Tts
from trunkline.providers import Provider
from trunkline.settings import Settings


class FillerVoice:
    """The voice, which is made when the first filler is due. Use `aclose` at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: Tts | None = None

    def get(self, provider: Provider) -> Tts | None:
        """Return the voice beside a provider; None if this machine has none."""
        from trunkline.engine.speech.factory import create_tts, voice_is_local
        from trunkline.providers.local_engine import LocalEngineProvider

        if not voice_is_local(self._settings):
            return None
        if isinstance(provider, LocalEngineProvider):
            return provider.voice
        try:
            self._own = self._own or create_tts(self._settings)
        except SpeechError:
            return None
        return self._own

    async def aclose(self) -> None:
        """End a voice of its own."""
        if self._own is not None:
            await self._own.aclose()
