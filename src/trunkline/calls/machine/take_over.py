"""Take-over of a call that another server ran: in the session of its WebRTC call, else in a new session."""

from __future__ import annotations

from trunkline.calls.machine.caller_activity import CallerActivity
from trunkline.calls.machine.missed_items import MissedItems
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.restoration import REANCHOR, Restoration
from trunkline.calls.machine.session_trace import SessionTrace
from trunkline.calls.machine.transcript import Message


class TakeOver:
    """The state of the former server, given to the parts of the call."""

    def __init__(self, parts: Parts, activity: CallerActivity, missed: MissedItems) -> None:
        self._parts = parts
        self._activity = activity
        self._missed = missed
        self._restored: Restoration | None = None
        """The state of the call while its session may still turn out to be over."""

    def resume(self, restored: Restoration, session: SessionTrace | None) -> None:
        """Continue a call with all that was said.

        Args:
            session: the session of the WebRTC call, which lives on; None for a new session.
        """
        parts = self._parts
        parts.transcript.resume(restored.entries)
        parts.outbox.log_all(restored.open_ends())
        self._activity.resume(greeted=bool(restored.entries), hears=session is not None)
        if restored.settings is not None:
            parts.push_to_talk.restore(restored.settings)
        if session is None:
            parts.outbox.log_all(parts.transcript.close_open(lambda _item_id: 0.0, but=restored.open_turns))
            parts.caller_turns.resume(restored.open_turns)
            parts.session.resume()
            parts.tools.restore(restored)
            self._replace_session(restored)
        else:
            self._restored = restored
            self._continue_session(restored, session)

    def _continue_session(self, restored: Restoration, session: SessionTrace) -> None:
        """Continue with the session of a WebRTC call, in which a response may be in progress."""
        parts = self._parts
        parts.session.resume_session(session.began_ms)
        parts.scheduler.resume(session.response, session.response_id)
        parts.playout.resume(session.playout, session.clock)
        parts.transcript.resume_session(session.items)
        for entry in restored.entries.values():
            if isinstance(entry, Message) and not entry.done and entry.role == "assistant":
                parts.output.resume(entry.item_id, entry.agent or restored.agent, entry.text)
        for call_id in [one for one in restored.running_tools if session.items.get(one) == "mcp_approval_request"]:
            parts.hosted_mcp.resume(restored.running_tools.pop(call_id))
            if (call := restored.tool_call(call_id)) is not None:
                del restored.entries[call.item_id]  # the service makes it
        parts.tools.resume_session(session.handled_calls | set(restored.entries))
        parts.tools.restore(restored)
        self._missed.resume(session)

    def _replace_session(self, restored: Restoration) -> None:
        """Let the next session continue the conversation, and request an answer that was due or was cut off."""
        parts = self._parts
        if restored.entries and restored.needs_note:
            parts.outbox.log_all(parts.transcript.add_note(parts.outbox.new_id("item"), REANCHOR))
        if restored.wants_answer:
            parts.scheduler.request_response()

    def on_session_replaced(self) -> None:
        """Note that the next session is a new one, also if the former server's session could not be continued."""
        restored, self._restored = self._restored, None
        if self._missed.on_session_lost() and restored is not None:
            self._replace_session(restored)
