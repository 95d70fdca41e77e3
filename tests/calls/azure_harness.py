"""Whole calls on the fake Azure service: real sockets, the Azure provider, and a caller who types."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.providers.azure_fake import FakeAzure, fake_azure
from trunkline import Scenario
from trunkline.calls import log_events
from trunkline.calls.log_events import CallError, LogEvent
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.providers.from_settings import azure_provider
from trunkline.providers.hosted_realtime import HostedRealtimeProvider
from trunkline.providers.realtime_socket import DEFAULT_PINGS, Pings
from trunkline.scenario.loading import load
from trunkline.testing.call_factory import CallFactory
from trunkline.testing.voice_call import VoiceCall

OPENING = "Would you like to hear a haiku?"
HANDED_OVER = "What shall yours be about?"
POEM = "Shall I write another one?"


@functools.cache
def scenario() -> Scenario[Any]:
    """Load the scenario: a greeter who hands over to a poet."""
    return load([]).by_name["simpleHandoff"]


@dataclass
class AzureCall:
    """A call on the stand-in."""

    azure: FakeAzure
    provider: HostedRealtimeProvider
    call: VoiceCall

    def logged(self, *kinds: type[LogEvent]) -> list[Any]:
        """Return the log's events of some kinds."""
        return [entry.event for entry in self.call.log if isinstance(entry.event, kinds)]

    @property
    def errors(self) -> list[str | None]:
        """The codes of the call's errors."""
        return [error.code for error in self.logged(CallError)]

    @property
    def said(self) -> list[str]:
        """The agents' complete messages."""
        return [
            done.text
            for done in self.logged(log_events.MessageDone)
            if done.role == "assistant" and done.status == "completed"
        ]

    async def runs_to_its_end(self) -> None:
        """Hold the whole conversation (greeting, handoff, poem), and check that each part is said once."""
        await self.call.hears(OPENING)
        turn = await self.call.say("yes please")
        assert turn.handed_to == "haikuWriter", self.call.timeline()
        await self.call.hears(HANDED_OVER)
        await self.call.say("mountains")
        await self.call.hears(POEM)
        self.call.took_path("greeter", "haikuWriter")
        for words in (HANDED_OVER, POEM):
            assert sum(words in text for text in self.said) == 1, self.call.timeline()


@contextlib.asynccontextmanager
async def azure_call(
    *, ms_per_character: int = 2, pings: Pings = DEFAULT_PINGS, stall_timeout_s: float = 20.0, **changes: Any
) -> AsyncIterator[AzureCall]:
    """Yield a call before its start; `changes` change the provider's settings.

    Args:
        ms_per_character: how fast agents speak; people need 60.
        pings: the provider's pings.
        stall_timeout_s: silence of the model that ends a session. A busy machine can be silent for a second too.
    """
    times = CallTimeLimits(stall_timeout_s=stall_timeout_s)
    played = {scenario().name: scenario()}
    async with fake_azure(played, scenario().name, ms_per_character=ms_per_character) as there:
        provider = azure_provider(there.settings(**changes), pings=pings)
        async with CallFactory("live", provider_of=lambda _scenario: provider, times=times) as factory:
            yield AzureCall(there, provider, await factory.call(scenario()))
        await provider.aclose()
