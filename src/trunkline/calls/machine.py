"""The call's state machine: pure, with the clock as an argument.

It knows nothing of sockets, tasks or pages. `step` takes what happened and answers with what to do; the parts it is
made of each hold one idea: `Turns` (who speaks next), `Transcript` (what was said), `Playback` (what was heard).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.calls import commands, log
from trunkline.calls.playback import Playback, Sounding
from trunkline.calls.steps import (
    AgentConfigured,
    AgentFailed,
    Append,
    CallerJoined,
    CallerLeft,
    CallPlan,
    Commanded,
    Configure,
    Connecting,
    Effect,
    End,
    HandingOff,
    Input,
    LinkDropped,
    LinkOpened,
    Play,
    RunTool,
    Send,
    SoundArrived,
    ToolEnded,
    WakeAt,
    WireArrived,
    Woke,
)
from trunkline.calls.transcript import Transcript, answer_item, typed_item
from trunkline.calls.turns import Turns
from trunkline.realtime.events import Event, new_id

REPORT_WAIT_MS = 250.0
"""How long a truncation waits for the page to say what it had played."""
GREETING = "hi"
"""What the caller is taken to have said, hidden, so that the first agent speaks first."""

_WAIT_FOR_CALLER = "caller"
_WAIT_FOR_REPORT = "report"
_UNLOGGED = {"response.output_audio.delta"}


@dataclass
class _Cut:
    """Messages that were silenced and wait for the page's report before the model is told."""

    messages: dict[str, Sounding]


class CallMachine:
    """One call. Feed it inputs in order; carry out the effects in order."""

    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.agent = plan.first_agent
        self.transcript = Transcript()
        self._turns = Turns()
        self._playback = Playback()
        self._out: list[Effect] = []
        self._now = 0.0
        self._link_up = False
        self._was_connected = False
        self._caller_there = False
        self._greeted = False
        self._ended = False
        self._handing_off: HandingOff | None = None
        self._tools_running: set[str] = set()
        self._cut: _Cut | None = None
        self._inputs: dict[type, Callable[[Any], None]] = {
            AgentConfigured: self._on_configured,
            AgentFailed: self._on_agent_failed,
            CallerJoined: self._on_caller_joined,
            CallerLeft: self._on_caller_left,
            Commanded: self._on_command,
            LinkDropped: self._on_link_dropped,
            LinkOpened: self._on_link_opened,
            SoundArrived: self._on_sound,
            ToolEnded: self._on_tool_ended,
            WireArrived: self._on_wire,
            Woke: self._on_woke,
        }
        self._handlers: dict[str, Callable[[Event], None]] = {
            "conversation.item.added": self._on_item_added,
            "conversation.item.created": self._on_item_added,
            "conversation.item.input_audio_transcription.delta": self._on_delta,
            "conversation.item.input_audio_transcription.completed": self._on_heard,
            "conversation.item.input_audio_transcription.failed": self._on_not_heard,
            "input_audio_buffer.speech_started": self._on_speech_started,
            "input_audio_buffer.speech_stopped": self._on_speech_stopped,
            "response.created": self._on_response_created,
            "response.output_item.added": self._on_output_item_added,
            "response.output_item.done": self._on_output_item_done,
            "response.output_audio_transcript.delta": self._on_delta,
            "response.output_text.delta": self._on_delta,
            "response.output_audio.done": self._on_audio_done,
            "response.done": self._on_response_done,
            "error": self._on_error,
        }

    def begin(self, now_ms: float) -> list[Effect]:
        """The call's first effects: it is announced, and waits for its caller."""
        self._now = now_ms
        plan = self.plan
        self._log(
            log.CallStarted(
                call_id=plan.call_id,
                scenario=plan.scenario,
                agent=plan.first_agent,
                transport=plan.transport,
                provider=plan.provider,
                model=plan.model,
                started_at=plan.started_at,
            )
        )
        self._log(log.AgentChanged(agent=plan.first_agent))
        self._turns.hold("link")
        self._turns.hold("caller")
        self._wait_for_caller()
        return self._take()

    def step(self, given: Input, now_ms: float) -> list[Effect]:
        """What to do about `given` at `now_ms`."""
        self._now = now_ms
        if self._ended:
            return []
        self._inputs[type(given)](given)
        self._ask_if_due()
        return self._take()

    # The caller -----------------------------------------------------------------------------------------------------
    def _on_caller_joined(self, joined: CallerJoined) -> None:
        self._caller_there = True
        self._turns.release("caller")
        self._emit(WakeAt(_WAIT_FOR_CALLER, None))
        self._log(log.LegJoined(leg_id=joined.leg_id, transport=joined.transport))
        self._greet()

    def _on_caller_left(self, left: CallerLeft) -> None:
        self._caller_there = False
        self._turns.hold("caller")
        self._turns.caller_speaks = False
        self._log(log.LegLost(leg_id=left.leg_id, reason=left.reason, waiting_ms=round(self.plan.caller_wait_ms)))
        if self._turns.busy or self._playback.unheard(self._now):
            self._turns.wish()  # what is cut off now is said again when the caller is back
        self._stop_talking()
        self._send({"type": "input_audio_buffer.clear"})
        self._wait_for_caller()

    def _wait_for_caller(self) -> None:
        self._emit(WakeAt(_WAIT_FOR_CALLER, self._now + self.plan.caller_wait_ms))

    def _greet(self) -> None:
        if self._greeted or not (self._caller_there and self._link_up):
            return
        self._greeted = True
        self._say_for_caller(GREETING, hidden=True)

    def _on_command(self, commanded: Commanded) -> None:
        command = commanded.command
        match command:
            case commands.Say():
                self._stop_talking()
                self._greeted = True  # whoever types at once needs no greeting
                self._say_for_caller(command.text)
            case commands.Interrupt():
                self._turns.withdraw()
                self._stop_talking()
            case commands.Played():
                self._playback.played(command.item_id, command.ms, self._now)
                self._on_report(command.item_id, command.ms)
            case commands.HangUp():
                self._end("caller hung up")

    def _say_for_caller(self, text: str, *, hidden: bool = False) -> None:
        item_id = new_id("item")
        for event in self.transcript.typed(item_id, text, hidden=hidden):
            self._log(event)
        self._send({"type": "conversation.item.create", "item": typed_item(item_id, text)})
        self._turns.wish([item_id] if self._link_up else [])

    def _on_woke(self, woke: Woke) -> None:
        if woke.key == _WAIT_FOR_CALLER and not self._caller_there:
            self._end("the caller did not come back" if self._greeted else "no caller came")
        elif woke.key == _WAIT_FOR_REPORT:
            self._truncate_cut()

    # Interrupting ---------------------------------------------------------------------------------------------------
    def _stop_talking(self) -> None:
        """Stops the response under way and silences what the caller has not heard yet."""
        if (cancel := self._turns.cancel()) is not None:
            self._send(cancel)
        self._silence()

    def _silence(self) -> None:
        unheard = self._playback.unheard(self._now)
        if not unheard:
            return
        self._log(log.AudioCleared(item_id=unheard[0].item_id))
        self._truncate_cut()
        self._cut = _Cut({sounding.item_id: sounding for sounding in unheard})
        for sounding in unheard:
            self._playback.silence(sounding.item_id)
        self._turns.hold("report")
        self._emit(WakeAt(_WAIT_FOR_REPORT, self._now + REPORT_WAIT_MS))

    def _on_report(self, item_id: str, ms: float) -> None:
        if self._cut and (sounding := self._cut.messages.get(item_id)) is not None:
            sounding.reported_ms, sounding.reported_at_ms = min(float(ms), sounding.sent_ms), self._now
            if next(iter(self._cut.messages)) == item_id:
                self._truncate_cut()

    def _truncate_cut(self) -> None:
        """Tells the model what was heard of the silenced messages."""
        cut, self._cut = self._cut, None
        self._turns.release("report")
        self._emit(WakeAt(_WAIT_FOR_REPORT, None))
        for sounding in cut.messages.values() if cut else ():
            heard = int(sounding.heard_ms(self._now))
            self._send(
                {
                    "type": "conversation.item.truncate",
                    "item_id": sounding.item_id,
                    "content_index": 0,
                    "audio_end_ms": heard,
                }
            )
            for event in self.transcript.truncated(sounding.item_id, heard, sounding.sent_ms):
                self._log(event)

    # The link -------------------------------------------------------------------------------------------------------
    def _on_link_opened(self, opened: LinkOpened) -> None:
        if self._was_connected:
            replayed = len(self.transcript.replay())
            self._log(log.LinkRestored(attempts=opened.attempts, lost_for_ms=opened.lost_for_ms, replayed=replayed))
        self._emit(Configure(self.agent, Connecting()))

    def _on_link_dropped(self, dropped: LinkDropped) -> None:
        was_up, self._link_up = self._link_up, False
        self._log(log.LinkLost(reason=dropped.reason, code=dropped.code, retry_in_ms=dropped.retry_in_ms))
        self._turns.lost_link()
        self._turns.hold("link")
        if was_up:
            for event in self.transcript.broken_off():
                self._log(event)
            self._silence()
            self._truncate_cut()
        if dropped.retry_in_ms is None:
            self._log(
                log.CallError(
                    message=f"The model cannot be reached: {dropped.reason}",
                    code="link_failed",
                    source="provider",
                    hint="Check the provider's settings, then connect again.",
                )
            )
            self._end("the model cannot be reached")

    def _on_connected(self, session: Event) -> None:
        self._link_up = True
        self._turns.release("link")
        self._send({"type": "session.update", "session": session})
        for event in self.transcript.replay():
            self._send(event)
        if not self._was_connected:
            self._was_connected = True
            self._log(log.LinkUp(model=self.plan.model))
        self._greet()

    # Agents and tools -----------------------------------------------------------------------------------------------
    def _on_configured(self, configured: AgentConfigured) -> None:
        if isinstance(configured.purpose, HandingOff):
            self._hand_over(configured.agent, configured.session, configured.purpose)
        elif configured.agent == self.agent:
            self._on_connected(configured.session)
        else:  # a handoff came in between
            self._emit(Configure(self.agent, Connecting()))

    def _hand_over(self, agent: str, session: Event, handoff: HandingOff) -> None:
        self._handing_off = None
        self.agent = agent
        self._log(log.AgentChanged(agent=agent, previous=handoff.previous, reason=_reason(handoff.arguments)))
        if self._link_up:
            self._send({"type": "session.update", "session": session})
        self._answer_tool(handoff.call_id, msgspec.json.encode({"assistant": agent}).decode())

    def _on_agent_failed(self, failed: AgentFailed) -> None:
        self._log(
            log.CallError(
                message=f"The agent {failed.agent!r} could not be set up: {failed.error}",
                code="agent_failed",
                source="scenario",
                hint="Look at its instructions, tools and handoffs.",
            )
        )
        if isinstance(failed.purpose, HandingOff):
            self._handing_off = None
            self._answer_tool(failed.purpose.call_id, _refusal(f"{failed.agent} is not available; go on yourself."))
        else:
            self._end(f"the agent {failed.agent} could not be set up")

    def _on_function_call(self, item: Event) -> None:
        self.transcript.tool_called(item)
        call_id, name = str(item.get("call_id")), str(item.get("name"))
        arguments = str(item.get("arguments") or "{}")
        transfers = self.plan.transfers[self.agent]
        self._tools_running.add(call_id)
        if name in transfers:
            self._start_handoff(HandingOff(call_id, name, arguments, self.agent), transfers[name])
        elif name in self.plan.tools[self.agent]:
            self._emit(RunTool(call_id, name, arguments, self.agent))
        else:
            there = ", ".join([*self.plan.tools[self.agent], *transfers]) or "none"
            problem = f"There is no tool named {name}. There are: {there}."
            self._log(log.CallError(message=f"The model called {name}. {problem}", code="unknown_tool", source="tool"))
            self._answer_tool(call_id, _refusal(problem))

    def _start_handoff(self, handoff: HandingOff, target: str) -> None:
        if self._handing_off is not None:
            self._answer_tool(handoff.call_id, _refusal("The caller is being transferred already."))
            return
        self._handing_off = handoff
        self._emit(Configure(target, handoff))

    def _on_tool_ended(self, ended: ToolEnded) -> None:
        self._log(
            log.ToolDone(
                call_id=ended.call_id,
                name=ended.name,
                duration_ms=ended.duration_ms,
                result=ended.result,
                error=ended.error,
            )
        )
        self._answer_tool(ended.call_id, ended.output)

    def _answer_tool(self, call_id: str, output: str) -> None:
        item_id = new_id("item")
        self._tools_running.discard(call_id)
        self.transcript.tool_answered(call_id, output, item_id)
        self._send({"type": "conversation.item.create", "item": answer_item(item_id, call_id, output)})
        self._turns.wish([item_id] if self._link_up else [])

    # What the model says --------------------------------------------------------------------------------------------
    def _on_wire(self, arrived: WireArrived) -> None:
        event = arrived.event
        if event["type"] not in _UNLOGGED:
            self._log(log.WireReceived(event=event))
        handler = self._handlers.get(event["type"])
        if handler is None:
            return
        try:
            handler(event)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # A service may send what it should not; the call goes on without that event.
            self._log(
                log.CallError(
                    message=f"A malformed {event['type']} event was passed over: {error!r}",
                    code="malformed_event",
                    source="provider",
                )
            )

    def _on_item_added(self, event: Event) -> None:
        item = event["item"]
        self._turns.item_seen(str(item.get("id")))
        for logged in self.transcript.item_added(item, event.get("previous_item_id"), self.agent):
            self._log(logged)

    def _on_delta(self, event: Event) -> None:
        for logged in self.transcript.grew(event["item_id"], event["delta"]):
            self._log(logged)

    def _on_heard(self, event: Event) -> None:
        for logged in self.transcript.heard(event["item_id"], event["transcript"]):
            self._log(logged)

    def _on_not_heard(self, event: Event) -> None:
        for logged in self.transcript.heard(event["item_id"], None):
            self._log(logged)
        details = event.get("error") or {}
        self._log(
            log.CallError(
                message=f"The caller's words were not recognised: {details.get('message') or 'no reason given'}",
                code=details.get("code") or "transcription_failed",
                source="provider",
            )
        )

    def _on_speech_started(self, event: Event) -> None:
        self._turns.caller_speaks = True
        self._log(log.SpeechStarted(item_id=event["item_id"], audio_ms=event.get("audio_start_ms")))
        self._silence()  # the service stops its response by itself

    def _on_speech_stopped(self, event: Event) -> None:
        self._turns.caller_speaks = False
        self._log(log.SpeechStopped(item_id=event["item_id"], audio_ms=event.get("audio_end_ms")))

    def _on_response_created(self, event: Event) -> None:
        self._turns.response_created(event["response"]["id"])

    def _on_output_item_added(self, event: Event) -> None:
        if event["item"].get("type") == "message":
            for logged in self.transcript.item_added(event["item"], None, self.agent):
                self._log(logged)

    def _on_output_item_done(self, event: Event) -> None:
        item = event["item"]
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._on_function_call(item)
        for logged in self.transcript.finished(item):
            self._log(logged)

    def _on_sound(self, sound: SoundArrived) -> None:
        first = self._playback.sent(sound.item_id, sound.ms, self._now)
        if first is None:
            return
        if first:
            self._log(log.AudioStarted(item_id=sound.item_id))
        self._emit(Play(sound.pcm))

    def _on_audio_done(self, event: Event) -> None:
        ms = self._playback.complete(event["item_id"])
        if ms is not None:
            self._log(log.AudioDone(item_id=event["item_id"], ms=round(ms)))

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        self._turns.response_done(response["id"])
        if response.get("status") == "failed":
            details = (response.get("status_details") or {}).get("error") or {}
            self._log(
                log.CallError(
                    message=details.get("message") or "The model could not answer.",
                    code=details.get("code") or "response_failed",
                    source="provider",
                )
            )

    def _on_error(self, event: Event) -> None:
        details = event.get("error") or {}
        code = details.get("code")
        event_id = details.get("event_id")
        if code == "conversation_already_has_active_response" and self._turns.refused(event_id):
            self._turns.active = self._turns.active or "unknown"  # its response.done will let us ask again
            return
        if code == "response_cancel_not_active":
            return
        self._turns.failed_to_ask(event_id)
        self._log(log.CallError(message=details.get("message") or "unknown error", code=code, source="provider"))

    # Effects --------------------------------------------------------------------------------------------------------
    def _ask_if_due(self) -> None:
        if self._tools_running or self._ended:
            return
        if (request := self._turns.next_request()) is not None:
            self._send(request)

    def _send(self, event: Event) -> None:
        if self._link_up:  # otherwise it is replayed when the link is up again
            self._log(log.WireSent(event=event))
            self._emit(Send(event))

    def _log(self, event: log.LogEventUnion) -> None:
        self._emit(Append(event))

    def _emit(self, effect: Effect) -> None:
        self._out.append(effect)

    def _end(self, reason: str) -> None:
        self._ended = True
        self._log(log.CallEnded(reason=reason))
        self._emit(End(reason))

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out


def _reason(arguments: str) -> str | None:
    """The reason a model gives for a handoff, where its tool has such an argument."""
    try:
        decoded: Any = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return None
    reason = decoded.get("reason") if isinstance(decoded, dict) else None
    return reason if isinstance(reason, str) else None


def _refusal(problem: str) -> str:
    return msgspec.json.encode({"error": problem}).decode()
