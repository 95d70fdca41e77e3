"""What the model calls: tools, and the transfers by which agents hand the caller over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.calls import log_events
from trunkline.calls.agents.tools import decoded
from trunkline.calls.machine.effects import ConfigureAgent, HandingOff, ResolveApproval, RunTool
from trunkline.calls.machine.inputs import AgentConfigured, AgentFailed, ToolFinished
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.transcript import Transcript, tool_output_item
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event, new_id

MAX_TOOL_CALLS_PER_TURN = 25
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


class ToolCalls:
    """The tools that run, the handoff under way, and who speaks.

    Attributes:
        agent: who has the caller now.
        speaker: whose response is under way: until it ends, whoever takes over meanwhile.
    """

    def __init__(self, plan: CallPlan, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript) -> None:
        self._plan = plan
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self.agent = plan.first_agent
        self.speaker = plan.first_agent
        self._handing_off: HandingOff | None = None
        self._running: dict[str, _Running] = {}
        self._called: set[str] = set()
        self._calls_this_turn = 0

    @property
    def block_response(self) -> bool:
        """Whether an answer has to wait, for a handoff or a tool."""
        return self._handing_off is not None or any(running.holds for running in self._running.values())

    def stop_waiting(self) -> None:
        """The caller has typed: nobody waits for the tools that run."""
        for running in self._running.values():
            running.holds = False

    def on_caller_turn(self) -> None:
        """A new turn of the caller's."""
        self._calls_this_turn = 0

    def on_call_ended(self) -> None:
        """The call is over."""
        for tool_call_id in list(self._running):
            self._finish(tool_call_id, error="The call ended before it answered.")

    # Calls ----------------------------------------------------------------------------------------------------------
    def on_function_call(self, item: Event) -> None:
        """The model called a function; an item that comes twice is called once."""
        tool_call_id, name = text_field(item, "call_id"), text_field(item, "name")
        arguments = text_field(item, "arguments") if item.get("arguments") else "{}"
        if tool_call_id in self._called:
            return
        self._transcript.add_tool_call(item)
        self._called.add(tool_call_id)
        self._calls_this_turn += 1
        agent = self.speaker
        transfers, tools = self._plan.transfers[agent], self._plan.tools[agent]
        if self._calls_this_turn > MAX_TOOL_CALLS_PER_TURN:
            self._reject(
                tool_call_id, "too_many_calls", f"{name} was not run: too many calls. Speak to the caller first."
            )
        elif name in transfers:
            self._start_handoff(HandingOff(tool_call_id, name, arguments, agent), transfers[name])
        elif name in tools:
            # In a response that was cut off, the caller has gone on already.
            self._running[tool_call_id] = _Running(
                name, agent, self._outbox.now_ms, holds=not self._scheduler.cancelling
            )
            self._outbox.log(
                log_events.ToolStarted(call_id=tool_call_id, name=name, arguments=decoded(arguments), agent=agent)
            )
            self._outbox.emit(RunTool(tool_call_id, name, arguments, agent))
        else:
            there = ", ".join([*tools, *transfers]) or "none"
            self._reject(tool_call_id, "unknown_tool", f"There is no tool named {name}. There are: {there}.")

    def _reject(self, tool_call_id: str, code: str, problem: str) -> None:
        self._outbox.log(
            log_events.CallError(message=f"The model made a call in vain. {problem}", code=code, source="tool")
        )
        self.send_output(tool_call_id, _refusal(problem))

    def on_tool_finished(self, finished: ToolFinished) -> None:
        """A tool has answered."""
        if finished.tool_call_id not in self._running:
            return
        self._finish(finished.tool_call_id, result=finished.result, error=finished.error)
        self.send_output(finished.tool_call_id, finished.output)

    def _finish(self, tool_call_id: str, *, result: Any = None, error: str | None = None) -> None:
        running = self._running.pop(tool_call_id)
        if running.awaits_approval:
            reason = "the tool waited for it in vain"
            self._outbox.log(log_events.ApprovalResolved(call_id=tool_call_id, approved=False, reason=reason))
        duration_ms = round(self._outbox.now_ms - running.began_ms)
        self._outbox.log(
            log_events.ToolDone(
                call_id=tool_call_id, name=running.name, duration_ms=duration_ms, result=result, error=error
            )
        )

    def send_output(self, tool_call_id: str, output: str) -> None:
        """Gives the model a function's output, and lets it go on."""
        item_id = new_id("item")
        self._transcript.set_tool_output(tool_call_id, output, item_id)
        self._outbox.send({"type": "conversation.item.create", "item": tool_output_item(item_id, tool_call_id, output)})
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    # Approvals ------------------------------------------------------------------------------------------------------
    def on_approval_requested(self, tool_call_id: str, arguments: str) -> None:
        """A tool asks whether it may run."""
        running = self._running.get(tool_call_id)
        if running is not None:
            running.awaits_approval = True
            self._outbox.log(
                log_events.ApprovalNeeded(
                    call_id=tool_call_id, name=running.name, arguments=decoded(arguments), agent=running.agent
                )
            )

    def resolve_approval(self, tool_call_id: str, approved: bool) -> bool:
        """The caller's answer. False if nothing waits for it."""
        running = self._running.get(tool_call_id)
        if running is None or not running.awaits_approval:
            return False
        running.awaits_approval = False
        self._outbox.log(log_events.ApprovalResolved(call_id=tool_call_id, approved=approved))
        self._outbox.emit(ResolveApproval(tool_call_id, approved))
        return True

    # Handoffs -------------------------------------------------------------------------------------------------------
    def _start_handoff(self, handoff: HandingOff, target: str) -> None:
        if self._handing_off is not None or self.agent != handoff.previous:
            self.send_output(handoff.tool_call_id, _refusal("The caller is being transferred already."))
            return
        self._handing_off = handoff
        self._outbox.emit(ConfigureAgent(target, handoff))

    def on_agent_configured(self, configured: AgentConfigured, handoff: HandingOff) -> None:
        """The agent who takes over is ready: it is told to the model, and answers next."""
        self._handing_off = None
        self.agent = configured.agent
        reason = _reason(handoff.arguments)
        self._outbox.log(log_events.AgentChanged(agent=self.agent, previous=handoff.previous, reason=reason))
        self._outbox.send({"type": "session.update", "session": configured.session})
        self.send_output(handoff.tool_call_id, msgspec.json.encode({"assistant": self.agent}).decode())

    def on_agent_failed(self, failed: AgentFailed, handoff: HandingOff) -> None:
        """The agent who was to take over cannot."""
        self._handing_off = None
        self.send_output(handoff.tool_call_id, _refusal(f"{failed.agent} is not available; go on yourself."))


def _reason(arguments: str) -> str | None:
    """The reason a model gives for a handoff, where its tool has such an argument."""
    given = decoded(arguments)
    reason = given.get("reason") if isinstance(given, dict) else None
    return reason if isinstance(reason, str) else None


def _refusal(problem: str) -> str:
    return msgspec.json.encode({"error": problem}).decode()
