"""A shop with tools that fail in different ways: for the server, and for the model that plays its agent."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Rehearsal, Scenario, call_tool

WELCOME = "Welcome to the shop."
ANSWER = "There are plenty of pears. They came this morning. Would you like two, or three, or a whole box of them?"
FOR_EVER_S = 3_600.0
BLOCKED_S = 12.0
SYNC_S = 55.0


@function_tool
async def instant() -> str:
    """Return at once."""
    return "plenty"


@function_tool
async def hang() -> str:
    """Wait for ever."""
    await asyncio.sleep(FOR_EVER_S)
    return "plenty"


@function_tool
def hang_in_a_thread() -> str:
    """Return after a minute, in a thread."""
    time.sleep(SYNC_S)
    return "plenty"


@function_tool
async def block() -> str:
    """Block the server's event loop."""
    time.sleep(BLOCKED_S)  # noqa: ASYNC251 - the fault
    return "plenty"


@function_tool
async def interrupt() -> str:
    """Raise the exception of Ctrl-C."""
    raise KeyboardInterrupt


TOOLS = (instant, hang, hang_in_a_thread, block, interrupt)
rehearsal = Rehearsal()


@rehearsal.plays("clerk")
async def clerk(caller: Caller) -> Lines:
    """Call the tool that the caller names, and answer."""
    yield WELCOME
    while True:
        said = await caller.says()
        for tool in TOOLS:
            if tool.name in said.text.split():
                yield call_tool(tool.name)
        yield ANSWER


agent: RealtimeAgent[Any] = RealtimeAgent(name="clerk", instructions="Sell pears.", tools=[*TOOLS])
shop: Scenario[Any] = Scenario("shop", agents=[agent], rehearsal=rehearsal)
