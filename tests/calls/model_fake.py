"""In-memory model behind the provider interface.

It answers like a Realtime service, by a function of the conversation, and fails or stalls when a test says so.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from trunkline.providers import ConnectionLostError, EphemeralSecret, ProviderError, ProviderNotice, WebRtcAnswer
from trunkline.providers.text_model_client import MissingTextModel
from trunkline.realtime import events
from trunkline.realtime.audio_tap import AudioTap
from trunkline.realtime.events import Event
from trunkline.scenario.scenario import Scenario
from trunkline.scenario.text_model import TextModel

MS = 48
"""Bytes in a millisecond of PCM16 at 24 kHz."""


@dataclass(frozen=True)
class Calls:
    """An answer that calls a tool."""

    name: str
    arguments: str = "{}"
    call_id: str | None = None


Answer = str | Calls
Script = Callable[[Sequence[Event]], Sequence[Answer]]


def echo(items: Sequence[Event]) -> Sequence[Answer]:
    """Answer with the caller's text, or with the output of a tool."""
    last = items[-1] if items else {}
    if last.get("type") == "function_call_output":
        return [f"It gave {last['output']}."]
    return [f"You said: {last['content'][0]['text']}." if last else "Nothing was said."]


@dataclass
class FakeModel:
    """A provider with configurable behaviour.

    Attributes:
        script: returns the answers to the conversation's items.
        failures: errors that connecting raises, one after the other, before it succeeds.
        connect_takes_s: duration of connecting.
        pace_s: pause before each event of a response.
        audio_ms: duration of each message's audio, sent in chunks of 100 ms.
        voice: returns the audio of a message, PCM16 at 24 kHz, instead of a tone of `audio_ms`.
        connections: all connections, in order.
        fallback: the fallback model.
        blind: the reason why it takes no images.
        problem: the reason why no scenario can run.
        failing: models with responses that fail.
        models: the models of the connections.
    """

    script: Script = echo
    failures: list[ProviderError] = field(default_factory=list)
    connect_takes_s: float = 0.0
    pace_s: float = 0.0
    audio_ms: int = 300
    voice: Callable[[str], bytes] | None = None
    extras: Callable[[str], Mapping[str, Any]] = lambda _agent: {}
    connections: list[FakeConnection] = field(default_factory=list)
    notes: Sequence[ProviderNotice] = ()
    tries: int = 0
    closed: bool = False
    name: str = "fake"
    fallback: str | None = None
    problem: str | None = None
    blind: str | None = None
    failing: set[str] = field(default_factory=set)
    models: list[str] = field(default_factory=list)

    def model_for(self, scenario: Scenario[Any]) -> str:
        return f"model of {scenario.name}"

    def fallback_model_for(self, scenario: Scenario[Any]) -> str | None:
        return self.fallback

    def scenario_problem(self, scenario: Scenario[Any]) -> str | None:
        return self.problem

    def image_problem(self) -> str | None:
        return self.blind

    def session_extras(self, scenario: Scenario[Any], agent: str, first_agent: str) -> Mapping[str, Any]:
        return self.extras(agent)

    def turn_detection(self, scenario: Scenario[Any]) -> Mapping[str, Any] | None:
        return scenario.turn_detection

    def word_transports(self, scenario: Scenario[Any]) -> frozenset[Literal["webrtc", "websocket"]]:
        return frozenset({"websocket"})

    def transcription(self, scenario: Scenario[Any]) -> Mapping[str, Any] | None:
        return {"model": "fake"}

    def text_model(self) -> TextModel:
        """See `Provider.text_model`."""
        return MissingTextModel("This model is in memory.")

    def notices(self) -> Sequence[ProviderNotice]:
        return self.notes

    async def connect(self, model: str, rtc_call_id: str | None = None) -> FakeConnection:
        self.tries += 1
        await asyncio.sleep(self.connect_takes_s)
        if self.failures:
            raise self.failures.pop(0)
        self.models.append(model)
        self.connections.append(FakeConnection(self, fails=model in self.failing))
        return self.connections[-1]

    async def start_webrtc_call(self, sdp: str, session: Mapping[str, Any]) -> WebRtcAnswer:
        raise ProviderError("This model has no WebRTC.", retry=False)

    def tap_webrtc_call(self, rtc_call_id: str, tap: AudioTap) -> bool:
        return False

    async def create_ephemeral_secret(self, session: Mapping[str, Any]) -> EphemeralSecret:
        raise ProviderError("This model is in memory.", retry=False)

    async def hang_up(self, rtc_call_id: str) -> None:
        pass

    async def aclose(self) -> None:
        self.closed = True

    @property
    def now(self) -> FakeConnection:
        """The latest connection."""
        return self.connections[-1]


class FakeConnection:
    """One session. `received` has the events sent to it, `audio` the caller's audio among them."""

    def __init__(self, model: FakeModel, *, fails: bool = False) -> None:
        self.model = model
        self.fails = fails
        self.receive_count: int | None = None
        self.received: list[Event] = []
        self.audio = bytearray()
        self.items: list[Event] = []
        self.closed = False
        self._down: asyncio.Queue[bytes | ConnectionLostError] = asyncio.Queue()
        self._responding: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)

    # Connection interface -------------------------------------------------------------------------------------------
    async def receive(self) -> bytes:
        frame = await self._down.get()
        if isinstance(frame, ConnectionLostError):
            raise frame
        return frame

    async def send(self, frame: str) -> None:
        if self.closed:
            raise ConnectionLostError("closed", 1006)
        await asyncio.sleep(0)
        event = events.decode(frame)
        self.received.append(event)
        match event["type"]:
            case "session.update":
                self.emit("session.updated", session=event["session"])
            case "input_audio_buffer.append":
                self.audio += base64.b64decode(event["audio"])
            case "conversation.item.create":
                self.items.append(event["item"])
                self.emit("conversation.item.added", item=event["item"])
            case "response.create":
                self._respond(event)
            case "response.cancel" if self._responding is not None:
                self._responding.cancel()
            case _:
                pass

    def try_send(self, frame: str) -> bool:
        return False

    async def close(self) -> None:
        self.closed = True
        if self._responding is not None:
            self._responding.cancel()
            await asyncio.gather(self._responding, return_exceptions=True)

    # Methods for tests ----------------------------------------------------------------------------------------------
    def emit(self, type_: str, **fields: Any) -> None:
        """Send an event to the call."""
        self.emit_raw(events.encode({"type": type_, "event_id": f"event_{next(self._numbers)}", **fields}))

    def emit_raw(self, frame: bytes) -> None:
        """Send any bytes to the call."""
        if not self.closed:
            self._down.put_nowait(frame)

    def breaks(self, reason: str = "it broke", code: int | None = 1006) -> None:
        """Break the connection."""
        if self._responding is not None:
            self._responding.cancel()
        self.closed = True
        self._down.put_nowait(ConnectionLostError(reason, code))

    def types(self, *, without_audio: bool = True) -> list[str]:
        """Return the types of the received events, in order."""
        kinds = [event["type"] for event in self.received]
        return [kind for kind in kinds if not (without_audio and kind == "input_audio_buffer.append")]

    # Answers --------------------------------------------------------------------------------------------------------
    def _respond(self, request: Event) -> None:
        if self._responding is not None and not self._responding.done():
            error = {"code": "conversation_already_has_active_response", "event_id": request.get("event_id")}
            self.emit("error", error=error)
            return
        self._responding = asyncio.create_task(self._answer(self.model.script(list(self.items))))

    async def _answer(self, answers: Sequence[Answer]) -> None:
        response_id = f"resp_{id(self) % 1000}_{next(self._numbers)}"
        self.emit("response.created", response={"id": response_id, "status": "in_progress"})
        if self.fails:
            error = {"type": "server_error", "message": "The server had an error."}
            failed = {"id": response_id, "status": "failed", "status_details": {"type": "failed", "error": error}}
            self.emit("response.done", response=failed)
            return
        status = "completed"
        try:
            for answer in answers:
                await (self._say(response_id, answer) if isinstance(answer, str) else self._call(answer))
        except asyncio.CancelledError:
            status = "cancelled"
        finally:
            self.emit("response.done", response={"id": response_id, "status": status})

    async def _say(self, response_id: str, text: str) -> None:
        item_id = f"msg_{id(self) % 1000}_{next(self._numbers)}"
        item: Event = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.emit("response.output_item.added", response_id=response_id, item=item)
        status = "incomplete"
        try:
            self.emit("response.output_audio_transcript.delta", item_id=item_id, delta=text)
            spoken = self.model.voice(text) if self.model.voice else b"\1\0" * (self.model.audio_ms * MS // 2)
            for at in range(0, len(spoken), 100 * MS):
                await asyncio.sleep(self.model.pace_s)
                delta = base64.b64encode(spoken[at : at + 100 * MS]).decode()
                self.emit("response.output_audio.delta", item_id=item_id, delta=delta)
            self.emit("response.output_audio.done", item_id=item_id)
            status = "completed"
        finally:
            done = {**item, "status": status, "content": [{"type": "output_audio", "transcript": text}]}
            self.items.append({**done, "content": [{"type": "output_text", "text": text}]})
            self.emit("response.output_item.done", item=done)

    async def _call(self, calls: Calls) -> None:
        await asyncio.sleep(self.model.pace_s)
        number = next(self._numbers)
        item = {
            "id": f"fc_{id(self) % 1000}_{number}", "type": "function_call", "status": "completed",
            "call_id": calls.call_id or f"call_{number}", "name": calls.name, "arguments": calls.arguments,
        }  # fmt: skip
        self.items.append(item)
        self.emit("response.output_item.done", item=item)
