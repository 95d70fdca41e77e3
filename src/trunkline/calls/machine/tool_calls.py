"""What the model calls: tools, and the transfers by which agents hand the caller over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.calls import log_events
from trunkline.calls.agents.tools import decoded
from trunkline.calls.machine.effects import Approved, Configure, HandingOff, RunTool
from trunkline.calls.machine.inputs import AgentConfigured, AgentFailed, ToolEnded
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.response_scheduler import Turns
from trunkline.calls.machine.transcript import Transcript, answer_item
from trunkline.realtime.event_fields import text_in
from trunkline.realtime.events import Event, new_id

MAX_CALLS_PER_TURN = 25
"""Calls that the model may make without the caller having said anything; a model in a loop is told to stop."""


@dataclass
class _Running:
    """A tool that runs."""

    name: str
    agent: str
    began_ms: float
    holds: bool = True
    """Whether the agent waits for it. The caller may go on meanwhile; then it does not."""
    awaits_approval: bool = False


class FunctionCalls:
    """The tools that run, the handoff under way, and who speaks.

    Attributes:
        agent: who has the caller now.
        speaker: whose response is under way: until it ends, whoever takes over meanwhile.
    """

    def __init__(self, plan: CallPlan, outbox: Outbox, turns: Turns, transcript: Transcript) -> None:
        self._plan = plan
        self._outbox = outbox
        self._turns = turns
        self._transcript = transcript
        self.agent = plan.first_agent
        self.speaker = plan.first_agent
        self._handing_off: HandingOff | None = None
        self._running: dict[str, _Running] = {}
        self._called: set[str] = set()
        self._since_caller = 0

    @property
    def hold_the_turn(self) -> bool:
        """Whether an answer has to wait, for a handoff or a tool."""
        return self._handing_off is not None or any(running.holds for running in self._running.values())

    def caller_went_on(self) -> None:
        """The caller has typed: nobody waits for the tools that run."""
        for running in self._running.values():
            running.holds = False

    def caller_said_something(self) -> None:
        """A new turn of the caller's."""
        self._since_caller = 0

    def end(self) -> None:
        """The call is over."""
        for call_id in list(self._running):
            self._done(call_id, error="The call ended before it answered.")

    # Calls ----------------------------------------------------------------------------------------------------------
    def called(self, item: Event) -> None:
        """The model called a function; an item that comes twice is called once."""
        call_id, name = text_in(item, "call_id"), text_in(item, "name")
        arguments = text_in(item, "arguments") if item.get("arguments") else "{}"
        if call_id in self._called:
            return
        self._transcript.tool_called(item)
        self._called.add(call_id)
        self._since_caller += 1
        agent = self.speaker
        transfers, tools = self._plan.transfers[agent], self._plan.tools[agent]
        if self._since_caller > MAX_CALLS_PER_TURN:
            self._refuse(call_id, "too_many_calls", f"{name} was not run: too many calls. Speak to the caller first.")
        elif name in transfers:
            self._start_handoff(HandingOff(call_id, name, arguments, agent), transfers[name])
        elif name in tools:
            # In a response that was cut off, the caller has gone on already.
            self._running[call_id] = _Running(name, agent, self._outbox.now, holds=not self._turns.cancelling)
            self._outbox.log(
                log_events.ToolStarted(call_id=call_id, name=name, arguments=decoded(arguments), agent=agent)
            )
            self._outbox.emit(RunTool(call_id, name, arguments, agent))
        else:
            there = ", ".join([*tools, *transfers]) or "none"
            self._refuse(call_id, "unknown_tool", f"There is no tool named {name}. There are: {there}.")

    def _refuse(self, call_id: str, code: str, problem: str) -> None:
        self._outbox.log(
            log_events.CallError(message=f"The model made a call in vain. {problem}", code=code, source="tool")
        )
        self.answer(call_id, _refusal(problem))

    def ended(self, ended: ToolEnded) -> None:
        """A tool has answered."""
        if ended.call_id not in self._running:
            return
        self._done(ended.call_id, result=ended.result, error=ended.error)
        self.answer(ended.call_id, ended.output)

    def _done(self, call_id: str, *, result: Any = None, error: str | None = None) -> None:
        running = self._running.pop(call_id)
        if running.awaits_approval:
            reason = "the tool waited for it in vain"
            self._outbox.log(log_events.ApprovalResolved(call_id=call_id, approved=False, reason=reason))
        duration_ms = round(self._outbox.now - running.began_ms)
        self._outbox.log(
            log_events.ToolDone(call_id=call_id, name=running.name, duration_ms=duration_ms, result=result, error=error)
        )

    def answer(self, call_id: str, output: str) -> None:
        """Gives the model a function's output, and lets it go on."""
        item_id = new_id("item")
        self._transcript.tool_answered(call_id, output, item_id)
        self._outbox.send({"type": "conversation.item.create", "item": answer_item(item_id, call_id, output)})
        self._turns.wish([item_id] if self._outbox.reaches_model else [])

    # Approvals ------------------------------------------------------------------------------------------------------
    def needs_approval(self, call_id: str, arguments: str) -> None:
        """A tool asks whether it may run."""
        running = self._running.get(call_id)
        if running is not None:
            running.awaits_approval = True
            self._outbox.log(
                log_events.ApprovalNeeded(
                    call_id=call_id, name=running.name, arguments=decoded(arguments), agent=running.agent
                )
            )

    def approve(self, call_id: str, approved: bool) -> bool:
        """The caller's answer. False if nothing waits for it."""
        running = self._running.get(call_id)
        if running is None or not running.awaits_approval:
            return False
        running.awaits_approval = False
        self._outbox.log(log_events.ApprovalResolved(call_id=call_id, approved=approved))
        self._outbox.emit(Approved(call_id, approved))
        return True

    # Handoffs -------------------------------------------------------------------------------------------------------
    def _start_handoff(self, handoff: HandingOff, target: str) -> None:
        if self._handing_off is not None or self.agent != handoff.previous:
            self.answer(handoff.call_id, _refusal("The caller is being transferred already."))
            return
        self._handing_off = handoff
        self._outbox.emit(Configure(target, handoff))

    def hand_over(self, configured: AgentConfigured, handoff: HandingOff) -> None:
        """The agent who takes over is ready: it is told to the model, and answers next."""
        self._handing_off = None
        self.agent = configured.agent
        reason = _reason(handoff.arguments)
        self._outbox.log(log_events.AgentChanged(agent=self.agent, previous=handoff.previous, reason=reason))
        self._outbox.send({"type": "session.update", "session": configured.session})
        self.answer(handoff.call_id, msgspec.json.encode({"assistant": self.agent}).decode())

    def handoff_failed(self, failed: AgentFailed, handoff: HandingOff) -> None:
        """The agent who was to take over cannot."""
        self._handing_off = None
        self.answer(handoff.call_id, _refusal(f"{failed.agent} is not available; go on yourself."))


def _reason(arguments: str) -> str | None:
    """The reason a model gives for a handoff, where its tool has such an argument."""
    given = decoded(arguments)
    reason = given.get("reason") if isinstance(given, dict) else None
    return reason if isinstance(reason, str) else None


def _refusal(problem: str) -> str:
    return msgspec.json.encode({"error": problem}).decode()
