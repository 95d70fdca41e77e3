"""`Scenario`: its checks and its properties."""

from __future__ import annotations

from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent, realtime_handoff

from trunkline import Caller, Lines, Rehearsal, Scenario, ScenarioError, say
from trunkline.providers.engine_provider import EngineSessionConfig


def agent(name: str, *handoffs: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name=name, handoffs=list(handoffs))


def test_the_first_agent_answers() -> None:
    scenario = Scenario("x", agents=[agent("one"), agent("two")])
    assert scenario.first_agent.name == "one"
    assert scenario.agent("two").name == "two"
    with pytest.raises(LookupError, match=r"has no agent 'three'\. There are: one, two\."):
        scenario.agent("three")


def test_handoffs_have_the_sdks_tool_names() -> None:
    poet = agent("haikuWriter")
    scenario = Scenario("x", agents=[agent("greeter", poet), poet])
    assert scenario.transfers("greeter") == {"transfer_to_haikuwriter": "haikuWriter"}
    assert scenario.transfers("haikuWriter") == {}


def test_a_handoff_may_have_a_tool_name_of_its_own() -> None:
    poet = agent("poet")
    named = realtime_handoff(poet, tool_name_override="fetch_the_poet")
    scenario = Scenario("x", agents=[agent("host", named), poet])
    assert scenario.transfers("host") == {"fetch_the_poet": "poet"}
    assert scenario.transfer_tool("host", "poet") == "fetch_the_poet"


def test_the_tool_of_a_handoff_that_is_not_declared_can_be_named_too() -> None:
    scenario = Scenario("x", agents=[agent("host"), agent("Poet two")])
    assert scenario.transfer_tool("host", "Poet two") == "transfer_to_poet_two"


def test_agents_may_hand_over_in_a_circle() -> None:
    host, poet = agent("host"), agent("poet")
    host.handoffs, poet.handoffs = [poet], [host]
    scenario = Scenario("x", agents=[host, poet])
    assert scenario.transfers("poet") == {"transfer_to_host": "host"}


@pytest.mark.parametrize("name", ["", "1st", "with space", "a/b", "ü", "x" * 65, "-x"])
def test_a_name_that_no_url_could_hold_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match="must begin with a letter"):
        Scenario(name, agents=[agent("host")])


@pytest.mark.parametrize("name", ["simpleHandoff", "a", "A-1_b.c", "x" * 64])
def test_other_names_are_fine(name: str) -> None:
    assert Scenario(name, agents=[agent("host")]).title == name


def test_a_rehearsal_for_an_agent_that_is_not_there_is_refused() -> None:
    rehearsal = Rehearsal()

    @rehearsal.plays("poet")
    async def poet(_caller: Caller) -> Lines:
        yield say("A poem.")

    with pytest.raises(ScenarioError, match="a part for 'poet', but the agents are: host"):
        Scenario("x", agents=[agent("host")], rehearsal=rehearsal)


def test_suggestions_of_a_list_are_for_every_agent() -> None:
    scenario = Scenario("x", agents=[agent("host"), agent("poet")], things_to_say=["Hello."])
    assert scenario.things_to_say == scenario.things_to_say_to("poet") == ("Hello.",)


def test_suggestions_of_a_mapping_follow_the_agent() -> None:
    things = {"host": ["Hello.", "Bye."], "poet": ["A poem.", "Bye."]}
    scenario = Scenario("x", agents=[agent("host"), agent("poet"), agent("clerk")], things_to_say=things)
    assert scenario.things_to_say_to("poet") == ("A poem.", "Bye.")
    assert scenario.things_to_say_to("clerk") == ()
    assert scenario.things_to_say == ("Hello.", "Bye.", "A poem.")


def test_suggestions_for_an_unknown_agent_are_refused() -> None:
    with pytest.raises(ScenarioError, match="lines for 'poet', but the agents are: host"):
        Scenario("x", agents=[agent("host")], things_to_say={"poet": ["A poem."]})


@pytest.mark.parametrize(
    ("pronunciations", "message"),
    [
        ({"": "x"}, "no word in ''"),
        ({"--": "x"}, "no word in '--'"),
        ({"Snowy": " "}, "pronunciation of 'Snowy' is ' '"),
        ({"Snowy": None}, "pronunciation of 'Snowy' is None"),
        ({"Snowy Peak": "a", "snowy  peak": "b"}, "which are one name"),
    ],
)
def test_pronunciations_that_cannot_be_used_are_refused_with_file_and_line(
    pronunciations: dict[str, str], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        Scenario("x", agents=[agent("host")], pronunciations=pronunciations)
    assert __file__ in str(caught.value)


def test_pronunciations_are_hints_for_the_local_recogniser() -> None:
    scenario = Scenario(
        "x", agents=[agent("host")], pronunciations={"Snowy Peak": "snow-ee peek", "Bergün": "bear goon"}
    )
    assert EngineSessionConfig().transcription(scenario) == {"model": "local", "prompt": "Snowy Peak, Bergün"}


def test_hints_for_the_recogniser_end_at_the_limit_of_its_prompt() -> None:
    names = {f"Name {number} of a long list of names": "x" for number in range(100)}
    hints = EngineSessionConfig().transcription(Scenario("x", agents=[agent("host")], pronunciations=names))
    assert hints is not None
    prompt = hints["prompt"]
    assert isinstance(prompt, str)
    assert 950 < len(prompt) <= 1024
    assert prompt.split(", ") == list(names)[: prompt.count(",") + 1]


def test_a_tool_and_a_handoff_of_one_name_are_refused() -> None:
    @function_tool
    def transfer_to_poet() -> str:
        """Not a handoff."""
        return ""

    poet = agent("poet")
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", tools=[transfer_to_poet], handoffs=[poet])
    with pytest.raises(ScenarioError, match="two tools named 'transfer_to_poet'"):
        Scenario("x", agents=[host, poet])


def test_an_error_carries_file_and_line() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario("x", agents=[])
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert str(caught.value) == f"{caught.value.location}: {caught.value.message}"


def test_turn_detection_may_be_left_out_for_push_to_talk() -> None:
    default = Scenario("x", agents=[agent("host")]).turn_detection
    assert default is not None
    assert default["type"] == "server_vad"
    assert Scenario("x", agents=[agent("host")], turn_detection=None).turn_detection is None
