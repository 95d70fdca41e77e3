"""A scenario that the Realtime services would refuse is refused when it is made, with file and line and the fix."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Agent,
    FunctionTool,
    GuardrailFunctionOutput,
    RunContextWrapper,
    WebSearchTool,
    function_tool,
    input_guardrail,
)
from agents.prompts import Prompt
from agents.realtime import RealtimeAgent, RealtimeAgentHooks, realtime_handoff

from trunkline import Scenario, ScenarioError, WordDetector, stub_tool
from trunkline.calls.agents.session_config import agent_session, connection_session
from trunkline.calls.log_events import CallSettings
from trunkline.realtime import service_rules
from trunkline.scenario.loading import load

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


def with_agent(**fields: Any) -> Scenario[Any]:
    return Scenario("x", agents=[RealtimeAgent(name="host", **fields)])


def refused(**fields: Any) -> str:
    """Return the message by which a scenario of these parameters is refused."""
    with pytest.raises(ScenarioError) as caught:
        Scenario("x", agents=[RealtimeAgent(name="host")], **fields)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    return caught.value.message


def agent_refused(**fields: Any) -> str:
    """Return the message by which an agent of these fields is refused."""
    with pytest.raises(ScenarioError) as caught:
        with_agent(**fields)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert "The agent 'host'" in caught.value.message
    return caught.value.message


# The voice and the turn detection ------------------------------------------------------------------------------------
@pytest.mark.parametrize("voice", ["nova", "samantha", "Sage", "", 7])
def test_an_unknown_voice_is_refused_with_all_that_exist(voice: Any) -> None:
    message = refused(voice=voice)
    assert f"no voice {voice!r}; choose from: alloy, ash, ballad" in message
    assert message.count("\n") == 0


@pytest.mark.parametrize("voice", [None, *service_rules.VOICES])
def test_the_voices_of_the_services_are_accepted(voice: str | None) -> None:
    assert Scenario("x", agents=[RealtimeAgent(name="host")], voice=voice).voice == voice


def test_a_misspelt_option_of_the_turn_detection_is_refused_with_the_nearest_one() -> None:
    message = refused(turn_detection={"type": "server_vad", "silence_ms": 500})
    assert "has 'silence_ms', which server_vad does not have. Did you mean 'silence_duration_ms'?" in message
    assert "It has: type, threshold, prefix_padding_ms, silence_duration_ms" in message


def test_an_unknown_eagerness_is_refused_with_all_that_exist() -> None:
    message = refused(turn_detection={"type": "semantic_vad", "eagerness": "fast"})
    assert "Invalid value: 'fast'. Supported values are: 'low', 'medium', 'high', and 'auto'." in message


@pytest.mark.parametrize(
    ("turn_detection", "message"),
    [
        ({}, "has no 'type'; give it 'server_vad' or 'semantic_vad'."),
        ({"threshold": 0.5}, "has no 'type'"),
        ({"type": "vad"}, "Supported values are: 'server_vad' and 'semantic_vad'."),
        ({"type": "semantic_vad", "threshold": 0.5}, "has 'threshold', which semantic_vad does not have."),
        ({"type": "server_vad", "threshold": 90}, "Expected a value <= 1.0, but got 90 instead."),
        ({"type": "server_vad", "idle_timeout_ms": 1000}, "Expected a value >= 5000, but got 1000 instead."),
        ("semantic_vad", "takes an object such as {'type': 'semantic_vad'}, not 'semantic_vad'."),
    ],
)
def test_other_turn_detections_are_refused(turn_detection: Any, message: str) -> None:
    assert message in refused(turn_detection=turn_detection)


# Tools and handoffs --------------------------------------------------------------------------------------------------
def test_a_tool_with_a_space_in_its_name_is_refused() -> None:
    message = agent_refused(tools=[stub_tool("get weather", NO_ARGUMENTS)])
    assert "The tool has the name 'get weather'." in message
    assert "name it with @function_tool(name_override=…)" in message


@pytest.mark.parametrize("name", ["pos.add", "wetter_für", "x" * 65, ""])
def test_other_names_that_the_services_refuse(name: str) -> None:
    assert f"has the name {name!r}" in agent_refused(tools=[stub_tool(name, NO_ARGUMENTS, "Does it.")])


def test_a_tool_with_a_long_description_is_refused() -> None:
    message = agent_refused(tools=[stub_tool("weather", NO_ARGUMENTS, "x" * 1025)])
    assert "'weather' has a description of 1,025 characters; the Realtime services take 1,024." in message
    assert with_agent(tools=[stub_tool("weather", NO_ARGUMENTS, "x" * 1024)]).name == "x"


def test_a_tool_without_type_hints_is_refused() -> None:
    @function_tool
    def forecast(city, days: int):  # type: ignore[no-untyped-def]  # that is what is tested
        """Return the weather."""

    message = agent_refused(tools=[forecast])
    assert "The tool 'forecast' has no type hint for 'city'; write one, such as city: str." in message


def test_a_function_without_the_decorator_is_refused() -> None:
    def forecast(city: str) -> str:
        return city

    assert "The tool forecast is a plain function; decorate it with @function_tool." in agent_refused(tools=[forecast])


def test_a_hosted_tool_is_refused() -> None:
    assert "Realtime sessions have no WebSearchTool; use function tools." in agent_refused(tools=[WebSearchTool()])


def test_a_handoff_with_a_long_tool_name_is_refused() -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="the poet of " + "many " * 12 + "lines")
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=[poet])
    with pytest.raises(
        ScenarioError, match=r"The tool of the handoff has the name 'transfer_to_the_poet.*tool_name_ov"
    ):
        Scenario("x", agents=[host, poet])


def test_a_handoff_with_a_bad_name_of_its_own_is_refused() -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet")
    handoff: Any = realtime_handoff(poet, tool_name_override="to the poet")
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=[handoff])
    with pytest.raises(ScenarioError, match="The tool of the handoff has the name 'to the poet'"):
        Scenario("x", agents=[host, poet])


def test_a_handoff_with_a_long_description_is_refused() -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet", handoff_description="x" * 1024)
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=[poet])
    with pytest.raises(ScenarioError, match="'transfer_to_poet' has a description of 1,0"):
        Scenario("x", agents=[host, poet])


def test_a_handoff_to_a_name_is_refused() -> None:
    assert "handoffs=[…] takes agents and realtime_handoff(…), not 'poet'." in agent_refused(handoffs=["poet"])


def test_more_tools_than_the_services_take_are_refused() -> None:
    tools = [stub_tool(f"tool_{number}", NO_ARGUMENTS) for number in range(129)]
    assert "has 129 tools and handoffs; the Realtime services take 128." in agent_refused(tools=tools)
    assert with_agent(tools=tools[:128]).name == "x"


class ListensToTheModel(RealtimeAgentHooks[Any]):
    async def on_llm_start(self, *given: Any) -> None:
        pass


@pytest.mark.parametrize("field", ["input_filter", "nest_handoff_history"])
def test_a_handoff_that_would_change_the_history_is_refused(field: str) -> None:
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet")
    handoff: Any = realtime_handoff(poet)
    setattr(handoff, field, True if field == "nest_handoff_history" else lambda data: data)
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", handoffs=[handoff])
    with pytest.raises(ScenarioError, match=f"the handoff 'transfer_to_poet' has {field}. The Realtime services keep"):
        Scenario("x", agents=[host, poet])


# Fields without effect -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"mcp_servers": ["a server"]},
            "mcp_servers=[…] takes servers of agents.mcp, such as MCPServerStdio(…), not str.",
        ),
        ({"prompt": "pmpt_1"}, "prompt=… takes a stored prompt such as {'id': 'pmpt_…'}, not str."),
        ({"prompt": Prompt(id="")}, "prompt=… is refused by the Realtime services. Invalid 'prompt.id'"),
        ({"hooks": "a class"}, "hooks=… takes an instance of RealtimeAgentHooks, not str."),
        ({"hooks": ListensToTheModel()}, "hooks=… has on_llm_start, which a realtime model never calls; remove it."),
    ],
)
def test_a_field_that_would_have_no_effect_is_refused(fields: dict[str, Any], message: str) -> None:
    assert message in agent_refused(**fields)


def test_an_input_guardrail_is_refused() -> None:
    @input_guardrail
    def polite(_context: RunContextWrapper[Any], _agent: Agent[Any], _given: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    message = "takes output guardrails, which check an agent's words, not InputGuardrail"
    assert f"guardrails=[…] {message}" in refused(guardrails=[polite])
    assert f"output_guardrails=[…] {message}" in agent_refused(output_guardrails=[polite])


def test_a_coroutine_as_state_is_refused() -> None:
    async def state() -> int:
        return 1

    assert "takes the function itself, not its result; remove the parentheses." in refused(state=state())


@pytest.mark.parametrize("state", [dict, list, lambda: 1, lambda call_id: call_id, lambda **facts: facts])
def test_a_state_that_takes_what_there_is_is_accepted(state: Any) -> None:
    assert Scenario("x", agents=[RealtimeAgent(name="host")], state=state).state is state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"cart": []}, "takes a function that makes the state of one call, not dict; use lambda: …"),
        (asyncio.sleep, "the parameter 'delay', which Trunkline does not give; it may take call_id and metadata."),
        (lambda call_id, /: call_id, "the parameter 'call_id', which Trunkline does not give"),
    ],
)
def test_a_state_that_cannot_be_called_is_refused(state: Any, message: str) -> None:
    assert message in refused(state=state)


# Together -----------------------------------------------------------------------------------------------------------
def test_the_line_is_that_of_the_scenario() -> None:
    line = inspect.currentframe().f_lineno + 2  # type: ignore[union-attr]  # CPython has frames
    with pytest.raises(ScenarioError) as caught:
        Scenario("x", agents=[RealtimeAgent(name="host")], voice="nova")
    assert caught.value.location is not None
    assert caught.value.location.line == line


async def test_a_refused_file_is_a_problem_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "front_desk.py"
    file.write_text(
        "from agents.realtime import RealtimeAgent\n"
        "from trunkline import Scenario\n"
        "scenario = Scenario('desk', agents=[RealtimeAgent(name='host')], voice='nova')\n"
    )
    (problem,) = load([str(file)], built_in=False).problems
    assert (problem.file, problem.line) == (str(file), 3)
    assert "no voice 'nova'" in problem.message


@pytest.mark.parametrize("name", ["chatSupervisor", "customerServiceRetail", "simpleHandoff"])
async def test_the_services_accept_each_session_of_the_built_in_scenarios(name: str) -> None:
    scenario = load([]).by_name[name]
    settings = CallSettings()
    for agent in scenario.agents:
        transcription = {"model": "whisper-1"}
        session = await agent_session(scenario, agent, RunContextWrapper(None), {}, transcription)
        session |= connection_session(scenario, transcription, settings, scenario.turn_detection, agent.name)
        assert service_rules.refusal({"type": "session.update", "session": session}) is None


def test_a_tool_that_is_not_strict_may_leave_types_out() -> None:
    loose = FunctionTool(
        name="loose",
        description="Takes anything.",
        params_json_schema={"type": "object", "properties": {"anything": {}}},
        on_invoke_tool=stub_tool("loose", NO_ARGUMENTS).on_invoke_tool,
        strict_json_schema=False,
    )
    assert with_agent(tools=[loose]).name == "x"


def test_an_unknown_way_to_interrupt_is_refused_with_the_known_ones() -> None:
    message = refused(interruption="sometimes")
    assert "takes 'words', 'speech', 'off' or an InterruptionDetector" in message
    assert "not 'sometimes'" in message


def test_a_detectors_class_in_place_of_a_detector_is_refused() -> None:
    assert "not <class" in refused(interruption=WordDetector)


def test_two_ways_to_interrupt_are_refused_with_the_one_to_keep() -> None:
    message = refused(interruption="words", turn_detection={"type": "server_vad", "interrupt_response": True})
    assert "interruption='speech' is true, interruption='off' is false." in message


@pytest.mark.parametrize(("given", "mode"), [(True, "speech"), (False, "off")])
def test_the_services_own_option_selects_the_way_to_interrupt(given: bool, mode: str) -> None:
    host: RealtimeAgent[Any] = RealtimeAgent(name="host")
    detection = {"type": "server_vad", "interrupt_response": given}
    assert Scenario("x", agents=[host], turn_detection=detection).interruption == mode
