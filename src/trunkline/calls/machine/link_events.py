"""The link's events: it is open or lost, and the session of the current agent is configured or cannot be."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.calls import log_events
from trunkline.calls.machine.caller_activity import CallerActivity
from trunkline.calls.machine.effects import HandingOff, RenewSession
from trunkline.calls.machine.inputs import AgentConfigured, AgentFailed, LinkDropped, LinkOpened
from trunkline.calls.machine.missed_items import MissedItems
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.take_over import TakeOver


class LinkEvents:
    """Passes the events of the link on to all parts that they concern.

    Args:
        fail_call: ends the call for a reason.
    """

    def __init__(
        self,
        parts: Parts,
        activity: CallerActivity,
        missed: MissedItems,
        take_over: TakeOver,
        fail_call: Callable[[str], None],
    ) -> None:
        self._parts = parts
        self._activity = activity
        self._missed = missed
        self._take_over = take_over
        self._fail_call = fail_call

    def on_opened(self, opened: LinkOpened) -> None:
        """Handle an open link, to a session that is new, resumed, or replaces another one."""
        if opened.renewed:
            self._parts.hosted_mcp.on_session_lost()
            self._parts.tools.complete_handoff()
            self._parts.interruption.close()
            self._parts.output.on_session_lost()
        if not opened.resumed:
            self._take_over.on_session_replaced()
        self._parts.session.on_link_opened(opened)

    def on_dropped(self, dropped: LinkDropped) -> None:
        """Handle the loss of the link. The call ends if it will not open again."""
        parts = self._parts
        if dropped.resumable:
            self._missed.on_sideband_lost()
        else:
            self._take_over.on_session_replaced()
            parts.interruption.close()
            parts.output.on_session_lost()
            parts.hosted_mcp.on_session_lost()
        if model_changed := parts.retry.on_link_dropped(dropped):
            dropped = msgspec.structs.replace(dropped, retry_in_ms=0)
        continues = parts.session.on_link_dropped(dropped)
        parts.tools.complete_handoff()  # the next link gets the next agent's session
        if model_changed:
            parts.outbox.emit(RenewSession("the fallback model takes over", make_before_break=False))
        if continues:
            return
        parts.outbox.log(
            log_events.CallError(
                message=f"The model cannot be reached: {dropped.reason}",
                code="link_failed",
                source="provider",
                hint="Check the provider's settings, then connect again.",
            )
        )
        self._fail_call("the model cannot be reached")

    def on_configured(self, configured: AgentConfigured) -> None:
        """Handle the configuration of an agent, for the link's session or for a handoff."""
        parts, purpose = self._parts, configured.purpose
        parts.tools.on_agent_has(configured.agent, configured.has)
        if isinstance(purpose, HandingOff):
            parts.tools.on_agent_configured(configured, purpose)
        elif purpose.generation != parts.session.generation:
            return  # it was configured for a link that is lost
        elif configured.agent == parts.tools.agent:
            parts.session.on_configured(configured.session)
            parts.retry.on_session_opened()
            parts.caller_turns.on_session_opened()
            parts.push_to_talk.on_session_opened(needs_commit=parts.caller_turns.needs_commit)
            self._activity.greet()
        else:  # a handoff has changed the agent meanwhile
            parts.session.configure()

    def on_agent_failed(self, failed: AgentFailed) -> None:
        """Handle an agent that could not be configured. Without it a handoff ends, or the call."""
        purpose = failed.purpose
        if not isinstance(purpose, HandingOff) and purpose.generation != self._parts.session.generation:
            return
        self._parts.outbox.log(_agent_error(failed))
        if isinstance(purpose, HandingOff):
            self._parts.tools.on_agent_failed(failed, purpose)
        else:
            self._fail_call(f"the agent {failed.agent} could not be set up")


def _agent_error(failed: AgentFailed) -> log_events.CallError:
    if failed.advice is not None:
        message = f"The handoff to {failed.agent!r} was refused: {failed.error}"
        return log_events.CallError(message=message, code="handoff_refused", source="tool")
    return log_events.CallError(
        message=f"The agent {failed.agent!r} could not be set up: {failed.error}",
        code="agent_failed",
        source="scenario",
        hint="Look at its instructions, tools and handoffs.",
    )
