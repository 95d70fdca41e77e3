"""A cheap Realtime service for benchmarks: it echoes audio, takes turns and hands over."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from trunkline.web.uvicorn_websocket import CallSocketProtocol

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
WORDS = [
    "It",
    "was",
    "sent",
    "yesterday",
    "and",
    "should",
    "be",
    "with",
    "you",
    "on",
    "Friday",
    ".",
    "Is",
    "there",
    "anything",
    "else",
    "?",
]
"""One delta each."""
MAX_TRANSFERS_PER_TURN = 20
HEARD_AFTER_S = 0.3
"""Time after an answer at which the caller has heard it: speech over the agent would wait for its words."""
_SHORT_AUDIO = base64.b64encode(bytes(4800)).decode()
"""100 ms."""


@dataclass
class StubModel:
    """The service's behaviour.

    Attributes:
        turn_every_s: over WebRTC, the interval of the caller's turns, in seconds; None for no turns.
        max_turns: number of turns after which each of these callers is silent; it may change at any time.
        answers: over the relay, each response is a short one with words, instead of audio that echoes the caller's.
        transfers: if not empty, each response is the next of these function calls, in a cycle.
        handoffs_s: time from each such call to the following `session.update`.
    """

    turn_every_s: float | None = None
    max_turns: float = math.inf
    transfers: tuple[str, ...] = ()
    answers: bool = False
    handoffs_s: list[float] = field(default_factory=list)
    turns: int = 0
    transferred: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def app(self) -> Starlette:
        """Return the service's app, with its routes under `/v1`."""
        return Starlette(
            routes=[
                Route("/v1/realtime/calls", self._dial, methods=["POST"]),
                Route("/v1/realtime/calls/{call_id}/hangup", _hang_up, methods=["POST"]),
                WebSocketRoute("/v1/realtime", self._session),
            ]
        )

    async def _dial(self, request: Request) -> Response:
        await request.body()
        location = f"/v1/realtime/calls/rtc_{next(self._numbers)}"
        return PlainTextResponse("v=0", 201, {"location": location}, "application/sdp")

    async def _session(self, page: WebSocket) -> None:
        await page.accept()
        talking: asyncio.Task[None] | None = None
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            session = _Session(self, page, "call_id" in page.query_params)
            if session.sideband and self.turn_every_s is not None:
                talking = asyncio.create_task(session.talk(self.turn_every_s))
            await session.run()
        if talking is not None:
            talking.cancel()


class _Session:
    def __init__(self, model: StubModel, page: WebSocket, sideband: bool) -> None:
        self.sideband = sideband
        self._model = model
        self._socket = page
        self._numbers = itertools.count(1)
        self._transfers = itertools.count(1)
        self._item_id = ""
        self._called_at: float | None = None
        self._creates_responses = True
        """True if the session asks for a response to each turn of the caller, without a request."""

    async def run(self) -> None:
        while True:
            text = await self._socket.receive_text()
            if self._item_id and text.startswith('{"type":"input_audio_buffer.append"'):
                # The audio returns unchanged, so that every change is the measured server's.
                sound = text[text.index('"audio":"') + 9 : text.rindex('"')]
                await self._socket.send_text(
                    '{"type":"response.output_audio.delta","event_id":"event_0123456789abcdefghijk",'
                    f'"response_id":"resp_1","item_id":"{self._item_id}","output_index":0,"content_index":0,'
                    f'"delta":"{sound}"}}'
                )
                continue
            event = _decode(text)
            if event["type"] == "session.update":
                if self._called_at is not None:
                    self._model.handoffs_s.append(time.perf_counter() - self._called_at)
                    self._called_at = None
                if "audio" in event["session"]:  # an update for a handoff may leave it out
                    detection = event["session"]["audio"]["input"]["turn_detection"]
                    self._creates_responses = detection.get("create_response", True)
                await self._send("session.updated", session=event["session"])
            elif event["type"] == "conversation.item.create":
                await self._send("conversation.item.added", item=event["item"])
            elif event["type"] == "response.create":
                await self._respond()

    async def _respond(self) -> None:
        if self._model.transfers:
            await self._transfer()
        elif not (self.sideband or self._model.answers):
            await self._begin_to_speak()
        else:
            await self._answer()

    async def _begin_to_speak(self) -> None:
        response_id, self._item_id = self._new("resp"), self._new("item")
        await self._send("response.created", response={"id": response_id, "status": "in_progress"})
        await self._send(
            "response.output_item.added", response_id=response_id, item=_message(self._item_id, "in_progress", "")
        )

    async def _transfer(self) -> None:
        """Send a response that hands over and ends at once; the next one follows on request."""
        if next(self._transfers) % MAX_TRANSFERS_PER_TURN == 0:
            await self._take_turns()  # the call stops a model that calls tools without the caller
            if not self._creates_responses:
                return
        response_id, call_id = self._new("resp"), self._new("call")
        name = self._model.transfers[next(self._model.transferred) % len(self._model.transfers)]
        item = {
            "id": self._new("item"), "type": "function_call", "status": "completed",
            "call_id": call_id, "name": name, "arguments": "{}",
        }  # fmt: skip
        await self._send("response.created", response={"id": response_id, "status": "in_progress"})
        await asyncio.sleep(0.02)  # until no other work is pending
        self._called_at = time.perf_counter()
        await self._send("response.output_item.done", response_id=response_id, item=item)
        await self._send("response.done", response={"id": response_id, "status": "completed", "output": [item]})

    async def _take_turns(self) -> None:
        """Answer, and let the caller speak once the answer has been heard."""
        await self._answer()
        await asyncio.sleep(HEARD_AFTER_S)
        await self._transcribe(await self._caller_speaks())

    async def talk(self, every_s: float) -> None:
        """Simulate turns of a WebRTC caller with answers, until cancelled."""
        turns = 0
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await asyncio.sleep(every_s)
                if turns < self._model.max_turns:
                    item_id = await self._caller_speaks()
                    await self._answer()
                    await self._transcribe(item_id)
                    turns += 1
                    self._model.turns += 1

    async def _caller_speaks(self) -> str:
        item_id = self._new("item")
        await self._send("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        await self._send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=2000)
        await self._send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        await self._send("conversation.item.added", item=item)
        return item_id

    async def _transcribe(self, item_id: str) -> None:
        await self._send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            transcript="where is my order",
            usage={"type": "duration", "seconds": 2},
        )

    async def _answer(self) -> None:
        response_id, item_id = self._new("resp"), self._new("item")
        where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        words = " ".join(WORDS)
        item = _message(item_id, "completed", words)
        await self._send("response.created", response={"id": response_id, "status": "in_progress"})
        await self._send("response.output_item.added", response_id=response_id, item=_message(item_id, "added", ""))
        await self._send("conversation.item.added", item=_message(item_id, "in_progress", ""))
        await self._send("response.content_part.added", **where, part={"type": "audio", "transcript": ""})
        await self._send("output_audio_buffer.started", response_id=response_id)
        if not self.sideband:
            await self._send("response.output_audio.delta", **where, delta=_SHORT_AUDIO)
        for word in WORDS:
            await self._send("response.output_audio_transcript.delta", **where, delta=f"{word} ")
        await self._send("response.output_audio.done", **where)
        await self._send("response.output_audio_transcript.done", **where, transcript=words)
        await self._send("response.content_part.done", **where, part={"type": "audio", "transcript": words})
        await self._send("conversation.item.done", item=item)
        await self._send("response.output_item.done", response_id=response_id, item=item)
        usage = {"total_tokens": 300, "input_tokens": 200, "output_tokens": 100}
        done = {"id": response_id, "status": "completed", "output": [item], "usage": usage}
        await self._send("response.done", response=done)
        await self._send("rate_limits.updated", rate_limits=[{"name": "tokens", "limit": 100000, "remaining": 99000}])
        await self._send("output_audio_buffer.stopped", response_id=response_id)

    async def _send(self, type_: str, **fields: Any) -> None:
        event = {"type": type_, "event_id": self._new("event"), **fields}
        await self._socket.send_text(_encode(event).decode())

    def _new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):021d}"


def _message(item_id: str, status: str, words: str) -> dict[str, Any]:
    content = [{"type": "output_audio", "transcript": words}] if words else []
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}


async def _hang_up(_request: Request) -> Response:
    return Response(None, 200)


@asynccontextmanager
async def app_running(app: Callable[..., Any]) -> AsyncIterator[str]:
    """Serve an ASGI app on a free port of 127.0.0.1 like `trunkline serve`, and yield its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, lifespan="auto", log_level="warning", access_log=False, ws=CallSocketProtocol,
        ws_per_message_deflate=False, server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
