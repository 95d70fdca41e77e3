"""Whatever a service does, no caller hears nothing for more than 10 s without a reason in the log."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calls.call_driver import CallDriver
from trunkline.calls import log_events
from trunkline.calls.machine import effects
from trunkline.realtime.events import Event

pytestmark = pytest.mark.pure
MAX_SILENCE_MS = 10_000.0
STEP_MS = 50.0
REASONS = (log_events.CallError, log_events.TurnStalled, log_events.LinkLost, log_events.Notice)
EXPLAINED: Sequence[log_events.WaitReason] = ("tools", "approval", "link", "endpointing")
"""Waits that the log explains for as long as they last."""
ANSWERS = (
    "whole", "whole", "whole", "slow", "empty", "text only", "failed", "limited", "partial", "silent", "refused",
    "tool", "tools", "cut tool",
)  # fmt: skip


class UnreliableService(CallDriver):
    """A call on a service that refuses, fails, stalls and answers in part, as the dice say.

    Attributes:
        heard_until_ms: end of the audio that the caller has received.
        reason_at_ms: time of the last reason in the log.
        waiting: the latest wait in the log.
    """

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.heard_until_ms = self.reason_at_ms = 0.0
        self.waiting: log_events.WaitReason = "caller"
        self._orders: list[tuple[float, int, int | None, Callable[[], None]]] = []
        self._session_number = 0
        self._order_number = itertools.count()
        self._ids = itertools.count()
        self._active: str | None = None
        super().__init__(ids=lambda kind: f"{kind}_{next(self._ids)}")
        self.link_up()
        self.caller_joins()

    # Time -----------------------------------------------------------------------------------------------------------
    def passes(self, ms: float) -> None:
        """Let time pass, with the actions of service and tools that are due."""
        until = self.now_ms + ms
        while self._orders and self._orders[0][0] <= until:
            at_ms, _number, session, action = heapq.heappop(self._orders)
            self.wait(max(0.0, at_ms - self.now_ms))
            if session in (None, self._session_number) and self.ended is None:
                action()
        self.wait(until - self.now_ms)

    def _later(self, ms: float, action: Callable[[], None], *, lasting: bool = False) -> None:
        """Plan an action; a lasting one also happens if the session is lost meanwhile."""
        session = None if lasting else self._session_number
        heapq.heappush(self._orders, (self.now_ms + ms, next(self._order_number), session, action))

    # The caller -----------------------------------------------------------------------------------------------------
    def speaks(self) -> None:
        """Let the caller say something, which the service answers by itself, or not."""
        item_id = f"speech_{next(self._ids)}"
        self.wire("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        self._cancel()
        session = self._session_number
        self.passes(1_000)
        if session == self._session_number:  # a new session hears the whole turn again
            self._turn_ends(item_id)

    def _turn_ends(self, item_id: str) -> None:
        self.caller_stops_speaking(item_id)
        if self.dice.random() < 0.8 and self._active is None:
            self._answer()

    def _reconnect(self) -> None:
        self.link_up()
        for number, _turn_id in enumerate(self.kept):
            if self.dice.random() < 0.8:
                self._later(200 + 100 * number, self._hear_again)

    def _hear_again(self) -> None:
        item_id = f"speech_{next(self._ids)}"
        self.wire("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        self._later(50, lambda: self._turn_ends(item_id))

    # The service ----------------------------------------------------------------------------------------------------
    def _do(self, emitted: Sequence[effects.Effect]) -> None:
        for effect in emitted:
            match effect:
                case effects.PlayAudio():
                    self.heard_until_ms = max(self.now_ms, self.heard_until_ms) + len(effect.pcm) / 48
                case effects.AppendToLog() if isinstance(effect.event, REASONS):
                    self.reason_at_ms = self.now_ms
                case effects.AppendToLog(log_events.TurnWaiting(reason)):
                    self.waiting = reason
                case effects.AppendToLog(log_events.AudioCleared()):
                    self.heard_until_ms = min(self.heard_until_ms, self.now_ms)
        super()._do(emitted)
        for effect in emitted:
            match effect:
                case effects.Send():
                    self._on_sent(effect.event)
                case effects.RenewSession():
                    self._later(self.dice.uniform(50, 2_000), self._lose_session)
                case effects.RunTool():
                    tool_ms = self.dice.choice([100.0, 2_000.0, 30_000.0])
                    self._later(tool_ms, partial(self._finish, effect.tool_call_id), lasting=True)

    def _finish(self, call_id: str) -> None:
        if call_id in self.tools:
            self.tool_finishes(call_id)

    def _lose_session(self) -> None:
        self._session_number += 1
        self._active = None
        self.link_lost()
        self._later(self.dice.uniform(250, 3_000), self._reconnect)

    def _on_sent(self, event: Any) -> None:
        match event["type"]:
            case "conversation.item.create":
                self._later(20, lambda: self.wire("conversation.item.added", item=event["item"]))
            case "response.create" if self._active is not None:
                code = "conversation_already_has_active_response"
                self._later(20, lambda: self._error(code=code, event_id=event["event_id"]))
            case "response.create":
                self._answer(event["event_id"])
            case "response.cancel" if self._active is not None:
                self._cancel()
            case "response.cancel":
                self._later(20, lambda: self._error(code="response_cancel_not_active", event_id=event["event_id"]))

    def _error(self, **error: Any) -> None:
        self.wire("error", error={"type": "invalid_request_error", "message": "refused", **error})

    def _cancel(self) -> None:
        response_id, self._active = self._active, None
        if response_id is not None and self.dice.random() < 0.9:
            self._later(30, lambda: self._done(response_id, "cancelled"))

    def _done(self, response_id: str, status: str = "completed", **fields: Any) -> None:
        if self._active == response_id:
            self._active = None
        self.wire("response.done", response={"id": response_id, "status": status, **fields})

    def _answer(self, event_id: str | None = None) -> None:
        kind = self.dice.choice(ANSWERS)
        if kind == "refused" and event_id is not None:
            self._later(30, lambda: self._error(type="server_error", code="server_error", event_id=event_id))
            return
        self._active = response_id = f"resp_{next(self._ids)}"
        if kind == "silent":
            return
        self._later(30, lambda: self.wire("response.created", response={"id": response_id, "status": "in_progress"}))
        self._later(self.dice.uniform(3_000, 18_000) if kind == "slow" else 200, lambda: self._go_on(response_id, kind))

    def _go_on(self, response_id: str, kind: str) -> None:
        if self._active != response_id:
            return  # cancelled
        match kind:
            case "whole" | "slow" | "partial":
                item_id = self.agent_says("An answer.", audio_ms=600, finished=False)
                if kind != "partial":
                    self.message_done(item_id, "An answer.")
                    self._done(response_id)
            case "text only":
                text = [{"type": "output_text", "text": "An answer."}]
                self._done(response_id, output=[{"id": f"msg_{response_id}", "type": "message", "content": text}])
            case "failed":
                self._fail(response_id, type="server_error", message="The server had an error.")
            case "limited":
                self._fail(response_id, code="rate_limit_exceeded", message="Try again in 8 s.")
            case "tool" | "tools":
                for _tool in range(2 if kind == "tools" else 1):
                    self._call_tool("completed")
                self._done(response_id)
            case "cut tool":
                item = self._call_tool("incomplete")
                self._done(response_id, "incomplete", status_details={"reason": "max_output_tokens"}, output=[item])
            case _:
                self._done(response_id)

    def _fail(self, response_id: str, **error: str) -> None:
        self._done(response_id, "failed", status_details={"type": "failed", "error": error})

    def _call_tool(self, status: str) -> Event:
        item = {
            "id": f"item_{next(self._ids)}", "type": "function_call", "status": status,
            "call_id": "call_0", "name": "weather", "arguments": "{}",
        }  # fmt: skip
        self.wire("response.output_item.done", item=item)
        return item


class Listener:
    """The caller's ear: it notes the last sign of life, and fails after too long without one."""

    def __init__(self, service: UnreliableService) -> None:
        self._service = service
        self._turn_at_ms = service.now_ms
        self._explained_at_ms = 0.0

    def listen(self, ms: float) -> None:
        """Wait for an answer to the turn that has just ended."""
        service = self._service
        self._turn_at_ms = service.now_ms
        for _step in range(int(ms / STEP_MS)):
            service.passes(STEP_MS)
            if service.ended is not None:
                return
            self._check(service.waiting)

    def _check(self, wait: log_events.WaitReason) -> None:
        service, now_ms = self._service, self._service.now_ms
        if wait in EXPLAINED:
            self._explained_at_ms = now_ms
        answered = service.heard_until_ms > self._turn_at_ms
        reported = service.reason_at_ms >= self._turn_at_ms
        if wait == "caller":
            assert answered or reported or now_ms - self._turn_at_ms < STEP_MS, "a turn ended with nothing"
            self._explained_at_ms = now_ms
            return
        unexplained_since = max(self._turn_at_ms, service.heard_until_ms, self._explained_at_ms)
        if service.reason_at_ms >= unexplained_since:  # a stalled model, or a pause that the service asked for
            limit = service.machine.plan.stall_timeout_ms + STEP_MS
            assert now_ms - service.reason_at_ms <= limit, f"nothing follows a reason, waiting for {wait}"
        else:
            assert now_ms - unexplained_since <= MAX_SILENCE_MS, f"silence, waiting for {wait}"


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_no_caller_hears_nothing_without_a_reason(dice: Random) -> None:
    service = UnreliableService(dice)
    listener = Listener(service)
    listener.listen(30_000)
    for _turn in range(3):
        if service.ended is not None:
            return
        if dice.random() < 0.5:
            service.types("Are you there?")
        else:
            service.speaks()
        listener.listen(dice.choice([1_000.0, 12_000.0, 60_000.0]))
