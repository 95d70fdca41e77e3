"""A scenario whose voice and text models are rehearsed, for the tests of what a front end of one's own may ask."""

from agents import function_tool
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Rehearsal, Scenario, call_tool, say

from trunkline.scenario.question import Question  # isort: skip

rehearsal = Rehearsal()


@rehearsal.plays("clerk")
async def clerk(caller: Caller) -> Lines:
    """Greets, listens, and fails at a tool with the caller's own words."""
    yield say("The counter is open.")
    words = await caller.says()
    yield call_tool("look_up", name=words)
    yield say(f"I could not find {words}.")


@rehearsal.answers("colour")
async def colour(question: Question) -> dict[str, str]:
    """Fits the schema that the tests ask with."""
    return {"colour": "teal"}


@rehearsal.answers("response")
async def response(question: Question) -> str:
    """Says what it was asked."""
    return f"You asked: {question.instructions}"


@function_tool(failure_error_function=None)
def look_up(name: str) -> str:
    """Looks a name up."""
    raise LookupError(f"nothing about {name}")


agent: RealtimeAgent[None] = RealtimeAgent(name="clerk", instructions="You keep the counter.", tools=[look_up])
other: RealtimeAgent[None] = RealtimeAgent(name="other", instructions="You are the other.")
counter: Scenario[None] = Scenario("counter", agents=[agent, other], voice="cedar", rehearsal=rehearsal)
held: Scenario[None] = Scenario("held", agents=[agent], rehearsal=rehearsal, hold=True)


def _fails(_context: object, _agent: object) -> str:
    raise RuntimeError("no database")


broken: Scenario[None] = Scenario("broken", agents=[RealtimeAgent(name="broken", instructions=_fails)])
