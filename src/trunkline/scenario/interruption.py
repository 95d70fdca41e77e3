"""Interruption in two steps: the types of a detector, which decides if the caller's speech interrupts the agent.

When the caller begins to speak over the agent, the call holds the agent's audio. A detector then reads the caller's
words as they come: it lets the agent continue, or stops it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

InterruptionMode = Literal["words", "speech", "off"]
"""The names of the built-in ways to interrupt."""

MODES: tuple[InterruptionMode, ...] = ("words", "speech", "off")


@dataclass(frozen=True)
class HeardWords:
    """The words of the caller's speech up to a moment. Each later one replaces the earlier ones.

    Attributes:
        text: the recogniser's words; "" if it found none.
        log_probability: the mean log probability of the words' tokens, 0 for certain; None if it is unknown.
        no_speech: the probability that the audio holds no speech, 0 to 1; None if it is unknown.
    """

    text: str
    log_probability: float | None = None
    no_speech: float | None = None


@dataclass(frozen=True)
class OverlappingSpeech:
    """The caller's speech over the agent's, so far.

    Attributes:
        words: the words at each moment at which the recogniser looked, the latest last.
        speech_ms: duration of the speech in ms.
        paused: True if the caller is silent: the last `words` are all that they have said.
    """

    words: tuple[HeardWords, ...] = ()
    speech_ms: float = 0.0
    paused: bool = False


@dataclass(frozen=True)
class Interrupt:
    """A decision to stop the agent: the speech is a turn.

    Attributes:
        reason: the rule, for the log.
        words: the words that decided.
    """

    reason: str
    words: str = ""


@dataclass(frozen=True)
class Resume:
    """A decision to let the agent continue: the speech is not a turn, unless more words follow.

    Attributes:
        reason: the rule, for the log.
        words: the words that decided.
    """

    reason: str
    words: str = ""


@runtime_checkable
class InterruptionDetector(Protocol):
    """A detector for `Scenario(interruption=…)`."""

    def decide(self, speech: OverlappingSpeech) -> Interrupt | Resume | None:
        """Return the decision on the caller's speech so far, or None to wait for more.

        The call asks again with each new words. After `Resume` it asks again if the caller speaks on. It must be quick
        and must depend on its argument alone.
        """
