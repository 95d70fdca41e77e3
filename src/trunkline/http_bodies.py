"""Bounded reading of HTTP request bodies, for the engine and the web server."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request


class BodyError(Exception):
    """A request body could not be read.

    Attributes:
        status: the HTTP status for the answer: 413 too large, 408 too slow, 400 incomplete.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_body(request: Request, max_bytes: int, timeout_s: float | None = None) -> bytes:
    """Read a whole request body.

    Args:
        timeout_s: time limit for the whole body; None means no limit.

    Raises:
        BodyError: the body exceeds `max_bytes` or `timeout_s`, or the client disconnected.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise BodyError(413, f"The body is too large. Send at most {max_bytes} bytes.")
    except TimeoutError:
        raise BodyError(408, f"The body did not arrive within {timeout_s:g} s. Send it faster.") from None
    except ClientDisconnect:
        raise BodyError(400, "The body is incomplete: the client disconnected.") from None
    return bytes(body)
