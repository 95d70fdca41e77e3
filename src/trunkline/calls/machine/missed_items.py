"""Items that a session got while no server was attached to it, after a take-over over WebRTC.

The protocol cannot list items. A probe finds the last one: an item that is added and deleted at once, since the event
that confirms it names the item before it. `conversation.item.retrieve` then returns that item, and the messages that
were open. Nothing is requested before their answers, or before a time limit.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from trunkline.calls.machine.caller_activity import CallerActivity
from trunkline.calls.machine.outbox import RESEND_PREFIX
from trunkline.calls.machine.parts import Parts
from trunkline.calls.machine.response_scheduler import BlockReason
from trunkline.calls.machine.restoration import answer_is_due
from trunkline.calls.machine.session_trace import SessionTrace
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.transcript import Message, ToolCall, system_item, user_item
from trunkline.realtime.client_events import ClientItem
from trunkline.realtime.events import Item

ANSWER_WAIT_MS = 3_000.0
"""Time in which the service must show the missed items."""
PROBE = "The application has connected again."
"""Text of the probe, for a service that does not delete it."""


class _Search(Enum):
    """State of the search for missed items.

    Attributes:
        NONE: all items are known that can be known.
        PENDING: it begins when the sideband is attached.
        RUNNING: the service has been asked.
    """

    NONE = auto()
    PENDING = auto()
    RUNNING = auto()


class MissedItems:
    """The search for missed items, and the decision about the response that was in progress."""

    def __init__(self, parts: Parts, activity: CallerActivity) -> None:
        self._parts = parts
        self._activity = activity
        self._search = _Search.NONE
        self._trace: SessionTrace | None = None
        """The session as the log showed it; None without a take-over in its session."""
        self._probe_id: str | None = None
        """Id of the probe that has not been confirmed yet."""
        self._asked: dict[str, str] = {}
        """Items without an answer, by the `event_id` of the request."""
        self._deletions: set[str] = set()
        self._last: str | None = None
        """The session's last item."""
        self._has_ended = False
        """True if a message of the response in progress is complete."""
        self._timeouts = 0

    def resume(self, trace: SessionTrace) -> None:
        """Search as soon as the sideband is attached; request nothing before that."""
        self._trace, self._search = trace, _Search.PENDING
        self._parts.scheduler.block(BlockReason.ITEMS_MISSING)

    # The search -----------------------------------------------------------------------------------------------------
    def on_session_resumed(self) -> None:
        """Ask for the missed items: the sideband is attached."""
        if self._search is not _Search.PENDING or (trace := self._trace) is None:
            return
        self._ask()
        for item_id, sent in trace.unconfirmed.items():
            message = self._parts.transcript.message(item_id)
            shown = None if message is None or not message.images else message
            item: ClientItem = sent["item"] if shown is None else user_item(item_id, shown.text, shown.images)
            self._parts.outbox.send(
                {"type": "conversation.item.create", "event_id": RESEND_PREFIX + item_id, "item": item}
            )
            self._parts.outbox.unconfirmed.on_item_added(item_id)  # an error about it is dropped by the link
        trace.unconfirmed.clear()

    def _ask(self) -> None:
        outbox = self._parts.outbox
        self._search = _Search.RUNNING
        self._last, self._has_ended = None, False
        self._parts.scheduler.block(BlockReason.ITEMS_MISSING)
        for entry in self._parts.transcript.entries.values():
            if isinstance(entry, Message) and not entry.done and entry.committed:
                self._retrieve(entry.item_id)
        self._probe_id = outbox.new_id("item")
        outbox.send({"type": "conversation.item.create", "item": system_item(self._probe_id, PROBE)})
        outbox.set_timer(Timer.MISSED_ITEMS, outbox.now_ms + ANSWER_WAIT_MS)

    def _retrieve(self, item_id: str) -> None:
        event_id = self._parts.outbox.new_id("event")
        self._asked[event_id] = item_id
        self._parts.outbox.send({"type": "conversation.item.retrieve", "event_id": event_id, "item_id": item_id})

    def on_item_added(self, item_id: str, previous_item_id: object) -> bool:
        """Handle the confirmation of the probe: the item before it was the session's last one.

        Returns:
            True if the item is the probe.
        """
        if item_id != self._probe_id:
            return False
        self._parts.outbox.unconfirmed.on_item_added(item_id)
        event_id = self._parts.outbox.new_id("event")
        self._deletions.add(event_id)
        self._parts.outbox.send({"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id})
        self._probe_id = None
        if self._search is _Search.RUNNING:
            self._last = previous_item_id if isinstance(previous_item_id, str) else None
            if self._last is not None and not self._knows(self._last):
                self._retrieve(self._last)
            self._conclude_if_complete()
        return True

    def _knows(self, item_id: str) -> bool:
        known = {} if self._trace is None else self._trace.items
        return item_id in known or self._parts.transcript.has_item(item_id)

    def is_last(self, item_id: str) -> bool:
        """Return whether an item is the last one that the session got without a server."""
        return self._search is _Search.RUNNING and item_id == self._last

    def on_retrieved(self, item: Item) -> None:
        """Note an item that the service has shown, after the parts of the call have taken it."""
        if self._search is not _Search.RUNNING:
            return
        item_id = str(item.get("id"))
        self._asked = {event_id: asked for event_id, asked in self._asked.items() if asked != item_id}
        if self._trace is not None:
            self._trace.items[item_id] = str(item.get("role") or item.get("type"))
        if item.get("role") == "assistant" and item.get("status") != "in_progress":
            self._has_ended = True
        self._conclude_if_complete()

    def on_error(self, event_id: object) -> bool:
        """Note that the service refuses a request of the search; return whether the error is about one."""
        if not isinstance(event_id, str):
            return False
        if event_id in self._deletions:
            return True
        if self._asked.pop(event_id, None) is None:
            return False
        self._conclude_if_complete()
        return True

    def on_timer(self) -> None:
        """Continue with the items that the service has shown in time."""
        if self._search is _Search.RUNNING:
            self._asked.clear()
            self._conclude()

    def on_sideband_lost(self) -> None:
        """Search again after the next attachment, if the service has not answered yet."""
        if self._search is _Search.RUNNING:
            self._asked.clear()
            self._probe_id = None
            self._search = _Search.PENDING

    def on_session_lost(self) -> bool:
        """Give up the search: another session follows.

        Returns:
            True if the session of the take-over has never been continued.
        """
        unsettled = self._search is not _Search.NONE
        self._search, self._trace, self._probe_id = _Search.NONE, None, None
        self._asked.clear()
        self._stop_blocking()
        return unsettled

    # The response in progress -----------------------------------------------------------------------------------------
    def on_response_timeout(self) -> bool:
        """Look again for the answer that should have continued; the second time without one, request it.

        Returns:
            False if nothing helps but another session.
        """
        if self._trace is None or not self._parts.scheduler.busy:
            return False
        self._timeouts += 1
        if self._timeouts == 1:
            self._ask()
            return True
        if self._last_kind() not in ("user", "function_call_output"):
            return False
        self._end_response()
        self._parts.scheduler.request_response()
        return True

    def _conclude_if_complete(self) -> None:
        if self._probe_id is None and not self._asked:
            self._conclude()

    def _conclude(self) -> None:
        trace = self._trace
        self._search = _Search.NONE
        self._stop_blocking()
        if self._parts.transcript.entries:
            self._activity.on_greeted()
        if trace is not None:
            for call in trace.open_calls.values():
                self._parts.tools.on_function_call(call)
            trace.open_calls.clear()
        self._settle_response()
        self._parts.playout.check_missed_stop()
        self._activity.greet()

    def _settle_response(self) -> None:
        kind = self._last_kind()
        if self._parts.scheduler.busy:
            if not self._has_ended and kind not in ("answered", "function_call"):
                self._parts.session.expect_missed_response()
                self._parts.stall_watch.on_event()
                return
            self._end_response()
        self._timeouts = 0
        message = None if self._last is None else self._parts.transcript.message(self._last)
        if kind == "user" and message is not None and message.spoken and self._parts.push_to_talk.service_answers:
            self._activity.expect_answer()
        elif kind in ("user", "function_call_output"):
            self._parts.scheduler.request_response()

    def _end_response(self) -> None:
        response_id = self._parts.scheduler.on_response_missed()
        if response_id is not None:
            self._parts.playout.on_response_done(response_id, cancelled=False)
        self._parts.output.on_response_done()
        self._parts.session.on_response_done()

    def _last_kind(self) -> str:
        """Return the type of the last item; for messages the role, and "answered" for a complete answer."""
        known = {} if self._trace is None else self._trace.items
        if self._last is None or known.get(self._last) == "system":
            return "user" if answer_is_due(self._parts.transcript.entries) else "answered"
        entry = self._parts.transcript.entries.get(self._last)
        match entry:
            case Message(role="assistant"):
                return "answered" if entry.done else "assistant"
            case Message():
                return "answered" if entry.ignored else entry.role
            case ToolCall():
                return "function_call"
            case None:
                return known.get(self._last, "")
            case _:
                assert_never(entry)

    def _stop_blocking(self) -> None:
        self._parts.scheduler.unblock(BlockReason.ITEMS_MISSING)
        self._parts.outbox.set_timer(Timer.MISSED_ITEMS, None)
