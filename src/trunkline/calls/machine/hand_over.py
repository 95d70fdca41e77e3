"""Hand-over of the call to another server, at a moment at which little or nothing is lost."""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine import effects
from trunkline.calls.machine.call_limits import CallLimits
from trunkline.calls.machine.filler_player import FillerPlayer
from trunkline.calls.machine.hosted_mcp import HostedMcp
from trunkline.calls.machine.inputs import HandOverMoment
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.response_scheduler import CallerSpeech, ResponseScheduler
from trunkline.calls.machine.timers import Timer
from trunkline.calls.machine.tool_calls import ToolCalls
from trunkline.calls.machine.transcript import Message, Transcript
from trunkline.calls.machine.waiting import Waiting

REASON = "the server of this call stops"


class HandOver:
    """The wait for the moment of the hand-over."""

    def __init__(
        self,
        outbox: Outbox,
        scheduler: ResponseScheduler,
        transcript: Transcript,
        playout: Playout,
        fillers: FillerPlayer,
        tools: ToolCalls,
        hosted_mcp: HostedMcp,
        limits: CallLimits,
        waiting: Waiting,
    ) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._transcript = transcript
        self._playout = playout
        self._fillers = fillers
        self._tools = tools
        self._hosted_mcp = hosted_mcp
        self._limits = limits
        self._waiting = waiting
        self._moment: HandOverMoment | None = None

    def request(self, moment: HandOverMoment) -> None:
        """Hand the call over at this moment."""
        self._moment = moment

    def is_done(self, call_id: str, *, caller_there: bool) -> bool:
        """Hand the call over if the moment has come. Return whether it has; called at the end of each step."""
        if self._moment is None or not self._has_come(self._moment, caller_there=caller_there):
            return False
        due = self._is_answer_due
        self._hosted_mcp.on_session_lost()
        self._outbox.log(log_events.CallHandedOver(call_id=call_id, reason=REASON, answer_due=due))
        self._outbox.emit(effects.HandOver())
        return True

    def _has_come(self, moment: HandOverMoment, *, caller_there: bool) -> bool:
        if moment is HandOverMoment.NOW:
            return True
        if self._tools.has_unfinished or self._hosted_mcp.awaits_approval:
            return False
        if self._playout.over_webrtc:
            return True  # the audio continues between the page and the provider
        if self._scheduler.caller_speech is not CallerSpeech.SILENT:
            return False
        return moment is HandOverMoment.NO_TOOL or self._is_between_turns(caller_there=caller_there)

    def _is_between_turns(self, *, caller_there: bool) -> bool:
        """Return whether nothing is under way: no answer, no words without their text, no audio that is not heard.

        A call that is about to end ends here.
        """
        if self._limits.ending is not None or self._scheduler.busy:
            return False
        if self._waiting.reason(caller_there=caller_there) != "caller":
            return False
        if self._fillers.is_playing or any(_is_open(entry) for entry in self._transcript.entries.values()):
            return False
        if caller_there and (ends_at_ms := self._playout.ends_at_ms) is not None:
            self._outbox.set_timer(Timer.HAND_OVER, ends_at_ms)
            return False
        return True

    @property
    def _is_answer_due(self) -> bool:
        """True if the agent has something to say: an answer is requested, expected, under way or not heard whole."""
        scheduler = self._scheduler
        if scheduler.response_wanted or scheduler.answer_due or self._playout.audible or self._tools.has_unfinished:
            return True
        return scheduler.busy and not scheduler.cancelling


def _is_open(entry: object) -> bool:
    return isinstance(entry, Message) and not entry.done
