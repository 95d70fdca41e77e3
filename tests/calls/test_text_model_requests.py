"""A tool's requests to the text model: the prompt, nested tools, typed answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from agents import FunctionTool, RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent

from trunkline import CallContext, Caller, Lines, Question, Rehearsal, Scenario, TextModelError, call_tool
from trunkline.calls import log_events
from trunkline.calls.agents.text_model_requests import MAX_ROUNDS
from trunkline.scenario.text_model import TextPrompt, TextReply
from trunkline.testing import VoiceCall, VoiceCalls

Context = RunContextWrapper[CallContext[Any]]


@dataclass
class Verdict:
    """The form of the text model's answer."""

    good: bool
    why: str


@function_tool
async def look_up(ctx: Context, thing: str) -> dict[str, str]:
    """Looks something up."""
    ctx.context.progress("looking", 0.5)
    return {"thing": thing, "price": "3 dollars"}


def asking(answerer: Any, **how: Any) -> Scenario[Any]:
    """Make a scenario: an agent with a tool that asks the text model, and that says the result."""

    @function_tool(failure_error_function=None)
    async def consult(ctx: Context) -> Any:
        """Asks."""
        answer = await ctx.context.ask("advice", "Give advice.", "What now?", **how)
        return f"{type(answer).__name__}: {answer}"

    rehearsal = Rehearsal()

    @rehearsal.plays("clerk")
    async def clerk(caller: Caller) -> Lines:
        yield "Hello."
        while True:
            await caller.says()
            answer = yield call_tool("consult")
            yield str(answer)

    rehearsal.answers("advice")(answerer)
    agent: RealtimeAgent[Any] = RealtimeAgent(name="clerk", instructions="Help.", tools=[consult])
    return Scenario("asking", agents=[agent], rehearsal=rehearsal)


def events(call: VoiceCall, kind: type[log_events.LogEvent]) -> list[Any]:
    return [entry.event for entry in call.log if isinstance(entry.event, kind)]


async def test_the_prompt_has_the_latest_messages_and_the_question(voice_call: VoiceCalls) -> None:
    seen: list[Sequence[Any]] = []

    async def answerer(question: Question) -> str:
        seen.append([(item["role"], item["content"][0]["text"]) for item in question.items])
        return "Sell."

    call = await voice_call(asking(answerer, history=2))
    await call.say("one")
    turn = await call.say("two")
    assert turn.text == "str: Sell."
    assert seen[-1] == [("assistant", "str: Sell."), ("user", "two"), ("user", "What now?")]


async def test_the_log_names_the_model_and_the_purpose_of_a_request(
    voice_call: VoiceCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[TextPrompt] = []

    class Reasoner:
        """A text model that counts its tokens."""

        async def reply(self, prompt: TextPrompt) -> TextReply:
            prompts.append(prompt)
            return TextReply("Sell.", model="o4-mini", usage={"input_tokens": 1000, "output_tokens": 100})

    monkeypatch.setattr("trunkline.testing.call_factory.RehearsedTextModel", lambda _scenarios: Reasoner())
    call = await voice_call(asking(_never, model="escalation"))
    assert (await call.say("well?")).text == "str: Sell."
    [prompt] = prompts
    assert prompt.model == "escalation"
    [used] = [event for event in events(call, log_events.UsageUpdated) if event.source == "text"]
    assert (used.model, used.purpose) == ("o4-mini", "advice")
    assert used.cost == pytest.approx((1000 * 1.10 + 100 * 4.40) / 1e6)


async def _never(_question: Question) -> str:
    raise AssertionError


async def test_an_answer_may_be_a_class(voice_call: VoiceCalls) -> None:
    async def answerer(question: Question) -> dict[str, Any]:
        assert question.schema is not None
        assert question.schema["required"] == ["good", "why"]
        return {"good": True, "why": "It is cheap."}

    call = await voice_call(asking(answerer, schema=Verdict))
    assert (await call.say("well?")).text == "Verdict: Verdict(good=True, why='It is cheap.')"


async def test_an_answer_that_does_not_fit_is_an_error_with_its_place(voice_call: VoiceCalls) -> None:
    async def answerer(_question: Question) -> str:
        return '{"good": "perhaps", "why": ""}'

    call = await voice_call(asking(answerer, schema=Verdict))
    turn = await call.say("well?")
    assert "not a valid Verdict: good" in turn.text


async def test_an_answer_may_follow_a_json_schema(voice_call: VoiceCalls) -> None:
    async def answerer(_question: Question) -> dict[str, Any]:
        return {"n": 1}

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    call = await voice_call(asking(answerer, schema=schema))
    assert (await call.say("well?")).text == "dict: {'n': 1}"


async def test_the_text_models_tool_calls_are_logged_as_children(voice_call: VoiceCalls) -> None:
    async def answerer(question: Question) -> str:
        found = await question.call_tool("look_up", thing="tea")
        return f"Tea is {found['price']}."

    call = await voice_call(asking(answerer, tools=[look_up]))
    assert (await call.say("well?")).text == "str: Tea is 3 dollars."
    consult, nested = events(call, log_events.ToolStarted)
    assert (nested.name, nested.parent, nested.arguments) == ("look_up", consult.call_id, {"thing": "tea"})
    assert [event.call_id for event in events(call, log_events.ToolDone)] == [nested.call_id, consult.call_id]
    (progress,) = events(call, log_events.ToolProgress)
    assert (progress.call_id, progress.fraction) == (nested.call_id, 0.5)


async def test_a_model_that_only_calls_tools_is_stopped(voice_call: VoiceCalls) -> None:
    async def answerer(question: Question) -> str:
        while question.tools:
            await question.call_tool("look_up", thing="more")
        return "At last."

    call = await voice_call(asking(answerer, tools=[look_up]))
    assert (await call.say("well?")).text == "str: At last."
    assert len(events(call, log_events.ToolStarted)) == 1 + MAX_ROUNDS


async def test_a_missing_text_model_is_an_error_that_the_agent_can_act_on(voice_call: VoiceCalls) -> None:
    async def answerer(_question: Question) -> str:
        raise LookupError("no advice today")

    call = await voice_call(asking(answerer))
    turn = await call.say("well?")
    assert "no advice today" in turn.text
    assert "no advice today" in (events(call, log_events.ToolDone)[0].error or "")


async def test_a_context_without_a_call_has_no_text_model() -> None:
    context: CallContext[Any] = CallContext(call_id="c", scenario="s", state=None)
    with pytest.raises(TextModelError, match="outside a call"):
        await context.ask("advice", "Give advice.")
    assert isinstance(look_up, FunctionTool)
