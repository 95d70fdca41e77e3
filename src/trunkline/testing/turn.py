"""One turn: something that the caller did, and what the agents did about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from trunkline.testing.assertions import GuardrailAssertions, ToolAssertions
from trunkline.testing.conversation_source import ConversationSource
from trunkline.testing.conversation_view import GuardrailView, HandoffView, MessageView, ToolCallView
from trunkline.testing.failures import VoiceFailure


class Turn(ToolAssertions, GuardrailAssertions):
    """A stretch of the call's log, from one turn of the caller to the next. What is read of it is always up to date.

    Attributes:
        words: what the caller was to say; None for the opening of the call and for silence.
        speech_end_ms: when the caller had finished, in ms of the call's clock; None while they speak.
        interrupted_after_ms: how much of the agent's speech had been heard when the caller interrupted; else None.
    """

    def __init__(self, call: ConversationSource, words: str | None, after_seq: int, start_ms: float) -> None:
        self.words = words
        self.start_ms = start_ms
        self.speech_end_ms: float | None = None if words is not None else start_ms
        self.interrupted_after_ms: float | None = None
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
    def messages(self) -> Sequence[MessageView]:
        """The agents' messages."""
        self._call.on_read(self)
        return self._call.view.agent_messages(self._after, self._before)

    @property
    def recognised(self) -> str:
        """The caller's words as the call has them: what was typed, or what the recogniser understood."""
        self._call.on_read(self)
        found = (one for one in self._call.view.messages.values() if one.role == "user" and self.contains(one.seq))
        return " ".join(message.text for message in found if message.text and not message.hidden)

    @property
    def tools(self) -> Sequence[ToolCallView]:
        """The tools that were called, in order. Handoffs are none of them."""
        self._call.on_read(self)
        return [use for use in self._call.view.tools.values() if self.contains(use.seq)]

    @property
    def handoffs(self) -> Sequence[HandoffView]:
        """The handoffs, in order."""
        self._call.on_read(self)
        return [handoff for handoff in self._call.view.handoffs if self.contains(handoff.seq)]

    @property
    def handed_to(self) -> str | None:
        """The agent that the caller was handed to at last; None if there was no handoff."""
        handoffs = self.handoffs
        return handoffs[-1].agent if handoffs else None

    @property
    def guardrails(self) -> Sequence[GuardrailView]:
        """What guardrails found in what the agents said, in order."""
        self._call.on_read(self)
        return [check for check in self._call.view.guardrails if self.contains(check.seq)]

    @property
    def latency_parts(self) -> Mapping[str, int]:
        """What the caller waited for before the first sound of the answer, in ms: the parts of the call's own measure.

        They are those of docs/measuring.md; empty where nothing was measured.
        """
        self._call.on_read(self)
        measured = [delay for seq, delay in self._call.view.latencies if self.contains(seq)]
        return {part.name: part.ms for part in measured[0].parts} if measured else {}

    @property
    def latency_ms(self) -> float | None:
        """From the end of the caller's words to the first sound of an agent; None if there was none."""
        if self.speech_end_ms is None:
            return None
        began = [message.audio_start_ms for message in self.messages if message.audio_start_ms is not None]
        return max(0.0, began[0] - self.speech_end_ms) if began else None

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

    def contains(self, seq: int) -> bool:
        """Whether a place in the log belongs to this turn."""
        return seq > self._after and (self._before is None or seq < self._before)

    def end_before(self, seq: int) -> None:
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
