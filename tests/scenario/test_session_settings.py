"""Session settings of a scenario and of its agents: checked when the scenario is made, and sent when they count."""

from __future__ import annotations

from typing import Any

import pytest
from agents import RunContextWrapper
from agents.realtime import RealtimeAgent

from trunkline import Scenario, ScenarioError, SessionSettings, stub_tool
from trunkline.calls.agents.session_config import agent_session, connection_session
from trunkline.calls.log_events import CallSettings
from trunkline.realtime import service_rules
from trunkline.realtime.dialects import session_to_preview
from trunkline.realtime.events import Event

pytestmark = pytest.mark.pure
ALL = SessionSettings(
    truncation="disabled",
    reasoning_effort="low",
    noise_reduction="far_field",
    max_output_tokens=800,
    parallel_tool_calls=False,
    tool_choice="required",
    transcription_model="gpt-live-transcribe",
    transcription_language="de",
    transcription_prompt="Snowy Peak",
    include=["item.input_audio_transcription.logprobs"],
)


NOTHING = SessionSettings()


def scenario(
    session: SessionSettings = NOTHING, agent_sessions: dict[str, SessionSettings] | None = None
) -> Scenario[Any]:
    tools: list[Any] = [stub_tool("look_up", {"type": "object", "properties": {}})]
    poet: RealtimeAgent[Any] = RealtimeAgent(name="poet")
    host: RealtimeAgent[Any] = RealtimeAgent(name="host", tools=tools, handoffs=[poet])
    return Scenario("x", agents=[host, poet], session=session, agent_sessions=agent_sessions)


def opening(played: Scenario[Any], agent: str = "host") -> Event:
    session = connection_session(played, {"model": "whisper-1"}, CallSettings(), None, agent)
    assert service_rules.refusal({"type": "session.update", "session": {"type": "realtime", **session}}) is None
    return session


async def taking_over(played: Scenario[Any], agent: str) -> Event:
    session = await agent_session(played, played.agent(agent), RunContextWrapper(None), {}, {"model": "whisper-1"})
    assert service_rules.refusal({"type": "session.update", "session": session}) is None
    return session


def test_every_setting_is_in_the_session_of_a_new_connection() -> None:
    session = opening(scenario(ALL))
    assert {name: session[name] for name in session if name not in ("audio", "output_modalities")} == {
        "truncation": "disabled",
        "reasoning": {"effort": "low"},
        "max_output_tokens": 800,
        "parallel_tool_calls": False,
        "tool_choice": "required",
        "include": ["item.input_audio_transcription.logprobs"],
    }
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    assert session["audio"]["input"]["transcription"] == {
        "model": "gpt-live-transcribe",
        "language": "de",
        "prompt": "Snowy Peak",
    }


def test_without_settings_a_full_context_keeps_the_prompt_cache() -> None:
    session = opening(scenario())
    assert session["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.8}
    assert set(session) == {"truncation", "audio", "output_modalities"}
    assert session["audio"]["input"]["transcription"] == {"model": "whisper-1"}


async def test_a_handoff_sends_no_setting_that_is_the_same_for_all_agents() -> None:
    session = await taking_over(scenario(ALL), "poet")
    assert set(session) == {"type", "instructions", "tools", "tool_choice"}


async def test_an_agents_setting_counts_while_it_has_the_call() -> None:
    own = SessionSettings(reasoning_effort="high", noise_reduction="near_field", transcription_language="en")
    played = scenario(SessionSettings(reasoning_effort="low"), {"poet": own})
    assert opening(played)["reasoning"] == {"effort": "low"}
    poet = await taking_over(played, "poet")
    assert poet["reasoning"] == {"effort": "high"}
    assert poet["audio"]["input"] == {
        "noise_reduction": {"type": "near_field"},
        "transcription": {"model": "whisper-1", "language": "en"},
    }
    host = await taking_over(played, "host")
    assert host["reasoning"] == {"effort": "low"}
    assert host["audio"]["input"] == {"noise_reduction": None, "transcription": {"model": "whisper-1"}}


async def test_a_setting_of_the_former_agent_ends_with_it() -> None:
    own = SessionSettings(
        tool_choice="none", max_output_tokens=100, parallel_tool_calls=False, truncation="auto", reasoning_effort="low"
    )
    session = await taking_over(scenario(agent_sessions={"poet": own}), "host")
    assert session["tool_choice"] == "auto"
    assert session["max_output_tokens"] == "inf"
    assert session["parallel_tool_calls"] is None
    assert session["reasoning"] is None
    assert session["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.8}


def test_the_transcription_prompt_precedes_the_providers_own_names() -> None:
    settings = SessionSettings(transcription_prompt="skis")
    assert settings.transcription({"model": "local", "prompt": "Bergün"}) == {
        "model": "local",
        "prompt": "skis, Bergün",
    }
    long = SessionSettings(transcription_prompt="x" * 1020)
    assert long.transcription({"model": "local", "prompt": "Bergün"}) == {"model": "local", "prompt": "x" * 1020}


def test_a_language_alone_switches_no_transcription_on() -> None:
    assert SessionSettings(transcription_language="de").transcription(None) is None
    assert SessionSettings(transcription_model="whisper-1").transcription(None) == {"model": "whisper-1"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_output_tokens": 5000}, "'session.max_output_tokens'"),
        ({"reasoning_effort": "huge"}, "Invalid value: 'huge'. Supported values are: 'minimal'"),
        ({"noise_reduction": "loud"}, "Invalid value: 'loud'. Supported values are: 'near_field' and 'far_field'."),
        ({"truncation": "never"}, "Invalid value: 'never'. Supported values are: 'auto' and 'disabled'."),
        ({"tool_choice": "sometimes"}, "Invalid value: 'sometimes'."),
        ({"transcription_prompt": "x" * 1025}, "'session.audio.input.transcription.prompt'"),
        ({"include": ["everything"]}, "Invalid value: 'everything'."),
    ],
)
def test_a_setting_that_the_services_refuse_is_refused_with_file_and_line(
    settings: dict[str, Any], message: str
) -> None:
    for place in ("session=…", "agent_sessions={'poet': …}"):
        general, own = (SessionSettings(**settings), None) if place == "session=…" else (SessionSettings(), settings)
        with pytest.raises(ScenarioError) as caught:
            scenario(general, {"poet": SessionSettings(**own)} if own else None)
        assert caught.value.message.startswith(f"{place} is refused by the Realtime services.")
        assert message in caught.value.message
        assert caught.value.location is not None
        assert caught.value.location.file == __file__


def test_settings_of_an_unknown_agent_are_refused() -> None:
    with pytest.raises(ScenarioError, match="agent_sessions has settings for 'clerk', but the agents are: host, poet"):
        scenario(agent_sessions={"clerk": SessionSettings()})


def test_a_mapping_as_settings_is_refused() -> None:
    given: Any = {"truncation": "auto"}
    with pytest.raises(ScenarioError, match=r"session=… takes SessionSettings\(…\), not dict."):
        scenario(given)


def test_a_tool_choice_that_an_agent_does_not_have_is_refused() -> None:
    choice = SessionSettings(tool_choice={"type": "function", "name": "look_up"})
    with pytest.raises(ScenarioError, match="tool_choice names 'look_up', which the agent 'poet' does not have"):
        scenario(choice)
    assert scenario(agent_sessions={"host": choice}).session_settings("host") == choice


def test_the_preview_gets_the_settings_that_it_has_under_its_own_names() -> None:
    session = session_to_preview(opening(scenario(ALL)))
    assert session["max_response_output_tokens"] == 800
    assert session["tool_choice"] == "required"
    assert session["input_audio_noise_reduction"] == {"type": "far_field"}
    assert session["input_audio_transcription"] == {
        "model": "gpt-live-transcribe",
        "language": "de",
        "prompt": "Snowy Peak",
    }
    assert not {"truncation", "reasoning", "parallel_tool_calls", "include"} & set(session)
