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
