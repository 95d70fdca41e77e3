"""How the machine stands to the model: a session that is new, lost, back, or made anew before its time is up."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls import log_events
from trunkline.calls.machine.caller_turns import Listening
from trunkline.calls.machine.effects import Configure, Connecting, Renew
from trunkline.calls.machine.inputs import LinkDropped, LinkOpened
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Earpiece
from trunkline.calls.machine.response_scheduler import Turns
from trunkline.calls.machine.transcript import Transcript
from trunkline.realtime.events import Event

ANSWER_WAIT_MS = 5_000.0
"""How long a resumed sideband waits for the end of a response that was under way when it was cut."""
STALL_MS = 20_000.0
"""How long a response may be under way without a word from the service before the session is taken for dead."""
RENEWAL_GRACE_MS = 60_000.0
"""How long before the provider's limit a session is renewed even if somebody speaks."""
RETRY_RENEWAL_MS = 30_000.0
WAIT_FOR_ANSWER = "answer"
WAIT_FOR_RENEWAL = "renewal"
WAIT_FOR_LIFE = "stall"


class Linkage:
    """Whether there is a session, whether it is the one that was there before, and when it needs another.

    Args:
        agent: who has the caller now.
    """

    def __init__(
        self,
        plan: CallPlan,
        outbox: Outbox,
        turns: Turns,
        transcript: Transcript,
        earpiece: Earpiece,
        listening: Listening,
        *,
        agent: Callable[[], str],
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._turns = turns
        self._transcript = transcript
        self._earpiece = earpiece
        self._listening = listening
        self._agent = agent
        self._was_connected = False
        self._resumed = False
        self._renewing: str | None = None
        """Why the session is being made anew, while it is."""
        self._renewal_due: str | None = None
        """Why it shall be made anew as soon as nobody speaks."""
        self._renewal_overdue = False
        self.opening = 0
        """Counts connections and losses: a session that was worked out for an earlier one is stale."""
        self._misses_answer = False
        """Whether a response was under way when the sideband was cut, and its end has not come yet."""
        self.gaps = False
        """Whether items may have been missed while a sideband was down."""

    # A link comes up ------------------------------------------------------------------------------------------------
    def opened(self, opened: LinkOpened) -> None:
        """The model is connected; the session is worked out for the agent that has the caller."""
        if opened.renewed:
            self._outbox.link_up = False
            self._turns.hold("link")
            self._listening.forget()  # what was said since the renewal began, the new session hears in any case
            self._lose_session()
        elif self._was_connected:
            replayed = 0 if opened.resumed else len(self._transcript.replay())
            self._renewing = None
            self._outbox.log(
                log_events.LinkRestored(attempts=opened.attempts, lost_for_ms=opened.lost_for_ms, replayed=replayed)
            )
        self.opening += 1
        self._resumed = opened.resumed
        self.configure_again()

    def configure_again(self) -> None:
        """Lets the session be worked out for the agent that has the caller now."""
        self._outbox.emit(Configure(self._agent(), Connecting(self.opening)))

    def connected(self, session: Event) -> None:
        """The session is worked out: it is sent, and what the model must know with it."""
        if self._resumed:
            self._on_resumed(session)
            return
        self._earpiece.settle()  # so that what is replayed is what was heard
        self._outbox.forget()
        self._outbox.link_up = True
        self._turns.release("link")
        self._outbox.send({"type": "session.update", "session": session})
        replay = self._transcript.replay()
        self._earpiece.replayed = {event["item"]["id"] for event in replay}
        for event in replay:
            self._outbox.send(event)
        if self._renewing is not None:
            self._outbox.log(log_events.LinkRolledOver(reason=self._renewing, replayed=len(replay)))
        elif not self._was_connected:
            self._outbox.log(log_events.LinkUp(model=self._plan.model))
        self._was_connected = True
        self._renewing = self._renewal_due = None
        self._renewal_overdue = False
        self._plan_renewal()

    def _on_resumed(self, session: Event) -> None:
        """The sideband of a call that went on meanwhile: what happened in the gap is told by what comes now."""
        self._outbox.link_up = True
        self._turns.release("link")
        self._outbox.send({"type": "session.update", "session": session})
        self._outbox.send_kept()
        self.gaps = True
        self.wait_for_missed_answer()

    # A link is lost -------------------------------------------------------------------------------------------------
    def dropped(self, dropped: LinkDropped) -> bool:
        """The connection is gone. False if there is no hope of another."""
        outbox = self._outbox
        outbox.link_up = False
        self.opening += 1  # a session that is being worked out is not for the next link
        outbox.log(log_events.LinkLost(reason=dropped.reason, code=dropped.code, retry_in_ms=dropped.retry_in_ms))
        self._turns.hold("link")
        self._renewing = None
        self.watch_life()
        outbox.wake(WAIT_FOR_ANSWER, None)
        if dropped.resumable:  # sound goes on flowing, and the session with it
            outbox.keep()
            self._misses_answer = self._misses_answer or self._turns.busy
            self._listening.stop()  # the end of the caller's turn may be missed
            return True
        if dropped.needs_leg:
            outbox.log(log_events.LegReofferRequested(reason=dropped.reason))
        self._lose_session()
        return dropped.retry_in_ms is not None

    def _lose_session(self) -> None:
        """What was under way in the session is gone with it; what was being answered will be asked again."""
        self._outbox.wake(WAIT_FOR_RENEWAL, None)
        self._outbox.forget()
        self._misses_answer = False
        self._turns.lost_link()
        again = self._listening.session_lost()
        self._outbox.log_all(self._transcript.broken_off(self._earpiece.total_ms, but=again))
        self._earpiece.lose_session()

    def wait_for_missed_answer(self) -> None:
        """Gives a response that was cut with the sideband a little time to be heard of again."""
        if self._misses_answer and self._outbox.link_up:
            self._outbox.wake(WAIT_FOR_ANSWER, self._outbox.now + ANSWER_WAIT_MS)

    def answer_ended(self) -> None:
        """A response has ended, and we have seen it."""
        self._misses_answer = False
        self._outbox.wake(WAIT_FOR_ANSWER, None)

    def answer_lost(self) -> None:
        """Its end was missed while there was no sideband, and with it perhaps a tool call: only a new session, with the
        conversation replayed, is sure to answer."""
        if self._turns.busy:
            self._misses_answer = False
            self._outbox.log(log_events.LegReofferRequested(reason="an answer was lost while the sideband was down"))

    # A session is renewed -------------------------------------------------------------------------------------------
    def renew(self, reason: str, *, gently: bool) -> None:
        """The session is made anew now. Over the relay by us: `gently`, the old one is used until the new one is there.
        Over WebRTC by the page."""
        if self._renewing is not None or not self._outbox.link_up:
            return
        self._renewal_due = None
        if self._earpiece.is_media:
            self._outbox.log(log_events.LegReofferRequested(reason=reason))
            return
        if gently:
            self._renewing = reason
        else:
            self._turns.hold("link")
        self._outbox.emit(Renew(reason, gently))

    def renew_if_quiet(self, quiet: bool) -> None:
        """Called after each step."""
        if self._renewal_due is not None and (quiet or self._renewal_overdue):
            self.renew(self._renewal_due, gently=quiet)

    def renewal_failed(self) -> None:
        """No other session could be had; the old one is still there, and it is tried again."""
        if self._renewing is not None:
            self._renewing = None
            self._outbox.wake(WAIT_FOR_RENEWAL, self._outbox.now + RETRY_RENEWAL_MS)

    def on_renewal_time(self) -> None:
        """The provider's limit is near."""
        if self._renewal_due is not None:
            self._renewal_overdue = True
            return
        self._renewal_due = "the session's time is nearly up"
        self._outbox.wake(WAIT_FOR_RENEWAL, self._outbox.now + RENEWAL_GRACE_MS * 3)

    def _plan_renewal(self) -> None:
        limit = self._plan.session_limit_ms
        at_ms = None if limit is None else self._outbox.now + max(limit - 5 * RENEWAL_GRACE_MS, limit / 2)
        self._outbox.wake(WAIT_FOR_RENEWAL, at_ms)

    def watch_life(self) -> None:
        """A response under way must be heard of now and then."""
        waits = self._outbox.link_up and self._turns.busy
        self._outbox.wake(WAIT_FOR_LIFE, self._outbox.now + STALL_MS if waits else None)

    def stalled(self) -> None:
        """A response is under way, and the service has been silent for long."""
        if self._turns.busy and self._outbox.link_up:
            message = f"The model has been silent for {STALL_MS / 1000:g} s in the middle of an answer."
            self._outbox.log_provider_error(message, "stalled")
            self.renew("the model fell silent", gently=False)
