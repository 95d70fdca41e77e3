"""Scenario with a second agent that fails with the caller's words in the error."""

from typing import Any

from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Rehearsal, Scenario, transfer

rehearsal = Rehearsal()


@rehearsal.plays("porter")
async def porter_part(caller: Caller) -> Lines:
    """Hand over the caller after any words."""
    yield "Who is there?"
    await caller.says()
    yield transfer("archivist")


def look_up(context: Any, _agent: object) -> str:
    """Fail with the caller's words in the error, in place of the agent's instructions."""
    said = context.context.history[-1].text
    try:
        return str({}[said])
    except KeyError as error:
        raise LookupError(f"nothing about {said}") from error


archivist: RealtimeAgent[None] = RealtimeAgent(name="archivist", instructions=look_up)
porter: RealtimeAgent[None] = RealtimeAgent(name="porter", instructions="Hand over.", handoffs=[archivist])
door: Scenario[None] = Scenario("door", agents=[porter, archivist], rehearsal=rehearsal)
