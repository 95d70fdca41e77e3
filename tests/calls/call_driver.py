"""Driver of a call's machine: tests feed it inputs at chosen times, and read the effects."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from trunkline.calls import commands, log_events
from trunkline.calls.log import Entry
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.machine import CallMachine
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.restoration import Restoration
from trunkline.calls.machine.timers import Timer
from trunkline.realtime.events import Event, NewId
from trunkline.realtime.ids import new_id

CALLER_WAIT_MS = 30_000.0


def plan(**changes: Any) -> CallPlan:
    """Return a plan with a host and a poet, who can hand over to each other and have tools."""
    fields: dict[str, Any] = {
        "call_id": "call_1",
        "scenario": "test",
        "first_agent": "host",
        "agents": ["host", "poet"],
        "transfers": {"host": {"transfer_to_poet": "poet"}, "poet": {"transfer_to_host": "host"}},
        "tools": {"host": ["weather", "clock"], "poet": ["rhyme"]},
        "transport": "websocket",
        "provider": "test",
        "model": "test-model",
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "caller_wait_ms": CALLER_WAIT_MS,
        "turn_detection": {"type": "server_vad"},
    }
    return CallPlan(**{**fields, **changes})


class CallDriver:
    """Driver of one machine. Tests finish tools by hand.

    It configures agents at once, unless `configures` is False, and confirms the sessions of handoffs at once, unless
    `confirms` is False.

    Attributes:
        sent: events sent to the model, in order.
        events: the log, until it is cleared.
        log: the whole log.
        played: audio sent to the caller, in ms for each message.
        tools: tool calls without a result.
        configuring: configurations without a result.
        checks: runs of guardrails, in order.
        input_checks: runs of input guardrails, in order.
        approved: decisions passed to tools that waited for approval.
        renewals: renewals of the session, in order.
        listens_to: the speech to which the recogniser beside the relay listens.
        kept: turns with kept audio, and their start in the session's audio.
        ended: reason of the end of the call.
        hand_overs: stops of the call for another server.
        history: each input with its time, and the effects of the machine.
    """

    def __init__(
        self,
        *,
        configures: bool = True,
        confirms: bool = True,
        ids: NewId = new_id,
        restored: Restoration | None = None,
        **changes: Any,
    ) -> None:
        self.machine = CallMachine(plan(**changes), ids)
        self.history: list[tuple[inputs.Input, float, list[effects.Effect]]] = []
        self.configures = configures
        self.confirms = confirms
        self.now_ms = 0.0
        self.sent: list[Event] = []
        self.events: list[log_events.LogEventUnion] = []
        self.played: dict[str, float] = {}
        self.tools: dict[str, effects.RunTool] = {}
        self.configuring: list[effects.ConfigureAgent] = []
        self.checks: list[effects.RunGuardrails] = []
        self.input_checks: list[effects.RunInputGuardrails] = []
        self.approved: dict[str, bool] = {}
        self.renewals: list[effects.RenewSession] = []
        self.kept: dict[str, int | None] = {}
        self.clears: list[log_events.LogEventUnion | None] = []
        """The latest log event at each order to drop the queued audio."""
        self.silence_ms = 0.0
        """Silence sent to the model in place of the caller's audio."""
        self.watches_audio = False
        self.listens_to: str | None = None
        self.fetching: list[effects.FetchFiller] = []
        self.fillers: list[bytes] = []
        self.ended: str | None = None
        self.hand_overs = 0
        self._timers: dict[Timer, float] = {}
        self._numbers: Iterator[int] = itertools.count(1)
        self._playing: str | None = None
        self._responding: str | None = None
        self.log: list[Entry] = []
        self._restored = restored
        self._do(self._first_effects())

    def _first_effects(self) -> Sequence[effects.Effect]:
        return self.machine.begin(0.0) if self._restored is None else self.machine.resume(self._restored, 0.0)

    @classmethod
    def of_another_server(cls, restored: Restoration) -> CallDriver:
        """Drive a call that another server ran."""
        return cls(restored=restored)

    # Inputs ---------------------------------------------------------------------------------------------------------
    def link_up(self) -> None:
        """Connect the model."""
        self.feed(inputs.LinkOpened())

    def link_lost(self, retry_in_ms: int | None = 250) -> None:
        """Drop the connection to the model."""
        self._responding = None
        self.feed(inputs.LinkDropped("the connection broke", None, retry_in_ms, failed=retry_in_ms != 0))

    def link_refused(self, code: int | None = 503, retry_in_ms: int | None = 250) -> None:
        """Refuse a connection to the model."""
        self.feed(inputs.LinkDropped("not now", code, retry_in_ms, failed=True))

    def caller_joins(self, leg_id: str = "leg_1") -> None:
        """Let the caller join by the relay."""
        self.feed(inputs.CallerJoined(leg_id, "websocket"))

    def caller_leaves(self, leg_id: str = "leg_1", *, keeps_audio: bool = False) -> None:
        """Let the caller leave; their page may keep their audio."""
        self.feed(inputs.CallerLeft(leg_id, "closed", keeps_audio))

    def types(self, text: str) -> None:
        """Let the caller type a message."""
        self.feed(inputs.CommandReceived(commands.Say(text)))

    def interrupts(self) -> None:
        """Let the caller press the interrupt button."""
        self.feed(inputs.CommandReceived(commands.Interrupt()))

    def reports(self, item_id: str, ms: int) -> None:
        """Let the page report its played position."""
        self.feed(inputs.CommandReceived(commands.Played(item_id, ms)))

    def hangs_up(self) -> None:
        """Let the caller hang up."""
        self.feed(inputs.CommandReceived(commands.HangUp()))

    def caller_starts_to_speak(self, item_id: str = "speech_1", *, cuts: bool = True) -> None:
        """Let the service detect speech, and cancel its response by itself."""
        self.wire("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=100)
        if cuts and self._responding:
            self.response_done("cancelled")

    def caller_audio(self, ms: float, *, step_ms: float = 100.0) -> None:
        """Let frames of the caller's audio arrive for `ms`."""
        for _ in range(int(ms / step_ms)):
            self.wait(step_ms)
            if self.watches_audio:
                self.feed(inputs.CallerAudioArrived())

    def caller_stops_speaking(self, item_id: str = "speech_1", *, previous: str | None = None) -> None:
        """Let the service end the caller's turn and add its item."""
        self.wire("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=900)
        self.wire("input_audio_buffer.committed", item_id=item_id)
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        self.wire("conversation.item.added", item=item, previous_item_id=previous)

    def transcribes(self, text: str, item_id: str = "speech_1") -> None:
        """Let the service transcribe the caller's speech."""
        self.wire("conversation.item.input_audio_transcription.completed", item_id=item_id, transcript=text)

    def confirms_items(self) -> None:
        """Let the service acknowledge every item that it has not acknowledged yet."""
        acknowledged = {event["item"]["id"] for event in self._received("conversation.item.added")}
        for event in self.sent_of("conversation.item.create"):
            if event["item"]["id"] not in acknowledged:
                self.wire("conversation.item.added", item=event["item"])

    def response_created(self) -> str:
        """Let a response begin; return its id."""
        self._responding = f"resp_{next(self._numbers)}"
        self.wire("response.created", response={"id": self._responding, "status": "in_progress"})
        return self._responding

    def agent_says(self, text: str, *, audio_ms: float = 1000.0, finished: bool = True) -> str:
        """Let the current response say a message with `audio_ms` of audio; return the message's id."""
        item_id = f"msg_{next(self._numbers)}"
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.wire("response.output_item.added", item=item)
        self.wire("conversation.item.added", item=item)
        self.wire("response.output_audio_transcript.delta", item_id=item_id, delta=text)
        if audio_ms:
            self.audio(item_id, audio_ms)
        if finished:
            self.message_done(item_id, text)
        return item_id

    def audio(self, item_id: str, ms: float) -> None:
        """Let audio arrive from the model."""
        self._playing = item_id
        self.feed(inputs.AudioReceived(item_id, bytes(int(ms * 48)), ms))

    def message_done(self, item_id: str, text: str, status: str = "completed") -> None:
        """Let the model complete a message."""
        self.wire("response.output_audio.done", item_id=item_id)
        content = [{"type": "output_audio", "transcript": text}]
        item = {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}
        self.wire("response.output_item.done", item=item)

    def model_calls(self, name: str, arguments: str = "{}", call_id: str | None = None) -> str:
        """Let the current response call a tool; return the id of the tool call."""
        call_id = call_id or f"fc_{next(self._numbers)}"
        item = {
            "id": f"item_{call_id}", "type": "function_call", "status": "completed",
            "call_id": call_id, "name": name, "arguments": arguments,
        }  # fmt: skip
        self.wire("conversation.item.added", item=item)
        self.wire("response.output_item.done", item=item)
        return call_id

    def response_done(self, status: str = "completed", **fields: Any) -> None:
        """End the current response."""
        response_id, self._responding = self._responding, None
        self.wire("response.done", response={"id": response_id, "status": status, **fields})

    def answers(self, text: str, *, audio_ms: float = 1000.0) -> str:
        """Let the model give a whole response of one message, and the page play all of it; return the message's id."""
        self.confirms_items()
        self.response_created()
        item_id = self.agent_says(text, audio_ms=audio_ms)
        self.response_done()
        self.reports(item_id, round(audio_ms))
        return item_id

    def refuses_request(self) -> None:
        """Let the service refuse the last `response.create`, since a response is active."""
        event_id = self.sent_of("response.create")[-1]["event_id"]
        self.wire("error", error={"code": "conversation_already_has_active_response", "event_id": event_id})

    def tool_finishes(self, call_id: str, result: Any = "sunny", error: str | None = None) -> None:
        """Finish a tool."""
        tool = self.tools.pop(call_id)
        output = str(result) if error is None else f"failed: {error}"
        self.feed(inputs.ToolFinished(call_id, tool.name, output, None if error else result, error))

    def configured(self, which: int = 0) -> None:
        """Answer a configuration order with a session."""
        asked = self.configuring.pop(which)
        self.feed(inputs.AgentConfigured(asked.agent, {"instructions": f"be {asked.agent}"}, asked.purpose))

    def configuration_fails(self, which: int = 0) -> None:
        """Answer a configuration order with an error."""
        asked = self.configuring.pop(which)
        self.feed(inputs.AgentFailed(asked.agent, "ValueError: no", asked.purpose))

    def commands(self, command: commands.CommandUnion) -> None:
        """Let the caller's page send a command."""
        self.feed(inputs.CommandReceived(command))

    def guardrail_finishes(
        self, status: Literal["pass", "fail", "error"] = "pass", guardrail: str = "moderation", **fields: Any
    ) -> None:
        """Let a guardrail finish its last check."""
        check = self.checks[-1]
        self.feed(inputs.GuardrailFinished(check.item_id, check.check_id, guardrail, status, **fields))

    def wire(self, type_: str, **fields: Any) -> None:
        """Let an event arrive from the model."""
        self.feed(inputs.WireEventReceived({"type": type_, **fields}))

    def wait(self, ms: float) -> None:
        """Let time pass, and fire the timers that are due."""
        until = self.now_ms + ms
        while self._timers:
            timer = min(self._timers, key=lambda timer: self._timers[timer])
            if self._timers[timer] > until:
                break
            self.now_ms = max(self.now_ms, self._timers.pop(timer))
            self.feed(inputs.TimerFired(timer))
        self.now_ms = until

    def feed(self, given: inputs.Input) -> None:
        """Feed any input to the machine."""
        emitted = self.machine.step(given, self.now_ms)
        self.history.append((given, self.now_ms, emitted))
        self._do(emitted)
        if self.confirms and any(_updates_agent(effect) for effect in emitted) and self.ended is None:
            self.confirms_session()

    def confirms_session(self) -> None:
        """Let the service confirm the oldest session update."""
        self.wire("session.updated", session={})

    # Effects --------------------------------------------------------------------------------------------------------
    @property
    def types_sent(self) -> list[str]:
        """The types of the events sent to the model."""
        return [event["type"] for event in self.sent]

    def sent_of(self, type_: str) -> list[Event]:
        """Return the events of one type that were sent to the model."""
        return [event for event in self.sent if event["type"] == type_]

    @property
    def requests(self) -> int:
        """Number of responses requested."""
        return len(self.sent_of("response.create"))

    def logged(self, *kinds: type[log_events.LogEvent]) -> list[Any]:
        """Return the logged events of some kinds."""
        return [event for event in self.events if isinstance(event, kinds)]

    def said(self, item_id: str) -> str:
        """Return the final text of a message in the log."""
        text = ""
        for event in self.logged(log_events.MessageDelta, log_events.MessageDone, log_events.MessageTruncated):
            if event.item_id == item_id:
                text = text + event.text if isinstance(event, log_events.MessageDelta) else event.text or ""
        return text

    def since(self, mark: int) -> list[Event]:
        """Return the events sent to the model after the first `mark` ones."""
        return self.sent[mark:]

    def clear(self) -> None:
        """Forget all events so far."""
        self.sent.clear()
        self.events.clear()

    def _received(self, type_: str) -> list[Event]:
        return [event.event for event in self.logged(log_events.WireReceived) if event.event["type"] == type_]

    def _do(self, emitted: Sequence[effects.Effect]) -> None:
        for effect in emitted:
            match effect:
                case effects.Send():
                    self.sent.append(cast("Event", effect.event))
                case effects.AppendToLog():
                    assert self.ended is None or isinstance(effect.event, log_events.CallEnded)
                    self.events.append(effect.event)
                    self.log.append(Entry(len(self.log) + 1, round(self.now_ms), effect.event))
                case effects.PlayAudio():
                    assert self._playing is not None
                    self.played[self._playing] = self.played.get(self._playing, 0.0) + len(effect.pcm) / 48
                case effects.ConfigureAgent():
                    self.configuring.append(effect)
                    if self.configures:
                        self.configured(len(self.configuring) - 1)
                case effects.SetTimer():
                    self._timers.pop(effect.timer, None)
                    if effect.at_ms is not None:
                        self._timers[effect.timer] = effect.at_ms
                case effects.EndCall():
                    self.ended = effect.reason
                case effects.HandOver():
                    self.hand_overs += 1
                case _:
                    self._note(effect)

    def _note(self, effect: effects.Effect) -> None:  # noqa: C901 - one case for each effect
        """Keep an effect that the test answers by hand, or reads."""
        match effect:
            case effects.RunTool():
                self.tools[effect.tool_call_id] = effect
            case effects.RunInputGuardrails():
                self.input_checks.append(effect)
            case effects.RunGuardrails():
                self.checks.append(effect)
            case effects.ResolveApproval():
                self.approved[effect.tool_call_id] = effect.approved
            case effects.RenewSession():
                self.renewals.append(effect)
            case effects.DropQueuedAudio():
                self.clears.append(self.events[-1] if self.events else None)
            case effects.FetchFiller():
                self.fetching.append(effect)
            case effects.PlayFiller():
                self.fillers.append(effect.pcm)
            case effects.WatchCallerAudio():
                assert effect.on is not self.watches_audio
                self.watches_audio = effect.on
            case effects.ListenForWords():
                assert effect.speech_id != self.listens_to
                self.listens_to = effect.speech_id
            case effects.SendSilence():
                self.silence_ms += effect.ms
            case effects.KeepCallerAudio():
                self.kept[effect.turn_id] = effect.since_ms
            case effects.ReleaseCallerAudio():
                del self.kept[effect.turn_id]


def call(*, configures: bool = True, **changes: Any) -> CallDriver:
    """Return a call with link and caller, after the greeting was played."""
    driver = CallDriver(configures=configures, **changes)
    driver.link_up()
    if not configures:
        driver.configured()
    driver.caller_joins()
    driver.answers("Hello, I am the host.")
    driver.clear()
    return driver


def asked_something(driver: CallDriver) -> None:
    """Let the caller ask something, and the response to it begin."""
    driver.types("Something?")
    driver.confirms_items()
    driver.response_created()
    driver.clear()


def items_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the items added to the model's conversation, in short readable form."""
    return [_short(event["item"]) for event in events if event["type"] == "conversation.item.create"]


def _updates_agent(effect: effects.Effect) -> bool:
    """Return whether the effect sends an agent's session."""
    return (
        isinstance(effect, effects.Send)
        and effect.event["type"] == "session.update"
        and "instructions" in effect.event["session"]
    )


def _short(item: Mapping[str, Any]) -> str:
    if item["type"] == "message":
        return f"{item['role']}: {item['content'][0]['text']}"
    if item["type"] == "function_call":
        return f"{item['name']}({item['arguments']})"
    return f"= {item['output']}"
