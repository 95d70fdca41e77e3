"""Errors of the user's code: one error in the log, with its file and line and the line's text, and no reconnect."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.calls.call_harness import Caller
from trunkline.calls import log_events
from trunkline.calls.agents.runner import StateError
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.providers.local_engine import start_local_engine
from trunkline.scenario.loading import load
from trunkline.scenario.scenario import AnyScenario
from trunkline.settings import Settings
from trunkline.testing import VoiceFailure, typed_call
from trunkline.testing.virtual_time import run_in_virtual_time

SCENARIO = '''
from agents import GuardrailFunctionOutput, OutputGuardrail, function_tool
from agents.realtime import RealtimeAgent

from trunkline import Rehearsal, Scenario, call_tool, transfer

PRICES = {"pears": 2}
rehearsal = Rehearsal()


@rehearsal.plays("clerk")
async def clerk_part(caller):
    yield "What would you like?"
    words = (await caller.says()).text
    if words == "tool":
        yield call_tool("price", thing="plums")
    if words == "agent":
        yield transfer("cashier")
    if words == "rehearsal":
        yield f"They cost {PRICES[words]}."
    yield "Here you are."


@rehearsal.plays("cashier")
async def cashier_part(caller):
    yield "That is two dollars."


@function_tool
def price(thing: str) -> int:
    """Look up a price."""
    return PRICES[thing]


def instructions(context, agent):
    return "Take {} dollars.".format(PRICES["cash"])


async def check(context, agent, words):
    if words.startswith("Here"):
        raise LookupError(f"no rule for {len(words)} letters")
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


def basket():
    return PRICES["basket"]


cashier = RealtimeAgent(name="cashier", instructions=instructions)
clerk = RealtimeAgent(name="clerk", instructions="Sell.", tools=[price], handoffs=[cashier])
rules = OutputGuardrail(check, name="rules")
checked = RealtimeAgent(name="clerk", instructions="Sell.", output_guardrails=[rules], handoffs=[cashier])
shop = Scenario("shop", agents=[clerk, cashier], rehearsal=rehearsal)
checked_shop = Scenario("checkedShop", agents=[checked, cashier], rehearsal=rehearsal)
stateful_shop = Scenario("statefulShop", agents=[clerk, cashier], rehearsal=rehearsal, state=basket)
till = Scenario("till", agents=[cashier])
'''


def line_of(text: str) -> str:
    """Return the place of a line of the scenario, as errors show it."""
    number = next(number for number, line in enumerate(SCENARIO.splitlines(), 1) if line.strip() == text)
    return f"(errors_shop.py:{number}: {text})"


REHEARSAL = line_of('yield f"They cost {PRICES[words]}."')
TOOL = line_of("return PRICES[thing]")
INSTRUCTIONS = line_of('return "Take {} dollars.".format(PRICES["cash"])')
GUARDRAIL = line_of('raise LookupError(f"no rule for {len(words)} letters")')
STATE = line_of('return PRICES["basket"]')


@pytest.fixture
def scenarios(tmp_path: Path) -> dict[str, AnyScenario]:
    """Return the scenarios of the file."""
    file = tmp_path / "errors_shop.py"
    file.write_text(SCENARIO)
    loaded = load([str(file)])
    assert not loaded.problems
    return dict(loaded.by_name)


@asynccontextmanager
async def calling(scenarios: dict[str, AnyScenario], name: str, **settings: Any) -> AsyncIterator[Caller]:
    """Run a call of a scenario on the local engine, over real sockets."""
    given = Settings.model_validate({"provider": "local", "stt": "sphinx", "tts": "espeak", **settings})
    provider = await start_local_engine(scenarios, given)
    try:
        async with CallRegistry(time_limits=CallTimeLimits(30.0, 30.0)) as registry:
            caller = Caller(registry.start(scenarios[name], provider, agent=None, transport="websocket"), provider)  # type: ignore[arg-type]  # any provider
            caller.joins()
            yield caller
    finally:
        await provider.aclose()


def connections(caller: Caller) -> int:
    """Return the number of sessions that the call has opened."""
    return len(caller.logged(log_events.LinkUp))


def waits(caller: Caller) -> bool:
    """Return whether the call waits for the caller only."""
    waiting = caller.logged(log_events.TurnWaiting)
    return bool(waiting) and waiting[-1].reason == "caller"


# In a real call -----------------------------------------------------------------------------------------------------
async def test_a_rehearsal_that_raises_is_one_error_without_a_reconnect(scenarios: dict[str, AnyScenario]) -> None:
    async with calling(scenarios, "shop") as caller:
        await caller.heard(1)
        caller.types("rehearsal")
        await caller.until(lambda: caller.logged(log_events.CallError))
        await caller.until(lambda: waits(caller))
        (error,) = caller.logged(log_events.CallError)
        assert error.message == f"Your rehearsal of 'clerk' raised KeyError('rehearsal') {REHEARSAL}"
        assert (error.code, error.source) == ("rehearsal_failed", "scenario")
        assert connections(caller) == 1
        sent = [event.event["type"] for event in caller.logged(log_events.WireSent)]
        assert sent.count("response.create") == 2  # for the greeting and for the words


async def test_a_tool_that_raises_is_one_error(scenarios: dict[str, AnyScenario]) -> None:
    async with calling(scenarios, "shop") as caller:
        await caller.heard(1)
        caller.types("tool")
        await caller.heard(2)
        (done,) = caller.logged(log_events.ToolDone)
        assert done.error == f"KeyError: 'plums' {TOOL}"
        assert not caller.logged(log_events.CallError)
        (output,) = [
            event.event["item"]["output"]
            for event in caller.logged(log_events.WireSent)
            if event.event.get("item", {}).get("type") == "function_call_output"
        ]
        assert "KeyError: 'plums'" in output
        assert "errors_shop" not in output  # the model needs no line of code
        assert connections(caller) == 1


async def test_instructions_that_raise_at_a_handoff_are_one_error(scenarios: dict[str, AnyScenario]) -> None:
    async with calling(scenarios, "shop") as caller:
        await caller.heard(1)
        caller.types("agent")
        await caller.heard(2)
        (error,) = caller.logged(log_events.CallError)
        assert error.message == f"The agent 'cashier' could not be set up: KeyError: 'cash' {INSTRUCTIONS}"
        assert error.source == "scenario"
        assert connections(caller) == 1


async def test_instructions_that_raise_at_the_beginning_end_the_call(scenarios: dict[str, AnyScenario]) -> None:
    async with calling(scenarios, "till") as caller:
        await caller.until(lambda: caller.logged(log_events.CallEnded))
        (error,) = caller.logged(log_events.CallError)
        assert INSTRUCTIONS in error.message
        assert connections(caller) == 0


async def test_a_guardrail_that_raises_is_one_error(scenarios: dict[str, AnyScenario]) -> None:
    async with calling(scenarios, "checkedShop") as caller:
        await caller.heard(1)
        caller.types("pears")
        await caller.heard(2)
        await caller.until(lambda: waits(caller))
        (error,) = [one for one in caller.logged(log_events.GuardrailChecked) if one.status == "error"]
        assert error.rationale == f"LookupError: no rule for 13 letters {GUARDRAIL}"
        assert connections(caller) == 1


async def test_a_state_that_cannot_be_made_starts_no_call(scenarios: dict[str, AnyScenario]) -> None:
    with pytest.raises(StateError) as failed:
        async with calling(scenarios, "statefulShop"):
            pass
    assert str(failed.value).endswith(f"KeyError: 'basket' {STATE}")


async def test_a_chat_model_that_cannot_be_reached_is_one_error_for_each_turn(
    scenarios: dict[str, AnyScenario],
) -> None:
    address = "http://127.0.0.1:9/v1"
    async with calling(scenarios, "shop", chat_base_url=address, chat_model="m") as caller:
        for turn in itertools.count(1):
            await caller.until(lambda turn=turn: len(caller.logged(log_events.CallError)) == turn)  # type: ignore[misc]  # mypy cannot infer its default
            await caller.until(lambda: waits(caller))
            errors = caller.logged(log_events.CallError)
            assert len(errors) == turn
            if turn == 2:
                break
            caller.types("Hello?")
        assert {error.code for error in errors} == {"connection_error"}
        assert address in errors[0].message
        assert "TRUNKLINE_CHAT_BASE_URL" in errors[0].message
        assert connections(caller) == 1


# In the kit ---------------------------------------------------------------------------------------------------------
def test_the_kit_fails_at_once_with_the_rehearsals_error(scenarios: dict[str, AnyScenario]) -> None:
    async def conversation() -> None:
        async with typed_call(scenarios["shop"]) as call:
            await call.hears("like")
            started_ms = call.now_ms
            with pytest.raises(VoiceFailure) as failed:
                await call.say("rehearsal")
            assert str(failed.value) == f"Your rehearsal of 'clerk' raised KeyError('rehearsal') {REHEARSAL}"
            assert ">>>" in call.timeline(failed.value)
            assert call.now_ms - started_ms < 5000

    run_in_virtual_time(conversation())
