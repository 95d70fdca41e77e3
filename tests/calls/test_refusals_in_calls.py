"""Whole calls in which the service refuses a part: on the stand-in for Azure over real sockets, and on the engine.

`Scenario` refuses such parts itself. So each test changes the scenario after it was made.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent

from tests.providers.azure_fake import FakeAzure, fake_azure
from trunkline import Caller, Lines, Rehearsal, Scenario, call_tool, stub_tool, transfer
from trunkline.calls import log_events
from trunkline.calls.log_events import CallError
from trunkline.providers.from_settings import azure_provider
from trunkline.realtime import service_rules
from trunkline.testing.call_factory import CallFactory, typed_call
from trunkline.testing.virtual_time import run_in_virtual_time
from trunkline.testing.voice_call import VoiceCall

BAD_TOOL = stub_tool("the clock", {"type": "object", "properties": {}})


@function_tool
def look_up() -> str:
    """Return a long report."""
    return "rain " * 2000


def scenario() -> Scenario[Any]:
    """Return a desk with a tool, which hands over to a poet."""
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet", instructions="Be a poet.")
    desk: RealtimeAgent[Any] = RealtimeAgent(name="desk", instructions="Be kind.", tools=[look_up], handoffs=[poet])
    rehearsal = Rehearsal()

    @rehearsal.plays("desk")
    async def desk_part(caller: Caller) -> Lines:
        yield "Welcome to the desk."
        while True:
            said = await caller.says()
            if "weather" in said.text:
                answer = yield call_tool("look_up")
                yield f"I read {len(str(answer))} characters."
            elif "poem" in said.text:
                refused = yield transfer("poet")
                yield f"I stay with you: {refused}"
            else:
                yield "Pardon?"

    @rehearsal.plays("poet")
    async def poet_part(caller: Caller) -> Lines:
        yield "I am the poet."
        while True:
            await caller.says()
            yield "Roses are red."

    return Scenario("desk", agents=[desk, poet], rehearsal=rehearsal, voice="sage")


@contextlib.asynccontextmanager
async def on_azure(played: Scenario[Any], **changes: Any) -> AsyncIterator[tuple[VoiceCall, FakeAzure]]:
    """Yield a call over the provider for Azure, on the stand-in."""
    async with fake_azure({played.name: played}, played.name, ms_per_character=2) as azure:
        provider = azure_provider(azure.settings(**changes))
        async with CallFactory("live", provider_of=lambda _scenario: provider) as factory:
            yield await factory.call(played), azure
        await provider.aclose()


def on_engine(played: Scenario[Any], conversation: Callable[[VoiceCall], Awaitable[None]]) -> None:
    """Hold a conversation on the local engine, in virtual time."""

    async def hold() -> None:
        async with typed_call(played) as call:
            await conversation(call)

    run_in_virtual_time(hold())


def logged(call: VoiceCall, kind: type[log_events.LogEvent]) -> list[Any]:
    return [entry.event for entry in call.log if isinstance(entry.event, kind)]


def sessions(call: VoiceCall) -> list[dict[str, Any]]:
    """Return the sessions that the call has sent."""
    sent = [one.event for one in logged(call, log_events.WireSent)]
    return [event["session"] for event in sent if event["type"] == "session.update"]


def confirmed(call: VoiceCall) -> list[dict[str, Any]]:
    """Return the sessions that the service has confirmed."""
    received = [one.event for one in logged(call, log_events.WireReceived)]
    return [event["session"] for event in received if event["type"] == "session.updated"]


async def ended(call: VoiceCall) -> str:
    """Wait for the end of a call, and return its reason."""
    async with asyncio.timeout(10):
        while not call.is_over:  # noqa: ASYNC110 - a call of the kit reports its end in no other way
            await asyncio.sleep(0.01)
    return str(logged(call, log_events.CallEnded)[0].reason)


# An unknown voice ----------------------------------------------------------------------------------------------------
async def greets_without_the_voice(call: VoiceCall) -> None:
    await call.hears("Welcome to the desk.")
    (error,) = logged(call, CallError)
    assert (error.code, error.hint) == ("invalid_value", "Choose another voice for the scenario.")
    assert "Invalid value: 'nova'." in error.message
    assert [session["instructions"] for session in confirmed(call)] == ["Be kind."]
    assert [tool["name"] for tool in confirmed(call)[0]["tools"]] == ["look_up", "transfer_to_poet"]
    (message,) = [done for done in logged(call, log_events.MessageDone) if done.role == "assistant" and done.text]
    assert message.text == "Welcome to the desk."


async def test_an_unknown_voice_on_azure_leaves_the_agent_as_it_is() -> None:
    played = scenario()
    played.voice = "nova"
    async with on_azure(played) as (call, azure):
        await greets_without_the_voice(call)
        assert azure.refused == ["error invalid_value"]


def test_an_unknown_voice_on_the_engine_leaves_the_agent_as_it_is() -> None:
    played = scenario()
    played.voice = "nova"
    on_engine(played, greets_without_the_voice)


async def test_a_voice_that_only_the_preview_refuses() -> None:
    played = scenario()
    played.voice = "marin"
    async with on_azure(played, azure_dialect="preview") as (call, azure):
        await call.hears("Welcome to the desk.")
        assert azure.refused == ["error invalid_value"]
        assert "Invalid value: 'marin'." in logged(call, CallError)[0].message
        assert "voice" not in sessions(call)[-1]["audio"]["output"]


# Turn detection and tools --------------------------------------------------------------------------------------------
async def test_an_unknown_option_of_the_turn_detection_is_left_out() -> None:
    played = scenario()
    played.turn_detection = {"type": "semantic_vad", "eagerness": "fast"}
    async with on_azure(played) as (call, _azure):
        await call.hears("Welcome to the desk.")
        assert logged(call, CallError)[0].hint == "Correct the scenario's turn_detection."
        assert confirmed(call)[-1]["audio"]["input"]["turn_detection"]["eagerness"] == "auto"


async def test_a_call_with_two_refused_parts_ends_and_says_why() -> None:
    played = scenario()
    played.voice = "nova"
    played.first_agent.tools.append(BAD_TOOL)
    async with on_azure(played) as (call, _azure):
        reason = await ended(call)
        assert reason.startswith("the model's service refused the session: Invalid")
        assert len(logged(call, CallError)) == 2
        assert confirmed(call) == []


async def test_a_tool_that_the_service_refuses_is_left_out() -> None:
    played = scenario()
    played.first_agent.tools.append(BAD_TOOL)
    async with on_azure(played) as (call, _azure):
        await call.hears("Welcome to the desk.")
        assert logged(call, CallError)[0].hint == "Correct the tool 'the clock'; the agent continues without it."
        assert [tool["name"] for tool in confirmed(call)[-1]["tools"]] == ["look_up", "transfer_to_poet"]


# Handoffs ------------------------------------------------------------------------------------------------------------
async def is_handed_over_to_a_poet_without_the_tool(call: VoiceCall) -> None:
    await call.hears("Welcome to the desk.")
    turn = await call.say("a poem please")
    assert turn.handed_to == "poet"
    assert turn.text == "I am the poet."
    assert confirmed(call)[-1]["instructions"] == "Be a poet."
    assert logged(call, CallError)[0].hint == "Correct the tool 'the clock'; the agent continues without it."


async def test_a_handoff_on_azure_with_a_refused_tool() -> None:
    played = scenario()
    played.agent("poet").tools.append(BAD_TOOL)
    async with on_azure(played) as (call, _azure):
        await is_handed_over_to_a_poet_without_the_tool(call)


def test_a_handoff_on_the_engine_with_a_refused_tool() -> None:
    played = scenario()
    played.agent("poet").tools.append(BAD_TOOL)
    on_engine(played, is_handed_over_to_a_poet_without_the_tool)


async def test_after_a_refused_handoff_log_and_model_agree_on_the_agent() -> None:
    played = scenario()
    played.agent("poet").tools.extend([BAD_TOOL, stub_tool("another clock", {"type": "object", "properties": {}})])
    async with on_azure(played) as (call, _azure):
        await call.hears("Welcome to the desk.")
        turn = await call.say("a poem please")
        assert turn.handed_to is None
        assert "poet is not available: Invalid 'session.tools[0].name'" in turn.text
        assert call.agent == "desk"
        assert [session["instructions"] for session in confirmed(call)] == ["Be kind."]
        assert (await call.say("and now?")).text == "Pardon?"


# Tool outputs --------------------------------------------------------------------------------------------------------
async def hears_the_beginning_of_the_report(call: VoiceCall) -> None:
    await call.hears("Welcome to the desk.")
    turn = await call.say("the weather please")
    assert turn.text == "I read 5000 characters."
    (error,) = logged(call, CallError)
    assert error.code == "string_above_max_length"
    assert error.hint == "Let the tool return less, as text or JSON."


@pytest.fixture
def short_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the services' limit for the output of a tool."""
    from trunkline.realtime import validation

    known = {"id": validation.text, "type": validation.text, "call_id": validation.text}
    limited = validation.object_with({**known, "output": validation.text_up_to(5000)})
    judged = service_rules.item

    def item(value: Any, path: str) -> Any:
        return limited(value, path) if value.get("type") == "function_call_output" else judged(value, path)

    monkeypatch.setattr(service_rules, "item", item)


@pytest.mark.usefixtures("short_outputs")
async def test_a_tools_output_over_azures_limit_is_cut() -> None:
    async with on_azure(scenario()) as (call, azure):
        await hears_the_beginning_of_the_report(call)
        assert azure.refused[0] == "error string_above_max_length"
        assert set(azure.refused[1:]) <= {"error response_cancel_not_active"}  # of the answer without the output


@pytest.mark.usefixtures("short_outputs")
def test_a_tools_output_over_the_engines_limit_is_cut() -> None:
    on_engine(scenario(), hears_the_beginning_of_the_report)
