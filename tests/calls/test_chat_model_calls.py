"""Calls with a strict chat model behind the local engine, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agents import Agent, GuardrailFunctionOutput, OutputGuardrail, RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent
from starlette.responses import JSONResponse, Response

from tests.calls.call_harness import Caller
from tests.engine.chat_server import STRICT, call, delta, endpoint
from trunkline import Scenario
from trunkline.calls import log_events
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.providers.local_engine import start_local_engine
from trunkline.settings import Settings

ONE_ID = "call_0"


@function_tool
def weather(city: str) -> str:
    """Return the weather."""
    return f"rain in {city}"


@function_tool
def clock(city: str) -> str:
    """Return the time."""
    return f"noon in {city}"


async def promises(_context: RunContextWrapper[Any], _agent: Agent[Any], said: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="promise" in said)


def scenario() -> Scenario[None]:
    agent: RealtimeAgent[None] = RealtimeAgent(name="guide", instructions="Help.", tools=[weather, clock])
    return Scenario("guide", agents=[agent], guardrails=[OutputGuardrail(promises, name="promises")])


def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]] | Response:
    """Answer as a model with the strictest template would, with one id for every tool call."""
    for judge in STRICT:
        if problem := judge(body["messages"]):
            return JSONResponse({"error": {"message": problem}}, 400)
    return _chunks(body["messages"])


async def _chunks(messages: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    last = messages[-1]
    asked = last["content"].rpartition("\n")[2]  # a greeting that was cut off at once leaves two messages of the caller
    if last["role"] == "tool":
        results = [one["content"] for one in messages[_last(messages, "user") :] if one["role"] == "tool"]
        yield delta(content=f"I see {' and '.join(results)}.")
    elif "cut off" in asked or (asked == "sure?" and "cut off" in messages[0]["content"]):
        yield delta(content="I cannot say that.")
    elif asked == "both":
        yield call(0, '{"city": "Bern"}', "weather", ONE_ID)
        yield call(1, '{"city": "Rome"}', "clock", ONE_ID)
    elif asked == "once more":
        yield call(0, '{"city": "Oslo"}', "weather", ONE_ID)
    elif asked == "written":
        yield delta(content='One moment.\n<tool_call>\n{"name": "clock", "arguments": {"city": "Lima"}}\n</tool_call>')
    elif asked == "sure?":
        yield delta(content="I promise it.")
    else:
        yield delta(content="Hello there.")


def _last(messages: list[dict[str, Any]], role: str) -> int:
    return max(index for index, one in enumerate(messages) if one["role"] == role)


@asynccontextmanager
async def calling() -> AsyncIterator[Caller]:
    """Run a call, and wait for the greeting."""
    async with endpoint(answer) as (url, _bodies, _left):
        given = {"provider": "local", "stt": "sphinx", "tts": "espeak", "chat_base_url": url, "chat_model": "strict"}
        played = scenario()
        provider = await start_local_engine({played.name: played}, Settings.model_validate(given))
        try:
            async with CallRegistry(time_limits=CallTimeLimits(30.0, 30.0)) as registry:
                call = registry.start(played, provider, agent=None, transport="websocket")
                caller = Caller(call, provider)  # type: ignore[arg-type]  # any provider
                caller.joins()
                await caller.heard(1)
                yield caller
        finally:
            await provider.aclose()


def done(caller: Caller) -> list[tuple[str, object]]:
    """Return the tools that were called, with their results."""
    return [(event.name, event.result) for event in caller.logged(log_events.ToolDone)]


async def test_two_tools_at_once_with_one_id_and_later_calls_run() -> None:
    async with calling() as caller:
        caller.types("both")
        assert await caller.heard(2) == "I see rain in Bern and noon in Rome."
        caller.types("once more")
        assert await caller.heard(3) == "I see rain in Oslo."
        assert sorted(done(caller)[:2]) == [("clock", "noon in Rome"), ("weather", "rain in Bern")]
        assert done(caller)[2:] == [("weather", "rain in Oslo")]
        assert not caller.logged(log_events.CallError)


async def test_a_tool_call_in_the_text_runs_and_is_not_said() -> None:
    async with calling() as caller:
        caller.types("written")
        assert [await caller.heard(2), await caller.heard(3)] == ["One moment.", "I see noon in Lima."]
        assert done(caller) == [("clock", "noon in Lima")]


async def test_a_stopped_answer_does_not_break_a_strict_template() -> None:
    async with calling() as caller:
        caller.types("sure?")
        await caller.until(lambda: "I cannot say that." in caller.answers())
        caller.types("hello")
        await caller.until(lambda: caller.answers()[-1] == "Hello there." and len(caller.answers()) > 2)
        assert not caller.logged(log_events.CallError)
