"""Scenario of the server's tests."""

from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, function_tool, output_guardrail
from agents.realtime import RealtimeAgent

from trunkline import Scenario

poet: RealtimeAgent[None] = RealtimeAgent(name="poet", handoff_description="Writes poems.", instructions="Be brief.")
host: RealtimeAgent[None] = RealtimeAgent(name="host", instructions="Greet.", handoffs=[poet])


def _fails() -> None:
    raise RuntimeError("no database")


web: Scenario[None] = Scenario("web", agents=[host, poet], description="For tests.", voice="sage")
failing: Scenario[None] = Scenario("failing", agents=[poet], state=_fails)


@function_tool
def weigh(word: str) -> int:
    """Return the weight of a word.

    Args:
        word: any word.
    """
    return len(word)


@output_guardrail(name="politeness")
async def politeness(_context: RunContextWrapper[Any], _agent: Agent[Any], _output: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


clerk: RealtimeAgent[None] = RealtimeAgent(name="clerk", tools=[weigh], output_guardrails=[politeness])
tooled: Scenario[None] = Scenario("tooled", agents=[clerk], guardrails=[politeness])
