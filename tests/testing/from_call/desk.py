"""Scenario for tests from calls: tools with state, a failing one, one that asks for permission, one that hangs up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from agents import GuardrailFunctionOutput, RunContextWrapper, function_tool, output_guardrail
from agents.realtime import RealtimeAgent

from trunkline import CallContext, Caller, Lines, Phrases, Rehearsal, Scenario, Words, call_tool, transfer


@dataclass
class Desk:
    """Tickets of one caller."""

    tickets: list[str] = field(default_factory=list)


Context = RunContextWrapper[CallContext[Desk]]


@function_tool
async def open_ticket(ctx: Context, about: str, urgent: bool) -> dict[str, object]:
    """Opens a ticket, which takes a second."""
    await asyncio.sleep(1)
    ctx.context.state.tickets.append(about)
    return {"number": 40 + len(ctx.context.state.tickets), "about": about, "customer": ctx.context.metadata.get("id")}


@function_tool
async def find_invoice(number: int) -> str:
    """Fails."""
    raise ValueError(f"no invoice {number}")


@function_tool(needs_approval=True)
async def close_account(ctx: Context) -> str:
    """Asks the caller before it runs."""
    return "closed"


@function_tool
async def end_call(ctx: Context) -> str:
    """Ends the call after the goodbye."""
    ctx.context.hang_up("solved")
    return "ending"


@output_guardrail(name="no_promises")
async def no_promises(_ctx: Any, _agent: Any, said: str) -> GuardrailFunctionOutput:
    """Stops promises."""
    tripped = "promise" in said.lower()
    return GuardrailFunctionOutput(output_info={"rationale": "a promise"}, tripwire_triggered=tripped)


billing: RealtimeAgent[Any] = RealtimeAgent(
    name="billing", handoff_description="Invoices.", tools=[find_invoice, close_account, end_call]
)
desk: RealtimeAgent[Any] = RealtimeAgent(name="desk", tools=[open_ticket], handoffs=[billing])
rehearsal = Rehearsal(instead="I cannot say that.")
BROKEN = Phrases("[my] {thing} is broken", thing=Words(("printer", "phone")))
INVOICE = Phrases("[I have] a question about [my] invoice")
ACCOUNT = Phrases("close my account")
SURE = Phrases("are you sure")
BYE = Phrases("goodbye")


@rehearsal.plays("desk")
async def desk_part(caller: Caller) -> Lines:
    yield "Hello, this is the help desk. How can I help you today?"
    while True:
        said = await caller.says(BROKEN, INVOICE, SURE)
        if said.meant is BROKEN:
            ticket = yield call_tool("open_ticket", about=said["thing"], urgent=True)
            yield f"Your ticket has the number {ticket['number']}. Anything else?"
        elif said.meant is INVOICE:
            yield transfer("billing")
        elif said.meant is SURE:
            yield "I promise it."
        else:
            yield f"I heard: {said.text}"


@rehearsal.plays("billing")
async def billing_part(caller: Caller) -> Lines:
    yield call_tool("find_invoice", number=7)
    yield "I cannot find your invoice. Anything else?"
    while True:
        said = await caller.says(ACCOUNT, BYE)
        if said.meant is ACCOUNT:
            yield call_tool("close_account")
            yield "All right."
        elif said.meant is BYE:
            yield call_tool("end_call")
            yield "Goodbye!"
        else:
            yield "Pardon?"


scenario: Scenario[Desk] = Scenario(
    "desk",
    agents=[desk, billing],
    state=Desk,
    rehearsal=rehearsal,
    guardrails=[no_promises],
    turn_detection={"type": "server_vad"},
)
