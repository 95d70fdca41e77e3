"""Parts that all providers of the local engine share: the session's configuration, and the engine's abilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from trunkline.engine.abilities import EngineAbilities
from trunkline.providers import ProviderNotice
from trunkline.providers.hosted_parts import hosted_only_problem
from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.service_rules import MAX_TRANSCRIPTION_PROMPT_CHARS
from trunkline.scenario.scenario import AnyScenario
from trunkline.scenario.text_model import TextPrompt


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


class EngineProvider(EngineSessionConfig):
    """A provider that knows its engine's abilities. Each scenario is one model."""

    name = "local"

    @property
    def abilities(self) -> EngineAbilities:
        """The engine's abilities."""
        raise NotImplementedError

    def turn_detection(self, scenario: AnyScenario) -> Mapping[str, object] | None:
        """Return the scenario's own turn detection; by default turns end by the words, if the engine knows them."""
        if scenario.has_default_turn_detection and self.abilities.knows_words:
            return {"type": "semantic_vad", "eagerness": "auto"}
        return scenario.turn_detection

    def word_transports(self, scenario: AnyScenario) -> frozenset[Literal["webrtc", "websocket"]]:
        """Return all transports, unless the recogniser knows the words of a grammar only: no stop word is in it."""
        return super().word_transports(scenario) if self.abilities.any_words else frozenset()

    def image_problem(self) -> str | None:
        """Return the reason unless the chat model takes images."""
        return None if self.abilities.takes_images else super().image_problem()

    def _text_model_for(self, prompt: TextPrompt) -> str:
        """Return the text model for a prompt: the chat model of a role or a name, else the scenario's rehearsal.

        The text model answers for names that are not configured.
        """
        chat = self.abilities.chat
        if chat is None:
            return f"{prompt.scenario}/{prompt.purpose}"
        name = chat.find(prompt.model)
        found = name if name in chat.own().values() else chat.text
        return found or f"{prompt.scenario}/{prompt.purpose}"
