"""Chat brain against a real HTTP server that streams like chat endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.engine.chat_server import ask, call, delta, endpoint
from trunkline.engine.brains import BrainError, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.brains.chat_brain import ChatBrain
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.brains.chat_messages import chat_messages
from trunkline.engine.brains.reasoning_filter import ReasoningFilter


async def test_text_is_streamed() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        for word in ("Good ", "morning", "."):
            yield delta(content=word)
        yield {**delta(), "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}}

    outputs, bodies = await ask(answer)
    assert outputs == [TextDelta("Good "), TextDelta("morning"), TextDelta("."), Usage(12, 3)]
    assert bodies[0]["model"] == "small-model"
    assert bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}


async def test_function_calls_are_streamed_and_put_in_order() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield call(0, "", "look_up", "call_a")
        yield call(0, '{"id"')
        yield call(1, '{"x":', "check", "call_b")
        yield call(0, ": 1}")
        yield call(1, " 2}")

    tool = {"type": "function", "name": "look_up", "description": "d", "parameters": {"type": "object"}}
    outputs, bodies = await ask(
        answer, BrainRequest("m", tools=[tool], tool_choice={"type": "function", "name": "look_up"})
    )
    calls = [output for output in outputs if isinstance(output, ToolCallDelta)]
    assert [(one.name, one.arguments) for one in calls] == [
        ("look_up", ""),
        ("look_up", '{"id"'),
        ("look_up", ": 1}"),
        ("check", '{"x": 2}'),
    ]
    assert len({one.tool_call_id for one in calls[:3]}) == 1
    assert calls[3].tool_call_id != calls[0].tool_call_id
    assert bodies[0]["tools"][0]["function"]["name"] == "look_up"
    assert bodies[0]["tool_choice"] == {"type": "function", "function": {"name": "look_up"}}


async def test_reasoning_is_removed() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield delta(reasoning_content="Let me see.")
        for piece in ("<th", "ink>They said hi", ".</thi", "nk>\n\nHello", " <b>you</b>."):
            yield delta(content=piece)

    outputs, _ = await ask(answer)
    assert "".join(output.text for output in outputs if isinstance(output, TextDelta)) == "Hello <b>you</b>."


def test_a_tag_may_be_split_anywhere() -> None:
    text = "<think>a < b</think>One < two <think>hm</think>three <thin"
    for size in range(1, len(text)):
        thinking = ReasoningFilter()
        out = "".join(thinking.feed(text[start : start + size]) for start in range(0, len(text), size))
        assert out + thinking.flush() == "One < two three <thin"


async def test_a_server_that_refuses_the_options_is_asked_without_them() -> None:
    async def said() -> AsyncIterator[dict[str, Any]]:
        yield delta(content="Yes.")

    def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]] | Response:
        if "chat_template_kwargs" in body:
            return JSONResponse({"error": {"message": "Unknown parameter"}}, 400)
        return said()

    outputs, bodies = await ask(answer)
    assert outputs == [TextDelta("Yes.")]
    assert len(bodies) == 2


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "invalid_api_key", "TRUNKLINE_CHAT_API_KEY"),
        (404, "DeploymentNotFound", "TRUNKLINE_CHAT_MODEL"),
        (400, "request_refused", "status 400"),
        (422, "request_refused", "status 422"),
        (500, "server_error", "status 500"),
    ],
)
async def test_an_error_names_the_fix(status: int, code: str, hint: str) -> None:
    with pytest.raises(BrainError, match=hint) as caught:
        await ask(lambda body: JSONResponse({"error": {"message": "no"}}, status))
    assert caught.value.code == code


async def test_an_unreachable_endpoint_is_reported() -> None:
    chat = ChatEndpoint("http://127.0.0.1:9/v1", "m")
    brain = ChatBrain(chat)
    with pytest.raises(BrainError, match="TRUNKLINE_CHAT_BASE_URL"):
        _ = [output async for output in brain.respond(BrainRequest("m"))]
    await chat.aclose()


async def test_a_model_that_falls_silent_fails_the_answer() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield delta(content="Well")
        await asyncio.sleep(5)

    with pytest.raises(BrainError) as caught:
        await ask(answer)
    assert caught.value.code == "timeout"


async def test_closing_the_answer_ends_the_request() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield delta(content="on and on ")
            await asyncio.sleep(0.01)

    async with endpoint(answer) as (url, _bodies, left):
        chat = ChatEndpoint(url, "m")
        async with aclosing(ChatBrain(chat).respond(BrainRequest("m"))) as outputs:
            assert await anext(outputs) == TextDelta("on and on ")
        async with asyncio.timeout(2):
            await left.wait()
        await chat.aclose()


async def test_brains_share_the_connections_to_their_endpoint() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield delta(content="Yes.")

    async with endpoint(answer) as (url, bodies, _left):
        chat = ChatEndpoint(url, "m")
        for _ in range(3):
            brain = ChatBrain(chat)
            assert [output async for output in brain.respond(BrainRequest("m"))] == [TextDelta("Yes.")]
            await brain.aclose()
        await chat.aclose()
    assert len({body["from port"] for body in bodies}) == 1


async def test_a_session_may_ask_for_reasoning() -> None:
    async def answer(body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield delta(content="Yes.")

    _, bodies = await ask(answer, BrainRequest("m", reasoning_effort="low"))
    assert bodies[0]["reasoning_effort"] == "low"
    assert "chat_template_kwargs" not in bodies[0]


def message(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def test_history_puts_each_result_after_its_call() -> None:
    items = [
        message("user", "Both please"),
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}", "status": "completed"},
        message("user", "Hurry"),
        {"type": "function_call_output", "call_id": "b", "output": "2"},
        {"type": "function_call", "call_id": "c", "name": "h", "arguments": "{", "status": "incomplete"},
    ]
    messages = chat_messages(BrainRequest("m", instructions="Be kind.", items=items))
    assert [(one["role"], one.get("tool_call_id"), one.get("content")) for one in messages] == [
        ("system", None, "Be kind."),
        ("user", None, "Both please"),
        ("assistant", None, None),
        ("tool", "call00001", "(no result yet)"),
        ("tool", "call00002", "2"),
        ("assistant", None, "…"),
        ("user", None, "Hurry"),
    ]
    assert [one["id"] for one in messages[2]["tool_calls"]] == ["call00001", "call00002"]


def test_a_spoken_turn_without_transcript_is_inaudible_to_the_model() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    assert chat_messages(BrainRequest("m", items=[item])) == [{"role": "user", "content": "(inaudible)"}]
