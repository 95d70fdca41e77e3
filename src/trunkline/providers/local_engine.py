"""The local provider: the engine in this process, on its own listener, with a random key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Literal
from urllib.parse import urlencode

from pydantic import SecretStr

from trunkline.engine.chat_models import chat_model_names
from trunkline.engine.default import local_engine
from trunkline.engine.server import EngineServer
from trunkline.engine.speech import SpeechError, Stt, Tts
from trunkline.engine.speech.factory import RECOGNISERS
from trunkline.providers import Connection, EphemeralSecret, ProviderError, ProviderNotice, WebRtcAnswer
from trunkline.providers.credentials import KeyCredentials
from trunkline.providers.hosted_parts import hosted_only_problem
from trunkline.providers.realtime_socket import open_socket_with_credentials
from trunkline.providers.text_model_client import TextModelClient
from trunkline.providers.webrtc_signalling import WebRtcSignalling
from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.service_rules import MAX_TRANSCRIPTION_PROMPT_CHARS
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextModelNames
from trunkline.settings import Settings


class EngineSessionConfig:
    """The session configuration of all providers that use the engine."""

    def model_for(self, scenario: AnyScenario) -> str:
        """See `Provider.model_for`."""
        return scenario.name

    def fallback_model_for(self, scenario: AnyScenario) -> str | None:
        """See `Provider.fallback_model_for`."""
        return None

    def scenario_problem(self, scenario: AnyScenario) -> str | None:
        """Return the problem of a scenario with parts that only the hosted services have."""
        return hosted_only_problem(scenario, "The local engine")

    def image_problem(self) -> str | None:
        """Return the reason: a rehearsal cannot see."""
        return "A rehearsal takes no images. Configure a chat model that can see, and set TRUNKLINE_CHAT_IMAGES=true."

    def session_extras(self, scenario: AnyScenario, agent: str, first_agent: str) -> Mapping[str, object]:
        """Return a `prompt` that names the scenario, the present agent and the first one, for the rehearsal.

        `include` is left out, since the engine has no log probabilities.
        """
        prompt = {"id": scenario.name, "variables": {"agent": agent, "first_agent": first_agent}}
        if scenario.session_settings(agent).include is None:
            return {"prompt": prompt}
        return {"prompt": prompt, "include": None}

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """See `Provider.turn_detection`."""
        return scenario.turn_detection

    def word_transports(self, scenario: AnyScenario) -> frozenset[Literal["webrtc", "websocket"]]:
        """See `Provider.word_transports`."""
        return frozenset({"websocket", "webrtc"})

    def transcription(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """Return the engine's own STT, with as many pronounced names as its prompt may hold.

        The engine ignores the model's name.
        """
        prompt = ""
        for name in scenario.pronunciations:
            longer = f"{prompt}, {name}" if prompt else name
            if len(longer) > MAX_TRANSCRIPTION_PROMPT_CHARS:
                break
            prompt = longer
        return {"model": "local", "prompt": prompt} if prompt else {"model": "local"}

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """Refuse the tap: no WebRTC call runs here."""
        return False

    def notices(self) -> Sequence[ProviderNotice]:
        """Return no notices."""
        return ()


class LocalEngineProvider(EngineSessionConfig):
    """A provider for the local engine. Each scenario is one model.

    Args:
        knows_words: True if the engine's recogniser gives the words while the caller speaks.
        any_words: True if it knows words outside of a rehearsal's grammar.
        chat: the names of the chat models; None if rehearsals answer.
    """

    name = "local"

    def __init__(
        self,
        server: EngineServer,
        key: str,
        running: AsyncExitStack,
        *,
        knows_words: bool,
        any_words: bool = True,
        chat: TextModelNames | None = None,
        chat_images: bool = False,
    ) -> None:
        self._server = server
        self._chat_images = chat_images
        self._chat = chat
        self._knows_words = knows_words
        self._any_words = any_words
        self._credentials = KeyCredentials("api-key", SecretStr(key))
        self._running = running
        self._text_model = TextModelClient(
            "the local engine",
            server.url,
            self._credentials,
            lambda prompt: self._chat_model_for(prompt.model) or f"{prompt.scenario}/{prompt.purpose}",
            chat or TextModelNames(),
        )

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """Return the scenario's own turn detection; by default turns end by the words, if the engine knows them."""
        if scenario.has_default_turn_detection and self._knows_words:
            return {"type": "semantic_vad", "eagerness": "auto"}
        return scenario.turn_detection

    def word_transports(self, scenario: AnyScenario) -> frozenset[Literal["webrtc", "websocket"]]:
        """Return all transports, unless the recogniser knows the words of a grammar only: no stop word is in it."""
        return super().word_transports(scenario) if self._any_words else frozenset()

    @property
    def stt(self) -> Stt:
        """The engine's recogniser."""
        return self._server.engine.stt

    def _chat_model_for(self, model: str) -> str | None:
        """Return the chat model for a role or a name. The text model answers for names that are not configured."""
        if self._chat is None:
            return None
        name = self._chat.find(model)
        return name if name in self._chat.own().values() else self._chat.text

    def image_problem(self) -> str | None:
        """Return the reason unless the chat model takes images."""
        return None if self._chat_images else super().image_problem()

    @property
    def voice(self) -> Tts:
        """The engine's voice."""
        return self._server.engine.tts

    def text_model(self) -> TextModelClient:
        """Return the engine's text model: the chat model if one is configured, else the scenario's rehearsal."""
        return self._text_model

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        query = urlencode({"call_id": rtc_call_id} if rtc_call_id else {"model": model})
        url = f"{self._server.url.replace('http://', 'ws://', 1)}/realtime?{query}"
        return await open_socket_with_credentials(self._credentials, url, "the local engine")

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """See `Provider.dial`."""
        return await self._signalling().start_webrtc_call(sdp, session)

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        """See `Provider.tap_webrtc_call`."""
        return self._server.engine.webrtc_calls.tap(rtc_call_id, tap)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.create_ephemeral_secret`. The secret works on this machine only, like the engine."""
        return await self._signalling().create_ephemeral_secret(session)

    async def hang_up(self, rtc_call_id: str) -> None:
        """See `Provider.hang_up`."""
        await self._signalling().hang_up(rtc_call_id)

    def _signalling(self) -> WebRtcSignalling:
        return WebRtcSignalling("the local engine", self._server.url, self._credentials)

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
    return LocalEngineProvider(
        server,
        key,
        running,
        knows_words=settings.stt != "http",
        any_words=RECOGNISERS.name(settings) != "sphinx",
        chat=chat_model_names(settings),
        chat_images=settings.chat_images and bool(settings.chat_base_url and settings.chat_model),
    )
