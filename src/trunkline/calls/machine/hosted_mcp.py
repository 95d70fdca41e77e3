"""Hosted MCP tools: the service calls them itself, and asks for approval. The log shows them as any other tool."""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.realtime.event_fields import text_field
from trunkline.realtime.events import Event
from trunkline.realtime.json_values import decode_or_text


class HostedMcp:
    """The tool calls of hosted MCP servers, and the approvals that the caller has not given yet."""

    def __init__(self, outbox: Outbox, scheduler: ResponseScheduler) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._started: dict[str, float] = {}
        """The start of each call in progress, by item id."""
        self._asking: dict[str, log_events.ApprovalNeeded] = {}

    @property
    def awaits_approval(self) -> bool:
        """True while a tool call waits for the caller's approval."""
        return bool(self._asking)

    def resume(self, started: log_events.ToolStarted) -> None:
        """Wait for the caller's decision on a tool call of a session that another server ran. The log has asked."""
        self._asking[started.call_id] = log_events.ApprovalNeeded(
            call_id=started.call_id, name=started.name, arguments=started.arguments, agent=started.agent
        )

    def on_item_added(self, item: Event) -> None:
        """Note the start of a tool call."""
        if item.get("type") == "mcp_call":
            self._started[text_field(item, "id")] = self._outbox.now_ms

    def on_item_done(self, item: Event, agent: str) -> bool:
        """Log a finished tool call, or ask the caller for an approval.

        Returns:
            True if the item is one of these.
        """
        match item.get("type"):
            case "mcp_call":
                self._log_call(item, agent)
            case "mcp_approval_request":
                self._ask(item, agent)
            case _:
                return False
        return True

    def _log_call(self, item: Event, agent: str) -> None:
        call_id, name = text_field(item, "id"), text_field(item, "name")
        arguments = decode_or_text(str(item.get("arguments") or "{}"))
        self._outbox.log(log_events.ToolStarted(call_id=call_id, name=name, arguments=arguments, agent=agent))
        began_ms = self._started.pop(call_id, self._outbox.now_ms)
        error, output = item.get("error"), item.get("output")
        self._outbox.log(
            log_events.ToolDone(
                call_id=call_id,
                name=name,
                duration_ms=round(self._outbox.now_ms - began_ms),
                result=decode_or_text(output) if isinstance(output, str) else output,
                error=None if error is None else _error_text(error),
            )
        )

    def _ask(self, item: Event, agent: str) -> None:
        needed = log_events.ApprovalNeeded(
            call_id=text_field(item, "id"),
            name=text_field(item, "name"),
            arguments=decode_or_text(str(item.get("arguments") or "{}")),
            agent=agent,
        )
        self._asking[needed.call_id] = needed
        self._outbox.log(
            log_events.ToolStarted(
                call_id=needed.call_id, name=needed.name, arguments=needed.arguments, agent=needed.agent
            )
        )
        self._outbox.log(needed)

    def resolve_approval(self, request_id: str, approved: bool) -> None:
        """Send the caller's decision to the service, and request its response; ignored for an unknown request."""
        needed = self._asking.pop(request_id, None)
        if needed is None:
            return
        self._outbox.log(log_events.ApprovalResolved(call_id=request_id, approved=approved))
        self._outbox.log(
            log_events.ToolDone(
                call_id=request_id,
                name=needed.name,
                duration_ms=0,
                result="approved" if approved else None,
                error=None if approved else "the caller did not allow it",
            )
        )
        item_id = self._outbox.new_id("item")
        self._outbox.send(
            {
                "type": "conversation.item.create",
                "item": {
                    "id": item_id,
                    "type": "mcp_approval_response",
                    "approval_request_id": request_id,
                    "approve": approved,
                },
            }
        )
        self._scheduler.request_response([item_id] if self._outbox.reaches_model else [])

    def on_session_lost(self) -> None:
        """Drop the approvals that a lost session has asked for."""
        for request_id, needed in self._asking.items():
            reason = "the session with the model was lost"
            self._outbox.log(log_events.ApprovalResolved(call_id=request_id, approved=False, reason=reason))
            self._outbox.log(log_events.ToolDone(call_id=request_id, name=needed.name, duration_ms=0, error=reason))
        self._asking.clear()
        self._started.clear()

    def on_listing_failed(self, event: Event) -> None:
        """Log that the service could not list the tools of a server."""
        item_id = event.get("item_id")
        message = f"The service could not list the tools of a hosted MCP server ({item_id})."
        hint = "Check the server's address and authorization in HostedMCPTool; the agent continues without its tools."
        self._outbox.log_provider_error(message, "mcp_list_tools_failed", hint)


def _error_text(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or error)
