"""One turn: something that the caller did, and what the agents did about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from trunkline.testing.assertions import GuardrailAssertions, ToolAssertions
from trunkline.testing.conversation_view import GuardrailLook, Handoff, Message, ToolUse
from trunkline.testing.failures import VoiceFailure

if TYPE_CHECKING:
    from trunkline.testing.voice_call import VoiceCall


class Turn(ToolAssertions, GuardrailAssertions):
    """A stretch of the call's log, from one turn of the caller to the next. What is read of it is always up to date.

    Attributes:
        words: what the caller was to say; None for the opening of the call and for silence.
        said_ms: when the caller had finished, in ms of the call's clock; None while they speak.
        cut_in_after_ms: how much of the agent's speech had been heard when the caller cut in; None if they did not.
    """

    def __init__(self, call: VoiceCall, words: str | None, after_seq: int, start_ms: float) -> None:
        self.words = words
        self.start_ms = start_ms
        self.said_ms: float | None = None if words is not None else start_ms
        self.cut_in_after_ms: float | None = None
        self._call = call
        self._after = after_seq
        self._before: int | None = None

    def __repr__(self) -> str:
        said = "(opening or silence)" if self.words is None else repr(self.words)
        return f"<Turn {said} -> {self.text!r}>"

    @property
    def text(self) -> str:
        """All that the agents said, whether or not it was heard to its end."""
        return " ".join(message.text for message in self.messages if message.text)

    @property
    def heard(self) -> str:
        """What of it the caller heard: less than `text` where it was cut off."""
        return " ".join(message.heard for message in self.messages if message.heard)

    @property
    def interrupted(self) -> bool:
        """Whether some of what the agents said was cut off."""
        return any(message.interrupted for message in self.messages)

    @property
    def messages(self) -> Sequence[Message]:
        """The agents' messages."""
        self._call.looked_at(self)
        return self._call.reading.said_by_agents(self._after, self._before)

    @property
    def recognised(self) -> str:
        """The caller's words as the call has them: what was typed, or what the recogniser understood."""
        self._call.looked_at(self)
        found = (one for one in self._call.reading.messages.values() if one.role == "user" and self.holds(one.seq))
        return " ".join(message.text for message in found if message.text and not message.hidden)

    @property
    def tools(self) -> Sequence[ToolUse]:
        """The tools that were called, in order. Handoffs are none of them."""
        self._call.looked_at(self)
        return [use for use in self._call.reading.tools.values() if self.holds(use.seq)]

    @property
    def handoffs(self) -> Sequence[Handoff]:
        """The handoffs, in order."""
        self._call.looked_at(self)
        return [handoff for handoff in self._call.reading.handoffs if self.holds(handoff.seq)]

    @property
    def handed_to(self) -> str | None:
        """The agent that the caller was handed to at last; None if there was no handoff."""
        handoffs = self.handoffs
        return handoffs[-1].agent if handoffs else None

    @property
    def guardrails(self) -> Sequence[GuardrailLook]:
        """What guardrails found in what the agents said, in order."""
        self._call.looked_at(self)
        return [look for look in self._call.reading.guardrails if self.holds(look.seq)]

    @property
    def delay_parts(self) -> Mapping[str, int]:
        """What the caller waited for before the first sound of the answer, in ms: the parts of the call's own measure.

        They are those of docs/measuring.md; empty where nothing was measured.
        """
        self._call.looked_at(self)
        measured = [delay for seq, delay in self._call.reading.delays if self.holds(seq)]
        return {part.name: part.ms for part in measured[0].parts} if measured else {}

    @property
    def latency_ms(self) -> float | None:
        """From the end of the caller's words to the first sound of an agent; None if there was none."""
        if self.said_ms is None:
            return None
        began = [message.sounds_at_ms for message in self.messages if message.sounds_at_ms is not None]
        return max(0.0, began[0] - self.said_ms) if began else None

    def answers_within(self, ms: float) -> None:
        """The agents' first sound came within `ms` of the caller's last.

        Raises:
            VoiceFailure: it came later, or not at all.
        """
        __tracebackhide__ = True
        latency = self.latency_ms
        if latency is None:
            self.fail(f"Nobody answered {self.words!r}; the budget was {ms:g} ms.")
        if latency > ms:
            self.fail(f"The answer to {self.words!r} took {latency:.0f} ms; the budget was {ms:g} ms.")

    def holds(self, seq: int) -> bool:
        """Whether a place in the log belongs to this turn."""
        return seq > self._after and (self._before is None or seq < self._before)

    def ends_at(self, seq: int) -> None:
        """The caller's next turn begins there."""
        self._before = seq

    @property
    def last_seq(self) -> int:
        """The last place in the log that belongs to this turn so far."""
        return self._before - 1 if self._before is not None else self._call.last_seq

    def fail(self, message: str, seq: int | None = None) -> NoReturn:
        """Fails the test at a place in the conversation, by default at the turn's end.

        Raises:
            VoiceFailure: always.
        """
        __tracebackhide__ = True
        raise VoiceFailure(message, self._call, self.last_seq if seq is None else seq)
