"""Response retry: the call's reaction to errors of the service and to responses that fail."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls.machine.fallback_model import FallbackModel
from trunkline.calls.machine.inputs import LinkDropped
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import BlockReason, ResponseScheduler
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.calls.machine.timers import Timer
from trunkline.providers.error_policy import ErrorPolicy, Fault, Recovery
from trunkline.realtime.events import Event

_KEY_REFUSED = (401, 403)
"""The fallback model has the same key."""
MAX_CONTENT_FILTER_RETRIES = 2
"""Number of times the model is asked to rephrase an answer that the content filter stopped."""
_REPHRASE = (
    "Your last answer was cut off by the content filter. The caller heard its beginning at most. Answer again in other "
    "words, or say that you cannot help with this."
)


class ResponseRetry:
    """Retries failed responses, later or in a new session where that may help, and logs all errors.

    Args:
        instruct_model: adds a system message that the caller does not see, and requests a response to it.
        on_failed: called if a response has failed and is not requested again.
    """

    def __init__(
        self,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        session: SessionLifecycle,
        fallback: FallbackModel,
        instruct_model: Callable[[str], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._on_failed = on_failed
        self._outbox = outbox
        self._scheduler = scheduler
        self._session = session
        self._fallback = fallback
        self._instruct_model = instruct_model
        self._faults = ErrorPolicy()
        self._filtered = 0

    def on_session_opened(self) -> None:
        """Forget the faults of the former session."""
        self._faults.on_session_opened()

    def on_caller_turn(self) -> None:
        """Allow all content filter retries again: the caller has begun a new turn."""
        self._filtered = 0

    def on_response_done(self, response: Event) -> None:
        """Log the error of a failed or filtered response, and retry the response if the error policy says so."""
        fault = self._faults.on_event({"type": "response.done", "response": response})
        if fault is None:
            if response.get("status") == "completed":
                self._fallback.on_response_completed()
            return
        self._outbox.log_provider_error(fault.message, fault.code, fault.hint)
        if fault.code == "content_filter":
            self._filtered += 1
            if self._filtered <= MAX_CONTENT_FILTER_RETRIES:
                self._instruct_model(_REPHRASE)
            else:
                self._on_failed()
        elif response.get("status") == "failed":
            self._recover(fault)

    def on_error(self, event: Event) -> None:
        """Log an `error` event, and recover if it concerns a request or the response in progress."""
        was_request = self._scheduler.on_request_failed((event.get("error") or {}).get("event_id"))
        busy = self._scheduler.busy
        fault = self._faults.on_event(event)
        if fault is None:
            return
        self._outbox.log_provider_error(fault.message, fault.code, fault.hint)
        if was_request or (busy and fault.event_id is None and fault.recovery is Recovery.RENEW_SESSION):
            self._recover(fault)

    def on_stalled(self) -> None:
        """Open a new session: the model was silent for too long during a response."""
        self._change_model_if_due()
        self._session.renew("the model stalled", make_before_break=False)

    def on_no_answer(self) -> None:
        """Request the answer of another model, if there is one: this one has ended a turn twice without an answer."""
        if self._change_model_if_due(hopeless=True):
            self._scheduler.request_response()
            self._session.renew("the model gives no answer", make_before_break=False)
        else:
            self._on_failed()

    def on_link_dropped(self, dropped: LinkDropped) -> bool:
        """Change to the fallback model if too many connections fail.

        A refused connection counts if the service has answered: an unreachable service has no other model either. A
        lost session counts if the caller waits for its answer.

        Returns:
            True if the model has changed, so that the link must connect again.
        """
        if not dropped.failed or dropped.resumable:
            return False
        if self._session.is_open:
            counts = self._scheduler.busy or self._scheduler.response_wanted
        else:
            counts = dropped.code is not None and dropped.code not in _KEY_REFUSED
        return counts and self._change_model_if_due(hopeless=dropped.retry_in_ms is None)

    def on_retry_timer(self) -> None:
        """Allow requests again: the service's retry delay is over."""
        self._scheduler.unblock(BlockReason.RETRY_PENDING)

    def _recover(self, fault: Fault) -> None:
        if fault.recovery is Recovery.CONTINUE:
            self._on_failed()
            return
        changed = self._change_model_if_due(hopeless=fault.recovery is Recovery.GIVE_UP)
        if fault.recovery is Recovery.GIVE_UP and not changed:
            self._on_failed()
            return
        self._scheduler.request_response()
        if changed or fault.recovery is Recovery.RENEW_SESSION:
            self._session.renew("the session only fails", make_before_break=False)
        elif fault.retry_after_s:
            self._scheduler.block(BlockReason.RETRY_PENDING)
            self._outbox.set_timer(Timer.RETRY, self._outbox.now_ms + fault.retry_after_s * 1000)

    def _change_model_if_due(self, *, hopeless: bool = False) -> bool:
        changed = self._fallback.on_failed(hopeless=hopeless)
        if changed:
            self._faults = ErrorPolicy()
        return changed
