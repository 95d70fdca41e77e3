"""Chat brain against a real HTTP server that streams like chat endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from trunkline.engine.brains import BrainError, BrainOutput, BrainRequest, TextDelta, ToolCallDelta, Usage
from trunkline.engine.brains.chat_brain import ChatBrain
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.brains.chat_messages import chat_messages
from trunkline.engine.brains.reasoning_filter import ReasoningFilter
from trunkline.engine.server import EmbeddedServer, _listen

Answer = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]] | Response]


def delta(**fields: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "delta": fields, "finish_reason": None}],
    }


def call(index: int, arguments: str, name: str | None = None, call_id: str | None = None) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return delta(tool_calls=[{"index": index, "id": call_id, "type": "function", "function": function}])


@asynccontextmanager
async def endpoint(answer: Answer) -> AsyncIterator[tuple[str, list[dict[str, Any]], asyncio.Event]]:
    """Run a chat endpoint, and give its URL, its requests and their ports, and whether a client left early."""
    bodies: list[dict[str, Any]] = []
    left = asyncio.Event()

    async def completions(request: Request) -> Response:
        assert request.client is not None
        bodies.append({**await request.json(), "from port": request.client.port})
        chunks = answer(bodies[-1])
        if isinstance(chunks, Response):
            return chunks

        async def lines() -> AsyncIterator[str]:
            complete = False
            try:
                async for chunk in chunks:
                    yield f"data: {json.dumps(chunk)}\n\n"
                yield "data: [DONE]\n\n"
                complete = True
            finally:
                if not complete:
                    left.set()

        return StreamingResponse(lines(), media_type="text/event-stream")

    listener = _listen("127.0.0.1", 0)
    app = Starlette(routes=[Route("/v1/chat/completions", completions, methods=["POST"])])
    server = EmbeddedServer(uvicorn.Config(app, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", bodies, left
    finally:
        server.end()
        await serving


async def ask(answer: Answer, request: BrainRequest | None = None) -> tuple[list[BrainOutput], list[dict[str, Any]]]:
    async with endpoint(answer) as (url, bodies, _left):
        chat = ChatEndpoint(url, "small-model", "k")
        try:
            brain = ChatBrain(chat, silence_timeout_s=0.5)
            return [output async for output in brain.respond(request or BrainRequest("ignored"))], bodies
        finally:
            await chat.aclose()


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
    assert outputs == [
        ToolCallDelta("call_a", "look_up", ""),
        ToolCallDelta("call_a", "look_up", '{"id"'),
        ToolCallDelta("call_a", "look_up", ": 1}"),
        ToolCallDelta("call_b", "check", '{"x": 2}'),
    ]
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
        (400, "server_error", "status 400"),
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
        ("tool", "a", "(no result yet)"),
        ("tool", "b", "2"),
        ("user", None, "Hurry"),
    ]
    assert [one["id"] for one in messages[2]["tool_calls"]] == ["a", "b"]


def test_a_spoken_turn_without_transcript_is_inaudible_to_the_model() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    assert chat_messages(BrainRequest("m", items=[item])) == [{"role": "user", "content": "(inaudible)"}]
