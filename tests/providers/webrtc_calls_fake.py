"""A strict fake of a Realtime service's `calls` on loopback: it accepts only documented requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP

KEY = "key-of-the-account"
SECRET = "ek_of_one_call"
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\na=ice-pwd:password-of-the-offer\r\n"
ANSWER = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\n"


@dataclass
class Request:
    """One request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class CallsService:
    """Attributes say how it misbehaves.

    Attributes:
        refuse: paths that are answered with a status, e.g. `{"/v1/realtime/calls": 429}`.
        location: the `Location` of an answered offer; None for none.
        redirect_to: where everything is redirected to.
        one_step: offers come as a form with our key, rather than with a secret.
    """

    one_step: bool = False
    refuse: dict[str, int] = field(default_factory=dict)
    location: str | None = "/v1/realtime/calls/rtc_1"
    secret: bytes = json.dumps({"value": SECRET}).encode()
    redirect_to: str | None = None
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = request.target.partition("?")[0]
        if self.redirect_to is not None:
            return 307, {"location": self.redirect_to}, b""
        if path in self.refuse:
            message = {"error": {"message": "no, thank you"}}
            return self.refuse[path], {}, json.dumps(message).encode()
        if path == "/v1/realtime/client_secrets":
            return (200, {}, self.secret) if self._has_key(request) else _unauthorised()
        if path.endswith("/hangup"):
            return (200, {}, b"") if self._has_key(request) else _unauthorised()
        if path == "/v1/realtime/calls":
            return self._answer_offer(request)
        return 404, {}, b""

    def _answer_offer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if self.one_step:
            fine = self._has_key(request) and form_of(request)["sdp"] == OFFER.encode()
        else:
            fine = request.headers.get("authorization") == f"Bearer {SECRET}" and "api-key" not in request.headers
            if request.headers.get("content-type") != "application/sdp" or request.body != OFFER.encode():
                return 400, {}, b""
        if not fine:
            return _unauthorised()
        return 201, {"location": self.location} if self.location else {}, ANSWER.encode()

    def _has_key(self, request: Request) -> bool:
        return KEY in (request.headers.get("api-key"), request.headers.get("authorization", "").removeprefix("Bearer "))


def form_of(request: Request) -> dict[str, bytes]:
    """The parts of a multipart form by name."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    parts = {}
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        parts[str(part.get_param("name", header="content-disposition"))] = payload
    return parts


@contextlib.asynccontextmanager
async def serving(service: CallsService) -> AsyncIterator[CallsService]:
    """Runs it on a port of its own."""

    conversations: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        conversations.add(conversation)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await _read(reader)
                service.requests.append(request)
                status, headers, body = service.answer(request)
                lines = [f"HTTP/1.1 {status} Reason", f"content-length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield service
    finally:
        server.close()
        await asyncio.gather(*conversations)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _unauthorised() -> tuple[int, dict[str, str], bytes]:
    return 401, {}, json.dumps({"error": {"message": "wrong credentials"}}).encode()
