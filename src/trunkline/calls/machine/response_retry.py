"""What the call does about answers that the service fails to give."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import Turns
from trunkline.calls.machine.session_lifecycle import Linkage
from trunkline.providers.error_policy import Fault, SessionFaults, Treatment
from trunkline.realtime.events import Event

MAX_FILTERED_IN_A_ROW = 2
"""How often an answer that the content filter stopped is asked for in other words."""
WAIT_FOR_RETRY = "retry"
_IN_OTHER_WORDS = (
    "Your last answer was cut off by the content filter. The caller heard its beginning at most. Answer again in other "
    "words, or say that you cannot help with this."
)


class Mending:
    """Asks again, later or in another session, where that may help; says what is wrong where it does not.

    Args:
        tell_model: adds words that the model has to answer to, and the caller does not see.
    """

    def __init__(self, outbox: Outbox, turns: Turns, linkage: Linkage, tell_model: Callable[[str], None]) -> None:
        self._outbox = outbox
        self._turns = turns
        self._linkage = linkage
        self._tell_model = tell_model
        self._faults = SessionFaults()
        self._filtered = 0

    def session_opened(self) -> None:
        """There is another session."""
        self._faults.opened()

    def caller_said_something(self) -> None:
        """A new turn of the caller's."""
        self._filtered = 0

    def response_over(self, response: Event) -> None:
        """A response is over, for better or worse."""
        fault = self._faults.seen({"type": "response.done", "response": response})
        if fault is None:
            return
        self._outbox.log_provider_error(fault.message, fault.code, fault.hint)
        if fault.code == "content_filter":
            self._filtered += 1
            if self._filtered <= MAX_FILTERED_IN_A_ROW:
                self._tell_model(_IN_OTHER_WORDS)
        else:
            self._treat(fault)

    def error(self, event: Event) -> None:
        """The service says that something is wrong: with an event of ours, or with itself."""
        asked = self._turns.failed_to_ask((event.get("error") or {}).get("event_id"))
        answering = self._turns.busy
        fault = self._faults.seen(event)
        if fault is None:
            return
        self._outbox.log_provider_error(fault.message, fault.code, fault.hint)
        if asked or (answering and fault.event_id is None and fault.treatment is Treatment.RENEW_SESSION):
            self._treat(fault)

    def rested(self) -> None:
        """The service has been left alone for as long as it wanted."""
        self._turns.release("retry")

    def _treat(self, fault: Fault) -> None:
        if fault.treatment not in (Treatment.RETRY, Treatment.RENEW_SESSION):
            return
        self._turns.wish()
        if fault.treatment is Treatment.RENEW_SESSION:
            self._linkage.renew("the session only fails", gently=False)
        elif fault.retry_after_s:
            self._turns.hold("retry")
            self._outbox.wake(WAIT_FOR_RETRY, self._outbox.now + fault.retry_after_s * 1000)
