"""A small HTTP server with the two paths of speech, which answers exactly as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class SpeechEndpoint:
    """Answers with `status` and the pieces of `body`, `pause` seconds before each; it may break off at the end."""

    status: int = 200
    body: Sequence[bytes] = (b"{}",)
    pause: float = 0.0
    breaks_off: bool = False
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    hung_up: int = 0
    """Requests whose client went before it had the whole answer."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.asked.append(Asked(first.split()[1], headers, body))
            writer.write(
                f"HTTP/1.1 {self.status} Answer\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
            )
            gone = asyncio.ensure_future(reader.read(1))
            for piece in self.body:
                done, _ = await asyncio.wait([gone], timeout=self.pause)
                if done:
                    self.hung_up += 1
                    return
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            gone.cancel()
            if not self.breaks_off:
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up += 1
        finally:
            writer.close()


@asynccontextmanager
async def serving(**answers: Any) -> AsyncIterator[SpeechEndpoint]:
    """Runs one on loopback."""
    endpoint = SpeechEndpoint(**answers)
    handlers: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.create_task(endpoint.handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*handlers)
