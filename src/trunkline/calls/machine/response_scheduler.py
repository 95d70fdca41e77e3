"""Who speaks next: the only place that asks the model for a response.

There is one pending wish. Typed text, tools, handoffs and the greeting put theirs into it; it becomes a
`response.create` as soon as nothing stands against it: no response under way, the caller not speaking, the link up,
and nothing else that `hold` names. A response that the service starts by itself (after the caller's turn) fulfils
a wish whose items it has already seen, so nothing is answered twice and nothing is left unanswered.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.realtime.events import Event, new_id

REQUESTED = ""
"""`ResponseScheduler.active` between our `response.create` and its `response.created`."""
UNANNOUNCED = "unknown"
"""`ResponseScheduler.active` when the service says that a response is under way which it never announced."""


class ResponseScheduler:
    """Holds the one wish for a response. All methods are told facts; `next_request` says what to send."""

    def __init__(self) -> None:
        self.active: str | None = None
        """The id of the response under way, `REQUESTED` while one was asked for but not yet created."""
        self.caller_speaking = False
        self.cancelling = False
        """Whether the response under way was cancelled and has not ended yet: nobody shall hear more of it."""
        self._wanted = False
        self._unacked: set[str] = set()
        self._request_id: str | None = None
        self._request_unacked: set[str] = set()
        self._request_answered = False
        self._blocks: set[str] = set()

    @property
    def response_wanted(self) -> bool:
        """Whether a response is wanted and not yet asked for."""
        return self._wanted

    @property
    def busy(self) -> bool:
        """Whether a response is under way or asked for."""
        return self.active is not None

    def request_response(self, items: Iterable[str] = ()) -> None:
        """A response is wanted that answers `items` (ids we gave, not yet confirmed by the service)."""
        self._wanted = True
        self._unacked.update(items)

    def cancel_request(self) -> None:
        """Nothing is wanted any more."""
        self._wanted = False
        self._unacked.clear()

    @property
    def blocked(self) -> bool:
        """Whether anything that `hold` names stands against a request."""
        return bool(self._blocks)

    def block(self, reason: str) -> None:
        """Asks for nothing until `release(reason)`."""
        self._blocks.add(reason)

    def unblock(self, reason: str) -> None:
        """Takes a hold back."""
        self._blocks.discard(reason)

    def on_item_added(self, item_id: str) -> None:
        """The service has this item in its conversation."""
        self._unacked.discard(item_id)
        self._request_unacked.discard(item_id)

    def on_response_created(self, response_id: str) -> None:
        """A response begins. It may be the service's own even after we asked: then ours will be refused."""
        if self.active == REQUESTED:
            self._request_answered = not self._request_unacked
        else:
            self.caller_speaking = False  # the service takes the turn for finished
            self.cancelling = False
        self.active = response_id
        if self._wanted and not self._unacked and not self.cancelling:
            self.cancel_request()

    def on_response_done(self, response_id: str) -> None:
        """A response is over."""
        if self.active in (response_id, REQUESTED, UNANNOUNCED):
            self.active = None
            self.cancelling = False

    def on_request_refused(self, event_id: str | None) -> bool:
        """The service says that a response is under way already; True if it refuses our request by that.

        Then ours is wished for again, unless the one that is under way began after all that ours was to answer.
        """
        if self._request_id is None or event_id not in (None, self._request_id):
            return False
        self._request_id = None
        if self.active == REQUESTED:
            self.active, self._request_answered = UNANNOUNCED, False
        if not self._request_answered and not self.cancelling:
            self.request_response(self._request_unacked)
        return True

    def on_request_failed(self, event_id: str | None) -> bool:
        """An error names our request, and another try would not mend it: it is dropped. True if it was ours."""
        if event_id is None or event_id != self._request_id:
            return False
        self._request_id = None
        if self.active == REQUESTED:
            self.active = None
            self.cancelling = False
        return True

    def on_session_lost(self) -> None:
        """Whatever was under way is gone; what was being answered is wished for again."""
        if self.active is not None and not self.cancelling:
            self._wanted = True
        self.active = None
        self.cancelling = False
        self.caller_speaking = False
        self._request_id = None
        self._unacked.clear()
        self._request_unacked.clear()

    def cancel_response(self) -> Event | None:
        """The event that stops the response under way, None where there is none or it is being stopped already."""
        if self.active is None or self.cancelling:
            return None
        self.cancelling = True
        event: Event = {"type": "response.cancel", "event_id": new_id("event")}
        if self.active not in (REQUESTED, UNANNOUNCED):
            event["response_id"] = self.active
        return event

    def repeat_cancel(self) -> Event | None:
        """The event that stops a response which was cancelled before it had begun: a service may have found nothing to
        cancel then. None if it was not."""
        if not self.cancelling or self.active in (None, REQUESTED, UNANNOUNCED):
            return None
        return {"type": "response.cancel", "event_id": new_id("event"), "response_id": self.active}

    def next_request(self) -> Event | None:
        """The `response.create` to send now, or None."""
        if not self._wanted or self.busy or self.caller_speaking or self._blocks:
            return None
        self._request_unacked = set(self._unacked)
        self.cancel_request()
        self._request_id = new_id("event")
        self._request_answered = False
        self.active = REQUESTED
        return {"type": "response.create", "event_id": self._request_id}
