"""Fillers: the call's own sentences while the caller would hear nothing.

They follow the call's waits. Silence begins at the end of the caller's turn, or of the audio that the caller
hears. A filler never plays over the agent, and it stops when the agent or the caller begins to speak. The model does
not know of it, so no request and no response is involved.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from trunkline.calls.log_events import FillerDone, FillerStarted, WaitReason
from trunkline.calls.machine.effects import DropQueuedAudio, FetchFiller, PlayFiller
from trunkline.calls.machine.inputs import FillerFetched
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.playout import Playout
from trunkline.calls.machine.timers import Timer
from trunkline.scenario.fillers import FillerKind, Fillers

REPEAT_AFTER_MS = 4_500.0
"""Longest silence after a filler."""
_BY_CALLER = frozenset({"caller", "endpointing", "approval"})
"""Waits for the caller, during which no filler is due."""
_IN_ORDER = (FillerKind.WAITING, FillerKind.APOLOGY, FillerKind.PATIENCE)
_ROUNDING_MS = 1.0
_NOTED_EVERY_MS = 100.0
"""Interval in which the end of the agent's audio is computed while audio arrives, fifty times a second."""


class FillerState(Enum):
    """State of the fillers.

    Attributes:
        OFF: the call waits for the caller.
        SILENT: the caller may hear nothing; the timer is set to the next filler.
        FETCHING: the shell gets the audio of the filler that is due.
        PLAYING: a filler plays; the timer is set to its end.
    """

    OFF = auto()
    SILENT = auto()
    FETCHING = auto()
    PLAYING = auto()


_OFF, _SILENT = FillerState.OFF, FillerState.SILENT  # read in each step; a member of an enum is slow to read


class FillerPlayer:
    """Fillers of one call.

    Args:
        fillers: the sentences and times; None plays none.
    """

    def __init__(self, fillers: Fillers | None, outbox: Outbox, playout: Playout) -> None:
        self._fillers = fillers
        self._outbox = outbox
        self._playout = playout
        self._state = FillerState.OFF
        self._reason: WaitReason = "caller"
        self._voice_ended_ms: float | None = None
        """End of the caller's voice in a turn that has just ended."""
        self._silent_from_ms = 0.0
        self._count = 0
        """Number of fillers in this silence."""
        self._filler_id = ""
        self._started_ms = 0.0
        self._ended_ms = 0.0
        self._agent_plays = False
        self._noted_ms = -_NOTED_EVERY_MS
        """Time at which the end of the agent's audio was computed last."""
        self._kind = FillerKind.WAITING
        """The filler that is fetched or plays."""
        self._failed = False
        """True until the caller has heard that the model has failed."""

    @property
    def is_playing(self) -> bool:
        """True while a filler plays."""
        return self._state is FillerState.PLAYING

    def on_turn_ended(self, endpointing_ms: float) -> None:
        """Note that a spoken turn has ended, `endpointing_ms` after the caller's voice."""
        self._voice_ended_ms = self._outbox.now_ms - endpointing_ms

    def update(self, reason: WaitReason) -> None:
        """Follow the call's wait. The machine calls this at the end of each step."""
        self._reason = reason
        if self._fillers is None:
            return
        if reason in _BY_CALLER:
            if not (self._failed and reason == "caller"):
                self.stop()
        elif self._state is _OFF:
            ended_ms, self._voice_ended_ms = self._voice_ended_ms, None
            self._begin(self._outbox.now_ms if ended_ms is None else ended_ms)
        elif self._agent_plays and self._silent_from_ms <= self._outbox.now_ms:  # until then, the audio is known
            self._note_agent_audio()

    def on_failed(self) -> None:
        """Announce that no answer follows: the model has failed, and is not asked again."""
        if self._fillers is None:
            return
        self._failed = True
        if self._state in (FillerState.OFF, FillerState.SILENT):
            self._begin(self._outbox.now_ms)

    def stop(self) -> None:
        """End the wait: the caller speaks or is to speak, or the call ends."""
        self._failed = False
        if self._state is _OFF:
            return
        if self._state is FillerState.PLAYING:
            self._cut()
        self._state = _OFF
        self._outbox.set_timer(Timer.FILLER, None)

    def on_caller_turn(self) -> None:
        """Begin again: a new turn of the caller replaces the wait."""
        self.stop()

    def on_agent_audio(self) -> None:
        """Stop a filler: the agent is about to be heard."""
        if self._state is _SILENT:  # as for most frames
            self._agent_plays = True  # a later step computes the end
            if self._outbox.now_ms - self._noted_ms >= _NOTED_EVERY_MS:
                self._note_agent_audio()
        elif self._state is FillerState.PLAYING:
            self._cut()
            self._begin(self._outbox.now_ms)

    def on_timer(self) -> None:
        """Handle `Timer.FILLER`."""
        match self._state:
            case FillerState.OFF | FillerState.FETCHING:
                return
            case FillerState.SILENT:
                if self._is_due():
                    self._state = FillerState.FETCHING
                    self._kind = FillerKind.FAILURE if self._failed else _IN_ORDER[min(self._count, 2)]
                    self._outbox.emit(FetchFiller(self._kind))
            case FillerState.PLAYING:
                self._outbox.log(FillerDone(filler_id=self._filler_id, ms=round(self._ended_ms - self._started_ms)))
                self._state = FillerState.SILENT
                self._count += 1
                if self._kind is FillerKind.FAILURE:
                    self._failed = False
                self._set_timer()
            case _:
                assert_never(self._state)

    def on_fetched(self, fetched: FillerFetched) -> None:
        """Play the filler, if the caller still hears nothing."""
        if self._state is not FillerState.FETCHING:
            return
        self._state = FillerState.SILENT
        if not self._is_due():
            return
        self._state = FillerState.PLAYING
        self._filler_id = self._outbox.new_id("filler")
        self._started_ms = self._outbox.now_ms
        self._ended_ms = self._started_ms + fetched.ms
        self._outbox.log(
            FillerStarted(filler_id=self._filler_id, text=fetched.text, ms=round(fetched.ms), reason=self._reason)
        )
        self._outbox.emit(PlayFiller(fetched.pcm))
        self._outbox.set_timer(Timer.FILLER, self._ended_ms)

    def _begin(self, silent_from_ms: float) -> None:
        self._state = FillerState.SILENT
        self._silent_from_ms = silent_from_ms
        self._count = 0
        self._note_agent_audio()
        self._set_timer()

    def _note_agent_audio(self) -> None:
        """Let the silence begin after the agent's audio, if the caller hears any."""
        self._noted_ms = self._outbox.now_ms
        ends_at_ms = self._playout.ends_at_ms
        played, self._agent_plays = self._agent_plays, ends_at_ms is not None and ends_at_ms >= self._outbox.now_ms
        if ends_at_ms is None and played:
            # Over WebRTC the end is known only when it has come.
            ends_at_ms = self._outbox.now_ms if self._playout.over_webrtc else self._playout.ended_at_ms
        if ends_at_ms is not None and ends_at_ms > self._silent_from_ms:
            self._silent_from_ms = ends_at_ms
            self._count = 0

    def _is_due(self) -> bool:
        """Return whether a filler is due now; otherwise set the timer."""
        self._note_agent_audio()
        if self._due_ms <= self._outbox.now_ms + _ROUNDING_MS:
            return True
        self._set_timer()
        return False

    @property
    def _due_ms(self) -> float:
        assert self._fillers is not None  # noqa: S101 - `update` begins no wait without fillers
        if self._failed:
            return max(self._silent_from_ms, self._ended_ms)
        if self._count == 0:
            return self._silent_from_ms + self._fillers.waiting_after_s * 1000
        repeat_ms = self._ended_ms + REPEAT_AFTER_MS
        if self._count == 1:
            return max(self._ended_ms, min(repeat_ms, self._silent_from_ms + self._fillers.apology_after_s * 1000))
        return repeat_ms

    def _set_timer(self) -> None:
        self._outbox.set_timer(Timer.FILLER, self._due_ms)

    def _cut(self) -> None:
        heard_ms = round(self._outbox.now_ms - self._started_ms)
        self._outbox.log(FillerDone(filler_id=self._filler_id, ms=heard_ms, interrupted=True))
        self._outbox.emit(DropQueuedAudio())
        self._ended_ms = self._outbox.now_ms
        self._state = FillerState.SILENT
