"""The local provider with engines that run elsewhere: `trunkline engine` at the addresses of TRUNKLINE_ENGINE_URL."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import httpx2
import msgspec
from pydantic import SecretStr

from trunkline.engine.abilities import EngineAbilities
from trunkline.providers import Connection, EphemeralSecret, ProviderError, WebRtcAnswer
from trunkline.providers.credentials import KeyCredentials
from trunkline.providers.engine_client import EngineClient
from trunkline.providers.engine_provider import EngineProvider
from trunkline.providers.text_model_client import TextModelClient
from trunkline.providers.webrtc_signalling import http_client
from trunkline.scenario.text_model import TextModelNames
from trunkline.settings import Settings

T = TypeVar("T")

PROBE_EVERY_S = 2.0
PROBE_AGAIN_S = 0.5
"""The pause before the next question while an engine does not answer."""
PROBE_TIMEOUT_S = 3.0
_UNAVAILABLE = (429, 502, 503, 504)
_START = "Start it with `trunkline engine`, or correct TRUNKLINE_ENGINE_URL."
_KEY = "Set TRUNKLINE_ENGINE_KEY to the key with which the engine was started."

logger = logging.getLogger(__name__)


class _Description(msgspec.Struct):
    """The engine's answer at `/`. Without its key, the abilities are missing."""

    name: str = ""
    abilities: EngineAbilities | None = None


class RemoteEngine:
    """One engine at an address, and its health.

    Args:
        address: such as `http://engine.internal:3001`.
        key: the key of TRUNKLINE_ENGINE_KEY; an engine without a key accepts any.

    Attributes:
        fault: the reason why it takes no sessions, with the fix; None if it does.
        abilities: its abilities as it last described them; None before that.
    """

    def __init__(self, address: str, key: SecretStr) -> None:
        self.address = address
        self.client = EngineClient(
            f"the engine at {address}", f"{address}/openai/v1", KeyCredentials("api-key", key, _KEY)
        )
        self.fault: ProviderError | None = ProviderError(f"The engine at {address} has not answered yet.", hint=_START)
        self.abilities: EngineAbilities | None = None

    async def probe(self) -> None:
        """Ask the engine for its abilities, and set its fault."""
        try:
            headers = await self.client.credentials.headers()
            async with http_client(self.address, PROBE_TIMEOUT_S) as http:
                response = await http.get(f"{self.address}/", headers=headers)
            response.raise_for_status()
            found = msgspec.json.decode(response.content, type=_Description)
        except ProviderError as error:
            self._set_fault(error)
        except httpx2.TransportError as error:
            self.fail(str(error) or type(error).__name__)
        except (httpx2.HTTPError, msgspec.DecodeError):
            self._set_fault(ProviderError(f"Another server than an engine answers at {self.address}.", hint=_START))
        else:
            self._read(found)

    def _read(self, found: _Description) -> None:
        if found.abilities is not None:
            self.abilities = found.abilities
            self._set_fault(None)
        elif found.name:
            self._set_fault(ProviderError(f"The engine at {self.address} refuses the key.", hint=_KEY))
        else:
            self._set_fault(ProviderError(f"Another server than an engine answers at {self.address}.", hint=_START))

    def fail(self, reason: str) -> ProviderError:
        """Count the engine as unreachable until it answers again, and return the error."""
        fault = ProviderError(f"The engine at {self.address} cannot be reached: {reason.rstrip('.')}.", hint=_START)
        self._set_fault(fault)
        return fault

    def _set_fault(self, fault: ProviderError | None) -> None:
        former, self.fault = self.fault, fault
        if (former is None) != (fault is None):
            if fault is None:
                logger.info("%s answers", self.client.what)
            else:
                logger.error("%s", fault.full_message)


class RemoteEngineProvider(EngineProvider):
    """A provider for one or several engines. Use `start` first, and `aclose` at the end.

    Sessions go to the engines in turn. An engine that cannot be reached is left out until it answers again. A WebRTC
    call and its sideband have the same engine, also if another server started the call.

    Args:
        engines: the engines, at least one.
    """

    def __init__(self, engines: Sequence[RemoteEngine]) -> None:
        self.engines = list(engines)
        self._next = 0
        self._of_rtc_call: dict[str, RemoteEngine] = {}
        self._text_models: dict[tuple[RemoteEngine, TextModelNames], TextModelClient] = {}
        self._probing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask each engine for its abilities, and again from time to time."""
        await self._probe()
        self._probing = asyncio.create_task(self._probe_periodically(), name="engine probes")

    @property
    def abilities(self) -> EngineAbilities:
        """The abilities that a call can rely on: those of the first engine that answers."""
        by_health = sorted(self.engines, key=lambda engine: engine.fault is not None)
        return next((engine.abilities for engine in by_health if engine.abilities is not None), EngineAbilities())

    @property
    def problem(self) -> str | None:
        """The reason why no engine takes a session, with the fix; None if one does."""
        faults = [engine.fault for engine in self.engines if engine.fault is not None]
        return None if len(faults) < len(self.engines) else " ".join(fault.full_message for fault in faults)

    def text_model(self) -> TextModelClient:
        """Return the text model of an engine that answers. A call keeps it."""
        engine, names = self._candidates()[0], self.abilities.chat or TextModelNames()
        if (engine, names) not in self._text_models:
            client = engine.client
            self._text_models[engine, names] = TextModelClient(
                client.what, client.url, client.credentials, self._text_model_for, names
            )
        return self._text_models[engine, names]

    async def connect(self, model: str, rtc_call_id: str | None = None) -> Connection:
        """See `Provider.connect`."""
        if rtc_call_id is None:
            return await self._on_any(lambda engine: engine.client.connect(model))
        if (engine := self._of_rtc_call.get(rtc_call_id)) is not None:
            return await engine.client.connect(model, rtc_call_id)
        engine, connection = await self._on_the_one_with(
            lambda one: one.client.connect(model, rtc_call_id), f"No engine has the WebRTC call {rtc_call_id}."
        )
        self._of_rtc_call[rtc_call_id] = engine
        return connection

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, object]) -> WebRtcAnswer:
        """See `Provider.start_webrtc_call`."""

        async def start(engine: RemoteEngine) -> WebRtcAnswer:
            answer = await engine.client.start_webrtc_call(sdp, session)
            self._of_rtc_call[answer.rtc_call_id] = engine
            return answer

        return await self._on_any(start)

    async def create_ephemeral_secret(self, session: Mapping[str, object]) -> EphemeralSecret:
        """See `Provider.create_ephemeral_secret`. The front end needs to reach the engine's address."""
        return await self._on_any(lambda engine: engine.client.create_ephemeral_secret(session))

    async def hang_up(self, rtc_call_id: str) -> None:
        """See `Provider.hang_up`."""
        engine = self._of_rtc_call.pop(rtc_call_id, None)
        for one in self.engines if engine is None else [engine]:
            if one.fault is None or one is engine:
                await one.client.hang_up(rtc_call_id)

    async def aclose(self) -> None:
        """Stop asking the engines, and close the connections."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        for text_model in self._text_models.values():
            await text_model.aclose()

    def _candidates(self) -> list[RemoteEngine]:
        """Return all engines, in the order in which the next session tries them: in turn, the answering ones first."""
        turned = self.engines[self._next :] + self.engines[: self._next]
        return sorted(turned, key=lambda engine: engine.fault is not None)

    async def _on_any(self, attempt: Callable[[RemoteEngine], Awaitable[T]]) -> T:
        """Run an attempt with one engine after the other, until one takes it."""
        candidates = self._candidates()
        self._next = (self.engines.index(candidates[0]) + 1) % len(self.engines)
        problem: ProviderError | None = None
        for engine in candidates:
            try:
                return await attempt(engine)
            except ProviderError as error:
                if error.code is None:
                    problem = engine.fail(str(error))
                elif error.code in _UNAVAILABLE:
                    problem = error
                else:
                    raise
        assert problem is not None  # noqa: S101 - there is at least one engine
        raise problem

    async def _on_the_one_with(
        self, attempt: Callable[[RemoteEngine], Awaitable[T]], not_found: str
    ) -> tuple[RemoteEngine, T]:
        """Run an attempt with each engine, until one does not answer 404; return this engine and the result."""
        problem = ProviderError(not_found, code=404, retry=False)
        for engine in self._candidates():
            try:
                return engine, await attempt(engine)
            except ProviderError as error:
                if error.code is None:
                    problem = engine.fail(str(error))  # it may be the one
                elif error.code != 404:
                    raise
        raise problem

    async def _probe(self) -> None:
        await asyncio.gather(*(engine.probe() for engine in self.engines))

    async def _probe_periodically(self) -> None:
        while True:
            all_answer = all(engine.fault is None for engine in self.engines)
            await asyncio.sleep(PROBE_EVERY_S if all_answer else PROBE_AGAIN_S)
            await self._probe()


async def start_remote_engines(settings: Settings) -> RemoteEngineProvider:
    """Return the provider for the engines of TRUNKLINE_ENGINE_URL. It works as soon as one of them answers."""
    key = settings.engine_key or SecretStr("any")
    provider = RemoteEngineProvider([RemoteEngine(address, key) for address in settings.engine_urls])
    await provider.start()
    return provider
