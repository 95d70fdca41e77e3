"""Response scheduler: the only place that asks the model for a response.

It holds at most one pending request. Typed text, tool outputs, handoffs and the greeting set it. It becomes a
`response.create` as soon as nothing stands against it: no response is in progress, the caller is not speaking, and no
part blocks it. A response that the service starts by itself, after the caller's turn, fulfils the request if the
service had acknowledged the request's items by then. So each turn is answered exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.realtime.events import Event, new_id

REQUESTED = ""
"""Value of `ResponseScheduler.active` between a `response.create` and its `response.created`."""
UNANNOUNCED = "unknown"
"""Value of `ResponseScheduler.active` when the service reports an active response that it never announced."""

# Reasons to block requests
LINK_DOWN = "link"
CALLER_AWAY = "caller"
TRUNCATION_PENDING = "truncation"
RETRY_PENDING = "retry"
RESEND_PENDING = "resend"


class ResponseScheduler:
    """State of the current response and of the one pending request. `next_request` returns the event to send.

    Attributes:
        active: id of the response in progress, `REQUESTED` or `UNANNOUNCED`; None while the model is idle.
        caller_speaking: true if the caller speaks, so that nothing is requested.
        cancelling: true if the response in progress is cancelled and not over yet; its audio is dropped.
    """

    def __init__(self) -> None:
        self.active: str | None = None
        self.caller_speaking = False
        self.cancelling = False
        self._wanted = False
        self._unacked: set[str] = set()
        """Items that the pending request answers and the service has not acknowledged."""
        self._request_id: str | None = None
        """`event_id` of the last `response.create`."""
        self._request_unacked: set[str] = set()
        self._request_answered = False
        """True if the response that began after the last `response.create` has seen all items of it."""
        self._blocks: set[str] = set()

    @property
    def response_wanted(self) -> bool:
        """True if a request is pending that has not been sent."""
        return self._wanted

    @property
    def busy(self) -> bool:
        """True if a response is in progress or requested."""
        return self.active is not None

    def request_response(self, items: Iterable[str] = ()) -> None:
        """Set the pending request, for a response to `items`: ids that the service has not acknowledged yet."""
        self._wanted = True
        self._unacked.update(items)

    def cancel_request(self) -> None:
        """Drop the pending request."""
        self._wanted = False
        self._unacked.clear()

    @property
    def blocked(self) -> bool:
        """True if any part blocks requests."""
        return bool(self._blocks)

    def block(self, reason: str) -> None:
        """Hold back the pending request until `unblock(reason)`."""
        self._blocks.add(reason)

    def unblock(self, reason: str) -> None:
        """Remove a reason to block."""
        self._blocks.discard(reason)

    def on_item_added(self, item_id: str) -> None:
        """Note that the service has acknowledged an item of its conversation."""
        self._unacked.discard(item_id)
        self._request_unacked.discard(item_id)

    def on_response_created(self, response_id: str) -> None:
        """Note the response that begins.

        It may be the service's own even after a `response.create`, which the service then refuses.
        """
        if self.active == REQUESTED:
            self._request_answered = not self._request_unacked
        else:
            self.caller_speaking = False  # the service has ended the caller's turn
            self.cancelling = False
        self.active = response_id
        if self._wanted and not self._unacked and not self.cancelling:
            self.cancel_request()

    def on_response_done(self, response_id: str) -> None:
        """Note the end of a response."""
        if self.active in (response_id, REQUESTED, UNANNOUNCED):
            self.active = None
            self.cancelling = False

    def on_request_refused(self, event_id: str | None) -> bool:
        """Handle the refusal of a `response.create` because another response is active.

        The request becomes pending again, unless the active response has seen all items of it.

        Returns:
            True if the refusal concerns the last request.
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
        """Drop the last request if an error event refers to it, since a second try would fail as well.

        Returns:
            True if the error concerns the last request.
        """
        if event_id is None or event_id != self._request_id:
            return False
        self._request_id = None
        if self.active == REQUESTED:
            self.active = None
            self.cancelling = False
        return True

    def on_session_lost(self) -> None:
        """Reset the state; a response that was in progress becomes the pending request."""
        if self.active is not None and not self.cancelling:
            self._wanted = True
        self.active = None
        self.cancelling = False
        self.caller_speaking = False
        self._request_id = None
        self._unacked.clear()
        self._request_unacked.clear()

    def cancel_response(self) -> Event | None:
        """Return the event that cancels the response in progress; None if there is nothing to cancel."""
        if self.active is None or self.cancelling:
            return None
        self.cancelling = True
        event: Event = {"type": "response.cancel", "event_id": new_id("event")}
        if self.active not in (REQUESTED, UNANNOUNCED):
            event["response_id"] = self.active
        return event

    def repeat_cancel(self) -> Event | None:
        """Return a second cancel event for a response that was cancelled before it began; None for other responses.

        The service may have found nothing to cancel the first time.
        """
        if not self.cancelling or self.active in (None, REQUESTED, UNANNOUNCED):
            return None
        return {"type": "response.cancel", "event_id": new_id("event"), "response_id": self.active}

    def next_request(self) -> Event | None:
        """Return the `response.create` to send now, or None."""
        if not self._wanted or self.busy or self.caller_speaking or self._blocks:
            return None
        self._request_unacked = set(self._unacked)
        self.cancel_request()
        self._request_id = new_id("event")
        self._request_answered = False
        self.active = REQUESTED
        return {"type": "response.create", "event_id": self._request_id}
