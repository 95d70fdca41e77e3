"""How the machine stands to the model: a session that is new, lost, back, or made anew before its time is up."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.calls import log_events
from trunkline.calls.machine.caller_turns import CallerTurns
from trunkline.calls.machine.effects import ConfigureAgent, Connecting, RenewSession
from trunkline.calls.machine.inputs import LinkDropped, LinkOpened
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import ResponseScheduler
from trunkline.calls.machine.transcript import Transcript
from trunkline.realtime.events import Event

MISSED_RESPONSE_WAIT_MS = 5_000.0
"""How long a resumed sideband waits for the end of a response that was under way when it was cut."""
STALL_TIMEOUT_MS = 20_000.0
"""How long a response may be under way without a word from the service before the session is taken for dead."""
RENEWAL_GRACE_MS = 60_000.0
"""How long before the provider's limit a session is renewed even if somebody speaks."""
RENEWAL_RETRY_MS = 30_000.0
MISSED_RESPONSE_TIMER = "answer"
RENEWAL_TIMER = "renewal"
STALL_TIMER = "stall"


class SessionLifecycle:
    """Whether there is a session, whether it is the one that was there before, and when it needs another.

    Args:
        agent: who has the caller now.
    """

    def __init__(
        self,
        plan: CallPlan,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        transcript: Transcript,
        playout: Playout,
        caller_turns: CallerTurns,
        *,
        agent: Callable[[], str],
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._caller_turns = caller_turns
        self._agent = agent
        self._was_connected = False
        self._resumed = False
        self._renewal_reason: str | None = None
        """Why the session is being made anew, while it is."""
        self._renewal_due: str | None = None
        """Why it shall be made anew as soon as nobody speaks."""
        self._renewal_overdue = False
        self.generation = 0
        """Counts connections and losses: a session that was worked out for an earlier one is stale."""
        self._misses_response = False
        """Whether a response was under way when the sideband was cut, and its end has not come yet."""
        self.has_gaps = False
        """Whether items may have been missed while a sideband was down."""

    # A link comes up ------------------------------------------------------------------------------------------------
    def on_link_opened(self, opened: LinkOpened) -> None:
        """The model is connected; the session is worked out for the agent that has the caller."""
        if opened.renewed:
            self._outbox.link_up = False
            self._scheduler.block("link")
            self._caller_turns.discard()  # what was said since the renewal began, the new session hears in any case
            self._lose_session()
        elif self._was_connected:
            replayed = 0 if opened.resumed else len(self._transcript.replay_events())
            self._renewal_reason = None
            self._outbox.log(
                log_events.LinkRestored(attempts=opened.attempts, lost_for_ms=opened.lost_for_ms, replayed=replayed)
            )
        self.generation += 1
        self._resumed = opened.resumed
        self.configure()

    def configure(self) -> None:
        """Lets the session be worked out for the agent that has the caller now."""
        self._outbox.emit(ConfigureAgent(self._agent(), Connecting(self.generation)))

    def on_configured(self, session: Event) -> None:
        """The session is worked out: it is sent, and what the model must know with it."""
        if self._resumed:
            self._resume(session)
            return
        self._playout.settle_truncations()  # so that what is replayed is what was heard
        self._outbox.drop_buffered()
        self._outbox.link_up = True
        self._scheduler.unblock("link")
        self._outbox.send({"type": "session.update", "session": session})
        replay = self._transcript.replay_events()
        self._playout.replayed = {event["item"]["id"] for event in replay}
        for event in replay:
            self._outbox.send(event)
        if self._renewal_reason is not None:
            self._outbox.log(log_events.LinkRolledOver(reason=self._renewal_reason, replayed=len(replay)))
        elif not self._was_connected:
            self._outbox.log(log_events.LinkUp(model=self._plan.model))
        self._was_connected = True
        self._renewal_reason = self._renewal_due = None
        self._renewal_overdue = False
        self._schedule_renewal()

    def _resume(self, session: Event) -> None:
        """The sideband of a call that went on meanwhile: what happened in the gap is told by what comes now."""
        self._outbox.link_up = True
        self._scheduler.unblock("link")
        self._outbox.send({"type": "session.update", "session": session})
        self._outbox.send_buffered()
        self.has_gaps = True
        self.await_missed_response()

    # A link is lost -------------------------------------------------------------------------------------------------
    def on_link_dropped(self, dropped: LinkDropped) -> bool:
        """The connection is gone. False if there is no hope of another."""
        outbox = self._outbox
        outbox.link_up = False
        self.generation += 1  # a session that is being worked out is not for the next link
        outbox.log(log_events.LinkLost(reason=dropped.reason, code=dropped.code, retry_in_ms=dropped.retry_in_ms))
        self._scheduler.block("link")
        self._renewal_reason = None
        self.reset_stall_timer()
        outbox.set_timer(MISSED_RESPONSE_TIMER, None)
        if dropped.resumable:  # sound goes on flowing, and the session with it
            outbox.start_buffering()
            self._misses_response = self._misses_response or self._scheduler.busy
            self._caller_turns.abort_speech()  # the end of the caller's turn may be missed
            return True
        if dropped.needs_reoffer:
            outbox.log(log_events.LegReofferRequested(reason=dropped.reason))
        self._lose_session()
        return dropped.retry_in_ms is not None

    def _lose_session(self) -> None:
        """What was under way in the session is gone with it; what was being answered will be asked again."""
        self._outbox.set_timer(RENEWAL_TIMER, None)
        self._outbox.drop_buffered()
        self._misses_response = False
        self._scheduler.on_session_lost()
        again = self._caller_turns.on_session_lost()
        self._outbox.log_all(self._transcript.close_open(self._playout.duration_ms, but=again))
        self._playout.on_session_lost()

    def await_missed_response(self) -> None:
        """Gives a response that was cut with the sideband a little time to be heard of again."""
        if self._misses_response and self._outbox.link_up:
            self._outbox.set_timer(MISSED_RESPONSE_TIMER, self._outbox.now_ms + MISSED_RESPONSE_WAIT_MS)

    def on_response_done(self) -> None:
        """A response has ended, and we have seen it."""
        self._misses_response = False
        self._outbox.set_timer(MISSED_RESPONSE_TIMER, None)

    def on_missed_response_timeout(self) -> None:
        """Its end was missed while there was no sideband, and with it perhaps a tool call: only a new session, with the
        conversation replayed, is sure to answer."""
        if self._scheduler.busy:
            self._misses_response = False
            self._outbox.log(log_events.LegReofferRequested(reason="an answer was lost while the sideband was down"))

    # A session is renewed -------------------------------------------------------------------------------------------
    def renew(self, reason: str, *, make_before_break: bool) -> None:
        """Replace the session now: on the relay by a new connection, over WebRTC by asking the page for a new offer.

        Args:
            make_before_break: keep the old session in use until the new one is up.
        """
        if self._renewal_reason is not None or not self._outbox.link_up:
            return
        self._renewal_due = None
        if self._playout.over_webrtc:
            self._outbox.log(log_events.LegReofferRequested(reason=reason))
            return
        if make_before_break:
            self._renewal_reason = reason
        else:
            self._scheduler.block("link")
        self._outbox.emit(RenewSession(reason, make_before_break))

    def renew_if_due(self, quiet: bool) -> None:
        """Called after each step."""
        if self._renewal_due is not None and (quiet or self._renewal_overdue):
            self.renew(self._renewal_due, make_before_break=quiet)

    def on_renewal_failed(self) -> None:
        """No other session could be had; the old one is still there, and it is tried again."""
        if self._renewal_reason is not None:
            self._renewal_reason = None
            self._outbox.set_timer(RENEWAL_TIMER, self._outbox.now_ms + RENEWAL_RETRY_MS)

    def on_renewal_timer(self) -> None:
        """The provider's limit is near."""
        if self._renewal_due is not None:
            self._renewal_overdue = True
            return
        self._renewal_due = "the session's time is nearly up"
        self._outbox.set_timer(RENEWAL_TIMER, self._outbox.now_ms + RENEWAL_GRACE_MS * 3)

    def _schedule_renewal(self) -> None:
        limit = self._plan.session_limit_ms
        at_ms = None if limit is None else self._outbox.now_ms + max(limit - 5 * RENEWAL_GRACE_MS, limit / 2)
        self._outbox.set_timer(RENEWAL_TIMER, at_ms)

    def reset_stall_timer(self) -> None:
        """A response under way must be heard of now and then."""
        waits = self._outbox.link_up and self._scheduler.busy
        self._outbox.set_timer(STALL_TIMER, self._outbox.now_ms + STALL_TIMEOUT_MS if waits else None)

    def on_stalled(self) -> None:
        """A response is under way, and the service has been silent for long."""
        if self._scheduler.busy and self._outbox.link_up:
            message = f"The model has been silent for {STALL_TIMEOUT_MS / 1000:g} s in the middle of an answer."
            self._outbox.log_provider_error(message, "stalled")
            self.renew("the model fell silent", make_before_break=False)
