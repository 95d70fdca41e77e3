"""Whole calls on a fake model: a scenario with two agents and a few tools, pages, and a caller who waits for words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import msgspec
from agents.realtime import RealtimeAgent

from tests.calls.model_fake import FakeModel
from trunkline import Scenario
from trunkline.calls import log_events
from trunkline.calls.call import Call
from trunkline.calls.pages import Page
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.realtime import events
from trunkline.realtime.send_queue import CloseFrame


def scenario(*, tools: Sequence[Any] = (), instructions: Any = "Be kind.", **settings: Any) -> Scenario[Any]:
    """A host with tools, who may hand over to a poet."""
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet", instructions=instructions)
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", instructions="Be a host.", tools=list(tools), handoffs=[poet])
    return Scenario("bench", agents=[host, poet], **settings)


@contextlib.asynccontextmanager
async def calling(
    model: FakeModel | None = None,
    played: Scenario[Any] | None = None,
    *,
    caller_wait_s: float = 30.0,
    tool_timeout_s: float = 30.0,
) -> AsyncIterator[Caller]:
    """A call that runs, and its caller; ends when the block does."""
    model = model or FakeModel()
    async with CallRegistry(time_limits=CallTimeLimits(caller_wait_s, tool_timeout_s)) as registry:
        call = registry.start(played or scenario(), model, agent=None, transport="websocket")
        yield Caller(call, model)


class Caller:
    """Somebody at a page of the call, who reads everything and says something now and then."""

    def __init__(self, call: Call, model: FakeModel) -> None:
        self.call = call
        self.model = model
        self.page = Page()

    def joins(self, *, after: int = 0, leg_id: str | None = None) -> Page:
        """Opens a page on the call, as its caller unless another leg's id is given."""
        self.page = Page()
        self.call.attach(self.page, leg_id or self.call.leg.leg_id, after)
        return self.page

    def leaves(self) -> None:
        """Closes the page."""
        self.call.detach(self.page, "closed")

    def types(self, text: str) -> None:
        """Types something."""
        self.command(type="say", text=text)

    def command(self, page: Page | None = None, **fields: Any) -> None:
        """Sends any command, from the caller's page by default."""
        self.call.command(page or self.page, events.encode(fields).decode())

    def logged(self, *kinds: type[log_events.LogEvent]) -> list[Any]:
        """The log's events of some kinds."""
        return [entry.event for entry in self.call.log.since(0) if isinstance(entry.event, kinds)]

    def answers(self) -> list[str]:
        """The agents' messages."""
        return [event.text for event in self.logged(log_events.MessageDone) if event.role == "assistant"]

    async def until(self, condition: Callable[[], object], within_s: float = 120.0) -> None:
        """Waits until something is true."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - the condition is the test's own
                await asyncio.sleep(0.01)

    async def heard(self, count: int) -> str:
        """Waits for the agents' `count`th message and returns it."""
        await self.until(lambda: len(self.answers()) >= count)
        return self.answers()[count - 1]

    async def greeted(self) -> None:
        """Joins, and listens to the greeting."""
        self.joins()
        await self.heard(1)
        await asyncio.sleep(5)


def frames_of(page: Page) -> list[str | bytes | CloseFrame]:
    """What is queued for a page."""
    return list(_waiting(page))


def _waiting(page: Page) -> Iterator[str | bytes | CloseFrame]:
    frames = page.frames()
    while True:
        step: Any = frames.__anext__()
        try:
            step.send(None)
        except StopIteration as got:
            yield got.value
        except StopAsyncIteration:
            return
        else:
            step.close()
            return


def told(page: Page) -> list[dict[str, Any]]:
    """The text frames queued for a page, decoded."""
    return [msgspec.json.decode(frame) for frame in frames_of(page) if isinstance(frame, str)]
