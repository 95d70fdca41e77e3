"""What the call does about answers that the service fails to give."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.session_lifecycle import SessionLifecycle
from trunkline.providers.error_policy import Fault, SessionFaults, Treatment
from trunkline.realtime.events import Event

MAX_CONTENT_FILTER_RETRIES = 2
"""How often an answer that the content filter stopped is asked for in other words."""
RETRY_TIMER = "retry"
_IN_OTHER_WORDS = (
    "Your last answer was cut off by the content filter. The caller heard its beginning at most. Answer again in other "
    "words, or say that you cannot help with this."
)


class ResponseRetry:
    """Asks again, later or in another session, where that may help; says what is wrong where it does not.

    Args:
        tell_model: adds words that the model has to answer to, and the caller does not see.
    """

    def __init__(
        self, outbox: Outbox, scheduler: ResponseScheduler, session: SessionLifecycle, tell_model: Callable[[str], None]
    ) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._session = session
        self._instruct_model = tell_model
        self._faults = SessionFaults()
        self._filtered = 0

    def on_session_opened(self) -> None:
        """There is another session."""
        self._faults.opened()

    def on_caller_turn(self) -> None:
        """A new turn of the caller's."""
        self._filtered = 0

    def on_response_done(self, response: Event) -> None:
        """A response is over, for better or worse."""
        fault = self._faults.seen({"type": "response.done", "response": response})
        if fault is None:
            return
        self._outbox.log_provider_error(fault.message, fault.code, fault.hint)
        if fault.code == "content_filter":
            self._filtered += 1
            if self._filtered <= MAX_CONTENT_FILTER_RETRIES:
                self._instruct_model(_IN_OTHER_WORDS)
        else:
            self._recover(fault)

    def on_error(self, event: Event) -> None:
        """The service says that something is wrong: with an event of ours, or with itself."""
        asked = self._scheduler.on_request_failed((event.get("error") or {}).get("event_id"))
        answering = self._scheduler.busy
        fault = self._faults.seen(event)
        if fault is None:
            return
        self._outbox.log_provider_error(fault.message, fault.code, fault.hint)
        if asked or (answering and fault.event_id is None and fault.treatment is Treatment.RENEW_SESSION):
            self._recover(fault)

    def on_retry_timer(self) -> None:
        """The service has been left alone for as long as it wanted."""
        self._scheduler.unblock("retry")

    def _recover(self, fault: Fault) -> None:
        if fault.treatment not in (Treatment.RETRY, Treatment.RENEW_SESSION):
            return
        self._scheduler.request_response()
        if fault.treatment is Treatment.RENEW_SESSION:
            self._session.renew("the session only fails", make_before_break=False)
        elif fault.retry_after_s:
            self._scheduler.block("retry")
            self._outbox.set_timer(RETRY_TIMER, self._outbox.now_ms + fault.retry_after_s * 1000)
