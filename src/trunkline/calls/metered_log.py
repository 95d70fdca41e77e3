"""The one place that appends to a call's log: the meters follow each event, and `call.ended` ends the call."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trunkline.calls.log import Entry, Log
from trunkline.calls.log_events import AudioStats, CallEnded, LogEventUnion, UsageUpdated
from trunkline.calls.machine import effects, inputs
from trunkline.calls.machine.timers import Timer
from trunkline.calls.metrics.cost_limits import CallBudget
from trunkline.calls.metrics.meters import METERED_KINDS, Meters
from trunkline.machine_runner import MachineRunner
from trunkline.scenario.text_model import TextReply


class MeteredLog:
    """A call's log with its meters and its budget.

    Args:
        log: the log.
        meters: measure the call.
        budget: the limits of cost; the machine hears once that nothing is left.
        runner: the runner of the call's machine. Nothing is appended after it has stopped.
        audio_stats: returns the audio to and from the model since its last call, None if there was none.
        on_ended: called after `call.ended`.
    """

    def __init__(
        self,
        log: Log,
        meters: Meters,
        budget: CallBudget,
        runner: MachineRunner[inputs.Input, effects.Effect, Timer],
        *,
        audio_stats: Callable[[], AudioStats | None],
        on_ended: Callable[[], None],
    ) -> None:
        self._log = log
        self._meters = meters
        self._budget = budget
        self._runner = runner
        self._audio_stats = audio_stats
        self._on_ended = on_ended

    def restore(self, entries: Iterable[Entry]) -> None:
        """Measure the events that another server has appended."""
        for entry in entries:
            self._meters.read(entry)

    def append(self, event: LogEventUnion) -> None:
        """Append to the log, and end the call with `call.ended`. Every logged event passes here."""
        if self._runner.is_stopped:
            return
        kind = type(event)
        if kind is CallEnded:
            self.append_audio_stats()
        entry = self._log.append(event)
        if kind in METERED_KINDS:
            if measured := self._meters.read(entry):
                self.append_all(measured)
        elif isinstance(event, UsageUpdated):
            if (reason := self._budget.add(event)) is not None:
                self._runner.post(inputs.BudgetSpent(reason))
        elif kind is CallEnded:
            self._on_ended()

    def append_all(self, events: Iterable[LogEventUnion]) -> None:
        """Append events in order."""
        for event in events:
            self.append(event)

    def append_audio_stats(self) -> None:
        """Append the audio to and from the model since the last time, if there was any."""
        if (stats := self._audio_stats()) is not None:
            self.append(stats)

    def on_text_reply(self, purpose: str, reply: TextReply) -> None:
        """Count a reply of a text model to a request for a purpose."""
        self.append_all(self._meters.text_reply(purpose, reply))
