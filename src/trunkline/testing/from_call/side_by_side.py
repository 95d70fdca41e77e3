"""A replay as text for a terminal: the recorded call on the left, today's on the right."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from trunkline.testing.from_call.comparison import Difference, Replay, ReplayedTurn
from trunkline.testing.from_call.python_source import columns, printable
from trunkline.testing.from_call.recorded_call import CallerAction, RecordedEnd, RecordedTurn

MIN_WIDTH, MAX_WIDTH = 60, 200
MARK = "≠"
_GAP = " │ "
Style = Callable[[str, str], str]
"""Returns a text in a style: `caller`, `difference`, `slower`, `quiet` or `good`."""


def side_by_side(replay: Replay, width: int, style: Style = lambda text, _name: text) -> str:
    """Return a replay as text.

    Args:
        replay: the replay.
        width: the columns of the terminal.
        style: returns a text in a style; by default the text itself.
    """
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    column = (width - len(_GAP)) // 2
    recorded = replay.recorded
    heads = (f"recorded: {recorded.provider}, {recorded.model}", f"now: {replay.now}")
    lines = [
        f"{printable(recorded.scenario)}, call {printable(recorded.call_id)} of {printable(recorded.started_at[:16])}",
        "",
        *_beside([printable(heads[0])], [printable(heads[1])], column),
        "─" * column + "─┼─" + "─" * column,
    ]
    for turn in replay.turns:
        lines += _turn(turn, column, width, style)
    lines += [_difference(difference, width, style) for difference in replay.end]
    lines += ["", *_summary(replay, width, style)]
    return "\n".join(lines)


def _turn(turn: ReplayedTurn, column: int, width: int, style: Style) -> Iterator[str]:
    action = turn.recorded.action
    if action is not None:
        for line in _wrapped(f"{_clock(turn.recorded.at_ms)}  caller: {_shown(action)}", width):
            yield style(line, "caller")
    now = [] if turn.now is None else _rows(turn.now, column)
    yield from _beside(_rows(turn.recorded, column), now, column)
    for difference in turn.differences:
        yield _difference(difference, width, style)


def _rows(turn: RecordedTurn, column: int) -> list[str]:
    """Return the agents' part of a turn as lines."""
    texts = [] if turn.latency_ms is None else [f"after {turn.latency_ms} ms"]
    for tool in turn.tools:
        outcome = f"failed: {tool.error}" if tool.error is not None else repr(tool.result)
        texts.append(f"{tool} → {outcome}" if tool.done else f"{tool} …")
    texts += [f"handoff → {agent}" for agent in turn.handoffs]
    texts += [f"{trip.guardrail}: {trip.category or trip.status}" for trip in turn.trips]
    texts += [f"{answer.agent}: {answer.text}" for answer in turn.answers]
    return [line for text in texts for line in _wrapped(text, column)]


def _beside(left: Sequence[str], right: Sequence[str], column: int) -> Iterator[str]:
    for one, other in zip_longest(left, right, fillvalue=""):
        yield (one + " " * (column - columns(one)) + _GAP + other).rstrip()


def _difference(difference: Difference, width: int, style: Style) -> str:
    mark = MARK if difference.diverges else "·"
    name = "difference" if difference.diverges else "slower"
    return "\n".join(style(line, name) for line in _wrapped(f"{mark} {difference.text}", width))


def _summary(replay: Replay, width: int, style: Style) -> Iterator[str]:
    if replay.verdict is not None:
        for line in _wrapped(f"Judge: {replay.verdict.outcome}. {replay.verdict.reason}", width):
            yield style(line, "difference" if replay.verdict.outcome == "fail" else "quiet")
    if replay.note:
        yield from (style(line, "quiet") for line in _wrapped(replay.note, width))
    apart = sum(turn.diverges for turn in replay.turns) + bool(replay.end)
    if not replay.diverges:
        yield style(f"No divergence in {len(replay.turns)} turns.", "good")
    elif apart:
        yield style(f"Diverged in {apart} of {len(replay.turns)} turns.", "difference")
    else:
        yield style("Diverged, by the judge's verdict.", "difference")
    outcomes = _end_of(replay.recorded.end)
    yield from (style(line, "quiet") for line in _wrapped(f"The recorded call ended: {outcomes}.", width))


def _end_of(end: RecordedEnd) -> str:
    return end.reason if end.reason is not None else "unknown, the record has no end"


def _shown(action: CallerAction) -> str:
    match action.kind:
        case "says" | "types":
            shown = action.words
        case "push_to_talk":
            shown = f"{action.words} (talk button)"
        case "keys":
            shown = f"{action.words} (keys)"
        case "image":
            shown = f"{action.words} (an image)".strip()
        case "backchannel":
            shown = f"{action.words} (did not interrupt)"
        case "inaudible":
            shown = "(not understood)"
        case "stops_agent":
            shown = "(stops the agent with the button)"
        case "silence":
            shown = f"(silent for {action.silent_ms / 1000:.1f} s)"
    interrupts = f" (interrupts after {action.cut.heard_ms} ms)" if action.cut is not None else ""
    return shown + interrupts


def _wrapped(text: str, width: int) -> list[str]:
    """Return the text as lines of at most `width` columns, without control characters."""
    lines: list[str] = []
    for line in textwrap.wrap(printable(text), width, subsequent_indent="  ", break_on_hyphens=False):
        while columns(line) > width:
            cut = next(at for at in range(len(line), 0, -1) if columns(line[:at]) <= width)
            lines.append(line[:cut])
            line = "  " + line[cut:]
        lines.append(line)
    return lines


def _clock(at_ms: int) -> str:
    return f"{at_ms // 60_000}:{at_ms // 1000 % 60:02}"
