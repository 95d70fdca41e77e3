"""Routes of the text models: `responses` and `chat/completions`, as a whole answer or as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Send

from trunkline.engine.brains import BrainError, BrainOutput
from trunkline.engine.http.api_key import ApiKey
from trunkline.engine.http.errors import RequestError, missing_version
from trunkline.engine.http.request_bodies import read_json_object
from trunkline.engine.text import TextModelFactory, TextRequest, chat_completions, responses_api
from trunkline.realtime.events import encode
from trunkline.realtime.validation import InvalidRequest

MAX_BODY_BYTES = 16 << 20
"""Size limit of a request: a conversation, possibly with images."""
MAX_CONCURRENT_REQUESTS = 100
"""Limit of concurrent requests. The engine rejects more with 429."""
_FILTERED = "content_filter"
_STATUS = {
    "DeploymentNotFound": 404,
    "rate_limit_exceeded": 429,
    "invalid_schema": 400,
    "timeout": 504,
    "rehearsal_failed": 500,
}
"""HTTP status of a brain's error. Any other error comes from the chat model: 502."""


class AnswerWriter(Protocol):
    """Writer of one answer in an interface's format, in pieces and as a whole."""

    def begin(self) -> list[dict[str, object]]:
        """Return the first events."""

    def write(self, output: BrainOutput) -> list[dict[str, object]]:
        """Return the events for a piece of the answer."""

    def end(self, reason: str | None = None) -> list[dict[str, object]]:
        """Return the last events."""

    def fail(self, error: BrainError) -> list[dict[str, object]]:
        """Return the last events of a failed answer."""

    @property
    def whole(self) -> dict[str, object]:
        """The whole answer, after its end."""


@dataclass(frozen=True)
class TextInterface:
    """One of the two interfaces."""

    read: Callable[[dict[str, object]], TextRequest]
    writer: Callable[[TextRequest, dict[str, object]], AnswerWriter]
    event: Callable[[dict[str, object]], bytes]
    last: bytes


class TextRoutes:
    """Handler of `POST …/responses` and `POST …/chat/completions`.

    Clients for Azure's versioned interface send `?api-version=`, and the deployment of chat completions in the path.
    """

    def __init__(self, key: ApiKey, models: TextModelFactory) -> None:
        self._key = key
        self._models = models
        self._running_requests = 0

    def routes(self, prefix: str) -> list[BaseRoute]:
        """Return the routes under `/openai/v1` or `/v1`."""
        return [
            Route(f"{prefix}/responses", self._responses, methods=["POST"]),
            Route(f"{prefix}/chat/completions", self._chat_completions, methods=["POST"]),
        ]

    def azure_routes(self) -> list[BaseRoute]:
        """Return the routes of Azure's versioned interface. Any version is accepted."""
        return [
            Route("/openai/responses", self._versioned_responses, methods=["POST"]),
            Route(
                "/openai/deployments/{deployment:path}/chat/completions",
                self._deployment_completions,
                methods=["POST"],
            ),
        ]

    async def _versioned_responses(self, request: Request) -> Response:
        return await self._versioned(request, _RESPONSES)

    async def _deployment_completions(self, request: Request) -> Response:
        return await self._versioned(request, _CHAT_COMPLETIONS)

    async def _versioned(self, request: Request, interface: TextInterface) -> Response:
        if self._key.accepts(request) and not request.query_params.get("api-version"):
            return missing_version().response_to(request)
        return await self._answer(request, interface)

    async def _responses(self, request: Request) -> Response:
        return await self._answer(request, _RESPONSES)

    async def _chat_completions(self, request: Request) -> Response:
        return await self._answer(request, _CHAT_COMPLETIONS)

    async def _answer(self, request: Request, interface: TextInterface) -> Response:
        try:
            self._key.check(request)
            body = await read_json_object(request, MAX_BODY_BYTES)
            if "deployment" in request.path_params:
                body = {**body, "model": request.path_params["deployment"]}
            text_request = interface.read(body)
            writer = interface.writer(text_request, body)
            outputs = self._outputs(text_request)
            if text_request.streamed:
                return await _streamed(interface, writer, outputs)
            return await _unless_disconnected(request, _whole(writer, outputs))
        except InvalidRequest as error:
            return RequestError(400, error.code, str(error), error.param).response_to(request)
        except BrainError as error:
            return RequestError(_STATUS.get(error.code, 502), error.code, str(error)).response_to(request)
        except RequestError as error:
            return error.response_to(request)

    async def _outputs(self, text_request: TextRequest) -> AsyncGenerator[BrainOutput, None]:
        if self._running_requests >= MAX_CONCURRENT_REQUESTS:
            raise BrainError(
                f"The engine already answers {MAX_CONCURRENT_REQUESTS} requests, its limit. Try again later.",
                "rate_limit_exceeded",
            )
        self._running_requests += 1
        try:
            brain = self._models(text_request)
            try:
                async for output in brain.respond(text_request.brain_request):
                    yield output
            finally:
                await brain.aclose()
        finally:
            self._running_requests -= 1


async def _whole(writer: AnswerWriter, outputs: AsyncGenerator[BrainOutput, None]) -> Response:
    reason = None
    async with aclosing(outputs):
        try:
            async for output in outputs:
                writer.write(output)
        except BrainError as error:
            if error.code != _FILTERED:
                raise
            reason = _FILTERED
    writer.end(reason)
    return JSONResponse(writer.whole)


async def _unless_disconnected(request: Request, answering: Any) -> Response:
    """Return the answer, or stop the work when the client disconnects."""
    work = asyncio.ensure_future(answering)
    gone = asyncio.create_task(_until_disconnected(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        return await work if work.done() else Response(status_code=499)
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _streamed(
    interface: TextInterface, writer: AnswerWriter, outputs: AsyncGenerator[BrainOutput, None]
) -> Response:
    """Return the answer as events. An error before the first output fails the request."""
    try:
        first = await anext(outputs, None)
    except BrainError as error:
        if error.code != _FILTERED:
            raise
        return EventStream(_events(interface, writer, None, outputs, _FILTERED))
    return EventStream(_events(interface, writer, first, outputs))


async def _events(
    interface: TextInterface,
    writer: AnswerWriter,
    first: BrainOutput | None,
    outputs: AsyncGenerator[BrainOutput, None],
    reason: str | None = None,
) -> AsyncIterator[bytes]:
    async with aclosing(outputs):
        for event in [*writer.begin(), *([] if first is None else writer.write(first))]:
            yield interface.event(event)
        failure: BrainError | None = None
        try:
            async for output in outputs:
                for event in writer.write(output):
                    yield interface.event(event)
        except BrainError as error:
            reason = error.code if error.code == _FILTERED else None
            failure = None if reason else error
        for event in writer.end(reason) if failure is None else writer.fail(failure):
            yield interface.event(event)
        yield interface.last


class EventStream(StreamingResponse):
    """Server-sent events. When the client disconnects, their generator is closed at once."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache"})
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """Send the events."""
        try:
            await super().stream_response(send)
        finally:
            aclose = getattr(self._events, "aclose", None)
            if aclose is not None:
                await aclose()


def _named_event(event: dict[str, object]) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + encode(event) + b"\n\n"


_RESPONSES = TextInterface(responses_api.read, responses_api.ResponseWriter, _named_event, b"")
_CHAT_COMPLETIONS = TextInterface(
    chat_completions.read,
    chat_completions.CompletionWriter,
    lambda chunk: b"data: " + encode(chunk) + b"\n\n",
    b"data: [DONE]\n\n",
)
