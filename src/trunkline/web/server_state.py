"""State that the routes share: the running calls, the scenarios and the provider, created once by the lifespan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from starlette.requests import HTTPConnection

from trunkline.calls.filler_audio import FillerAudio
from trunkline.calls.metrics.config import metrics_config_from
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import time_limits_from
from trunkline.engine.speech import Tts
from trunkline.engine.speech.factory import EngineParts, engine_parts, speech_problem
from trunkline.loop_watch import LoopWatch
from trunkline.providers import Provider, ProviderError
from trunkline.providers.factory import choose_provider_name, create_provider
from trunkline.scenario.loading import LoadedScenarios, Target, load
from trunkline.settings import Settings
from trunkline.web.caller_cookie import CallerCookies
from trunkline.web.capacity import capacity_of
from trunkline.web.errors import ApiError
from trunkline.web.filler_voice import FillerVoice
from trunkline.web.log_redaction import redact_logs
from trunkline.web.rate_limit import ALL_CLIENTS, RateLimiter, client_of
from trunkline.web.word_recogniser import WordRecogniser

TOTAL_RATE_FACTOR = 10
"""The ratio between the limit of all clients together and that of one, for the client API."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartupResult:
    """Result of the slow steps at the start: the imported scenarios and the connected provider."""

    scenarios: LoadedScenarios
    provider: Provider | None
    provider_problem: str | None = None


class RequestLimits:
    """Requests allowed in a minute: for each client, and for all clients together."""

    def __init__(self, of_each: int, of_all: int) -> None:
        self._client = RateLimiter(of_each)
        self._all = RateLimiter(of_all)

    def take(self, request: HTTPConnection, what: str) -> None:
        """Count a request, or refuse it.

        Args:
            what: the complaint for people.

        Raises:
            ApiError: 429, with the time to wait.
        """
        self._client.take(client_of(request.scope), what)
        self._all.take(ALL_CLIENTS, what)


class ServerState:
    """State of the server.

    Args:
        targets: the users' scenarios, and the files, folders and modules with scenarios.

    Raises:
        PriceError: the table of prices is invalid.
    """

    def __init__(self, settings: Settings, targets: Sequence[Target]) -> None:
        self.settings = settings
        self._metrics = metrics_config_from(settings)
        self.provider_name = choose_provider_name(settings)
        calls = settings.client_calls_per_minute, settings.calls_per_minute
        self.starting, self.joining = RequestLimits(*calls), RequestLimits(*calls)
        self.caller_cookies = CallerCookies(settings.max_call_s)
        asked = settings.client_api_per_minute
        self.client_api = {what: RequestLimits(asked, TOTAL_RATE_FACTOR * asked) for what in ("session", "responses")}
        self._targets = targets
        self.capacity = capacity_of(settings)
        self.loop_watch: LoopWatch | None = None
        self._registry: CallRegistry | None = None
        self._ready: asyncio.Future[StartupResult] | None = None

    @property
    def registry(self) -> CallRegistry:
        """The running calls.

        Raises:
            ApiError: the app's lifespan has not been run.
        """
        if self._registry is None:
            raise _not_started()
        return self._registry

    @cached_property
    def engine(self) -> EngineParts | None:
        """The engine's parts; None for a hosted provider."""
        return engine_parts(self.settings) if self.provider_name == "local" else None

    async def ready(self) -> StartupResult:
        """Return scenarios and provider, after the start has finished."""
        if self._ready is None:
            raise _not_started()
        return await asyncio.shield(self._ready)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the server's calls inside the `with` block."""
        time_limits = time_limits_from(self.settings)
        async with AsyncExitStack() as stack:
            stack.enter_context(redact_logs(log_content=self.settings.log_content))
            providers = await stack.enter_async_context(AsyncExitStack())
            voice = FillerVoice(self.settings)
            stack.push_async_callback(voice.aclose)
            words = WordRecogniser(self.settings)
            stack.push_async_callback(words.aclose)
            registry = CallRegistry(
                time_limits=time_limits,
                max_calls=self.capacity.calls,
                ended_call_ttl_s=self.settings.ended_call_ttl_s,
                metrics=self._metrics,
                filler_audio=FillerAudio(lambda: self._filler_voice(voice)),
                word_stt=words.get,
                max_log_bytes=self.settings.max_log_bytes,
                max_logs_bytes=self.settings.max_all_logs_bytes,
            )
            self.loop_watch = stack.enter_context(LoopWatch())
            self._registry = await stack.enter_async_context(registry)
            self._ready = asyncio.get_running_loop().create_future()
            preparing = asyncio.create_task(self._prepare(providers))
            try:
                yield
            finally:
                preparing.cancel()
                await asyncio.gather(preparing, return_exceptions=True)
                if not self._ready.done():
                    self._ready.set_exception(_stopping())
                self._ready.exception()  # retrieved, also if nobody waited for it
                self._registry, self._ready = None, None

    def _filler_voice(self, voice: FillerVoice) -> Tts | None:
        if self._ready is None or not self._ready.done() or (provider := self._ready.result().provider) is None:
            return None
        return voice.get(provider)

    async def _prepare(self, stack: AsyncExitStack) -> None:
        assert self._ready is not None  # noqa: S101 - set just before this task was made
        try:
            self._ready.set_result(await self._start_up(stack))
        except Exception as error:
            logger.exception("the scenarios could not be loaded")
            self._ready.set_exception(error)

    async def _start_up(self, stack: AsyncExitStack) -> StartupResult:
        # The Agents SDK takes two seconds to import: in a thread, so that the server can answer meanwhile.
        scenarios = await asyncio.to_thread(load, self._targets)
        for problem in scenarios.problems:
            logger.error("%s", problem)
        provider, provider_problem = None, None
        try:
            provider = await create_provider(self.settings, scenarios)
            stack.push_async_callback(provider.aclose)
            if self.provider_name == "local" and (provider_problem := speech_problem(self.settings)):
                logger.warning("%s", provider_problem)
        except ProviderError as error:
            provider_problem = error.full_message
            logger.error("%s", provider_problem)
        return StartupResult(scenarios, provider, provider_problem)


def server_state_of(connection: HTTPConnection) -> ServerState:
    """Return the state of the app that received a request."""
    server = connection.app.state.server
    assert isinstance(server, ServerState)  # noqa: S101 - `create_app` sets it
    return server


def _stopping() -> ApiError:
    return ApiError(503, "stopping", "The server is stopping.")


def _not_started() -> ApiError:
    message = (
        "Trunkline has not been started: an app that mounts it must run its lifespan "
        "(`async with trunkline.web.lifespan(app): …` in its own)."
    )
    return ApiError(503, "not_started", message)
