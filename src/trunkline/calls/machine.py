"""The call's state machine: pure, with the clock as an argument.

It knows nothing of sockets, tasks or pages. `step` takes what happened and answers with what to do; the parts it is
made of each hold one idea: `Turns` (who speaks next), `Transcript` (what was said), `Playback` (what was heard).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.calls import commands, log
from trunkline.calls.media import MS_PER_CHARACTER, MediaPlayback
from trunkline.calls.playback import Playback
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
    Stopped,
    ToolEnded,
    WakeAt,
    WireArrived,
    Woke,
)
from trunkline.calls.tools import decoded
from trunkline.calls.transcript import Transcript, answer_item, typed_item
from trunkline.calls.turns import ASKED, Turns
from trunkline.realtime.events import Event, new_id

REPORT_WAIT_MS = 250.0
"""How long a truncation waits for the page to say what it had played."""
GREETING = "hi"
"""What the caller is taken to have said, hidden, so that the first agent speaks first."""

_WAIT_FOR_CALLER = "caller"
_WAIT_FOR_REPORT = "report"
_WAIT_FOR_ANSWER = "answer"
ANSWER_WAIT_MS = 5_000.0
"""How long a resumed sideband waits for the end of a response that was under way when it was cut."""
_UNLOGGED = {"response.output_audio.delta"}


@dataclass
class _Running:
    """A tool that runs."""

    name: str
    began_ms: float
    holds: bool = True
    """Whether the agent waits for it. The caller may go on meanwhile; then it does not."""


class CallMachine:
    """One call. Feed it inputs in order; carry out the effects in order."""

    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.agent = plan.first_agent
        self._speaker = plan.first_agent
        self.transcript = Transcript()
        self._turns = Turns()
        self._playback = Playback()
        self._media: MediaPlayback | None = None
        """Over WebRTC, where sound does not pass us; None on the relay."""
        self._truncated_by_us: set[str] = set()
        self._resumed = False
        self._kept: list[Event] | None = None
        """What is to be sent once a cut sideband is back: its session goes on, and nothing will be replayed."""
        self._misses_answer = False
        """Whether a response was under way when the sideband was cut, and its end has not come yet."""
        self._out: list[Effect] = []
        self._now = 0.0
        self._link_up = False
        self._was_connected = False
        self._caller_there = False
        self._leg: tuple[str, str] | None = None
        self._joined = False
        self._greeted = False
        self._ended = False
        self._opening = 0
        self._replayed: set[str] = set()
        self._speaking: str | None = None
        self._handing_off: HandingOff | None = None
        self._tools: dict[str, _Running] = {}
        self._called: set[str] = set()
        self._inputs: dict[type, Callable[[Any], None]] = {
            AgentConfigured: self._on_configured,
            AgentFailed: self._on_agent_failed,
            CallerJoined: self._on_caller_joined,
            CallerLeft: self._on_caller_left,
            Commanded: self._on_command,
            LinkDropped: self._on_link_dropped,
            LinkOpened: self._on_link_opened,
            SoundArrived: self._on_sound,
            Stopped: lambda stopped: self._end(stopped.reason),
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
            "conversation.item.truncated": self._on_truncated,
            "output_audio_buffer.started": self._on_media_started,
            "output_audio_buffer.stopped": self._on_media_stopped,
            "output_audio_buffer.cleared": self._on_media_cleared,
            "input_audio_buffer.speech_started": self._on_speech_started,
            "input_audio_buffer.speech_stopped": self._on_speech_stopped,
            "input_audio_buffer.committed": self._on_committed,
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

    @property
    def at_rest(self) -> bool:
        """Whether the next move is the caller's: nothing is being answered, owed an answer, or waited for."""
        return (
            self._greeted
            and not self._turns.held
            and not self._turns.busy
            and not self._turns.wished
            and not self._turns.caller_speaks
            and self._handing_off is None
            and not any(running.holds for running in self._tools.values())
        )

    # The caller -----------------------------------------------------------------------------------------------------
    def _on_caller_joined(self, joined: CallerJoined) -> None:
        self._caller_there = self._joined = True
        self._turns.release("caller")
        self._emit(WakeAt(_WAIT_FOR_CALLER, None))
        if (leg := (joined.leg_id, joined.transport)) != self._leg:  # a page may say twice that media flows
            self._leg = leg
            self._log(log.LegJoined(leg_id=joined.leg_id, transport=joined.transport, reason=joined.reason))
        if joined.transport == "websocket":
            self._leave_media()
        elif self._media is None:
            self._media = MediaPlayback()
        else:
            self._media.back()
        self._greet()

    def _on_caller_left(self, left: CallerLeft) -> None:
        self._caller_there = False
        self._leg = None
        self._turns.hold("caller")
        self._stop_listening()
        self._log(log.LegLost(leg_id=left.leg_id, reason=left.reason, waiting_ms=round(self.plan.caller_wait_ms)))
        self._wait_for_caller()
        if self._media is not None:
            self._media.away(self._now)  # only the page's socket is known to be gone: sound may still flow
            return
        if (self._turns.busy and not self._turns.cancelling) or self._playback.unheard(self._now):
            self._turns.wish()  # what is cut off now is said again when the caller is back
        self._stop_talking()
        self._send({"type": "input_audio_buffer.clear"})

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
                for running in self._tools.values():
                    running.holds = False
                self._greeted = True  # whoever types at once needs no greeting
                self._say_for_caller(command.text)
            case commands.Interrupt():
                self._turns.withdraw()
                self._stop_talking()
            case commands.Played():
                if self._playback.played(command.item_id, command.ms, self._now):
                    self._settle_cut()
            case commands.HangUp():
                self._end("caller hung up")
            case commands.MediaReady():
                pass  # the shell makes it `CallerJoined`

    def _say_for_caller(self, text: str, *, hidden: bool = False) -> None:
        item_id = new_id("item")
        for event in self.transcript.typed(item_id, text, hidden=hidden):
            self._log(event)
        self._send({"type": "conversation.item.create", "item": typed_item(item_id, text)})
        self._turns.wish([item_id] if self._reaches_model else [])

    def _on_woke(self, woke: Woke) -> None:
        if woke.key == _WAIT_FOR_CALLER and not self._caller_there:
            self._end("the caller did not come back" if self._joined else "no caller came")
        elif woke.key == _WAIT_FOR_REPORT:
            self._settle_cut()
        elif woke.key == _WAIT_FOR_ANSWER and self._turns.busy:
            self._misses_answer = False
            # Its end was missed while there was no sideband, and with it perhaps a tool call: only a new session,
            # with the conversation replayed, is sure to answer.
            self._log(log.LegNeeded(reason="an answer was lost while the sideband was down"))

    # Interrupting ---------------------------------------------------------------------------------------------------
    def _stop_talking(self) -> None:
        """Stops the response under way and silences what the caller has not heard yet."""
        if (cancel := self._turns.cancel()) is not None:
            self._send(cancel)
        self._silence()

    def _silence(self, *, unfinished_only: bool = False, by_voice: bool = False) -> None:
        if self._media is not None:
            if not by_voice:  # else the service clears and truncates by itself, and says so
                self._send({"type": "output_audio_buffer.clear"})
                self._cut_media(self._media)
            return
        if not self._playback.unheard(self._now, unfinished_only=unfinished_only):
            return
        self._settle_cut()
        self._log(log.AudioCleared(item_id=self._playback.cut(self._now, unfinished_only=unfinished_only)))
        self._turns.hold("report")
        self._emit(WakeAt(_WAIT_FOR_REPORT, self._now + REPORT_WAIT_MS))

    def _cut_media(self, media: MediaPlayback) -> None:
        self._settle_cut()
        cut = media.cut(self._now)
        if cut is None:
            return
        self._log(log.AudioCleared(item_id=cut))
        self._turns.hold("report")
        self._emit(WakeAt(_WAIT_FOR_REPORT, self._now + REPORT_WAIT_MS))

    def _leave_media(self) -> None:
        """The caller's sound goes over the relay from now on: what was being said is said again there."""
        if self._media is None:
            return
        if self._media.sounds or self._media.unheard:
            self._turns.wish()
        self._cut_media(self._media)
        self._settle_cut()
        self._log_all(self.transcript.broken_off(self._sound_ms, roles=("assistant",)))
        self._media = None

    def _settle_cut(self) -> None:
        """Tells the model what was heard of the messages that were cut."""
        self._turns.release("report")
        self._emit(WakeAt(_WAIT_FOR_REPORT, None))
        for heard in self._media.settle() if self._media else ():
            message = self.transcript.message(heard.item_id)
            if message is not None and message.text:
                self._truncated_by_us.add(heard.item_id)
                self._truncate(heard.item_id, heard.ms)
        for heard in self._playback.settle():
            self._truncate(heard.item_id, heard.ms)

    def _truncate(self, item_id: str, heard_ms: int) -> None:
        if item_id not in self._replayed:  # what was replayed is text: it has no sound to be cut
            self._send(
                {
                    "type": "conversation.item.truncate",
                    "item_id": item_id,
                    "content_index": 0,
                    "audio_end_ms": heard_ms,
                }
            )
        self._log_all(self.transcript.truncated(item_id, heard_ms, self._sound_ms(item_id)))

    def _sound_ms(self, item_id: str) -> float:
        """How long the sound of a message is, as far as it is known."""
        if self._media is None:
            return self._playback.total_ms(item_id)
        message = self.transcript.message(item_id)
        return len(message.text) * MS_PER_CHARACTER if message else 0.0

    def _stop_listening(self) -> None:
        """Whatever the caller is saying will not be heard to its end."""
        self._turns.caller_speaks = False
        if self._speaking is not None:
            self._log(log.SpeechStopped(item_id=self._speaking))
            self._speaking = None

    # The link -------------------------------------------------------------------------------------------------------
    def _on_link_opened(self, opened: LinkOpened) -> None:
        if self._was_connected:
            replayed = 0 if opened.resumed else len(self.transcript.replay())
            self._log(log.LinkRestored(attempts=opened.attempts, lost_for_ms=opened.lost_for_ms, replayed=replayed))
        self._opening += 1
        self._resumed = opened.resumed
        self._emit(Configure(self.agent, Connecting(self._opening)))

    def _on_link_dropped(self, dropped: LinkDropped) -> None:
        self._link_up = False
        self._opening += 1  # a session that is being worked out is not for the next link
        self._log(log.LinkLost(reason=dropped.reason, code=dropped.code, retry_in_ms=dropped.retry_in_ms))
        self._turns.hold("link")
        if dropped.resumable:  # sound goes on flowing, and the session with it
            self._kept = self._kept or []
            self._misses_answer = self._misses_answer or self._turns.busy
            self._emit(WakeAt(_WAIT_FOR_ANSWER, None))
            self._stop_listening()  # the end of the caller's turn may be missed
            return
        self._kept = None
        self._misses_answer = False
        self._emit(WakeAt(_WAIT_FOR_ANSWER, None))
        if dropped.needs_leg:
            self._log(log.LegNeeded(reason=dropped.reason))
        self._turns.lost_link()
        self._stop_listening()
        self._log_all(self.transcript.broken_off(self._sound_ms))
        if self._media is not None:
            if self._media.sounds or self._media.unheard:
                self._turns.wish()  # it is said again to the one who comes back
            self._cut_media(self._media)
        else:
            self._silence(unfinished_only=True)  # what has come whole may be heard whole
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
        if self._resumed:
            self._on_resumed(session)
            return
        self._settle_cut()  # so that what is replayed is what was heard
        self._kept = None
        self._link_up = True
        self._turns.release("link")
        self._send({"type": "session.update", "session": session})
        replay = self.transcript.replay()
        self._replayed = {event["item"]["id"] for event in replay}
        for event in replay:
            self._send(event)
        if not self._was_connected:
            self._was_connected = True
            self._log(log.LinkUp(model=self.plan.model))
        self._greet()

    def _on_resumed(self, session: Event) -> None:
        """The sideband of a call that went on meanwhile: what happened in the gap is told by what comes now."""
        self._link_up = True
        self._turns.release("link")
        self._send({"type": "session.update", "session": session})
        kept, self._kept = self._kept or [], None
        for event in kept:
            self._send(event)
        self._wait_for_missed_answer()
        self._greet()

    def _wait_for_missed_answer(self) -> None:
        if self._misses_answer and self._link_up:
            self._emit(WakeAt(_WAIT_FOR_ANSWER, self._now + ANSWER_WAIT_MS))

    # Agents and tools -----------------------------------------------------------------------------------------------
    def _on_configured(self, configured: AgentConfigured) -> None:
        purpose = configured.purpose
        if isinstance(purpose, HandingOff):
            self._hand_over(configured.agent, configured.session, purpose)
        elif purpose.opening != self._opening:
            return  # for a link that is gone
        elif configured.agent == self.agent:
            self._on_connected(configured.session)
        else:  # a handoff came in between
            self._emit(Configure(self.agent, purpose))

    def _hand_over(self, agent: str, session: Event, handoff: HandingOff) -> None:
        self._handing_off = None
        self.agent = agent
        self._log(log.AgentChanged(agent=agent, previous=handoff.previous, reason=_reason(handoff.arguments)))
        self._send({"type": "session.update", "session": session})
        self._answer_tool(handoff.call_id, msgspec.json.encode({"assistant": agent}).decode())

    def _on_agent_failed(self, failed: AgentFailed) -> None:
        if isinstance(failed.purpose, Connecting) and failed.purpose.opening != self._opening:
            return
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
        call_id, name = _text_in(item, "call_id"), _text_in(item, "name")
        arguments = _text_in(item, "arguments") if item.get("arguments") else "{}"
        if call_id in self._called:
            return
        self.transcript.tool_called(item)
        self._called.add(call_id)
        agent = self._speaker
        transfers, tools = self.plan.transfers[agent], self.plan.tools[agent]
        if name in transfers:
            self._start_handoff(HandingOff(call_id, name, arguments, agent), transfers[name])
        elif name in tools:
            # In a response that was cut off, the caller has gone on already.
            self._tools[call_id] = _Running(name, self._now, holds=not self._turns.cancelling)
            self._log(log.ToolStarted(call_id=call_id, name=name, arguments=decoded(arguments), agent=agent))
            self._emit(RunTool(call_id, name, arguments, agent))
        else:
            there = ", ".join([*tools, *transfers]) or "none"
            problem = f"There is no tool named {name}. There are: {there}."
            self._log(log.CallError(message=f"The model called {name}. {problem}", code="unknown_tool", source="tool"))
            self._answer_tool(call_id, _refusal(problem))

    def _start_handoff(self, handoff: HandingOff, target: str) -> None:
        if self._handing_off is not None or self.agent != handoff.previous:
            self._answer_tool(handoff.call_id, _refusal("The caller is being transferred already."))
            return
        self._handing_off = handoff
        self._emit(Configure(target, handoff))

    def _on_tool_ended(self, ended: ToolEnded) -> None:
        if ended.call_id not in self._tools:
            return
        self._log_tool_done(ended.call_id, result=ended.result, error=ended.error)
        self._answer_tool(ended.call_id, ended.output)

    def _log_tool_done(self, call_id: str, *, result: Any = None, error: str | None = None) -> None:
        running = self._tools.pop(call_id)
        duration_ms = round(self._now - running.began_ms)
        self._log(log.ToolDone(call_id=call_id, name=running.name, duration_ms=duration_ms, result=result, error=error))

    def _answer_tool(self, call_id: str, output: str) -> None:
        item_id = new_id("item")
        self.transcript.tool_answered(call_id, output, item_id)
        self._send({"type": "conversation.item.create", "item": answer_item(item_id, call_id, output)})
        self._turns.wish([item_id] if self._reaches_model else [])

    # What the model says --------------------------------------------------------------------------------------------
    def _on_wire(self, arrived: WireArrived) -> None:
        event = arrived.event
        if event["type"] not in _UNLOGGED:
            self._log(log.WireReceived(event=event))
        if event["type"].startswith("response."):
            self._wait_for_missed_answer()  # it goes on
        handler = self._handlers.get(event["type"])
        if handler is None:
            return
        try:
            handler(event)
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
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
        self._turns.item_seen(_text_in(item, "id"))
        self._log_all(self.transcript.item_added(item, event.get("previous_item_id"), self._speaker))

    def _on_delta(self, event: Event) -> None:
        self._log_all(self.transcript.grew(_text_in(event, "item_id"), _text_in(event, "delta")))

    def _on_heard(self, event: Event) -> None:
        self._log_all(self.transcript.heard(_text_in(event, "item_id"), _text_in(event, "transcript")))

    def _on_not_heard(self, event: Event) -> None:
        self._log_all(self.transcript.heard(_text_in(event, "item_id"), None))
        details = event.get("error") or {}
        message = f"The caller's words were not recognised: {details.get('message') or 'no reason given'}"
        self._log_provider_error(message, details.get("code") or "transcription_failed")

    def _on_speech_started(self, event: Event) -> None:
        self._stop_listening()
        self._speaking = _text_in(event, "item_id")
        self._turns.caller_speaks = True
        self._log(log.SpeechStarted(item_id=self._speaking, audio_ms=_ms_in(event, "audio_start_ms")))
        self._silence(by_voice=True)  # the service stops its response by itself

    def _on_speech_stopped(self, event: Event) -> None:
        self._turns.caller_speaks = False
        if self._speaking is not None:
            self._log(log.SpeechStopped(item_id=self._speaking, audio_ms=_ms_in(event, "audio_end_ms")))
            self._speaking = None

    def _on_committed(self, _event: Event) -> None:
        self._stop_listening()

    def _on_response_created(self, event: Event) -> None:
        response_id = _text_in(event["response"], "id")
        talked_over = self._turns.active == ASKED and self._turns.caller_speaks
        self._turns.response_created(response_id)
        self._speaker = self.agent  # until it ends, whoever takes over meanwhile
        if talked_over or not self._caller_there:
            # Nobody would hear it, or it would talk into what the caller says: it is for later.
            if not self._turns.cancelling:
                self._turns.wish()
            self._stop_talking()

    def _on_output_item_added(self, event: Event) -> None:
        if event["item"].get("type") == "message":
            if self._media is not None:
                self._media.speaks(_text_in(event, "response_id"), _text_in(event["item"], "id"))
            self._log_all(self.transcript.item_added(event["item"], None, self._speaker))

    def _on_output_item_done(self, event: Event) -> None:
        item = event["item"]
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._on_function_call(item)
        elif item.get("type") == "message":
            self._log_all(self.transcript.finished(item, self._sound_ms(_text_in(item, "id"))))

    def _on_sound(self, sound: SoundArrived) -> None:
        if self._turns.cancelling and self._playback.refuse(sound.item_id, sound.ms):
            self._truncate(sound.item_id, 0)
            return
        first = self._playback.sent(sound.item_id, sound.ms, self._now)
        if first is None:
            return
        if first:
            self._log(log.AudioStarted(item_id=sound.item_id))
        self._emit(Play(sound.pcm))

    def _on_audio_done(self, event: Event) -> None:
        item_id = _text_in(event, "item_id")
        ms = self._playback.complete(item_id)
        if ms is not None:
            self._log(log.AudioDone(item_id=item_id, ms=round(ms)))

    def _on_media_started(self, event: Event) -> None:
        item_id = self._media.started(_text_in(event, "response_id"), self._now) if self._media else None
        if item_id is not None:
            self._log(log.AudioStarted(item_id=item_id))

    def _on_media_stopped(self, _event: Event) -> None:
        heard = self._media.stopped(self._now) if self._media else None
        if heard is not None:
            self._log(log.AudioDone(item_id=heard.item_id, ms=heard.ms))

    def _on_media_cleared(self, _event: Event) -> None:
        if self._media is not None and self._media.sounds:
            self._cut_media(self._media)

    def _on_truncated(self, event: Event) -> None:
        item_id, heard_ms = _text_in(event, "item_id"), int(event["audio_end_ms"])
        if item_id in self._truncated_by_us or self._media is None:
            self._truncated_by_us.discard(item_id)
            return
        settled = self._media.truncated(item_id)
        self._log_all(self.transcript.truncated(item_id, heard_ms, self._sound_ms(item_id)))
        if settled:
            self._settle_cut()

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        response_id = _text_in(response, "id")
        self._turns.response_done(response_id)
        self._misses_answer = False
        self._emit(WakeAt(_WAIT_FOR_ANSWER, None))
        for item in response.get("output") or ():  # what was missed while a sideband was down
            if item.get("type") == "function_call" and item.get("status") == "completed":
                self._on_function_call(item)
            elif item.get("type") == "message":
                self._log_all(self.transcript.item_added(item, None, self._speaker))
                self._log_all(self.transcript.finished(item, self._sound_ms(_text_in(item, "id"))))
        if self._media is not None and response.get("status") == "cancelled":
            self._media.never_starts(response_id)
        self._log_all(self.transcript.broken_off(self._sound_ms, roles=("assistant",)))
        details = response.get("status_details") or {}
        if response.get("status") == "failed":
            error = details.get("error") or {}
            self._log_provider_error(
                error.get("message") or "The model could not answer.", error.get("code") or "response_failed"
            )
        elif response.get("status") == "incomplete":
            reason = details.get("reason") or "no reason given"
            self._log_provider_error(f"The model broke off its answer: {reason}.", reason)

    def _on_error(self, event: Event) -> None:
        details = event.get("error") or {}
        code, event_id = details.get("code"), details.get("event_id")
        if code == "conversation_already_has_active_response" and self._turns.refused(event_id):
            return  # its response.done will let us ask again
        if code == "response_cancel_not_active":
            return
        self._turns.failed_to_ask(event_id)
        self._log_provider_error(details.get("message") or "unknown error", code)

    # Effects --------------------------------------------------------------------------------------------------------
    def _ask_if_due(self) -> None:
        if self._ended or self._handing_off or any(running.holds for running in self._tools.values()):
            return
        if (request := self._turns.next_request()) is not None:
            self._speaker = self.agent
            self._send(request)

    @property
    def _reaches_model(self) -> bool:
        """Whether what is sent now will reach the session that is there, be it a little later."""
        return self._link_up or self._kept is not None

    def _send(self, event: Event) -> None:
        if self._link_up:
            self._log(log.WireSent(event=event))
            self._emit(Send(event))
        elif self._kept is not None and event["type"] != "session.update":  # the latest is sent first of all
            self._kept.append(event)
        # Otherwise what matters of it is replayed when the link is up again.

    def _log(self, event: log.LogEventUnion) -> None:
        self._emit(Append(event))

    def _log_all(self, events: Iterable[log.LogEventUnion]) -> None:
        for event in events:
            self._log(event)

    def _log_provider_error(self, message: object, code: object) -> None:
        self._log(log.CallError(message=str(message), code=None if code is None else str(code), source="provider"))

    def _emit(self, effect: Effect) -> None:
        self._out.append(effect)

    def _end(self, reason: str) -> None:
        self._stop_listening()
        for call_id in list(self._tools):
            self._log_tool_done(call_id, error="The call ended before it answered.")
        self._log_all(self.transcript.broken_off(self._sound_ms))
        self._ended = True
        self._log(log.CallEnded(reason=reason))
        self._emit(End(reason))

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out


def _text_in(event: Event, key: str) -> str:
    """A field that must be text.

    Raises:
        TypeError, KeyError: it is not.
    """
    value = event[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _ms_in(event: Event, key: str) -> int | None:
    value = event.get(key)
    return round(value) if isinstance(value, int | float) else None


def _reason(arguments: str) -> str | None:
    """The reason a model gives for a handoff, where its tool has such an argument."""
    given = decoded(arguments)
    reason = given.get("reason") if isinstance(given, dict) else None
    return reason if isinstance(reason, str) else None


def _refusal(problem: str) -> str:
    return msgspec.json.encode({"error": problem}).decode()
