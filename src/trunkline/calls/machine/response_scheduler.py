"""Response scheduler: the only place that asks the model for a response.

It holds at most one pending request. Typed text, tool outputs, handoffs and the greeting set it. It becomes a
`response.create` as soon as nothing stands against it: no response is in progress, the caller is not speaking, and no
part blocks it. A response that the service starts by itself, after the caller's turn, fulfils the request if the
service had acknowledged the request's items by then. So each turn is answered exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum, auto

from trunkline.calls.machine.session_state import SessionStatus
from trunkline.realtime.client_events import ResponseCancel, ResponseCreate
from trunkline.realtime.events import NewId


class ResponseState(StrEnum):  # a dict finds a text faster than another enum member
    """State of the current response.

    Attributes:
        IDLE: the model gives no response.
        REQUESTED: `response.create` is sent, and `response.created` has not arrived.
        IN_PROGRESS: the service has announced the response, and it has no words or audio yet.
        SPEAKING: the response has words or audio.
        UNANNOUNCED: the service reports an active response that it never announced.
        CANCELLING_REQUEST: a requested response is cancelled before the service announced it.
        CANCELLING: a response is cancelled and not over yet; its audio is dropped.
    """

    IDLE = auto()
    REQUESTED = auto()
    IN_PROGRESS = auto()
    SPEAKING = auto()
    UNANNOUNCED = auto()
    CANCELLING_REQUEST = auto()
    CANCELLING = auto()


CANCELLING_STATES = frozenset({ResponseState.CANCELLING, ResponseState.CANCELLING_REQUEST})
_UNANNOUNCED_STATES = frozenset({ResponseState.REQUESTED, ResponseState.CANCELLING_REQUEST})


class CallerSpeech(Enum):
    """The caller's speech, as the session reports it.

    Attributes:
        SILENT: the caller does not speak.
        SPEAKING: the caller speaks, or holds the talk button.
        RESENT: the session hears a turn that had ended before an earlier session was lost.
    """

    SILENT = auto()
    SPEAKING = auto()
    RESENT = auto()


class BlockReason(StrEnum):
    """Reason of a part to hold back the pending request."""

    CALLER_AWAY = auto()
    TRUNCATION_PENDING = auto()
    RETRY_PENDING = auto()
    SESSION_UNCONFIRMED = auto()
    RESEND_PENDING = auto()
    SPEECH_UNDECIDED = auto()
    ITEMS_MISSING = auto()


# Each step reads these members. Python needs as long for a member of an enum as for a call of a function.
_IDLE = ResponseState.IDLE
_SESSION_UNCONFIRMED = BlockReason.SESSION_UNCONFIRMED


class ResponseScheduler:
    """State of the current response and of the one pending request. `next_request` returns the event to send.

    The state that each step reads is in attributes. Only this class changes them.

    Args:
        new_id: source of ids for events.
        session: state of the model session; nothing is requested without a session.
    """

    def __init__(self, new_id: NewId, session: SessionStatus) -> None:
        self._new_id = new_id
        self._session = session
        self._change(ResponseState.IDLE)
        self.caller_speech = CallerSpeech.SILENT
        """The caller's speech. Nothing is requested until it ends."""
        self._answer_due = False
        self.response_wanted = False
        """True if a request is pending that has not been sent."""
        self._unacked: set[str] = set()
        """Items that the pending request answers and the service has not acknowledged."""
        self._request_id: str | None = None
        """`event_id` of the last `response.create`."""
        self._request_unacked: set[str] = set()
        self._request_answered = False
        """True if the response that began after the last `response.create` has seen all items of it."""
        self._blocks: set[BlockReason] = set()

    # State ----------------------------------------------------------------------------------------------------------
    def _change(self, state: ResponseState, response_id: str | None = None) -> None:
        self.state = state
        """State of the current response."""
        self._response_id = response_id
        """Id of the current response; None until the service announces it."""
        self.busy = state is not _IDLE
        """True if a response is in progress or requested."""
        self.cancelling = state in CANCELLING_STATES
        """True if the current response is cancelled and not over yet."""
        self.awaits_announcement = state in _UNANNOUNCED_STATES
        """True if `response.create` is sent and `response.created` has not arrived, cancelled or not."""

    @property
    def answer_due(self) -> bool:
        """True if the caller's turn has ended, and the service must commit it or answer it by itself."""
        return self._answer_due

    @property
    def blocked(self) -> bool:
        """True if no response can be requested: the session is not up, or a part blocks requests."""
        return bool(self._blocks) or not self._session.accepts_requests

    @property
    def session_unconfirmed(self) -> bool:
        """True while the service has not confirmed the session, so that nothing is requested."""
        return _SESSION_UNCONFIRMED in self._blocks

    @property
    def awaits_items(self) -> bool:
        """True while the service is asked for items of which nobody has heard."""
        return BlockReason.ITEMS_MISSING in self._blocks

    @property
    def caller_is_away(self) -> bool:
        """True while the caller's leg is lost, so that nothing is requested."""
        return BlockReason.CALLER_AWAY in self._blocks

    def answers_without(self, item_id: str) -> bool:
        """Return whether the current response was requested after an item that the service has not acknowledged."""
        return self.busy and not self.cancelling and item_id in self._request_unacked

    # The pending request --------------------------------------------------------------------------------------------
    def request_response(self, items: Iterable[str] = ()) -> None:
        """Set the pending request, for a response to `items`: ids that the service has not acknowledged yet."""
        self.response_wanted = True
        self._unacked.update(items)

    def cancel_request(self) -> None:
        """Drop the pending request."""
        self.response_wanted = False
        self._unacked.clear()

    def block(self, reason: BlockReason) -> None:
        """Hold back the pending request until `unblock(reason)`."""
        self._blocks.add(reason)

    def unblock(self, reason: BlockReason) -> None:
        """Remove a reason to block."""
        self._blocks.discard(reason)

    def next_request(self) -> ResponseCreate | None:
        """Return the `response.create` to send now, or None."""
        if not self.response_wanted or self.busy or self.caller_speech is not CallerSpeech.SILENT or self.blocked:
            return None
        self._request_unacked = set(self._unacked)
        self.cancel_request()
        self._answer_due = False
        self._request_id = self._new_id("event")
        self._request_answered = False
        self._change(ResponseState.REQUESTED)
        return {"type": "response.create", "event_id": self._request_id}

    # Facts ----------------------------------------------------------------------------------------------------------
    def on_caller_speech(self, speech: CallerSpeech) -> None:
        """Note that the caller has started or stopped to speak."""
        self.caller_speech = speech
        if speech is not CallerSpeech.SILENT:
            self._answer_due = False

    def on_caller_turn_ended(self) -> None:
        """Expect the service to commit the caller's turn, or to start a response to it."""
        self.caller_speech = CallerSpeech.SILENT
        self._answer_due = True

    def on_answer_overdue(self) -> None:
        """Request the response that the service has not started by itself."""
        if self._answer_due:
            self._answer_due = False
            self.request_response()

    def on_caller_turn_dropped(self) -> None:
        """Expect no answer: the caller's turn was empty, or the caller has left."""
        self._answer_due = False

    def on_output(self) -> None:
        """Note that the response in progress has words or audio."""
        if self.state in (ResponseState.IN_PROGRESS, ResponseState.UNANNOUNCED):
            self._change(ResponseState.SPEAKING, self._response_id)

    def on_item_added(self, item_id: str) -> None:
        """Note that the service has acknowledged an item of its conversation."""
        self._unacked.discard(item_id)
        self._request_unacked.discard(item_id)

    def on_response_created(self, response_id: str) -> None:
        """Note the response that begins.

        It may be the service's own even after a `response.create`, which the service then refuses.
        """
        self._answer_due = False
        if self.awaits_announcement:
            self._request_answered = not self._request_unacked
            cancelled = self.state is ResponseState.CANCELLING_REQUEST
            self._change(ResponseState.CANCELLING if cancelled else ResponseState.IN_PROGRESS, response_id)
        else:
            self.caller_speech = CallerSpeech.SILENT  # the service has ended the caller's turn
            self._change(ResponseState.IN_PROGRESS, response_id)
        if self.response_wanted and not self._unacked and not self.cancelling:
            self.cancel_request()

    def on_response_done(self, response_id: str) -> None:
        """Note the end of a response."""
        if self._response_id in (response_id, None):
            self._change(ResponseState.IDLE)

    def resume(self, state: ResponseState, response_id: str | None) -> None:
        """Continue with the response of a session to which another server was attached."""
        self._change(state, response_id)

    def on_response_missed(self) -> str | None:
        """Note that the current response ended while no server was attached to the session; return its id."""
        response_id = self._response_id
        self._change(ResponseState.IDLE)
        return response_id

    def on_request_refused(self, event_id: str | None) -> bool:
        """Handle the refusal of a `response.create` because another response is active.

        The request becomes pending again, unless the active response has seen all items of it.

        Returns:
            True if the refusal concerns the last request.
        """
        if self._request_id is None or event_id not in (None, self._request_id):
            return False
        self._request_id = None
        if self.awaits_announcement:
            self._change(ResponseState.CANCELLING if self.cancelling else ResponseState.UNANNOUNCED)
            self._request_answered = False
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
        if self.awaits_announcement:
            self._change(ResponseState.IDLE)
        return True

    def on_session_lost(self) -> None:
        """Reset the state; a response that was in progress becomes the pending request."""
        if self.busy and not self.cancelling:
            self.response_wanted = True
        self._change(ResponseState.IDLE)
        self.caller_speech = CallerSpeech.SILENT
        self._answer_due = False
        self._request_id = None
        self._unacked.clear()
        self._request_unacked.clear()

    # Cancellation ---------------------------------------------------------------------------------------------------
    def cancel_response(self) -> ResponseCancel | None:
        """Return the event that cancels the response in progress; None if there is nothing to cancel."""
        if not self.busy or self.cancelling:
            return None
        event: ResponseCancel = {"type": "response.cancel", "event_id": self._new_id("event")}
        if self._response_id is not None:
            event["response_id"] = self._response_id
        announced = self.state is not ResponseState.REQUESTED
        self._change(ResponseState.CANCELLING if announced else ResponseState.CANCELLING_REQUEST, self._response_id)
        return event

    def repeat_cancel(self) -> ResponseCancel | None:
        """Return a second cancel event for a response that was cancelled before it began; None for other responses.

        The service may have found nothing to cancel the first time.
        """
        if self.state is not ResponseState.CANCELLING or self._response_id is None:
            return None
        return {"type": "response.cancel", "event_id": self._new_id("event"), "response_id": self._response_id}
