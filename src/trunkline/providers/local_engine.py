"""The local provider: the engine in this process, on its own listener, with a random key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack

from pydantic import SecretStr

from trunkline.engine.abilities import EngineAbilities, abilities_of
from trunkline.engine.default import local_engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech import SpeechError, Stt, Tts
from trunkline.providers import Connection, EphemeralSecret, ProviderError, WebRtcAnswer
from trunkline.providers.credentials import KeyCredentials
from trunkline.providers.engine_client import EngineClient
from trunkline.providers.engine_provider import EngineProvider
from trunkline.providers.text_model_client import TextModelClient
from trunkline.realtime.audio_tap import AudioTap
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextModelNames
from trunkline.settings import Settings


class LocalEngineProvider(EngineProvider):
    """A provider for the engine in this process.

    Args:
        running: ends the engine.
        abilities: the engine's abilities.
    """

    def __init__(self, server: EngineServer, key: str, running: AsyncExitStack, abilities: EngineAbilities) -> None:
        self._server = server
        self._abilities = abilities
        self._client = EngineClient("the local engine", server.url, KeyCredentials("api-key", SecretStr(key)))
        self._running = running
        self._text_model = TextModelClient(
            self._client.what,
            self._client.url,
            self._client.credentials,
            self._text_model_for,
            abilities.chat or TextModelNames(),
        )

    @property
    def abilities(self) -> EngineAbilities:
        """See the base class."""
        return self._abilities

    @property
    def stt(self) -> Stt:
        """The engine's recogniser."""
        return self._server.engine.stt

    @property
    def voice(self) -> Tts:
        """The engine's voice."""
        return self._server.engine.tts

    def text_model(self) -> TextModelClient:
        """Return the engine's text model: the chat model if one is configured, else the scenario's rehearsal."""
        return self._text_model

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        return await self._client.connect(model, rtc_call_id)

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """See `Provider.start_webrtc_call`."""
        return await self._client.start_webrtc_call(sdp, session)

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """See `Provider.tap_webrtc_call`."""
        return self._server.engine.webrtc_calls.tap(rtc_call_id, tap)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.create_ephemeral_secret`. The secret works on this machine only, like the engine."""
        return await self._client.create_ephemeral_secret(session)

    async def hang_up(self, rtc_call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._client.hang_up(rtc_call_id)

    async def aclose(self) -> None:
        """End the engine."""
        await self._text_model.aclose()
        await self._running.aclose()


async def start_local_engine(scenarios: Mapping[str, AnyScenario], settings: Settings) -> LocalEngineProvider:
    """Start the engine.

    Raises:
        ProviderError: the speech extra is missing, or the engine cannot listen.
    """
    key = secrets.token_urlsafe(32)
    running = AsyncExitStack()
    try:
        server = await running.enter_async_context(local_engine(scenarios, settings, key=key))
    except (SpeechError, OSError) as error:
        raise ProviderError(f"The local engine cannot start: {error}", retry=False) from error
    return LocalEngineProvider(server, key, running, abilities_of(settings))
