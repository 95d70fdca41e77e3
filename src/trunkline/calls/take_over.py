"""Take-over of a call that another server ran: the state in which it continues, and its first events."""

from __future__ import annotations

from trunkline.calls.live_record import TakenOverCall
from trunkline.calls.log_events import CallTakenOver, LogEventUnion, LogGap
from trunkline.calls.machine.restoration import Restoration, restore
from trunkline.realtime.events import NewId

HANDED_OVER = "the former server stops, and has handed the call over"


def restored_call(taken_over: TakenOverCall, new_id: NewId) -> Restoration:
    """Return the state of the call at the end of its log."""
    record = taken_over.record
    restored = restore((entry.event for entry in taken_over.entries), record.first_agent, new_id)
    if record.audio_position is None or record.transport == "webrtc":  # the page cannot send the open turns again
        restored.open_turns.clear()
    return restored


def take_over_events(taken_over: TakenOverCall, agent: str) -> list[LogEventUnion]:
    """Return the first events of the call here: its take-over by the current agent, after a note of the lost part."""
    events: list[LogEventUnion] = []
    if taken_over.last_seq > taken_over.committed:
        events.append(LogGap(first=taken_over.committed + 1, last=taken_over.last_seq))
    events.append(
        CallTakenOver(
            call_id=taken_over.record.call_id,
            agent=agent,
            reason=HANDED_OVER if taken_over.handed_over else "the server of this call has gone",
            server=taken_over.server or None,
            cause="handed_over" if taken_over.handed_over else "lost",
        )
    )
    return events
