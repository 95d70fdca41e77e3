"""Scenario with rehearsed voice and text models, for the tests of the client API."""

from agents import function_tool
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Rehearsal, Scenario, call_tool, say

from trunkline.scenario.question import Question  # isort: skip

rehearsal = Rehearsal()


@rehearsal.plays("clerk")
async def clerk(caller: Caller) -> Lines:
    """Greet, listen, and call a tool that fails with the caller's words."""
    yield say("The counter is open.")
    words = await caller.says()
    yield call_tool("look_up", name=words)
    yield say(f"I could not find {words}.")


@rehearsal.answers("colour")
async def colour(question: Question) -> dict[str, str]:
    """Answer in the schema that the tests request."""
    return {"colour": "teal"}


@rehearsal.answers("response")
async def response(question: Question) -> str:
    """Repeat the request."""
    return f"You asked: {question.instructions}"


@function_tool(failure_error_function=None)
def look_up(name: str) -> str:
    """Look up a name."""
    raise LookupError(f"nothing about {name}")


agent: RealtimeAgent[None] = RealtimeAgent(name="clerk", instructions="You keep the counter.", tools=[look_up])
other: RealtimeAgent[None] = RealtimeAgent(name="other", instructions="You are the other.")
counter: Scenario[None] = Scenario("counter", agents=[agent, other], voice="cedar", rehearsal=rehearsal)
held: Scenario[None] = Scenario("held", agents=[agent], rehearsal=rehearsal, hold=True)


def _fails(_context: object, _agent: object) -> str:
    raise RuntimeError("no database")


broken: Scenario[None] = Scenario("broken", agents=[RealtimeAgent(name="broken", instructions=_fails)])
