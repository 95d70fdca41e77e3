"""`VoiceCall`: a call from the caller's side, for tests that read like a conversation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from trunkline.calls.call import Call
from trunkline.calls.grants import Credentials
from trunkline.calls.log import Entry
from trunkline.calls.log_events import (
    ApprovalNeeded,
    AudioCleared,
    AudioDucked,
    AudioInterrupted,
    AudioResumed,
    AudioStarted,
    AudioStats,
    CallEnded,
    CallError,
    Codec,
    FillerDone,
    FillerStarted,
    LogEventUnion,
    TurnWaiting,
    UnknownEvent,
)
from trunkline.realtime.events import encode
from trunkline.testing import llm_judge
from trunkline.testing.assertions import GuardrailAssertions, ToolAssertions
from trunkline.testing.caller_audio_file import image_data_url, read_wav
from trunkline.testing.caller_input import CallerInput
from trunkline.testing.caller_playout import REPORT_INTERVAL_MS, CallerPlayout, refusal_text
from trunkline.testing.conversation_source import LogSpan
from trunkline.testing.conversation_view import ConversationView, GuardrailView, ToolCallView
from trunkline.testing.failures import VoiceFailure
from trunkline.testing.fault_injection import FaultInjector
from trunkline.testing.llm_judge import TextModel, Verdict
from trunkline.testing.silences import silences
from trunkline.testing.timeline import Row, render, rows_of
from trunkline.testing.tool_mocks import ToolAnswer, answer_tools, mock_tool
from trunkline.testing.turn import Turn

_OF_FILLERS = frozenset({FillerStarted, FillerDone})
_HANDLED = _OF_FILLERS | {
    ApprovalNeeded,
    AudioCleared,
    AudioDucked,
    AudioInterrupted,
    AudioResumed,
    AudioStarted,
    CallEnded,
}
_END_WAITS = frozenset({TurnWaiting, CallEnded, CallError})
"""The events that may end a wait for the caller's turn."""
PATIENCE_MS = 15_000
"""The longest time in ms that a caller waits without an event."""


class VoiceCall(ToolAssertions, GuardrailAssertions):
    """Call, and its caller.

    Attributes:
        mode: "typed", "spoken" or "live".
        link: the fault injection of the link to the model.
        view: the conversation so far, read from the log.
        turns: the turns so far; the first is the opening, before the caller's first action.
        playout: the caller's loudspeaker.
        patience_ms: the longest time in ms without an event, before the test fails.
    """

    def __init__(
        self,
        call: Call,
        *,
        mode: str,
        link: FaultInjector,
        caller_input: Callable[[Call, CallerPlayout], CallerInput],
        patience_ms: float = PATIENCE_MS,
        records_audio: bool = False,
        report_interval_ms: int = REPORT_INTERVAL_MS,
        judge: TextModel | None = None,
    ) -> None:
        self.mode = mode
        self.link = link
        self.patience_ms = patience_ms
        self.view = ConversationView()
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._start_s = self._loop.time()
        self.turns = [Turn(self, None, 0, 0.0)]
        self._last_read: LogSpan | None = None
        self._judge = judge
        self._approvals: dict[str, bool] = {}
        self._pushes = False
        self._changed: asyncio.Future[None] | None = None
        self._awaits_turn = False
        self._last_entry_s = self._start_s
        self._end_seq: int | None = None
        self.playout = CallerPlayout(
            self._clock, self._report, report_interval_ms=report_interval_ms, records_audio=records_audio
        )
        self._caller_input = caller_input(call, self.playout)
        for entry in call.log.since(0):
            self.view.read(entry)
        call.log.subscribe(self._on_entry)
        call.attach(self.playout, call.leg.leg_id, after=0)
        self._command(type="audio_report", echo_cancelled=True)  # this caller's microphone hears no loudspeaker

    def __repr__(self) -> str:
        return f"<VoiceCall {self._call.scenario.name} ({self.mode})>"

    # Actions of the caller ------------------------------------------------------------------------------------------
    async def say(
        self,
        words: str,
        *,
        interrupting_after_ms: float | None = None,
        at_ms: float | None = None,
        audio: str | Path | None = None,
    ) -> Turn:
        """Say the words, and wait for the complete answer. Its audio may still be playing.

        By default, the caller lets the agent finish first.

        Args:
            interrupting_after_ms: interrupts after so much of the agent's latest speech has been heard.
            at_ms: says the words at this time of the call's clock, even during the agent's speech.
            audio: a WAV file with the words, for a caller who speaks. A caller who types types the words.

        Raises:
            VoiceFailure: the agent spoke for less than `interrupting_after_ms`, or does not answer.
        """
        __tracebackhide__ = True
        interrupted_after_ms = await self._before_speaking(interrupting_after_ms, at_ms)
        self._push_to_talk(on=False)
        turn = self._begin_turn(words)
        turn.interrupted_after_ms = interrupted_after_ms
        await self._caller_input.say(words, _pcm(audio))
        await self._until_answered(turn)
        return turn

    async def hears(self, words: str | re.Pattern[str], *, within_ms: float | None = None) -> str:
        """Wait until an agent says `words` in the current turn, ignoring case; return the message so far.

        Args:
            within_ms: the longest wait; by default, the caller's patience.

        Raises:
            VoiceFailure: the words did not come in time.
        """
        __tracebackhide__ = True
        turn = self.turns[-1]

        def found() -> str | None:
            return next((one.heard for one in turn.messages if _occurs(words, one.heard)), None)

        shown = words if isinstance(words, str) else words.pattern
        await self._until(lambda: found() is not None, f"The caller did not hear {shown!r}", None, within_ms)
        return found() or ""

    async def silent_for(self, ms: float) -> Turn:
        """Say nothing for `ms`; return the turn with the agents' actions in that time."""
        turn = self._begin_turn(None)
        await self._caller_input.stay_silent(ms)
        return turn

    async def backchannel(self, words: str = "mm-hm", *, audio: str | Path | None = None) -> Turn:
        """Make a short sound, during the agent's speech or not, and wait for its consequences.

        The scenario's turn detection decides whether it interrupts the agent.

        Args:
            audio: a WAV file with the sound, for a caller who speaks.
        """
        turn = self._begin_turn(None)
        await self._caller_input.backchannel(words, _pcm(audio))
        await self._until_turn(self._is_callers_turn, f"Nothing followed the {words!r}", turn.last_seq)
        return turn

    async def interrupts(self) -> None:
        """Press the button that silences the agent."""
        self._command(type="interrupt")
        await self._until(lambda: self._is_callers_turn() and self.playout.is_idle, "The agent did not stop", None)

    async def push_to_talk(
        self, words: str, *, interrupting_after_ms: float | None = None, audio: str | Path | None = None
    ) -> Turn:
        """Say the words aloud with the talk button held, and wait for the complete answer.

        The call stays in push-to-talk mode until the next `say`. `audio` is a WAV file with the words.

        Raises:
            VoiceFailure: the agent spoke for less than `interrupting_after_ms`, or does not answer.
        """
        __tracebackhide__ = True
        interrupted_after_ms = await self._before_speaking(interrupting_after_ms)
        turn = self._begin_turn(words)
        turn.interrupted_after_ms = interrupted_after_ms
        self._push_to_talk(on=True)
        self._command(type="press")
        await self._caller_input.speak(words, _pcm(audio))
        self._command(type="release")
        await self._until_answered(turn)
        return turn

    async def dtmf(self, digits: str) -> Turn:
        """Press keys of a telephone, `0`-`9`, `*` and `#`, and wait for the complete answer.

        Raises:
            VoiceFailure: the agent does not answer.
        """
        __tracebackhide__ = True
        await self._before_speaking(None)
        turn = self._begin_turn(digits)
        self._command(type="dtmf", digits=digits)
        await self._until_answered(turn)
        return turn

    async def show_image(self, image: str | Path, words: str = "") -> Turn:
        """Show an image, with words or without, and wait for the complete answer.

        Args:
            image: a PNG, JPEG or WebP file, or a data URL.
            words: the text that goes with it.

        Raises:
            VoiceFailure: the model takes no images, such as a rehearsal, or the agent does not answer.
            ValueError: the file is not such an image.
        """
        __tracebackhide__ = True
        await self._before_speaking(None)
        refusals = len(self.playout.refusals)
        turn = self._begin_turn(words)
        self._command(type="show_image", image_url=image_data_url(image), text=words)
        if len(self.playout.refusals) > refusals:
            turn.fail(f"The image was refused: {refusal_text(self.playout.refusals[-1])}")
        await self._until_answered(turn)
        return turn

    async def hang_up(self) -> None:
        """End the call, as the caller."""
        self._command(type="hang_up")
        await self._until(lambda: self._call.is_over, "The call did not end", None)

    async def ends(self, *, within_ms: float | None = None) -> str:
        """Wait until the call ends by itself; return the reason.

        Args:
            within_ms: the longest wait; by default, the caller's patience.

        Raises:
            VoiceFailure: the call did not end in time.
        """
        __tracebackhide__ = True
        await self._until(lambda: self._call.is_over, "The call did not end", None, within_ms)
        return self.view.ended or ""

    def mock_tool(self, tool: str, mock: object) -> None:
        """Replace a tool in this call by a function, an exception to raise, or a result.

        Raises:
            LookupError: the scenario has no such tool.
        """
        mock_tool(self._call.scenario, tool, mock)

    def answer_tools(self, answers: Sequence[ToolAnswer]) -> None:
        """Let all function tools answer from the record of another call, in place of running.

        A call gets the answer to the same arguments, else the next answer of that tool. A call without one fails, and
        the agent gets the reason. Tools of MCP servers run.
        """
        answer_tools(self._call.scenario, answers)

    def changes_codec(self, codec: Codec) -> None:
        """Choose another codec, as the page does. The call opens a new session with the model for it."""
        self._call.join(Credentials(self._call.leg.leg_id), "websocket", codec=codec)

    def allows(self, tool: str, allowed: bool = True) -> None:
        """Answer all approval requests of this tool from now on. Without this, the caller does not answer them."""
        self._approvals[tool] = allowed

    # State ----------------------------------------------------------------------------------------------------------
    @property
    def now_ms(self) -> float:
        """The time on the call's clock."""
        return self._clock()

    @property
    def state(self) -> Any:
        """The state that the scenario created for this call."""
        return self._call.state

    @property
    def agent(self) -> str:
        """The name of the agent that is speaking."""
        return self.view.agent

    @property
    def path(self) -> list[str]:
        """The agents that have had the caller, in order."""
        return [self.view.first_agent, *(handoff.agent for handoff in self.view.handoffs)]

    @property
    def tools(self) -> Sequence[ToolCallView]:
        """All tool calls, in order."""
        return list(self.view.tools.values())

    @property
    def guardrails(self) -> Sequence[GuardrailView]:
        """The results of guardrails, in order."""
        return list(self.view.guardrails)

    @property
    def log(self) -> Sequence[Entry]:
        """The entries of the call's log that are still kept."""
        return self._call.log.since(0)

    @property
    def is_over(self) -> bool:
        """The fact that the call has ended."""
        return self._call.is_over

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of the timeline."""
        return rows_of(self.view)

    @property
    def title(self) -> str:
        """The call's title in a report."""
        return f"{self._call.scenario.name}, {self.mode}"

    def timeline(self, error: BaseException | None = None) -> str:
        """Return the conversation as text, with a mark at the place of the error if one is given."""
        if error is None:
            return render(self.rows)
        return render(self.rows, mark_after=self.seq_of(error), because=str(error) or type(error).__name__)

    def seq_of(self, error: BaseException) -> int:
        """Return the place of a test's error in the log: the turn that was read last, or the end."""
        if isinstance(error, VoiceFailure) and error.call is self and error.seq is not None:
            return error.seq
        if self._last_read is not None and isinstance(error, AssertionError):
            return self._last_read.last_seq
        return self.last_seq

    @property
    def last_seq(self) -> int:
        """The last place in the log that the test has reached."""
        return self.view.last_seq if self._end_seq is None else self._end_seq

    def on_test_end(self) -> None:
        """Exclude later entries of the log from the test's part of the call."""
        self._end_seq = self.view.last_seq

    def on_read(self, span: LogSpan) -> None:
        """Note that the test reads a turn: an assertion that fails next belongs to that turn."""
        self._last_read = span

    # Assertions -----------------------------------------------------------------------------------------------------
    def took_path(self, *agents: str) -> None:
        """Assert that the caller was with exactly these agents, in this order.

        Raises:
            VoiceFailure: the path is another one.
        """
        __tracebackhide__ = True
        for index, handoff in enumerate(self.view.handoffs, 1):
            if index >= len(agents) or agents[index] != handoff.agent:
                self.fail(f"The path is {_arrows(self.path)}; expected {_arrows(agents)}.", handoff.seq)
        if list(agents) != self.path:
            self.fail(f"The path is {_arrows(self.path)}; expected {_arrows(agents)}.")

    def answers_within(self, ms: float) -> None:
        """Assert that the answer to every turn of the caller began within `ms`.

        Raises:
            VoiceFailure: an answer began later.
        """
        __tracebackhide__ = True
        for turn in self.turns:
            if turn.words is not None and turn.speech_end_ms is not None:
                turn.answers_within(ms)

    def leaves_nobody_in_silence(self, max_ms: float = 3000) -> None:
        """Assert that the caller never waited more than `max_ms` for an agent's speech. Fillers do not count.

        Raises:
            VoiceFailure: a silence was longer, or a turn of the caller had no answer.
        """
        __tracebackhide__ = True
        for silence in silences(self):
            if silence.ms > max_ms:
                after = f"after {silence.turn.words!r}" if silence.turn.words is not None else "at the beginning"
                silence.turn.fail(f"The caller was left in silence for {silence.ms:.0f} ms {after}.")

    async def judge(self, question: str, *, model: TextModel | None = None) -> Verdict:
        """Ask a text model whether the conversation so far fits a statement, such as "is polite about the refusal".

        The verdict is true only if it passes. Without a text model, the plugin skips the test.
        """
        text_model = model or self._judge or llm_judge.configured_model()
        return await llm_judge.judge(text_model, question, render(self.rows), self._call.scenario.name)

    def fail(self, message: str, seq: int | None = None) -> NoReturn:
        """Fail the test at a place in the conversation, by default at its end so far.

        Raises:
            VoiceFailure: always.
        """
        __tracebackhide__ = True
        raise VoiceFailure(message, self, self.last_seq if seq is None else seq)

    # Waiting --------------------------------------------------------------------------------------------------------
    async def _before_speaking(self, interrupting_after_ms: float | None, at_ms: float | None = None) -> float | None:
        """Wait for the caller's moment; return the heard part in ms if they interrupt."""
        __tracebackhide__ = True
        if interrupting_after_ms is not None:
            return await self._until_heard(interrupting_after_ms)
        if at_ms is not None:
            await asyncio.sleep((at_ms - self.now_ms) / 1000)
        else:
            await self._until_quiet("before the caller could speak")
        return None

    async def _until_answered(self, turn: Turn) -> None:
        """Wait for the complete answer to words that the caller has just finished."""
        __tracebackhide__ = True
        turn.speech_end_ms = self.now_ms
        failure = f"Nobody answered {turn.words!r}"
        await self._until_turn(lambda: self._is_callers_turn() and self._answered(turn), failure, turn.last_seq)

    async def _until_quiet(self, when: str) -> None:
        __tracebackhide__ = True
        await self._until_turn(self._is_callers_turn, f"The agent did not come to an end {when}", None)
        while not self.playout.is_idle:  # noqa: ASYNC110 - it waits for the time itself
            await asyncio.sleep(max(self.playout.end_ms - self.now_ms, 20) / 1000)  # it may be held

    async def _until_heard(self, ms: float) -> float:
        """Wait until `ms` of the agent's latest speech was heard; return the actual duration."""
        __tracebackhide__ = True
        since = self.turns[-1].start_ms
        failure = f"Nobody could cut in after {ms:g} ms: the agent did not speak that long"
        await self._until(
            lambda: (
                self.playout.played_at_ms(ms, since) is not None
                or (self._is_callers_turn() and self._answered(self.turns[-1]))
            ),
            failure,
            None,
        )
        due_ms = self.playout.played_at_ms(ms, since)
        if due_ms is None:
            self.fail(f"{failure}, only {self.playout.duration_since(since):.0f} ms.")
        if self.playout.is_idle:
            self.fail(f"Nobody could cut in after {ms:g} ms: the agent had finished already.")
        await asyncio.sleep(max(0.0, due_ms - self.now_ms) / 1000)
        return ms + max(0.0, self.now_ms - due_ms)

    async def _until_turn(self, condition: Callable[[], bool], failure: str, seq: int | None) -> None:
        """Wait for a condition that holds only while the call waits for the caller. Other entries wake nobody."""
        __tracebackhide__ = True
        self._awaits_turn = True
        try:
            await self._until(condition, failure, seq)
        finally:
            self._awaits_turn = False

    async def _until(
        self, condition: Callable[[], bool], failure: str, seq: int | None, within_ms: float | None = None
    ) -> None:
        """Wait until `condition` holds; fail after too long without an event, or when the call is over."""
        __tracebackhide__ = True
        patience = self.patience_ms if within_ms is None else within_ms
        from_ms = self.now_ms
        while not condition():
            self._fail_if_rehearsal_raised()
            if self._call.is_over:
                self.fail(f"{failure}: the call is over ({self.view.ended}).", seq)
            last_entry_ms = (self._last_entry_s - self._start_s) * 1000
            since = max(from_ms, last_entry_ms, self.playout.agent_end_ms) if within_ms is None else from_ms
            if self.now_ms - since > patience:
                self.fail(f"{failure}{self._waiting_reason(patience)}", seq)
            await self._wait_for_entry(since + patience + 1)
        self._fail_if_rehearsal_raised()

    def _fail_if_rehearsal_raised(self) -> None:
        """Fail with the rehearsal's error: it plays the model, so nothing that follows can be tested."""
        __tracebackhide__ = True
        if self.view.rehearsal_errors:
            seq, message = self.view.rehearsal_errors[0]
            self.fail(message, seq)

    async def _wait_for_entry(self, until_ms: float) -> None:
        """Wait until the log has an entry that may end the wait, or until the time `until_ms`."""
        self._changed = changed = self._loop.create_future()
        timer = self._loop.call_at(self._start_s + until_ms / 1000, _done, changed)
        try:
            await changed
        finally:
            timer.cancel()
            self._changed = None

    def _is_callers_turn(self) -> bool:
        """Return whether the call waits for the caller only: it answers nothing, and owes no answer."""
        return self.view.waiting is not None and self.view.waiting.reason == "caller"

    def _waiting_reason(self, patience: float) -> str:
        running = [str(use) for use in self.view.tools.values() if not use.done]
        still = f", while {', '.join(running)} was still running" if running else ""
        return f": nothing came for {patience:g} ms{still}."

    def _answered(self, turn: Turn) -> bool:
        responses = self.view.responses
        return bool(responses) and turn.contains(responses[-1])

    def _begin_turn(self, words: str | None) -> Turn:
        turn = Turn(self, words, self.view.last_seq, self.now_ms)
        self.turns[-1].end_before(self.view.last_seq + 1)
        self.turns.append(turn)
        return turn

    def _clock(self) -> float:
        return (self._loop.time() - self._start_s) * 1000

    def _on_entry(self, entry: Entry) -> None:
        event = entry.event
        kind = type(event)
        self.view.read(entry)
        if kind is AudioStats:
            return
        if kind not in _OF_FILLERS:  # the caller's patience is with the agent
            self._last_entry_s = self._loop.time()
        if kind in _HANDLED:
            self._handle(event)
        if self._changed is not None and (not self._awaits_turn or (kind in _END_WAITS and _ends_wait(event))):
            _done(self._changed)

    def _handle(self, event: LogEventUnion | UnknownEvent) -> None:
        match event:
            case AudioStarted():
                self.playout.on_audio_started(event.item_id)
            case AudioCleared():
                self.playout.on_audio_cleared()
            case AudioDucked():
                self.playout.on_audio_ducked()
            case AudioResumed() | AudioInterrupted():
                self.playout.on_audio_released()
            case FillerStarted():
                self.playout.on_filler_started(event.filler_id)
            case FillerDone():
                self.playout.on_filler_done(interrupted=event.interrupted)
            case CallEnded():
                self.playout.stop()
            case ApprovalNeeded() if event.name in self._approvals:
                self._command(type="approve", call_id=event.call_id, approved=self._approvals[event.name])

    def _push_to_talk(self, *, on: bool) -> None:
        if on != self._pushes:
            self._pushes = on
            self._command(type="push_to_talk", on=on)

    def _report(self, item_id: str, ms: int) -> None:
        if not self._call.is_over:
            self._command(type="played", item_id=item_id, ms=ms)

    def _command(self, **fields: object) -> None:
        self._call.command(self.playout, encode(fields).decode())


def _ends_wait(event: LogEventUnion | UnknownEvent) -> bool:
    return not isinstance(event, TurnWaiting) or event.reason == "caller"


def _pcm(audio: str | Path | None) -> bytes | None:
    return None if audio is None else read_wav(audio)


def _occurs(words: str | re.Pattern[str], text: str) -> bool:
    return words.lower() in text.lower() if isinstance(words, str) else words.search(text) is not None


def _arrows(agents: Sequence[str]) -> str:
    return " → ".join(agents)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


__all__ = ["PATIENCE_MS", "REPORT_INTERVAL_MS", "VoiceCall"]
