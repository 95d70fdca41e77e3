"""Assertions about tools and guardrails, for a turn and for a whole call. Each says what there was instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

from trunkline.testing.conversation_view import GuardrailLook, ToolUse, shown_arguments
from trunkline.testing.matchers import fits


class _HasTools(Protocol):
    @property
    def tools(self) -> Sequence[ToolUse]: ...

    def fail(self, message: str, seq: int | None = None) -> NoReturn: ...


class _HasGuardrails(Protocol):
    @property
    def guardrails(self) -> Sequence[GuardrailLook]: ...

    def fail(self, message: str, seq: int | None = None) -> NoReturn: ...


class ToolAssertions:
    """What can be said of the tools that were called."""

    def called(self: _HasTools, name: str, /, **arguments: Any) -> ToolUse:
        """The tool was called, with these arguments among its own; returns that use of it.

        Raises:
            VoiceFailure: it was not, or with others.
        """
        __tracebackhide__ = True
        uses = [use for use in self.tools if use.name == name]
        found = next((use for use in uses if fits(arguments, use.arguments)), None)
        if found is None:
            if not uses:
                self.fail(f"{name} was not called. {_were_called(self.tools)}")
            others = "; ".join(map(str, uses))
            self.fail(f"{name} was called, but not with {shown_arguments(arguments)}: {others}", uses[-1].seq)
        return found

    def did_not_call(self: _HasTools, *names: str) -> None:
        """None of these tools was called; without a name: no tool at all.

        Raises:
            VoiceFailure: one was.
        """
        __tracebackhide__ = True
        for use in self.tools:
            if not names or use.name in names:
                self.fail(f"{use} was called, and should not have been.", use.seq)

    def called_in_order(self: _HasTools, *names: str) -> None:
        """The tools were called in this order, whatever was called between them.

        Raises:
            VoiceFailure: one is missing, or came too early.
        """
        __tracebackhide__ = True
        left = list(names)
        for use in self.tools:
            if left and use.name == left[0]:
                left.pop(0)
        if left:
            before = names[: len(names) - len(left)]
            after = f" after {', '.join(before)}" if before else ""
            self.fail(f"{left[0]} was not called{after}. {_were_called(self.tools)}")


class GuardrailAssertions:
    """What can be said of what guardrails found."""

    def tripped(self: _HasGuardrails, name: str, /, *, category: str | None = None) -> GuardrailLook:
        """The guardrail found something wrong, of this category if one is named; returns that look.

        Raises:
            VoiceFailure: it did not, or it was something else.
        """
        __tracebackhide__ = True
        trips = [look for look in self.guardrails if look.name == name and look.status == "fail"]
        found = next((look for look in trips if category is None or look.category == category), None)
        if found is None:
            if trips:
                self.fail(f"The guardrail {name} tripped, but not for {category}: {_shown(trips)}", trips[-1].seq)
            self.fail(f"The guardrail {name} did not trip. {_shown(self.guardrails)}")
        return found

    def no_guardrail_tripped(self: _HasGuardrails) -> None:
        """Every guardrail that looked has passed what it saw: none tripped, and none failed to look.

        Raises:
            VoiceFailure: one did.
        """
        __tracebackhide__ = True
        for look in self.guardrails:
            if look.status != "pass":
                self.fail(f"A guardrail did not pass what was said: {look}.", look.seq)


def _shown(looks: Sequence[GuardrailLook]) -> str:
    return "Found: " + "; ".join(map(str, looks)) + "." if looks else "No guardrail has found anything."


def _were_called(uses: Sequence[ToolUse]) -> str:
    return "Called: " + "; ".join(map(str, uses)) + "." if uses else "No tool was called."
