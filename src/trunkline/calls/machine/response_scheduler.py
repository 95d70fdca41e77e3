"""Who speaks next: the only place that asks the model for a response.

There is one pending wish. Typed text, tools, handoffs and the greeting put theirs into it; it becomes a
`response.create` as soon as nothing stands against it: no response under way, the caller not speaking, the link up,
and nothing else that `hold` names. A response that the service starts by itself (after the caller's turn) fulfils
a wish whose items it has already seen, so nothing is answered twice and nothing is left unanswered.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.realtime.events import Event, new_id

ASKED = ""
"""`Turns.active` between our `response.create` and its `response.created`."""
UNKNOWN = "unknown"
"""`Turns.active` when the service says that a response is under way which it never announced."""


class Turns:
    """Holds the one wish for a response. All methods are told facts; `next_request` says what to send."""

    def __init__(self) -> None:
        self.active: str | None = None
        """The id of the response under way, `ASKED` while one was asked for but not yet created."""
        self.caller_speaks = False
        self.cancelling = False
        """Whether the response under way was cancelled and has not ended yet: nobody shall hear more of it."""
        self._wished = False
        self._unseen: set[str] = set()
        self._asked_with: str | None = None
        self._asked_unseen: set[str] = set()
        self._answered = False
        self._holds: set[str] = set()

    @property
    def wished(self) -> bool:
        """Whether a response is wanted and not yet asked for."""
        return self._wished

    @property
    def busy(self) -> bool:
        """Whether a response is under way or asked for."""
        return self.active is not None

    def wish(self, items: Iterable[str] = ()) -> None:
        """A response is wanted that answers `items` (ids we gave, not yet confirmed by the service)."""
        self._wished = True
        self._unseen.update(items)

    def withdraw(self) -> None:
        """Nothing is wanted any more."""
        self._wished = False
        self._unseen.clear()

    @property
    def held(self) -> bool:
        """Whether anything that `hold` names stands against a request."""
        return bool(self._holds)

    def hold(self, reason: str) -> None:
        """Asks for nothing until `release(reason)`."""
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """Takes a hold back."""
        self._holds.discard(reason)

    def item_seen(self, item_id: str) -> None:
        """The service has this item in its conversation."""
        self._unseen.discard(item_id)
        self._asked_unseen.discard(item_id)

    def response_created(self, response_id: str) -> None:
        """A response begins. It may be the service's own even after we asked: then ours will be refused."""
        if self.active == ASKED:
            self._answered = not self._asked_unseen
        else:
            self.caller_speaks = False  # the service takes the turn for finished
            self.cancelling = False
        self.active = response_id
        if self._wished and not self._unseen and not self.cancelling:
            self.withdraw()

    def response_done(self, response_id: str) -> None:
        """A response is over."""
        if self.active in (response_id, ASKED, UNKNOWN):
            self.active = None
            self.cancelling = False

    def refused(self, event_id: str | None) -> bool:
        """The service says that a response is under way already; True if it refuses our request by that.

        Then ours is wished for again, unless the one that is under way began after all that ours was to answer.
        """
        if self._asked_with is None or event_id not in (None, self._asked_with):
            return False
        self._asked_with = None
        if self.active == ASKED:
            self.active, self._answered = UNKNOWN, False
        if not self._answered and not self.cancelling:
            self.wish(self._asked_unseen)
        return True

    def failed_to_ask(self, event_id: str | None) -> bool:
        """An error names our request, and another try would not mend it: it is dropped. True if it was ours."""
        if event_id is None or event_id != self._asked_with:
            return False
        self._asked_with = None
        if self.active == ASKED:
            self.active = None
            self.cancelling = False
        return True

    def lost_link(self) -> None:
        """Whatever was under way is gone; what was being answered is wished for again."""
        if self.active is not None and not self.cancelling:
            self._wished = True
        self.active = None
        self.cancelling = False
        self.caller_speaks = False
        self._asked_with = None
        self._unseen.clear()
        self._asked_unseen.clear()

    def cancel(self) -> Event | None:
        """The event that stops the response under way, None where there is none or it is being stopped already."""
        if self.active is None or self.cancelling:
            return None
        self.cancelling = True
        event: Event = {"type": "response.cancel", "event_id": new_id("event")}
        if self.active not in (ASKED, UNKNOWN):
            event["response_id"] = self.active
        return event

    def cancel_again(self) -> Event | None:
        """The event that stops a response which was cancelled before it had begun: a service may have found nothing to
        cancel then. None if it was not."""
        if not self.cancelling or self.active in (None, ASKED, UNKNOWN):
            return None
        return {"type": "response.cancel", "event_id": new_id("event"), "response_id": self.active}

    def next_request(self) -> Event | None:
        """The `response.create` to send now, or None."""
        if not self._wished or self.busy or self.caller_speaks or self._holds:
            return None
        self._asked_unseen = set(self._unseen)
        self.withdraw()
        self._asked_with = new_id("event")
        self._answered = False
        self.active = ASKED
        return {"type": "response.create", "event_id": self._asked_with}
