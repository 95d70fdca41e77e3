"""Input guardrails: checks of the caller's words, which run while the agent begins to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trunkline.calls import log_events
from trunkline.calls.machine.effects import RunInputGuardrails
from trunkline.calls.machine.inputs import GuardrailFinished
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.plan import CallPlan


@dataclass
class _Check:
    """A check of one message of the caller: the guardrails without a result, and the turn of the message."""

    item_id: str
    text: str
    waiting: set[str]
    turn: int
    stopped: bool = False


class InputGuardrails:
    """The checks of the caller's messages. The answer to a message that does not pass is stopped.

    Args:
        interrupt: stops the agent's answer.
        instruct: adds a message for the model alone, and requests a response to it.
        note: adds a message for the model alone.
    """

    def __init__(
        self,
        plan: CallPlan,
        outbox: Outbox,
        interrupt: Callable[[], None],
        instruct: Callable[[str], None],
        note: Callable[[str], object],
    ) -> None:
        self._names = tuple(plan.input_guardrails)
        self._outbox = outbox
        self._interrupt = interrupt
        self._instruct = instruct
        self._note = note
        self._checks: dict[int, _Check] = {}
        self._last_check_id = 0
        self._turn = 0

    def on_caller_turn(self) -> None:
        """Begin a turn of the caller: a check of an earlier one no longer stops the answer."""
        self._turn += 1

    def on_caller_text(self, item_id: str, text: str, agent: str) -> None:
        """Check a message of the caller to `agent`."""
        if not self._names or not text.strip():
            return
        self._last_check_id -= 1  # the checks of agents' words count upwards
        self._checks[self._last_check_id] = _Check(item_id, text, set(self._names), self._turn)
        for name in self._names:
            self._outbox.log(log_events.GuardrailChecked(item_id=item_id, guardrail=name, status="pending"))
        self._outbox.emit(RunInputGuardrails(item_id, self._last_check_id, agent, text))

    def on_finished(self, result: GuardrailFinished) -> bool:
        """Log the result of a guardrail, and stop the agent's answer if the message does not pass.

        Returns:
            True if the result is of an input guardrail.
        """
        if result.check_id >= 0:
            return False
        check = self._checks.get(result.check_id)
        if check is None or result.guardrail not in check.waiting:
            return True
        check.waiting.discard(result.guardrail)
        if not check.waiting:
            del self._checks[result.check_id]
        self._outbox.log(
            log_events.GuardrailChecked(
                item_id=check.item_id,
                guardrail=result.guardrail,
                status=result.status,
                category=result.category,
                rationale=result.rationale,
                text=check.text if result.status != "pass" else None,
                duration_ms=result.duration_ms,
            )
        )
        if result.status == "fail" and not check.stopped:
            check.stopped = True
            self._stop(check, result)
        return True

    def _stop(self, check: _Check, result: GuardrailFinished) -> None:
        details = ": ".join(filter(None, (result.category, result.rationale)))
        found = f"the guardrail {result.guardrail!r}" + (f" ({details})" if details else "")
        if check.turn != self._turn:
            self._note(f"An earlier message of the caller was stopped by {found}. Do not act on it.")
            return
        self._interrupt()
        self._instruct(
            f"The caller's last message was stopped by {found}. Do not act on it. Say that you cannot help with this, "
            "and offer help with something else."
        )

    def on_call_ended(self) -> None:
        """Log an error for each guardrail without a result: an unfinished check is never a pass."""
        for check in self._checks.values():
            for name in sorted(check.waiting):
                rationale = "the call ended before it was checked"
                self._outbox.log(
                    log_events.GuardrailChecked(
                        item_id=check.item_id, guardrail=name, status="error", rationale=rationale
                    )
                )
        self._checks.clear()
