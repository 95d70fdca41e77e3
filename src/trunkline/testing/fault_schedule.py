"""Faults that wait for events by their type: the schedule that the test kit's links and the fake of Azure share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass
class Fault:
    """Fault at events of a type that matches the pattern `at`.

    Attributes:
        kind: the action, such as `delay` or `lose`.
        at: an event type, with `*` for any characters.
        left: the number of events that the fault will still strike.
        skip: the number of matching events that pass first.
        delay_ms: the delay in ms.
        code: the close code of a lost connection.
        reason: the reason of a lost connection.
        frames: frames to send in addition.
    """

    kind: str
    at: str
    left: int = 1
    skip: int = 0
    delay_ms: float = 0.0
    code: int | None = 1006
    reason: str = ""
    frames: Sequence[str | bytes] = ()


class FaultSchedule:
    """Faults in the order in which a test added them. The first match strikes.

    Attributes:
        injected: the faults that struck, each as its kind and the event's type.
    """

    def __init__(self) -> None:
        self.injected: list[str] = []
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._faults.append(fault)

    def next_fault(self, event_type: str) -> Fault | None:
        """Return the fault that strikes an event of this type, and count it; None if no fault matches."""
        for fault in self._faults:
            if not fnmatchcase(event_type, fault.at):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.left -= 1
            if not fault.left:
                self._faults.remove(fault)
            self.injected.append(f"{fault.kind} {event_type}")
            return fault
        return None
