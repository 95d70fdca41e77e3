"""Comparison of a recorded call with its replay, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trunkline.testing.conversation_view import shown_arguments
from trunkline.testing.from_call.recorded_call import RecordedCall, RecordedTool, RecordedTurn
from trunkline.testing.from_call.test_file import MAX_EXACT_TEXT, latency_budget_ms
from trunkline.testing.llm_judge import Verdict

DifferenceKind = Literal["handoff", "tool", "guardrail", "words", "silence", "end", "latency"]


@dataclass(frozen=True)
class Difference:
    """A difference between a recorded turn and its replay. A slower answer alone does not diverge."""

    kind: DifferenceKind
    text: str

    @property
    def diverges(self) -> bool:
        """The fact that the agents acted differently."""
        return self.kind != "latency"


@dataclass(frozen=True)
class ReplayedTurn:
    """A recorded turn, its replay, and the differences. `now` is None if the replay did not come that far."""

    recorded: RecordedTurn
    now: RecordedTurn | None
    differences: tuple[Difference, ...] = ()

    @property
    def diverges(self) -> bool:
        """The fact that the agents acted differently in this turn."""
        return any(difference.diverges for difference in self.differences)


@dataclass(frozen=True)
class Replay:
    """A call and its replay.

    Attributes:
        now: the provider and the model of the replay.
        end: the differences of the calls' ends.
        verdict: the judge's verdict; None if no model was asked.
        note: the reason for which the agents' words were not compared; "" if they were.
    """

    recorded: RecordedCall
    now: str
    turns: tuple[ReplayedTurn, ...]
    end: tuple[Difference, ...] = ()
    verdict: Verdict | None = None
    note: str = ""

    @property
    def diverges(self) -> bool:
        """The fact that today's agents acted differently."""
        judged = self.verdict is not None and self.verdict.outcome == "fail"
        return judged or bool(self.end) or any(turn.diverges for turn in self.turns)


def compare(
    recorded: RecordedTurn, now: RecordedTurn | None, *, exact: bool, failure: str | None = None
) -> ReplayedTurn:
    """Return a turn with its differences.

    Args:
        recorded: the recorded turn.
        now: the turn of the replay; None if the replay did not come that far.
        exact: compare all words, since rehearsals played both calls.
        failure: the reason for which the caller could not finish the turn.
    """
    if now is None:
        text = failure or "The call ended before this turn."
        return ReplayedTurn(recorded, None, (Difference("end", text),))
    found = [
        *([Difference("silence", failure)] if failure is not None else []),
        *_handoffs(recorded, now),
        *_tools(recorded.tools, now.tools, exact=exact),
        *_guardrails(recorded, now),
        *(_words(recorded, now) if exact else []),
        *_latency(recorded, now),
    ]
    return ReplayedTurn(recorded, now, tuple(found))


def _handoffs(recorded: RecordedTurn, now: RecordedTurn) -> list[Difference]:
    if recorded.handoffs == now.handoffs:
        return []
    return [Difference("handoff", f"Handed to {_agents(now.handoffs)}, recorded: {_agents(recorded.handoffs)}.")]


def _tools(recorded: Sequence[RecordedTool], now: Sequence[RecordedTool], *, exact: bool) -> list[Difference]:
    found = []
    left = list(now)
    for tool in recorded:
        same = next((one for one in left if one.name == tool.name and _same(tool, one, exact=exact)), None)
        other = next((one for one in left if one.name == tool.name), None)
        if same is not None:
            left.remove(same)
        elif other is not None:
            left.remove(other)
            shown = shown_arguments(tool.arguments)
            found.append(Difference("tool", f"{other} was called, recorded: with {shown}."))
        else:
            found.append(Difference("tool", f"{tool.name} was not called."))
    found += [Difference("tool", f"{tool} was called, which is not in the record.") for tool in left]
    return found


def _same(recorded: RecordedTool, now: RecordedTool, *, exact: bool) -> bool:
    """Return whether two calls have the same arguments. A model writes long texts differently each time."""
    if exact or not (isinstance(recorded.arguments, dict) and isinstance(now.arguments, dict)):
        return recorded.arguments == now.arguments or recorded.arguments is None
    return recorded.arguments.keys() == now.arguments.keys() and all(
        value == now.arguments[name] or (_is_long(value) and isinstance(now.arguments[name], str))
        for name, value in recorded.arguments.items()
    )


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > MAX_EXACT_TEXT


def _guardrails(recorded: RecordedTurn, now: RecordedTurn) -> list[Difference]:
    before, after = ({trip.guardrail for trip in turn.trips} for turn in (recorded, now))
    found = [Difference("guardrail", f"The guardrail {name} did not trip.") for name in sorted(before - after)]
    return found + [Difference("guardrail", f"The guardrail {name} tripped.") for name in sorted(after - before)]


def _words(recorded: RecordedTurn, now: RecordedTurn) -> list[Difference]:
    if [answer.text for answer in recorded.answers] == [answer.text for answer in now.answers]:
        return []
    return [Difference("words", "The agents' words differ.")]


def _latency(recorded: RecordedTurn, now: RecordedTurn) -> list[Difference]:
    if recorded.latency_ms is None or now.latency_ms is None:
        return []
    budget_ms = latency_budget_ms(recorded.latency_ms)
    if now.latency_ms <= budget_ms:
        return []
    return [Difference("latency", f"Slower than {budget_ms} ms, the budget for the recorded {recorded.latency_ms} ms.")]


def _agents(names: Sequence[str]) -> str:
    return " → ".join(names) or "nobody"
