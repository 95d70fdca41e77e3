"""`VoiceCall`: a call as its caller has it, for tests that are written like a conversation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from trunkline.calls.call import Call
from trunkline.calls.log import Entry
from trunkline.calls.log_events import ApprovalNeeded, AudioCleared, AudioStarted, AudioStats, CallEnded, Codec
from trunkline.realtime.events import encode
from trunkline.testing import llm_judge
from trunkline.testing.assertions import GuardrailAssertions, ToolAssertions
from trunkline.testing.caller_input import CallerInput
from trunkline.testing.caller_playout import REPORT_INTERVAL_MS, CallerPlayout
from trunkline.testing.conversation_source import LogSpan
from trunkline.testing.conversation_view import ConversationView, GuardrailView, ToolCallView
from trunkline.testing.failures import VoiceFailure
from trunkline.testing.fault_injection import FaultInjector
from trunkline.testing.llm_judge import TextModel, Verdict
from trunkline.testing.timeline import Row, render, rows_of
from trunkline.testing.tool_mocks import mock_tool
from trunkline.testing.turn import Turn

PATIENCE_MS = 15_000
"""How long a caller waits while nothing at all happens."""


class VoiceCall(ToolAssertions, GuardrailAssertions):
    """A call, and its caller.

    Attributes:
        mode: "typed", "spoken" or "live".
        link: what may befall the link to the model.
        view: the conversation so far, read from the log.
        turns: the turns so far; the first is the opening, before the caller has said anything.
        patience_ms: how long the caller waits while nothing happens, before the test fails.
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
        self._last_entry_ms = 0.0
        self._end_seq: int | None = None
        self.playout = CallerPlayout(
            self._clock, self._report, report_interval_ms=report_interval_ms, records_audio=records_audio
        )
        self._caller_input = caller_input(call, self.playout)
        for entry in call.log.since(0):
            self.view.read(entry)
        call.log.subscribe(self._on_entry)
        call.attach(self.playout, call.leg.leg_id, after=0)

    def __repr__(self) -> str:
        return f"<VoiceCall {self._call.scenario.name} ({self.mode})>"

    # What the caller does -------------------------------------------------------------------------------------------
    async def say(self, words: str, *, interrupting_after_ms: float | None = None, at_ms: float | None = None) -> Turn:
        """Says something, and waits until it has been answered: the next move is then the caller's again, though the
        answer may still be sounding. A caller is polite and lets the agent finish first, unless told otherwise.

        Args:
            interrupting_after_ms: cut in when so much of the agent's latest speech has been heard.
            at_ms: say it at this moment of the call, whatever is going on.

        Raises:
            VoiceFailure: the agent spoke less than that, or leaves the caller without an answer.
        """
        __tracebackhide__ = True
        interrupted_after_ms = await self._before_speaking(interrupting_after_ms, at_ms)
        self._push_to_talk(on=False)
        turn = self._begin_turn(words)
        turn.interrupted_after_ms = interrupted_after_ms
        await self._caller_input.say(words)
        await self._until_answered(turn)
        return turn

    async def hears(self, words: str | re.Pattern[str], *, within_ms: float | None = None) -> str:
        """Waits until an agent says `words` (whatever the capitals), in the current turn; returns the message so far.

        Raises:
            VoiceFailure: nothing came for `within_ms`, the caller's patience by default.
        """
        __tracebackhide__ = True
        turn = self.turns[-1]

        def found() -> str | None:
            return next((one.heard for one in turn.messages if _occurs(words, one.heard)), None)

        shown = words if isinstance(words, str) else words.pattern
        await self._until(lambda: found() is not None, f"The caller did not hear {shown!r}", None, within_ms)
        return found() or ""

    async def silent_for(self, ms: float) -> Turn:
        """Says nothing for so long; the turn holds what the agents did meanwhile."""
        turn = self._begin_turn(None)
        await self._caller_input.stay_silent(ms)
        return turn

    async def backchannel(self, words: str = "mm-hm") -> Turn:
        """Makes a small sound while the agent speaks (or not), and waits until nothing more follows from it.

        Whether that interrupts the agent is for the scenario's turn detection to say.
        """
        turn = self._begin_turn(None)
        await self._caller_input.backchannel(words)
        await self._until(lambda: self._call.at_rest, f"Nothing followed the {words!r}", turn.last_seq)
        return turn

    async def interrupts(self) -> None:
        """Presses the button that silences the agent."""
        self._command(type="interrupt")
        await self._until(lambda: self._call.at_rest and self.playout.is_idle, "The agent did not stop", None)

    async def push_to_talk(self, words: str, *, interrupting_after_ms: float | None = None) -> Turn:
        """Holds the talk button down while saying something aloud, and waits until it has been answered.

        The call is in push-to-talk from then on: a caller who speaks is heard only so, until they `say` something.

        Raises:
            VoiceFailure: the agent spoke less than `interrupting_after_ms`, or nobody answers.
        """
        __tracebackhide__ = True
        interrupted_after_ms = await self._before_speaking(interrupting_after_ms)
        turn = self._begin_turn(words)
        turn.interrupted_after_ms = interrupted_after_ms
        self._push_to_talk(on=True)
        self._command(type="press")
        await self._caller_input.speak(words)
        self._command(type="release")
        await self._until_answered(turn)
        return turn

    async def dtmf(self, digits: str) -> Turn:
        """Presses keys of a telephone, `0`-`9`, `*` and `#`, and waits until that has been answered.

        Raises:
            VoiceFailure: nobody answers.
        """
        __tracebackhide__ = True
        await self._before_speaking(None)
        turn = self._begin_turn(digits)
        self._command(type="dtmf", digits=digits)
        await self._until_answered(turn)
        return turn

    async def hang_up(self) -> None:
        """Ends the call, as the caller."""
        self._command(type="hang_up")
        await self._until(lambda: self._call.is_over, "The call did not end", None)

    def mock_tool(self, tool: str, mock: object) -> None:
        """Lets `mock` answer instead of a tool, in this call only: a function, an exception to raise, or a result.

        Raises:
            LookupError: the scenario has no such tool.
        """
        mock_tool(self._call.scenario, tool, mock)

    def changes_codec(self, codec: Codec) -> None:
        """Chooses another codec, as the page does: the model's session is made anew for it."""
        self._call.join(self._call.leg.leg_id, "websocket", codec=codec)

    def allows(self, tool: str, allowed: bool = True) -> None:
        """What the caller says whenever this tool asks for their approval. Until told, they say nothing."""
        self._approvals[tool] = allowed

    # What can be asked ----------------------------------------------------------------------------------------------
    @property
    def now_ms(self) -> float:
        """The call's clock."""
        return self._clock()

    @property
    def state(self) -> Any:
        """What the scenario's `state` made for this call."""
        return self._call.state

    @property
    def agent(self) -> str:
        """Who speaks now."""
        return self.view.agent

    @property
    def path(self) -> list[str]:
        """The agents that have had the caller, in order."""
        return [self.view.first_agent, *(handoff.agent for handoff in self.view.handoffs)]

    @property
    def tools(self) -> Sequence[ToolCallView]:
        """All tools that were called."""
        return list(self.view.tools.values())

    @property
    def guardrails(self) -> Sequence[GuardrailView]:
        """What guardrails found, in order."""
        return list(self.view.guardrails)

    @property
    def log(self) -> Sequence[Entry]:
        """The call's log, as much of it as is kept."""
        return self._call.log.since(0)

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._call.is_over

    @property
    def rows(self) -> Sequence[Row]:
        """The timeline, line by line."""
        return rows_of(self.view)

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"{self._call.scenario.name}, {self.mode}"

    def timeline(self, error: BaseException | None = None) -> str:
        """The conversation as text; with an error, its place is marked."""
        if error is None:
            return render(self.rows)
        return render(self.rows, mark_after=self.seq_of(error), because=str(error) or type(error).__name__)

    def seq_of(self, error: BaseException) -> int:
        """Where in the log an error of the test belongs: at the turn that was looked at last, or at the end."""
        if isinstance(error, VoiceFailure) and error.call is self and error.seq is not None:
            return error.seq
        if self._last_read is not None and isinstance(error, AssertionError):
            return self._last_read.last_seq
        return self.last_seq

    @property
    def last_seq(self) -> int:
        """The last place in the log that the test has seen."""
        return self.view.last_seq if self._end_seq is None else self._end_seq

    def on_test_end(self) -> None:
        """What comes from now on is none of the test's doing."""
        self._end_seq = self.view.last_seq

    def on_read(self, span: LogSpan) -> None:
        """A test reads something of a turn: if it fails next, the failure is there."""
        self._last_read = span

    # What can be asserted -------------------------------------------------------------------------------------------
    def took_path(self, *agents: str) -> None:
        """The caller was with these agents, in this order, and with no others.

        Raises:
            VoiceFailure: with others, or in another order.
        """
        __tracebackhide__ = True
        for index, handoff in enumerate(self.view.handoffs, 1):
            if index >= len(agents) or agents[index] != handoff.agent:
                self.fail(f"The path is {_arrows(self.path)}; expected {_arrows(agents)}.", handoff.seq)
        if list(agents) != self.path:
            self.fail(f"The path is {_arrows(self.path)}; expected {_arrows(agents)}.")

    def answers_within(self, ms: float) -> None:
        """Every turn of the caller was answered by sound within `ms`.

        Raises:
            VoiceFailure: one was not.
        """
        __tracebackhide__ = True
        for turn in self.turns:
            if turn.words is not None and turn.speech_end_ms is not None:
                turn.answers_within(ms)

    def leaves_nobody_in_silence(self, max_ms: float = 3000) -> None:
        """No silence of more than `max_ms` came before an agent's words while the caller waited for them.

        Raises:
            VoiceFailure: one did, or a turn of the caller was not answered at all.
        """
        __tracebackhide__ = True
        for index, turn in enumerate(self.turns):
            if turn.speech_end_ms is None or (index and turn.words is None):
                continue
            is_last = index + 1 == len(self.turns)
            until = max(self.now_ms, self.playout.end_ms) if is_last else self.turns[index + 1].start_ms
            silent_from_ms = turn.speech_end_ms
            for segment in self.playout.segments:
                if segment.end_ms <= silent_from_ms or segment.start_ms >= until:
                    continue
                if segment.start_ms - silent_from_ms > max_ms:
                    self._fail_silent(turn, silent_from_ms, segment.start_ms)
                silent_from_ms = segment.end_ms
            if silent_from_ms == turn.speech_end_ms and until - silent_from_ms > max_ms:
                self._fail_silent(turn, silent_from_ms, until)

    async def judge(self, question: str, *, model: TextModel | None = None) -> Verdict:
        """Asks a text model whether the conversation so far is as described: "is polite about the refusal".

        The verdict is true only if it passes. Without a text model, the test is skipped with the reason.
        """
        text_model = model or self._judge or llm_judge.configured_model()
        return await llm_judge.judge(text_model, question, render(self.rows), self._call.scenario.name)

    def fail(self, message: str, seq: int | None = None) -> NoReturn:
        """Fails the test at a place in the conversation, by default where it stands.

        Raises:
            VoiceFailure: always.
        """
        __tracebackhide__ = True
        raise VoiceFailure(message, self, self.last_seq if seq is None else seq)

    # Waiting --------------------------------------------------------------------------------------------------------
    async def _before_speaking(self, interrupting_after_ms: float | None, at_ms: float | None = None) -> float | None:
        """Waits for the caller's moment; what was heard of the agent's speech when they cut in, if they do."""
        __tracebackhide__ = True
        if interrupting_after_ms is not None:
            return await self._until_heard(interrupting_after_ms)
        if at_ms is not None:
            await asyncio.sleep((at_ms - self.now_ms) / 1000)
        else:
            await self._until_quiet("before the caller could speak")
        return None

    async def _until_answered(self, turn: Turn) -> None:
        """The caller has said what they had to say."""
        __tracebackhide__ = True
        turn.speech_end_ms = self.now_ms
        failure = f"Nobody answered {turn.words!r}"
        await self._until(lambda: self._call.at_rest and self._answered(turn), failure, turn.last_seq)

    async def _until_quiet(self, when: str) -> None:
        __tracebackhide__ = True
        await self._until(lambda: self._call.at_rest, f"The agent did not come to an end {when}", None)
        while not self.playout.is_idle:  # noqa: ASYNC110 - what is waited for is the time itself
            await asyncio.sleep((self.playout.end_ms - self.now_ms) / 1000)

    async def _until_heard(self, ms: float) -> float:
        """Waits until so much of the agent's latest speech was heard; returns how much it has become."""
        __tracebackhide__ = True
        since = self.turns[-1].start_ms
        failure = f"Nobody could cut in after {ms:g} ms: the agent did not speak that long"
        await self._until(
            lambda: (
                self.playout.played_at_ms(ms, since) is not None
                or (self._call.at_rest and self._answered(self.turns[-1]))
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

    async def _until(
        self, condition: Callable[[], bool], failure: str, seq: int | None, within_ms: float | None = None
    ) -> None:
        """Waits until `condition`; fails when nothing has happened for too long, or the call is over."""
        __tracebackhide__ = True
        patience = self.patience_ms if within_ms is None else within_ms
        from_ms = self.now_ms
        while not condition():
            if self._call.is_over:
                self.fail(f"{failure}: the call is over ({self.view.ended}).", seq)
            since = max(from_ms, self._last_entry_ms, self.playout.end_ms) if within_ms is None else from_ms
            if self.now_ms - since > patience:
                self.fail(f"{failure}{self._waiting_reason(patience)}", seq)
            await self._wait_for_entry(since + patience + 1)

    async def _wait_for_entry(self, until_ms: float) -> None:
        """Waits until the log grows, or until a moment."""
        self._changed = changed = self._loop.create_future()
        timer = self._loop.call_at(self._start_s + until_ms / 1000, _done, changed)
        try:
            await changed
        finally:
            timer.cancel()
            self._changed = None

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
        self.view.read(entry)
        if isinstance(event, AudioStats):
            return
        self._last_entry_ms = self.now_ms
        if isinstance(event, AudioStarted):
            self.playout.on_audio_started(event.item_id)
        elif isinstance(event, AudioCleared):
            self.playout.on_audio_cleared()
        elif isinstance(event, CallEnded):
            self.playout.stop()
        elif isinstance(event, ApprovalNeeded) and event.name in self._approvals:
            self._command(type="approve", call_id=event.call_id, approved=self._approvals[event.name])
        if self._changed is not None:
            _done(self._changed)

    def _push_to_talk(self, *, on: bool) -> None:
        if on != self._pushes:
            self._pushes = on
            self._command(type="push_to_talk", on=on)

    def _report(self, item_id: str, ms: int) -> None:
        if not self._call.is_over:
            self._command(type="played", item_id=item_id, ms=ms)

    def _command(self, **fields: Any) -> None:
        self._call.command(self.playout, encode(fields).decode())

    def _fail_silent(self, turn: Turn, from_ms: float, to_ms: float) -> NoReturn:
        __tracebackhide__ = True
        after = f"after {turn.words!r}" if turn.words is not None else "at the beginning"
        turn.fail(f"The caller was left in silence for {to_ms - from_ms:.0f} ms {after}.")


def _occurs(words: str | re.Pattern[str], text: str) -> bool:
    return words.lower() in text.lower() if isinstance(words, str) else words.search(text) is not None


def _arrows(agents: Sequence[str]) -> str:
    return " → ".join(agents)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


__all__ = ["PATIENCE_MS", "REPORT_INTERVAL_MS", "VoiceCall"]
