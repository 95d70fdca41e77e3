"""The store of a call in the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from trunkline.calls.log_events import StoreDegraded, StoreRestored
from trunkline.calls.registry import CallRegistry
from trunkline.scenario.scenario import Scenario
from trunkline.settings import Settings, StoreMode
from trunkline.store.audio.redaction_judge import RedactionJudge
from trunkline.store.call_store import CallStore
from trunkline.store.redaction import CallRedactor, policy_of


class TerminalStore:
    """The store of one call in the terminal.

    Args:
        mode: the part of the call that is stored.
        scenario: the scenario of the call.
    """

    def __init__(self, settings: Settings, mode: StoreMode, scenario: Scenario) -> None:
        def redactor(_scenario: str) -> CallRedactor:
            return CallRedactor(policy_of(scenario, settings.redact))

        self._registry: CallRegistry | None = None
        self._reason = "The database did not answer in time"
        self._store = CallStore(
            settings, mode, self._on_change, make_redactor=redactor, make_judge=lambda: RedactionJudge(redactor)
        )

    @asynccontextmanager
    async def running(self, make_registry: Callable[[CallStore], CallRegistry]) -> AsyncIterator[CallRegistry]:
        """Return a registry whose call is stored; the store has ended after the `with` block.

        Args:
            make_registry: makes a registry that gives logs and recordings to the store.
        """
        async with self._store.running():
            self._registry = make_registry(self._store)
            async with self._registry:
                yield self._registry

    def result(self, call_id: str) -> str:
        """Return a sentence about the stored call, after the end of `running`."""
        writer = self._store.writer
        if lost := writer.queued_events + writer.lost_events:
            return (
                f"The call is not stored completely: {lost} events are missing. {self._reason.rstrip('.')}. "
                "Check TRUNKLINE_DATABASE_URL and TRUNKLINE_DATA_DIR."
            )
        return f"Stored as {call_id}. `trunkline test-from {call_id}` makes a test of it."

    def _on_change(self, call_id: str, event: StoreDegraded | StoreRestored) -> None:
        if isinstance(event, StoreDegraded):
            self._reason = event.reason
        if self._registry is not None:
            self._registry.report_store(call_id, event)
