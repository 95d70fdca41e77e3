"""Minimal Realtime client that records all events it receives and reads them one by one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

from trunkline.providers import Connection, ConnectionLostError, decode_frame
from trunkline.realtime.events import Event, MalformedEventError, encode
from trunkline.realtime.ids import new_id


class Violation(Exception):  # noqa: N818 - a finding about the server, not an error of the program
    """Breach of the protocol by the server; the message describes it."""


class InconclusiveError(Exception):
    """Check without a result; the message gives the reason."""


class ConformanceClient:
    """Client of one session.

    Attributes:
        events: all received events, in order.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self.events: list[Event] = []
        self._connection = connection
        self._timeout_s = timeout_s
        self._position = 0
        self._lost: str | None = None

    async def send(self, type_: str, **fields: object) -> str:
        """Send an event; return its `event_id`."""
        event_id = new_id("event")
        await self.send_raw(encode({"type": type_, "event_id": event_id, **fields}).decode())
        return event_id

    async def send_raw(self, frame: str) -> None:
        """Send a text frame unchanged."""
        try:
            await self._connection.send(frame)
        except ConnectionLostError as lost:
            raise Violation(f"the connection was closed: {lost.reason}") from None

    async def expect(self, type_: str, where: Callable[[Event], bool] = lambda _event: True) -> Event:
        """Return the next event of a type, and skip others. An error in its place is a violation.

        Raises:
            Violation: the event does not come.
        """
        passed: list[str] = []
        while True:
            event = await self._next(f"no {type_} came" + (f", only {', '.join(passed[-8:])}" if passed else ""))
            if event["type"] == type_ and where(event):
                return event
            if event["type"] == "error" and type_ != "error":
                raise Violation(f"instead of {type_} came the error {event.get('error')}")
            passed.append(event["type"])

    async def expect_none_of(self, *types: str, within_s: float = 0.7) -> None:
        """Wait for `within_s` seconds, and skip events of other types.

        Raises:
            Violation: an event of these types came.
        """
        until = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                async with asyncio.timeout_at(until):
                    event = await self._next("", timeout_s=None)
            except TimeoutError:
                return
            if event["type"] in types:
                raise Violation(f"{event['type']} came without a request")

    async def settle(self) -> None:
        """Wait until every response that began is done, so that the transcript is complete."""
        while True:
            begun = [event["response"]["id"] for event in self.events if event["type"] == "response.created"]
            done = [event["response"]["id"] for event in self.events if event["type"] == "response.done"]
            if set(begun) <= set(done):
                break
            await self.expect("response.done")
        await self.expect_none_of(within_s=0.1)

    async def settle_or_error(self) -> None:
        """Wait for the end of a response, and a little longer for further events."""
        while True:
            event = await self._next("neither response.done nor anything else came")
            if event["type"] == "response.done":
                break
        await self.expect_none_of(within_s=0.3)
        await self.settle()

    async def close(self) -> None:
        """End the session."""
        await self._connection.close()

    # First steps of most checks -------------------------------------------------------------------------------------
    async def configure(self, **session: object) -> Event:
        """Send a `session.update`; return the session in the answer."""
        await self.send("session.update", session={"type": "realtime", **session})
        updated = await self.expect("session.updated")
        if not isinstance(updated.get("session"), dict):
            raise Violation("session.updated has no session")
        return dict(updated["session"])

    async def send_text(self, text: str, item_id: str | None = None) -> Event:
        """Send a typed message of the caller; return the added item."""
        content = [{"type": "input_text", "text": text}]
        item: Event = {"type": "message", "role": "user", "content": content}
        if item_id is not None:
            item["id"] = item_id
        await self.send("conversation.item.create", item=item)
        added = await self.expect("conversation.item.added")
        return dict(added["item"])

    async def send_audio(self, pcm: bytes) -> None:
        """Send audio of the caller, PCM16 at 24 kHz, in parts of 100 ms."""
        for start in range(0, len(pcm), 4800):
            piece = base64.b64encode(pcm[start : start + 4800]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def _next(self, failure: str, timeout_s: float | None = 0.0) -> Event:
        while self._position >= len(self.events):
            if self._lost is not None:
                raise Violation(f"the connection was closed: {self._lost}")
            try:
                async with asyncio.timeout(self._timeout_s if timeout_s is not None else None):
                    frame = await self._connection.receive()
            except TimeoutError:
                if timeout_s is None:
                    raise
                raise Violation(f"{failure} within {self._timeout_s:g} s") from None
            except ConnectionLostError as lost:
                self._lost = f"{lost.reason} (code {lost.code})"
                continue
            try:
                self.events.append(decode_frame(frame))
            except MalformedEventError as error:
                raise Violation(f"a frame is not an event: {error}") from None
        self._position += 1
        return self.events[self._position - 1]


def require(condition: object, message: str) -> None:
    """Raise `Violation` with the message unless the condition holds.

    Raises:
        Violation: the condition does not hold.
    """
    if not condition:
        raise Violation(message)
