"""Weather desk that outside clients talk to: it greets, calls the client's tool, and answers with its result."""

from __future__ import annotations

from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Question, Rehearsal, Scenario
from trunkline.scenario.moves import call_tool

GREETING = "Welcome to the weather desk. Which town, please?"
QUESTION = "What is the weather in Wanaka?"


def weather_desk(name: str, tool: str) -> Scenario[None]:
    """Return a scenario that calls a tool with this name."""
    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield GREETING
        while True:
            await caller.says()
            weather = yield call_tool(tool, city="Wanaka")
            yield f"In Wanaka it is {weather}."

    @rehearsal.answers("text")
    async def text(question: Question) -> str:
        weather = await question.call_tool(tool, city="Wanaka")
        return f"In Wanaka it is {weather}."

    return Scenario(name, agents=[RealtimeAgent(name="clerk")], rehearsal=rehearsal)


weather = weather_desk("weather", "get_weather")
weather_plugin = weather_desk("weatherPlugin", "weather-get_weather")
"""The same for Semantic Kernel, which puts the plugin's name before the function's."""
