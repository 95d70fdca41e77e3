"""Turn: an action of the caller, and the agents' answer to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from trunkline.testing.assertions import GuardrailAssertions, ToolAssertions
from trunkline.testing.conversation_source import ConversationSource
from trunkline.testing.conversation_view import GuardrailView, HandoffView, MessageView, ToolCallView
from trunkline.testing.failures import VoiceFailure


class Turn(ToolAssertions, GuardrailAssertions):
    """Part of the call's log from one turn of the caller to the next. Its properties are always up to date.

    Attributes:
        words: the caller's words; None for the opening of the call and for silence.
        start_ms: the time at which the turn begins, in ms of the call's clock.
        speech_end_ms: the time at which the caller had finished; None while they speak.
        interrupted_after_ms: the heard part of the agent's speech in ms at the interruption; None without one.
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
        """The whole text of the agents' messages, heard or not."""
        return " ".join(message.text for message in self.messages if message.text)

    @property
    def heard(self) -> str:
        """The text that the caller heard: shorter than `text` after an interruption."""
        return " ".join(message.heard for message in self.messages if message.heard)

    @property
    def interrupted(self) -> bool:
        """The fact that a message of the agents was cut off."""
        return any(message.interrupted for message in self.messages)

    @property
    def messages(self) -> Sequence[MessageView]:
        """The agents' messages."""
        self._call.on_read(self)
        return self._call.view.agent_messages(self._after, self._before)

    @property
    def recognised(self) -> str:
        """The caller's words as the call has them: the typed text, or the transcript of their speech."""
        self._call.on_read(self)
        found = (one for one in self._call.view.messages.values() if one.role == "user" and self.contains(one.seq))
        return " ".join(message.text for message in found if message.text and not message.hidden)

    @property
    def tools(self) -> Sequence[ToolCallView]:
        """The tool calls, in order. Handoffs are not among them."""
        self._call.on_read(self)
        return [use for use in self._call.view.tools.values() if self.contains(use.seq)]

    @property
    def handoffs(self) -> Sequence[HandoffView]:
        """The handoffs, in order."""
        self._call.on_read(self)
        return [handoff for handoff in self._call.view.handoffs if self.contains(handoff.seq)]

    @property
    def handed_to(self) -> str | None:
        """The agent of the last handoff; None without a handoff."""
        handoffs = self.handoffs
        return handoffs[-1].agent if handoffs else None

    @property
    def guardrails(self) -> Sequence[GuardrailView]:
        """The results of guardrails for the agents' messages, in order."""
        self._call.on_read(self)
        return [check for check in self._call.view.guardrails if self.contains(check.seq)]

    @property
    def latency_parts(self) -> Mapping[str, int]:
        """The parts of the latency in ms, by name, as the call itself measures it.

        docs/measuring.md lists the names. Empty without a measurement.
        """
        self._call.on_read(self)
        measured = [delay for seq, delay in self._call.view.latencies if self.contains(seq)]
        return {part.name: part.ms for part in measured[0].parts} if measured else {}

    @property
    def latency_ms(self) -> float | None:
        """The time from the end of the caller's words to the first audio of an agent; None without audio."""
        if self.speech_end_ms is None:
            return None
        began = [message.audio_start_ms for message in self.messages if message.audio_start_ms is not None]
        return max(0.0, began[0] - self.speech_end_ms) if began else None

    def answers_within(self, ms: float) -> None:
        """Assert that an agent's audio began within `ms` of the end of the caller's words.

        Raises:
            VoiceFailure: the audio came later, or not at all.
        """
        __tracebackhide__ = True
        latency = self.latency_ms
        if latency is None:
            self.fail(f"Nobody answered {self.words!r}; the budget was {ms:g} ms.")
        if latency > ms:
            self.fail(f"The answer to {self.words!r} took {latency:.0f} ms; the budget was {ms:g} ms.")

    def contains(self, seq: int) -> bool:
        """Return whether a place in the log belongs to this turn."""
        return seq > self._after and (self._before is None or seq < self._before)

    def end_before(self, seq: int) -> None:
        """End the turn before this place, at which the caller's next turn begins."""
        self._before = seq

    @property
    def last_seq(self) -> int:
        """The last place in the log that belongs to this turn so far."""
        return self._before - 1 if self._before is not None else self._call.last_seq

    def fail(self, message: str, seq: int | None = None) -> NoReturn:
        """Fail the test at a place in the conversation, by default at the turn's end.

        Raises:
            VoiceFailure: always.
        """
        __tracebackhide__ = True
        raise VoiceFailure(message, self._call, self.last_seq if seq is None else seq)
