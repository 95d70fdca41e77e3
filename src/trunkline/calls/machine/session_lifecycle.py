"""Session lifecycle: connect, resume, renew and lose the model session."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from trunkline.calls import log_events
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import ConfigureAgent, RenewSession
from trunkline.calls.machine.inputs import LinkDropped, LinkOpened
from trunkline.calls.machine.outbox import CONFIRMATION_WAIT_MS, Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import BlockReason, ResponseScheduler
from trunkline.calls.machine.session_state import SessionState, SessionStatus
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.transcript import Transcript
from trunkline.realtime.events import Event

MISSED_RESPONSE_WAIT_MS = 5_000.0
"""Time a resumed sideband waits for the end of a response that was in progress when the sideband dropped."""
RENEWAL_GRACE_MS = 60_000.0
"""Time before the provider's limit at which a session is renewed even if somebody speaks."""
RENEWAL_RETRY_MS = 30_000.0


class RenewalNeed(Enum):
    """Need to renew the session.

    Attributes:
        NONE: the session is far from its time limit.
        DUE: the session is renewed as soon as nobody speaks.
        OVERDUE: the session is renewed even if somebody speaks.
    """

    NONE = auto()
    DUE = auto()
    OVERDUE = auto()


_NO_RENEWAL = RenewalNeed.NONE  # read in each step; a member of an enum is slow to read


class SessionLifecycle:
    """State of the link and of the session behind it.

    Args:
        configuration: returns the order to configure the current agent for a generation.
        on_resumed: called when a resumed session is configured, before the events that waited for it are sent.

    Attributes:
        generation: counts links and losses; a session configuration for an earlier generation is stale.
        has_gaps: true if items may have been missed while a sideband was down.
    """

    def __init__(
        self,
        plan: CallPlan,
        outbox: Outbox,
        status: SessionStatus,
        scheduler: ResponseScheduler,
        transcript: Transcript,
        playout: Playout,
        caller_turns: CallerTurns,
        *,
        configuration: Callable[[int], ConfigureAgent],
        on_resumed: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._status = status
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._caller_turns = caller_turns
        self._configuration = configuration
        self._on_resumed = on_resumed
        self._ever_up = False
        self._renewal_reason = ""
        """Reason of the renewal under way, in the state RENEWING and until the new session is configured."""
        self._renewal = RenewalNeed.NONE
        self.generation = 0
        self.misses_response = False
        """True if a response was in progress when the sideband dropped, and its end has not arrived yet."""
        self.has_gaps = False

    @property
    def is_open(self) -> bool:
        """True if a link has reached a session that is not lost."""
        return self._status.state not in (SessionState.CONNECTING, SessionState.DOWN)

    def resume(self) -> None:
        """Continue a call of another server: its first session here is a restored one."""
        self._ever_up = True

    def resume_session(self, began_ms: float) -> None:
        """Continue a call of another server in its session, which began at `began_ms` of the call's clock."""
        self._ever_up = True
        self._status.change(SessionState.RESUMABLE_GAP)
        self._schedule_renewal(began_ms)

    def expect_missed_response(self) -> None:
        """Wait for the next event of a response that was in progress before a take-over."""
        self.misses_response = True
        self.await_missed_response()

    # The link is up -------------------------------------------------------------------------------------------------
    def on_link_opened(self, opened: LinkOpened) -> None:
        """Configure the current agent for the new link."""
        if opened.renewed:
            self._status.change(SessionState.CONFIGURING)
            self._caller_turns.discard()  # the link itself sends the new session all audio since the renewal began
            self._lose_session()
        else:
            self._renewal_reason = ""
            if self._ever_up:
                replayed = 0 if opened.resumed else len(self._transcript.replay_events())
                self._outbox.log(
                    log_events.LinkRestored(attempts=opened.attempts, lost_for_ms=opened.lost_for_ms, replayed=replayed)
                )
            # Until a resumed session is configured, events are still buffered.
            self._status.change(SessionState.RESUMABLE_GAP if opened.resumed else SessionState.CONFIGURING)
        self.generation += 1
        self.configure()

    def configure(self) -> None:
        """Order the session configuration of the current agent."""
        self._outbox.emit(self._configuration(self.generation))

    def on_configured(self, session: Event) -> None:
        """Send the session configuration; a new session also gets the conversation."""
        if self._status.state is SessionState.RESUMABLE_GAP:
            self._resume(session)
            return
        self._playout.settle_truncations()  # so that the replay holds only the words that were heard
        self._outbox.drop_buffered()
        self._status.change(SessionState.UP)
        self._outbox.send({"type": "session.update", "session": session})
        if not self._playout.over_webrtc:  # there the offer has set the session up
            self._scheduler.block(BlockReason.SESSION_UNCONFIRMED)
            self._outbox.set_timer(Timer.SESSION_CONFIRMATION, self._outbox.now_ms + CONFIRMATION_WAIT_MS)
        replay = self._transcript.replay_events()
        self._playout.on_replayed({event["item"]["id"] for event in replay})
        for event in replay:
            self._outbox.send(event)
        if self._renewal_reason:
            self._outbox.log(log_events.LinkRolledOver(reason=self._renewal_reason, replayed=len(replay)))
        elif not self._ever_up:
            self._outbox.log(log_events.LinkUp(model=self._plan.model))
        self._ever_up = True
        self._renewal_reason = ""
        self._renewal = RenewalNeed.NONE
        self._schedule_renewal(self._outbox.now_ms)

    def _resume(self, session: Event) -> None:
        """Continue a session after its sideband was down; later events show which items were missed meanwhile."""
        self._status.change(SessionState.UP)
        self.on_confirmed()
        self._outbox.send({"type": "session.update", "session": session})
        self.has_gaps = True
        self._on_resumed()
        self._outbox.send_buffered()
        self.await_missed_response()

    def on_confirmed(self) -> None:
        """Allow requests: the service follows the session, or does not say so in time."""
        self._scheduler.unblock(BlockReason.SESSION_UNCONFIRMED)

    # The link is lost -----------------------------------------------------------------------------------------------
    def on_link_dropped(self, dropped: LinkDropped) -> bool:
        """Handle a lost connection.

        Returns:
            True if the call continues: False if the link does not reconnect.
        """
        outbox = self._outbox
        self._status.change(SessionState.RESUMABLE_GAP if dropped.resumable else SessionState.DOWN)
        self.generation += 1  # a configuration under way is not for the next link
        outbox.log(log_events.LinkLost(reason=dropped.reason, code=dropped.code, retry_in_ms=dropped.retry_in_ms))
        self._renewal_reason = ""
        outbox.set_timer(Timer.MISSED_RESPONSE, None)
        if dropped.resumable:  # audio still flows, and the session lives on
            self.misses_response = self.misses_response or self._scheduler.busy
            self._caller_turns.abort_speech()  # the end of the caller's turn may be missed
            self._playout.on_sideband_lost()
            return True
        if dropped.needs_reoffer:
            outbox.log(log_events.LegReofferRequested(reason=dropped.reason))
        self._lose_session()
        return dropped.retry_in_ms is not None

    def _lose_session(self) -> None:
        """Reset all parts; a response in progress is requested again in the next session."""
        self._outbox.set_timer(Timer.RENEWAL, None)
        self._outbox.drop_buffered()
        self.misses_response = False
        self._scheduler.on_session_lost()
        resent = self._caller_turns.on_session_lost()
        self._outbox.log_all(self._transcript.close_open(self._playout.duration_ms, but=resent))
        self._playout.on_session_lost()

    def await_missed_response(self) -> None:
        """Give a response that was in progress when the sideband dropped a little time for its next event."""
        if self.misses_response and self._status.link_up:
            self._outbox.set_timer(Timer.MISSED_RESPONSE, self._outbox.now_ms + MISSED_RESPONSE_WAIT_MS)

    def on_response_done(self) -> None:
        """Stop waiting for a missed response: the end of the response has arrived."""
        self.misses_response = False
        self._outbox.set_timer(Timer.MISSED_RESPONSE, None)

    def on_missed_response_timeout(self) -> None:
        """Ask the page for a new offer, so that a new session gets the conversation and answers.

        The response ended while the sideband was down, and a tool call may have been missed with it.
        """
        if self._scheduler.busy:
            self.misses_response = False
            self._outbox.log(log_events.LegReofferRequested(reason="a response was lost while the sideband was down"))

    # The session is renewed -----------------------------------------------------------------------------------------
    def renew(self, reason: str, *, make_before_break: bool) -> None:
        """Replace the session now: on the relay by a new connection, over WebRTC by asking the page for a new offer.

        Args:
            reason: the reason, for the log.
            make_before_break: keep the old session in use until the new one is up.
        """
        if self._status.state is not SessionState.UP:
            return  # a new session is on its way
        self._renewal = RenewalNeed.NONE
        if self._playout.over_webrtc:
            self._outbox.log(log_events.LegReofferRequested(reason=reason))
            return
        if make_before_break:
            self._renewal_reason = reason
        self._status.change(SessionState.RENEWING if make_before_break else SessionState.REPLACING)
        self._outbox.emit(RenewSession(reason, make_before_break))

    def renew_if_due(self, is_at_rest: Callable[[], bool]) -> None:
        """Start a renewal that is due, once the call is at rest or the renewal is overdue; called after each step."""
        if self._renewal is _NO_RENEWAL:
            return
        at_rest = is_at_rest()
        if at_rest or self._renewal is RenewalNeed.OVERDUE:
            self.renew("the session is close to its time limit", make_before_break=at_rest)

    def on_renewal_failed(self) -> None:
        """Keep the old session and schedule another try."""
        if self._status.state is SessionState.RENEWING:
            self._status.change(SessionState.UP)
            self._renewal_reason = ""
            self._outbox.set_timer(Timer.RENEWAL, self._outbox.now_ms + RENEWAL_RETRY_MS)

    def on_renewal_timer(self) -> None:
        """Mark the renewal as due; the second time, as overdue."""
        if self._renewal is not RenewalNeed.NONE:
            self._renewal = RenewalNeed.OVERDUE
            return
        self._renewal = RenewalNeed.DUE
        self._outbox.set_timer(Timer.RENEWAL, self._outbox.now_ms + RENEWAL_GRACE_MS * 3)

    def _schedule_renewal(self, began_ms: float) -> None:
        limit = self._plan.session_limit_ms
        at_ms = None if limit is None else began_ms + max(limit - 5 * RENEWAL_GRACE_MS, limit / 2)
        self._outbox.set_timer(Timer.RENEWAL, at_ms)
