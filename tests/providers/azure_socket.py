"""One socket of the Azure fake between a client and the engine, with Azure's rules and faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.providers import azure_validation
from tests.providers.azure_faults import Answer
from trunkline.realtime.dialects import server_event_to_preview
from trunkline.realtime.events import Event, MalformedEventError, decode, encode
from trunkline.realtime.ids import new_id
from trunkline.testing.fault_schedule import Fault

if TYPE_CHECKING:
    from tests.providers.azure_fake import FakeAzure


class CarriedSocket:
    """One socket between a client and the engine, as Azure would carry it."""

    def __init__(
        self,
        azure: FakeAzure,
        websocket: WebSocket,
        upstream: ClientConnection,
        number: int,
        *,
        preview: bool,
        sideband: bool,
    ) -> None:
        self._azure = azure
        self._faults = azure.faults
        self._websocket = websocket
        self._upstream = upstream
        self._number = number
        self._preview = preview
        self._sideband = sideband
        self._held_back: bytes | None = None
        """An event that is to come after the one that follows it."""
        self._transcriber: object = None

    async def run(self) -> None:
        """Carries frames both ways until one side closes."""
        async with asyncio.TaskGroup() as group:
            ways = {group.create_task(self._up()), group.create_task(self._down())}
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    # From the client ------------------------------------------------------------------------------------------------
    async def _up(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, ConnectionClosed):
            while True:
                frame = await self._websocket.receive_text()
                try:
                    event = decode(frame.encode())
                except MalformedEventError:
                    await self._upstream.send(frame)
                    continue
                await self._take(event, frame)

    async def _take(self, event: Event, frame: str) -> None:
        kind = event["type"]
        problem = azure_validation.client_event(event, preview=self._preview, sideband=self._sideband)
        if problem is not None:
            self._azure.refused.append(f"error {problem['code']}")
            await self._send({"type": "error", "event_id": new_id("event"), "error": dict(problem)})
            return
        if kind == "session.update":
            self._transcriber = _transcriber_in(event["session"], self._transcriber)
        if not await self._survives(self._faults.next_fault(kind)):
            return
        if kind == "response.create" and (answer := self._faults.answer(self._number)) is not None:
            await self._answer(answer)
            return
        await self._upstream.send(frame)

    async def _answer(self, answer: Answer) -> None:
        """A response that comes to nothing."""
        response: Event = {"id": new_id("resp"), "object": "realtime.response", "status": "in_progress", "output": []}
        await self._tell("response.created", response=response)
        details: Event | None = None
        if answer.status == "incomplete":
            details = {"type": "incomplete", "reason": answer.code}
        elif answer.status == "failed":
            error = {"type": answer.code, "code": answer.code, "message": answer.message}
            details = {"type": "failed", "error": error}
        done = {"status": answer.status, "status_details": details, "output": list(answer.output)}
        await self._tell("response.done", response={**response, **done})

    async def _tell(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": new_id("event"), **fields}
        await self._send(server_event_to_preview(event) if self._preview else event)

    # To the client --------------------------------------------------------------------------------------------------
    async def _down(self) -> None:
        try:
            while True:
                frame = await self._upstream.recv(decode=False)
                event = self._as_azure(decode(frame))
                if event is not None:
                    await self._give(event)
        except ConnectionClosed as closed:
            received = closed.rcvd
            with contextlib.suppress(RuntimeError):
                await self._websocket.close(received.code if received else 1011, received.reason if received else "")
        except WebSocketDisconnect:
            return

    def _as_azure(self, event: Event) -> Event | None:
        kind = event["type"]
        if kind == "session.created" and self._sideband:
            return None  # it may come or not: whoever waits for it waits in vain
        if kind in ("session.created", "session.updated") and "model" in event["session"]:
            return {**event, "session": {**event["session"], "model": self._azure.deployed.realtime}}
        if kind == "error":
            self._azure.refused.append(f"error {event['error'].get('code')}")
        transcription = kind.partition("input_audio_transcription.")[2]
        if transcription and self._transcriber != self._azure.deployed.transcription:
            return self._not_deployed(event) if transcription == "completed" else None
        return {name: part for name, part in event.items() if name != "usage"} if transcription else event

    def _not_deployed(self, event: Event) -> Event:
        error = {"type": "invalid_request_error", "code": "DeploymentNotFound", "message": _NOT_DEPLOYED}
        kept = {name: event[name] for name in ("event_id", "item_id", "content_index")}
        return {"type": "conversation.item.input_audio_transcription.failed", **kept, "error": error}

    async def _give(self, event: Event) -> None:
        struck = self._faults.next_fault(event["type"])
        if struck is not None and struck.kind == "reorder":
            self._held_back = encode(event)
            return
        if await self._survives(struck):
            await self._send(event)
        if self._held_back is not None:
            late, self._held_back = self._held_back, None
            await self._put(late)

    async def _survives(self, fault: Fault | None) -> bool:
        """Lets a fault befall; whether its event goes on."""
        if fault is None:
            return True
        match fault.kind:
            case "close":
                code = fault.code or 1006
                await self._websocket.close(code, fault.reason)
                raise WebSocketDisconnect(code)
            case "cut":
                self._faults.cut_now()
            case "freeze":
                self._faults.freeze_now()
            case "delay":
                await asyncio.sleep(fault.delay_ms / 1000)
            case "garbage":
                for frame in fault.frames:
                    await self._put(frame)
            case "reorder" | "lose":
                pass
        return fault.kind in ("delay", "garbage")

    async def _send(self, event: Event | None) -> None:
        if event is not None:
            await self._put(encode(event))

    async def _put(self, frame: bytes | str) -> None:
        if isinstance(frame, str):
            await self._websocket.send_bytes(frame.encode())
            return
        try:
            text = frame.decode()
        except UnicodeDecodeError:
            await self._websocket.send_bytes(frame)
        else:
            await self._websocket.send_text(text)


_NOT_DEPLOYED = "The API deployment for this resource does not exist."


def _transcriber_in(session: Mapping[str, Any], before: object) -> object:
    """The transcription model after a session update, in either dialect."""
    heard = (session.get("audio") or {}).get("input") or {}
    for place, name in ((heard, "transcription"), (session, "input_audio_transcription")):
        if name in place:
            return (place[name] or {}).get("model")
    return before
