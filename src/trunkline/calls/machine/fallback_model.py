"""Fallback model: the model of the rest of the call, after two failures of the first model in a row."""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.effects import ChangeModel
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan

MAX_FAILURES = 2
"""Number of failed responses and connections in a row after which the fallback model takes over."""


class FallbackModel:
    """The change to the fallback model, if one is configured. It happens at most once in a call."""

    def __init__(self, plan: CallPlan, outbox: Outbox) -> None:
        self._plan = plan
        self._outbox = outbox
        self._failed = 0
        self._changed = False

    def on_response_completed(self) -> None:
        """Count failures from 0 again."""
        self._failed = 0

    def on_failed(self, *, hopeless: bool = False) -> bool:
        """Change to the fallback model if this failed response or connection is one too many.

        Args:
            hopeless: true if no other request to this model helps, so a second failure changes nothing.

        Returns:
            True if the model has changed, so that a new session is needed.
        """
        self._failed += 1
        model = self._plan.fallback_model
        if model is None or self._changed or (self._failed < MAX_FAILURES and not hopeless):
            return False
        self._changed = True
        reason = "no other try helps" if hopeless else f"it failed {self._failed} times in a row"
        self._outbox.log(log_events.ModelChanged(model=model, previous=self._plan.model, reason=reason))
        self._outbox.emit(ChangeModel(model))
        return True
