"""Scenario with everything that the kit can test: tools, state, a handoff, a failing tool and a slow one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from agents import RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent

from trunkline import CallContext, Caller, Lines, Phrases, Rehearsal, Scenario, Words, call_tool, transfer


@dataclass
class Basket:
    """Order of one caller."""

    things: list[str] = field(default_factory=list)


Context = RunContextWrapper[CallContext[Basket]]


@function_tool
async def add_to_basket(ctx: Context, thing: str, count: int) -> str:
    """Puts something into the basket."""
    ctx.context.state.things += [thing] * count
    ctx.context.breadcrumb("basket", {"things": len(ctx.context.state.things)})
    return "it is in the basket"


@function_tool
async def ask_warehouse(thing: str) -> str:
    """Asks, which takes two seconds."""
    await asyncio.sleep(2)
    return f"there are {thing}"


@function_tool
def count_stock(thing: str) -> int:
    """Counts, in a thread, which takes a moment of real time."""
    time.sleep(0.05)
    return len(thing)


cashier: RealtimeAgent[Any] = RealtimeAgent(name="cashier", instructions="Take the money.")
clerk: RealtimeAgent[Any] = RealtimeAgent(
    name="clerk",
    instructions="Sell things.",
    tools=[add_to_basket, ask_warehouse, count_stock],
    handoffs=[cashier],
)
rehearsal = Rehearsal()
BUY = Phrases("two {thing} please", thing=Words((), open=True))
ASK = Phrases("do you have {thing}", thing=Words((), open=True))
COUNT = Phrases("how many {thing}", thing=Words((), open=True))
PAY = Phrases("I want to pay")


@rehearsal.plays("clerk")
async def clerk_part(caller: Caller) -> Lines:
    yield "Welcome to the shop. What would you like?"
    while True:
        said = await caller.says(BUY, ASK, COUNT, PAY)
        if said.meant is BUY:
            yield call_tool("add_to_basket", thing=said["thing"], count=2)
            yield f"Two {said['thing']} are in your basket. Anything else?"
        elif said.meant is ASK:
            yield "One moment, I'll ask."
            answer = yield call_tool("ask_warehouse", thing=said["thing"])
            yield f"Yes: {answer}."
        elif said.meant is COUNT:
            number = yield call_tool("count_stock", thing=said["thing"])
            yield f"There are {number}."
        elif said.meant is PAY:
            yield transfer("cashier")
        else:
            yield "I'm sorry, we don't sell that."


@rehearsal.plays("cashier")
async def cashier_part(caller: Caller) -> Lines:
    yield "That makes nine euros. Cash or card?"
    while True:
        await caller.says()
        yield "Thank you. Goodbye!"


shop: Scenario[Basket] = Scenario(
    "shop", agents=[clerk, cashier], state=Basket, rehearsal=rehearsal, turn_detection={"type": "server_vad"}
)
