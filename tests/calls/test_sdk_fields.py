"""The fields of a RealtimeAgent in a call: enabled tools, handoffs with input, hooks, stored prompts and `state`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from agents import RunContextWrapper, function_tool
from agents.prompts import Prompt
from agents.realtime import RealtimeAgent, RealtimeAgentHooks, realtime_handoff
from pydantic import BaseModel

from tests.calls.call_harness import Caller, calling, scenario
from tests.calls.model_fake import Calls, FakeModel, Script
from trunkline import CallContext, Scenario, ScenarioError
from trunkline.calls import log_events
from trunkline.calls.agents.runner import StateError
from trunkline.calls.registry import CallRegistry
from trunkline.calls.time_limits import CallTimeLimits
from trunkline.testing.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure
Context = RunContextWrapper[CallContext[Any]]


def script_of(**answers: Any) -> Script:
    """Return a script that answers the caller's texts, and a tool's output with its text."""

    def script(items: Any) -> Any:
        last = items[-1] if items else {}
        if last.get("type") == "function_call_output":
            return [last["output"]]
        return [answers.get(last["content"][0]["text"], "Yes?")] if last else ["Yes?"]

    return script


async def asks(caller: Caller, text: str) -> str:
    """Type a message and return the next answer."""
    count = len(caller.answers())
    caller.types(text)
    return await caller.heard(count + 1)


def tools_offered(caller: Caller) -> list[list[str]]:
    """Return the names of the tools of each session update that has tools."""
    updates = [event for event in caller.model.now.received if event["type"] == "session.update"]
    return [[tool["name"] for tool in event["session"]["tools"]] for event in updates if "tools" in event["session"]]


# Tools and handoffs that are enabled during the call -----------------------------------------------------------------
def opening_shop() -> Scenario[dict[str, bool]]:
    def is_open(context: Context, _agent: object) -> bool:
        return bool(context.context.state["open"])

    @function_tool
    def unlock(ctx: Context) -> str:
        """Open the shop."""
        ctx.context.state["open"] = True
        return "open"

    @function_tool(is_enabled=is_open)
    def sell() -> str:
        """Sell something."""
        return "sold"

    cashier: RealtimeAgent[Any] = RealtimeAgent(name="cashier")
    handoffs: list[Any] = [realtime_handoff(cashier, is_enabled=is_open)]
    clerk: RealtimeAgent[Any] = RealtimeAgent(name="clerk", tools=[unlock, sell], handoffs=handoffs)
    return Scenario("shop", agents=[clerk, cashier], state=lambda: {"open": False})


@in_virtual_time
async def test_tools_that_a_tool_enables_are_offered_before_the_model_answers_to_it() -> None:
    model = FakeModel(script_of(unlock=Calls("unlock")))
    async with calling(model, opening_shop()) as caller:
        await caller.greeted()
        assert await asks(caller, "unlock") == "open"
        assert tools_offered(caller) == [["unlock"], ["unlock", "sell", "transfer_to_cashier"]]
        sent = model.now.types()
        last_request = len(sent) - 1 - sent[::-1].index("response.create")
        last_update = len(sent) - 1 - sent[::-1].index("session.update")
        assert last_update < last_request


@in_virtual_time
async def test_tools_that_are_enabled_between_turns_are_offered_after_the_next_answer() -> None:
    async with calling(FakeModel(script_of()), opening_shop()) as caller:
        await caller.greeted()
        state: Any = caller.call.state
        state["open"] = True
        await asks(caller, "hello")
        await asyncio.sleep(1)
        assert tools_offered(caller)[-1] == ["unlock", "sell", "transfer_to_cashier"]
        await asks(caller, "hello")
        await asyncio.sleep(1)
        assert len(tools_offered(caller)) == 2


@in_virtual_time
async def test_a_call_of_a_disabled_handoff_is_refused() -> None:
    model = FakeModel(script_of(pay=Calls("transfer_to_cashier")))
    async with calling(model, opening_shop()) as caller:
        await caller.greeted()
        answer = await asks(caller, "pay")
        assert msgspec.json.decode(answer) == {
            "error": "transfer_to_cashier is not available now. Continue without it."
        }
        assert len(caller.logged(log_events.AgentChanged)) == 1


@in_virtual_time
async def test_an_error_in_is_enabled_after_a_turn_is_in_the_log() -> None:
    calls = 0

    def broken(_context: object, _agent: object) -> bool:
        nonlocal calls
        calls += 1
        return calls == 1 or 1 // 0 == 0

    @function_tool(is_enabled=broken)
    def sell() -> str:
        """Sell something."""
        return "sold"

    async with calling(FakeModel(script_of()), scenario(tools=[sell])) as caller:
        await caller.greeted()
        (error,) = caller.logged(log_events.CallError)
        assert error.message.startswith("The tools of the agent 'host' could not be checked: ZeroDivisionError")
        assert "test_sdk_fields.py" in error.message
        assert await asks(caller, "hello") == "Yes?"


# Handoffs -------------------------------------------------------------------------------------------------------------
class Order(BaseModel):
    reason: str
    pieces: int


def handing_over(on_handoff: Any, input_type: Any = Order) -> Scenario[Any]:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet")
    handoff: Any = realtime_handoff(poet, on_handoff=on_handoff, **({"input_type": input_type} if input_type else {}))
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=[handoff])
    return Scenario("bench", agents=[host, poet])


@in_virtual_time
async def test_on_handoff_gets_the_models_input() -> None:
    given: list[Any] = []
    played = handing_over(lambda _context, order: given.append(order))
    model = FakeModel(script_of(go=Calls("transfer_to_poet", '{"reason": "a haiku", "pieces": 3}')))
    async with calling(model, played) as caller:
        await caller.greeted()
        await asks(caller, "go")
        assert given == [Order(reason="a haiku", pieces=3)]
        assert caller.logged(log_events.AgentChanged)[-1].agent == "poet"


@in_virtual_time
async def test_the_model_learns_what_is_wrong_with_the_input_of_a_handoff() -> None:
    model = FakeModel(script_of(go=Calls("transfer_to_poet", '{"pieces": "many"}')))
    async with calling(model, handing_over(lambda _context, _order: None)) as caller:
        await caller.greeted()
        error = msgspec.json.decode(await asks(caller, "go"))["error"]
        assert "reason: Field required; pieces: Input should be a valid integer" in error
        assert error.endswith("Call transfer_to_poet again with correct ones.")
        (logged,) = caller.logged(log_events.CallError)
        assert (logged.code, logged.source) == ("handoff_refused", "tool")


@in_virtual_time
async def test_the_model_learns_that_on_handoff_failed() -> None:
    def busy(_context: object) -> None:
        raise LookupError("no poet is free")

    model = FakeModel(script_of(go=Calls("transfer_to_poet")))
    async with calling(model, handing_over(busy, None)) as caller:
        await caller.greeted()
        error = msgspec.json.decode(await asks(caller, "go"))["error"]
        assert error == (
            "transfer_to_poet failed: LookupError: no poet is free. Tell the caller, or continue yourself."
        )
        (logged,) = caller.logged(log_events.CallError)
        assert "test_sdk_fields.py" in logged.message
        assert caller.call.log.since(0)[-1] is not None
        assert len(caller.logged(log_events.AgentChanged)) == 1


@in_virtual_time
async def test_a_handoff_that_was_appended_after_the_scenario_was_made_works() -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet")
    host: RealtimeAgent[Any] = RealtimeAgent(name="host")
    played = Scenario("bench", agents=[host, poet])
    host.handoffs.append(poet)
    model = FakeModel(script_of(go=Calls("transfer_to_poet")))
    async with calling(model, played) as caller:
        await caller.greeted()
        assert await asks(caller, "go") == '{"assistant":"poet"}'


@in_virtual_time
async def test_a_handoff_that_is_appended_during_the_call_works() -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet")
    host: RealtimeAgent[Any] = RealtimeAgent(name="host")
    model = FakeModel(script_of(go=Calls("transfer_to_poet")))
    async with calling(model, Scenario("bench", agents=[host, poet])) as caller:
        await caller.greeted()
        host.handoffs.append(poet)
        await asks(caller, "hello")
        await asyncio.sleep(1)
        assert await asks(caller, "go") == '{"assistant":"poet"}'


@in_virtual_time
async def test_a_handoff_out_of_the_scenario_that_was_appended_later_prevents_the_call() -> None:
    host: RealtimeAgent[Any] = RealtimeAgent(name="host")
    played = Scenario("bench", agents=[host])
    host.handoffs.append(RealtimeAgent(name="stranger"))
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        with pytest.raises(ScenarioError, match="hands off to 'stranger', which is not in the scenario"):
            registry.start(played, FakeModel(), agent=None, transport="websocket")


# Hooks ----------------------------------------------------------------------------------------------------------------
class Diary(RealtimeAgentHooks[Any]):
    def __init__(self) -> None:
        self.entries: list[str] = []

    async def on_start(self, context: Any, agent: Any) -> None:
        self.entries.append(f"{agent.name} starts in {context.context.scenario}")

    async def on_end(self, context: Any, agent: Any, output: Any) -> None:
        self.entries.append(f"{agent.name} said {output}")

    async def on_handoff(self, context: Any, agent: Any, source: Any) -> None:
        self.entries.append(f"{source.name} hands over to {agent.name}")

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        self.entries.append(f"{tool.name}({context.tool_arguments})")

    async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: object) -> None:
        self.entries.append(f"{tool.name} gave {result}")


@in_virtual_time
async def test_hooks_run_in_the_order_of_the_call() -> None:
    diary = Diary()

    @function_tool
    def clock() -> str:
        """Tell the time."""
        return "noon"

    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet", hooks=diary)
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", tools=[clock], handoffs=[poet], hooks=diary)
    model = FakeModel(script_of(time=Calls("clock"), go=Calls("transfer_to_poet")))
    async with calling(model, Scenario("bench", agents=[host, poet])) as caller:
        await caller.greeted()
        await asks(caller, "time")
        await asks(caller, "go")
        await asyncio.sleep(1)
    assert diary.entries == [
        "host starts in bench",
        "host said Yes?",
        "clock({})",
        "clock gave noon",
        "host said noon",
        "host hands over to poet",
        "poet starts in bench",
        'poet said {"assistant":"poet"}',
    ]


@in_virtual_time
async def test_a_hook_that_fails_is_in_the_log_and_the_call_continues() -> None:
    class Broken(RealtimeAgentHooks[Any]):
        async def on_start(self, context: Any, agent: Any) -> None:
            raise RuntimeError("no diary")

    played = Scenario("bench", agents=[RealtimeAgent(name="host", hooks=Broken())])
    async with calling(FakeModel(script_of()), played) as caller:
        await caller.greeted()
        (error,) = caller.logged(log_events.CallError)
        assert error.message.startswith("The hook on_start of the agent 'host' failed: RuntimeError: no diary")
        assert error.source == "scenario"


# Stored prompts -------------------------------------------------------------------------------------------------------
@in_virtual_time
async def test_a_stored_prompt_is_in_the_session_of_its_agent_alone() -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet", instructions="Write haiku.")
    host: RealtimeAgent[Any] = RealtimeAgent(
        name="host", prompt=Prompt(id="pmpt_1", version="2", variables={"company": "Bench"}), handoffs=[poet]
    )
    model = FakeModel(script_of(go=Calls("transfer_to_poet")))
    async with calling(model, Scenario("bench", agents=[host, poet])) as caller:
        await caller.greeted()
        await asks(caller, "go")
        sessions = [event["session"] for event in model.now.received if event["type"] == "session.update"]
        assert [session["prompt"] for session in sessions] == [
            {"id": "pmpt_1", "version": "2", "variables": {"company": "Bench"}},
            None,
        ]


# State, metadata, hanging up ------------------------------------------------------------------------------------------
@in_virtual_time
async def test_an_async_state_gets_the_calls_id_and_metadata() -> None:
    async def state(call_id: str, metadata: Mapping[str, str]) -> dict[str, str]:
        await asyncio.sleep(1)
        return {"call": call_id, **metadata}

    def instructions(context: Context, _agent: object) -> str:
        return f"The caller is {context.context.state['name']} ({context.context.metadata['name']})."

    played = scenario(state=state)
    played.first_agent.instructions = instructions
    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        model = FakeModel(script_of())
        call = registry.start(played, model, agent=None, transport="websocket", metadata={"name": "Ann"})
        caller = Caller(call, model)
        await caller.greeted()
        assert call.state == {"call": call.call_id, "name": "Ann"}
        assert model.now.received[0]["session"]["instructions"] == "The caller is Ann (Ann)."
        (started,) = caller.logged(log_events.CallStarted)
        assert started.metadata == {"name": "Ann"}


@in_virtual_time
async def test_an_async_state_that_fails_ends_the_call_with_the_reason() -> None:
    async def state() -> int:
        raise LookupError("no such customer")

    async with calling(FakeModel(), scenario(state=state)) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over)
        (error,) = caller.logged(log_events.CallError)
        assert "StateError: The state of the scenario 'bench' could not be made: LookupError: no such customer" in (
            error.message
        )


@in_virtual_time
async def test_a_state_with_a_wrong_type_of_fact_fails_before_the_call() -> None:
    def state(metadata: Mapping[str, str]) -> str:
        return metadata["name"]

    async with CallRegistry(time_limits=CallTimeLimits()) as registry:
        with pytest.raises(StateError, match="KeyError: 'name'"):
            registry.start(scenario(state=state), FakeModel(), agent=None, transport="websocket")


@in_virtual_time
async def test_a_tool_ends_the_call_after_the_agents_goodbye() -> None:
    @function_tool
    def finish(ctx: Context) -> str:
        """End the call."""
        ctx.context.hang_up("the order is complete")
        return "Goodbye."

    model = FakeModel(script_of(bye=Calls("finish")), audio_ms=2000)
    async with calling(model, scenario(tools=[finish])) as caller:
        await caller.greeted()
        assert await asks(caller, "bye") == "Goodbye."
        spoken_ms = caller.call.log.since(0)[-1].at_ms
        await caller.until(lambda: caller.call.is_over)
        ended = caller.call.log.since(0)[-1]
        assert ended.event == log_events.CallEnded(reason="the order is complete")
        assert 2000 <= ended.at_ms - spoken_ms <= 3000
        notes = [event.text for event in caller.logged(log_events.MessageDone) if event.role == "system"]
        assert notes == ["The call ends now. Say goodbye in one short sentence; the call ends after it."]


@in_virtual_time
async def test_a_call_that_a_tool_ends_does_not_wait_for_a_model_without_words() -> None:
    @function_tool
    def finish(ctx: Context) -> str:
        """End the call."""
        ctx.context.hang_up()
        return "ended"

    def silent(items: Any) -> Any:
        last = items[-1]
        return [] if last.get("type") == "function_call_output" else [Calls("finish")]

    async with calling(FakeModel(silent), scenario(tools=[finish])) as caller:
        caller.joins()
        await caller.until(lambda: caller.call.is_over, within_s=30)
        assert caller.call.log.since(0)[-1].event == log_events.CallEnded(reason="a tool ended the call")
