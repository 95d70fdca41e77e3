"""Assertions about tools and guardrails, for a turn and for a whole call, with the actual calls in each failure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, Protocol

from trunkline.testing.conversation_view import GuardrailView, ToolCallView, shown_arguments
from trunkline.testing.matchers import fits


class _HasTools(Protocol):
    @property
    def tools(self) -> Sequence[ToolCallView]: ...

    def fail(self, message: str, seq: int | None = None) -> NoReturn: ...


class _HasGuardrails(Protocol):
    @property
    def guardrails(self) -> Sequence[GuardrailView]: ...

    def fail(self, message: str, seq: int | None = None) -> NoReturn: ...


class ToolAssertions:
    """Assertions about tool calls."""

    def called(self: _HasTools, name: str, /, **arguments: object) -> ToolCallView:
        """Assert that the tool was called with these arguments, among others; return that call.

        Raises:
            VoiceFailure: the tool was not called, or with other arguments.
        """
        __tracebackhide__ = True
        calls = [call for call in self.tools if call.name == name]
        found = next((call for call in calls if fits(arguments, call.arguments)), None)
        if found is None:
            if not calls:
                self.fail(f"{name} was not called. {_list_calls(self.tools)}")
            others = "; ".join(map(str, calls))
            self.fail(f"{name} was called, but not with {shown_arguments(arguments)}: {others}", calls[-1].seq)
        return found

    def did_not_call(self: _HasTools, *names: str) -> None:
        """Assert that none of these tools was called; without a name, that no tool was called.

        Raises:
            VoiceFailure: one of them was called.
        """
        __tracebackhide__ = True
        for call in self.tools:
            if not names or call.name in names:
                self.fail(f"{call} was called, and should not have been.", call.seq)

    def called_in_order(self: _HasTools, *names: str) -> None:
        """Assert that the tools were called in this order. Other calls may lie between them.

        Raises:
            VoiceFailure: a call is missing, or came too early.
        """
        __tracebackhide__ = True
        left = list(names)
        for call in self.tools:
            if left and call.name == left[0]:
                left.pop(0)
        if left:
            before = names[: len(names) - len(left)]
            after = f" after {', '.join(before)}" if before else ""
            self.fail(f"{left[0]} was not called{after}. {_list_calls(self.tools)}")


class GuardrailAssertions:
    """Assertions about the checks of guardrails."""

    def tripped(self: _HasGuardrails, name: str, /, *, category: str | None = None) -> GuardrailView:
        """Assert that the guardrail tripped, for this category if one is given; return that check.

        Raises:
            VoiceFailure: the guardrail did not trip, or for another category.
        """
        __tracebackhide__ = True
        trips = [check for check in self.guardrails if check.name == name and check.status == "fail"]
        found = next((check for check in trips if category is None or check.category == category), None)
        if found is None:
            if trips:
                self.fail(f"The guardrail {name} tripped, but not for {category}: {_list_checks(trips)}", trips[-1].seq)
            self.fail(f"The guardrail {name} did not trip. {_list_checks(self.guardrails)}")
        return found

    def no_guardrail_tripped(self: _HasGuardrails) -> None:
        """Assert that every check passed: no guardrail tripped, and none failed with an error.

        Raises:
            VoiceFailure: a check did not pass.
        """
        __tracebackhide__ = True
        for check in self.guardrails:
            if check.status != "pass":
                self.fail(f"A guardrail did not pass a message: {check}.", check.seq)


def _list_checks(checks: Sequence[GuardrailView]) -> str:
    return "Found: " + "; ".join(map(str, checks)) + "." if checks else "No guardrail has reported a result."


def _list_calls(calls: Sequence[ToolCallView]) -> str:
    return "Called: " + "; ".join(map(str, calls)) + "." if calls else "No tool was called."
