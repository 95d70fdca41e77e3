"""A real HTTP server that streams like chat endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from trunkline.engine.brains import BrainOutput, BrainRequest
from trunkline.engine.brains.chat_brain import ChatBrain
from trunkline.engine.brains.chat_endpoint import ChatEndpoint
from trunkline.engine.server import EmbeddedServer, _listen

Judge = Callable[[list[dict[str, Any]]], str | None]
"""A chat template: it returns the reason why it refuses messages, or None."""
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


def system_first(messages: list[dict[str, Any]]) -> str | None:
    """Judge messages as the templates of Qwen do."""
    if any(one["role"] == "system" for one in messages[1:]):
        return "System message must be at the beginning."
    if not any(one["role"] == "user" for one in messages):
        return "No user query found in messages."
    return None


def alternating(messages: list[dict[str, Any]]) -> str | None:
    """Judge messages as the templates of Gemma and Mistral do."""
    spoken = [
        one["role"]
        for one in messages[messages[0]["role"] == "system" :]
        if one["role"] == "user" or (one["role"] == "assistant" and not one.get("tool_calls"))
    ]
    if any(role != ("user", "assistant")[index % 2] for index, role in enumerate(spoken)):
        return "Conversation roles must alternate user/assistant/user/assistant/..."
    if not all(isinstance(one["content"], str) for one in messages if one["role"] in ("user", "system", "tool")):
        return "Only text is supported."
    return None


def ordered_tools(messages: list[dict[str, Any]]) -> str | None:
    """Judge messages as mistral-common does: the order of tool messages, the form of ids and arguments."""
    open_calls: list[str] = []
    before = ""
    for message in messages:
        role = message["role"]
        if before == "tool" and role == "user":
            return "Unexpected role 'user' after role 'tool'"
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                return "Unexpected tool call id"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return "Not the same number of function calls and responses"
        for one in message.get("tool_calls", ()):
            if len(one["id"]) != 9 or not one["id"].isalnum():
                return "Tool call id must be a-z, A-Z, 0-9, with a length of 9."
            if not isinstance(json.loads(one["function"]["arguments"]), dict):
                return "Arguments must be an object."
            open_calls.append(one["id"])
        before = role
    return None if before in ("user", "tool") else f"Expected last role User or Tool but got {before}"


STRICT: list[Judge] = [system_first, alternating, ordered_tools]
