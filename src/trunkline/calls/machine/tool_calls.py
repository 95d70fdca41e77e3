"""Tool calls of the model: the scenario's tools, and transfers by which an agent hands the caller over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from trunkline.calls import log_events
from trunkline.calls.machine.effects import ConfigureAgent, HandingOff, RefreshTools, ResolveApproval, RunTool
from trunkline.calls.machine.inputs import AgentConfigured, AgentFailed, AgentTools, ToolFinished, ToolsChanged
from trunkline.calls.machine.outbox import CONFIRMATION_WAIT_MS, Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.refused_parts import MAX_LOGGED_CHARS, cut_output
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.restoration import OUTCOME_UNKNOWN, Restoration, arguments_of
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.transcript import Transcript, tool_output_item
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event
from trunkline.realtime.json_values import decode_or_text

MAX_TOOL_CALLS_PER_TURN = 25
"""Number of tool calls in one turn of the caller; a model in a loop gets errors after that."""


@dataclass
class _RunningTool:
    """A tool call in progress.

    Attributes:
        blocks_response: true if the next response waits for it; not after the caller has typed or interrupted.
    """

    name: str
    agent: str
    started_at_ms: float
    blocks_response: bool = True
    awaits_approval: bool = False


@dataclass(frozen=True)
class ToolWait:
    """Reason for which the next response waits, with the names of the tools, or of the next agent."""

    reason: Literal["approval", "tools", "handoff"]
    tools: tuple[str, ...] = ()
    agent: str | None = None


@dataclass(frozen=True)
class _AgentUpdate:
    """A session update of a handoff that the service has not confirmed yet."""

    event_id: str
    agent: str
    handoff: HandingOff


class ToolCalls:
    """The running tools, the handoff in progress, and the current agent.

    Attributes:
        agent: name of the current agent.
        speaker: name of the agent that speaks in the current response; after a handoff it changes with the next one.
    """

    def __init__(self, plan: CallPlan, outbox: Outbox, scheduler: ResponseScheduler, transcript: Transcript) -> None:
        self._has = {agent: AgentTools(tuple(plan.tools[agent]), dict(plan.transfers[agent])) for agent in plan.agents}
        """The tools and handoffs of each agent, as last reported."""
        self._idempotent = plan.idempotent
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self.agent = plan.first_agent
        self.speaker = plan.first_agent
        self._handing_off: HandingOff | None = None
        self._update: _AgentUpdate | None = None
        """The session of the next agent, sent and not confirmed."""
        self._running: dict[str, _RunningTool] = {}
        self._seen_items: set[str] = set()
        self._provider_ids: dict[str, str] = {}
        """The service's id of each tool call, which a service may use again, by an id that is unique."""
        self._calls_this_turn = 0

    @property
    def waiting(self) -> ToolWait | None:
        """The tools or the handoff that the next response waits for."""
        if not self._running and self._handing_off is None:
            return None
        blocking = [tool for tool in self._running.values() if tool.blocks_response]
        if asking := tuple(tool.name for tool in blocking if tool.awaits_approval):
            return ToolWait("approval", tools=asking)
        if blocking:
            return ToolWait("tools", tools=tuple(tool.name for tool in blocking))
        if self._handing_off is not None:
            return ToolWait("handoff", agent=self._has[self._handing_off.previous].transfers[self._handing_off.tool])
        return None

    @property
    def block_response(self) -> bool:
        """True if the next response waits for a handoff or a tool."""
        if self._handing_off is not None:
            return True
        return bool(self._running) and any(tool.blocks_response for tool in self._running.values())

    @property
    def has_unfinished(self) -> bool:
        """True while a tool runs or waits for approval, or a handoff is in progress."""
        return bool(self._running) or self._handing_off is not None

    def on_response_begins(self) -> None:
        """Let the current agent speak: a response begins, or is requested."""
        self.speaker = self.agent

    def restore(self, restored: Restoration) -> None:
        """Continue with the agent and the tools of a call that another server ran.

        An idempotent tool runs again, and one that waited for the caller's approval asks again. The outcome of any
        other one is unknown.
        """
        self.agent = self.speaker = restored.agent
        for started in restored.running_tools.values():
            self._provider_ids[started.call_id] = started.call_id
            self._running[started.call_id] = _RunningTool(started.name, started.agent, self._outbox.now_ms)
            if started.call_id in restored.awaiting_approval or started.name in self._idempotent:
                self._outbox.emit(RunTool(started.call_id, started.name, arguments_of(started), started.agent))
            else:
                self._finish(started.call_id, error=OUTCOME_UNKNOWN)
                self._send_output(started.call_id, _error_output(OUTCOME_UNKNOWN))

    def resume_session(self, seen_items: Iterable[str]) -> None:
        """Ignore the function calls of a session that another server has handled, by item id."""
        self._seen_items.update(seen_items)

    def stop_waiting(self) -> None:
        """Let the next response begin before the running tools have finished: the caller has typed or pressed."""
        for tool in self._running.values():
            tool.blocks_response = False

    def on_caller_turn(self) -> None:
        """Count tool calls from 0 again."""
        self._calls_this_turn = 0

    def on_call_ended(self) -> None:
        """Log an error for each running tool."""
        for tool_call_id in list(self._running):
            self._finish(tool_call_id, error="The call ended before the tool finished.")

    # Tool calls -----------------------------------------------------------------------------------------------------
    def on_function_call(self, item: Event) -> None:
        """Run the tool, or start the handoff, of a `function_call` item; an item that was seen before is ignored."""
        provider_id, name = text_field(item, "call_id"), text_field(item, "name")
        arguments = text_field(item, "arguments") if item.get("arguments") else "{}"
        item_id = text_field(item, "id")
        if item_id in self._seen_items:
            return
        self._seen_items.add(item_id)
        tool_call_id = self._outbox.new_id("call") if provider_id in self._provider_ids else provider_id
        self._provider_ids[tool_call_id] = provider_id
        self._transcript.add_tool_call({**item, "call_id": tool_call_id})
        self._calls_this_turn += 1
        agent = self.speaker
        transfers, tools = self._has[agent].transfers, self._has[agent].tools
        if self._calls_this_turn > MAX_TOOL_CALLS_PER_TURN:
            problem = f"{name} was not run: too many calls. Speak to the caller first."
            self._reject(tool_call_id, "too_many_calls", problem)
        elif name in transfers:
            self._start_handoff(HandingOff(tool_call_id, name, arguments, agent), transfers[name])
        elif name in tools:
            # The caller does not wait for a tool of a response that they interrupted.
            blocks = not self._scheduler.cancelling
            self._running[tool_call_id] = _RunningTool(name, agent, self._outbox.now_ms, blocks_response=blocks)
            self._outbox.log(
                log_events.ToolStarted(
                    call_id=tool_call_id, name=name, arguments=decode_or_text(arguments), agent=agent
                )
            )
            self._outbox.emit(RunTool(tool_call_id, name, arguments, agent))
        else:
            known = ", ".join([*tools, *transfers]) or "none"
            self._reject(tool_call_id, "unknown_tool", f"Unknown tool {name}. Available tools: {known}.")

    def on_agent_has(self, agent: str, has: AgentTools | None) -> None:
        """Note the tools and handoffs of an agent."""
        if has is not None:
            self._has[agent] = has

    def refresh(self) -> None:
        """Order a check of the tools that the current agent may use: its state may have changed."""
        self._outbox.emit(RefreshTools(self.agent))

    def on_tools_changed(self, changed: ToolsChanged) -> None:
        """Offer the model other tools of the current agent. Those of another agent come with its session."""
        self.on_agent_has(changed.agent, changed.has)
        if changed.agent == self.agent and self._update is None and self._outbox.link_up:
            session: Event = {"type": "realtime", "tools": changed.tools}
            self._outbox.send({"type": "session.update", "session": session})

    def _reject(self, tool_call_id: str, code: str, problem: str) -> None:
        message = f"A tool call of the model was rejected. {problem}"
        self._outbox.log(log_events.CallError(message=message, code=code, source="tool"))
        self._send_output(tool_call_id, _error_output(problem))

    def on_tool_finished(self, finished: ToolFinished) -> None:
        """Log the result of a running tool and send its output to the model."""
        if finished.tool_call_id not in self._running:
            return
        is_large = len(finished.output) > MAX_LOGGED_CHARS and finished.error is None
        result = cut_output(finished.output, MAX_LOGGED_CHARS) if is_large else finished.result
        error = None if finished.error is None else cut_output(finished.error, MAX_LOGGED_CHARS)
        self._finish(finished.tool_call_id, result=result, error=error)
        output = cut_output(finished.output)
        if output != finished.output:
            message = (
                f"{finished.name} returned {len(finished.output)} characters; the model gets {len(output)} of them."
            )
            hint = "Return less: only the fields that the agent needs."
            self._outbox.log(log_events.CallError(message=message, code="tool_output_cut", source="tool", hint=hint))
        self._send_output(finished.tool_call_id, output)

    def _finish(self, tool_call_id: str, *, result: object = None, error: str | None = None) -> None:
        tool = self._running.pop(tool_call_id)
        if tool.awaits_approval:
            reason = "the caller did not answer"
            self._outbox.log(log_events.ApprovalResolved(call_id=tool_call_id, approved=False, reason=reason))
        duration_ms = round(self._outbox.now_ms - tool.started_at_ms)
        self._outbox.log(
            log_events.ToolDone(
                call_id=tool_call_id, name=tool.name, duration_ms=duration_ms, result=result, error=error
            )
        )

    def _send_output(self, tool_call_id: str, output: str) -> None:
        """Send a tool's output to the model and request a response to it."""
        item_id = self._outbox.new_id("item")
        self._transcript.set_tool_output(tool_call_id, output, item_id)
        output_item = tool_output_item(item_id, self._provider_ids[tool_call_id], output)
        self._outbox.send({"type": "conversation.item.create", "item": output_item})
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    # Approvals ------------------------------------------------------------------------------------------------------
    def on_approval_requested(self, tool_call_id: str, arguments: str) -> None:
        """Log that a tool waits for the caller's approval."""
        tool = self._running.get(tool_call_id)
        if tool is not None:
            tool.awaits_approval = True
            self._outbox.log(
                log_events.ApprovalNeeded(
                    call_id=tool_call_id, name=tool.name, arguments=decode_or_text(arguments), agent=tool.agent
                )
            )

    def resolve_approval(self, tool_call_id: str, approved: bool) -> None:
        """Pass the caller's decision to the tool; ignored if the tool does not wait for it."""
        tool = self._running.get(tool_call_id)
        if tool is None or not tool.awaits_approval:
            return
        tool.awaits_approval = False
        self._outbox.log(log_events.ApprovalResolved(call_id=tool_call_id, approved=approved))
        self._outbox.emit(ResolveApproval(tool_call_id, approved))

    # Handoffs -------------------------------------------------------------------------------------------------------
    def _start_handoff(self, handoff: HandingOff, target: str) -> None:
        if self._handing_off is not None or self.agent != handoff.previous:
            self._send_output(handoff.tool_call_id, _error_output("The caller is being transferred already."))
            return
        self._handing_off = handoff
        self._outbox.emit(ConfigureAgent(target, handoff))

    def on_agent_configured(self, configured: AgentConfigured, handoff: HandingOff) -> None:
        """Send the next agent's session; the handoff is done when the service has confirmed it.

        Without a link it is done at once: the next link gets the session of the current agent.
        """
        self._update = _AgentUpdate(self._outbox.new_id("event"), configured.agent, handoff)
        if not self._outbox.link_up:
            self.complete_handoff()
            return
        event_id = self._update.event_id
        self._outbox.send({"type": "session.update", "event_id": event_id, "session": configured.session})
        self._outbox.set_timer(Timer.SESSION_CONFIRMATION, self._outbox.now_ms + CONFIRMATION_WAIT_MS)

    @property
    def awaits_update(self) -> bool:
        """True if the service has not confirmed the next agent's session yet."""
        return self._update is not None

    def on_session_updated(self, event_id: str) -> None:
        """Complete the handoff whose session the service has confirmed."""
        if self._update is not None and self._update.event_id == event_id:
            self.complete_handoff()

    def on_session_resent(self, event_id: str, again: str) -> None:
        """Wait for the confirmation of a session that was corrected and sent again."""
        if self._update is not None and self._update.event_id == event_id:
            self._update = replace(self._update, event_id=again)

    def complete_handoff(self) -> None:
        """Change the current agent, and request a response of it; also when the session is lost before it confirms."""
        update = self._update
        if update is None:
            return
        self._update = self._handing_off = None
        handoff = update.handoff
        self.agent = update.agent
        reason = _handoff_reason(handoff.arguments)
        self._outbox.log(log_events.AgentChanged(agent=self.agent, previous=handoff.previous, reason=reason))
        self._send_output(handoff.tool_call_id, msgspec.json.encode({"assistant": self.agent}).decode())

    def refuse_handoff(self, event_id: str, problem: str) -> bool:
        """Give up the handoff whose session the service refuses: the former agent continues.

        Returns:
            True if the event is the session of a handoff.
        """
        update = self._update
        if update is None or update.event_id != event_id:
            return False
        self._update = self._handing_off = None
        self._send_output(
            update.handoff.tool_call_id, _error_output(f"{update.agent} is not available: {problem} Go on yourself.")
        )
        return True

    def on_agent_failed(self, failed: AgentFailed, handoff: HandingOff) -> None:
        """Give up a handoff: the former agent continues."""
        self._handing_off = None
        advice = failed.advice or f"{failed.agent} is not available; go on yourself."
        self._send_output(handoff.tool_call_id, _error_output(advice))


def _handoff_reason(arguments: str) -> str | None:
    """Return the model's reason for a handoff, if the transfer has such an argument."""
    given = decode_or_text(arguments)
    reason = given.get("reason") if isinstance(given, dict) else None
    return reason if isinstance(reason, str) else None


def _error_output(problem: str) -> str:
    return msgspec.json.encode({"error": problem}).decode()
