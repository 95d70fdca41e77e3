"""Faults of the Azure fake: errors at chosen events, and a connection that can be cut or frozen."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from trunkline.testing.fault_schedule import Fault, FaultSchedule

TOO_LONG = "Your session hit the maximum duration of 60 minutes."


@dataclass
class Answer:
    """The response to a `response.create` that has no answer: `failed` with an error's code, `incomplete`, or empty."""

    status: Literal["failed", "incomplete", "completed"]
    code: str
    message: str
    left: int
    sticky: bool = False
    """Only sessions that are open now suffer it, and they for ever."""
    output: tuple[dict[str, Any], ...] = ()


@dataclass
class Refusal:
    """The next `left` requests to paths that match are answered with a status."""

    status: int
    left: int
    path: str
    headers: dict[str, str]
    message: str


class Faults:
    """What goes wrong with the stand-in. Events are named by type, in either direction; `*` stands for anything.

    `injected` lists the faults that struck, in order.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._schedule = FaultSchedule()
        self._answers: list[Answer] = []
        self._refusals: list[Refusal] = []

    @property
    def injected(self) -> list[str]:
        """The faults, answers and refusals that struck, in order."""
        return self._schedule.injected

    # Connections ----------------------------------------------------------------------------------------------------
    def close(self, code: int, reason: str = "", *, at: str, skip: int = 0) -> None:
        """The service closes the socket with a code, in place of the event."""
        self._schedule.add(Fault("close", at, skip=skip, code=code, reason=reason))

    def expire(self, *, at: str, skip: int = 0) -> None:
        """The session has lived for 60 minutes."""
        self.close(1001, TOO_LONG, at=at, skip=skip)

    def cut(self, *, at: str, skip: int = 0) -> None:
        """The TCP connection is reset."""
        self._schedule.add(Fault("cut", at, skip=skip))

    def freeze(self, *, at: str, skip: int = 0) -> None:
        """The connection is half open from here on: nothing comes through any more, and nobody says so."""
        self._schedule.add(Fault("freeze", at, skip=skip))

    # Events ---------------------------------------------------------------------------------------------------------
    def delay(self, ms: float, *, at: str, times: int = 1, skip: int = 0) -> None:
        """Delay the event and all following ones."""
        self._schedule.add(Fault("delay", at, times, skip, delay_ms=ms))

    def garbage(self, *frames: str | bytes, at: str, times: int = 1) -> None:
        """These frames come before the event."""
        self._schedule.add(Fault("garbage", at, times, frames=frames))

    def reorder(self, *, at: str, times: int = 1) -> None:
        """The event comes after the one that follows it."""
        self._schedule.add(Fault("reorder", at, times))

    def lose(self, *, at: str, times: int = 1) -> None:
        """The event never comes."""
        self._schedule.add(Fault("lose", at, times))

    # Answers --------------------------------------------------------------------------------------------------------
    def server_errors(self, times: int = 1) -> None:
        """The next responses fail with `server_error`."""
        self._answers.append(Answer("failed", "server_error", "The server had an error.", times))

    def sticky_server_error(self) -> None:
        """The sessions that are open answer with `server_error` from now on; a new one is well."""
        self._answers.append(Answer("failed", "server_error", "The server had an error.", 1_000_000, sticky=True))

    def rate_limited(self, times: int = 1, *, retry_in_ms: int = 200) -> None:
        """The next responses fail for the deployment's rate limit."""
        message = f"Rate limit reached. Please try again in {retry_in_ms}ms."
        self._answers.append(Answer("failed", "rate_limit_exceeded", message, times))

    def filtered(self, times: int = 1, *, status: Literal["failed", "incomplete"] = "incomplete") -> None:
        """The next responses are stopped by the content filter."""
        self._answers.append(Answer(status, "content_filter", "The content was filtered.", times))

    def silent(self, kind: Literal["empty", "text", "cut"], times: int = 1) -> None:
        """End the next responses with nothing to hear: empty, in text only, or with a tool call that was cut off."""
        text = {"type": "output_text", "text": "Here it is."}
        output: dict[str, tuple[dict[str, Any], ...]] = {
            "empty": (),
            "text": ({"id": "item_text", "type": "message", "role": "assistant", "content": [text]},),
            "cut": ({"id": "item_cut", "type": "function_call", "status": "incomplete", "name": "x", "call_id": "c"},),
        }
        status: Literal["incomplete", "completed"] = "incomplete" if kind == "cut" else "completed"
        self._answers.append(Answer(status, "max_output_tokens", "", times, output=output[kind]))

    # Requests -------------------------------------------------------------------------------------------------------
    def refuse(
        self,
        status: int,
        times: int = 1,
        *,
        path: str = "*/realtime",
        retry_after: str | None = None,
        message: str = "Not now.",
    ) -> None:
        """The next requests to `path` are refused; sockets as well, at their handshake."""
        headers = {} if retry_after is None else {"retry-after": retry_after}
        self._refusals.append(Refusal(status, times, path, headers, message))

    # Used by the stand-in -------------------------------------------------------------------------------------------
    def next_fault(self, event_type: str) -> Fault | None:
        """Return the fault that strikes an event of this type, and count it; None if no fault matches."""
        return self._schedule.next_fault(event_type)

    def answer(self, session: int) -> Answer | None:
        """What session number `session`, counted from 1, answers instead of an answer."""
        for answer in self._answers:
            if answer.sticky:
                if answer.left == 1_000_000:
                    answer.left = session  # it is this session that has fallen ill
                if session > answer.left:
                    continue
            else:
                answer.left -= 1
                if not answer.left:
                    self._answers.remove(answer)
            self.injected.append(f"{answer.status} {answer.code}")
            return answer
        return None

    def refusal(self, path: str) -> Refusal | None:
        """How a request to this path is refused."""
        for refusal in self._refusals:
            if fnmatchcase(path, refusal.path):
                refusal.left -= 1
                if not refusal.left:
                    self._refusals.remove(refusal)
                self.injected.append(f"{refusal.status} {path}")
                return refusal
        return None

    def cut_now(self) -> None:
        """Resets every TCP connection that there is."""
        self._wire.cut()

    def freeze_now(self) -> None:
        """Lets every TCP connection that there is go dead, without an end."""
        self._wire.freeze()


class Wire:
    """TCP between clients and the stand-in. Leaving it ends all connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        """Listens at a free port of 127.0.0.1."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends it all."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*[pair.done.wait() for pair in list(self._pairs)])

    def cut(self) -> None:
        """Resets the connections there are."""
        for pair in self._pairs:
            pair.abort()

    def freeze(self) -> None:
        """From now on nothing passes on the connections there are."""
        for pair in self._pairs:
            pair.frozen = True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, up_writer)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pair.forward(reader, up_writer))
                group.create_task(pair.forward(up_reader, writer))
        finally:
            self._pairs.discard(pair)
            pair.abort()
            pair.done.set()


class _Pair:
    def __init__(self, down: asyncio.StreamWriter, up: asyncio.StreamWriter) -> None:
        self._writers = (down, up)
        self.frozen = False
        self.done = asyncio.Event()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(1 << 16):
                if not self.frozen:
                    writer.write(piece)
                    await writer.drain()
        if not self.frozen:
            self.close()

    def close(self) -> None:
        """Forward the end of the stream after its data."""
        for writer in self._writers:
            writer.close()

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
