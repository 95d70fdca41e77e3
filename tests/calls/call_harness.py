"""Whole calls on a fake model: a scenario with two agents, pages, and a caller who waits for answers."""

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
from trunkline.send_queue import CloseFrame


def scenario(*, tools: Sequence[Any] = (), instructions: Any = "Be kind.", **settings: Any) -> Scenario[Any]:
    """Make a scenario: a host with tools, who may hand over to a poet."""
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
    """Run a call until the block ends, and yield its caller."""
    model = model or FakeModel()
    async with CallRegistry(time_limits=CallTimeLimits(caller_wait_s, tool_timeout_s)) as registry:
        call = registry.start(played or scenario(), model, agent=None, transport="websocket")
        yield Caller(call, model)


class Caller:
    """A caller at a page of the call."""

    def __init__(self, call: Call, model: FakeModel) -> None:
        self.call = call
        self.model = model
        self.page = Page()

    def joins(self, *, after: int = 0, leg_id: str | None = None) -> Page:
        """Open a page on the call, as its caller unless another leg's id is given."""
        self.page = Page()
        self.call.attach(self.page, leg_id or self.call.leg.leg_id, after)
        if leg_id is None:
            self.command(type="audio_report", echo_cancelled=True)  # as browsers do
        return self.page

    def leaves(self) -> None:
        """Close the page."""
        self.call.detach(self.page, "closed")

    def types(self, text: str) -> None:
        """Type a message."""
        self.command(type="say", text=text)

    def command(self, page: Page | None = None, **fields: Any) -> None:
        """Send a command, from the caller's page by default."""
        self.call.command(page or self.page, events.encode(fields).decode())

    def logged(self, *kinds: type[log_events.LogEvent]) -> list[Any]:
        """Return the log's events of some kinds."""
        return [entry.event for entry in self.call.log.since(0) if isinstance(entry.event, kinds)]

    def answers(self) -> list[str]:
        """Return the agents' messages."""
        return [event.text for event in self.logged(log_events.MessageDone) if event.role == "assistant"]

    async def until(self, condition: Callable[[], object], within_s: float = 120.0) -> None:
        """Wait until a condition is true."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - the condition has no event
                await asyncio.sleep(0.01)

    async def heard(self, count: int) -> str:
        """Wait for the agents' `count`th message and return it."""
        await self.until(lambda: len(self.answers()) >= count)
        return self.answers()[count - 1]

    async def greeted(self) -> None:
        """Join, and listen to the greeting."""
        self.joins()
        await self.heard(1)
        await asyncio.sleep(5)


def queued_frames(page: Page) -> list[str | bytes | CloseFrame]:
    """Return the frames queued for a page."""
    return list(_queued(page))


def _queued(page: Page) -> Iterator[str | bytes | CloseFrame]:
    frames = page.frames()
    while True:
        step: Any = frames.__anext__()
        try:
            while step.send(None) is None:
                pass  # it only lets other tasks run
        except StopIteration as got:
            yield got.value
        except StopAsyncIteration:
            return
        else:
            step.close()
            return


def text_frames(page: Page) -> list[dict[str, Any]]:
    """Return the text frames queued for a page, decoded."""
    return [msgspec.json.decode(frame) for frame in queued_frames(page) if isinstance(frame, str)]
