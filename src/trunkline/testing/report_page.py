"""HTML page of a test run: failures first, with the latency, the timeline and the audio of every conversation."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median, quantiles

from trunkline.testing.evaluation import PERCENTILES, Evaluation, Figures, evaluate_tests, shown_ks
from trunkline.testing.report import CallReport, ReportedTest, ReportedWait, ReportRow, replies

STYLE = Path(__file__).with_name("report_page.css").read_text("utf-8")
SCRIPT = Path(__file__).with_name("report_page.js").read_text("utf-8")
OUTCOMES = ("failed", "skipped", "passed")
"""The order of the tests."""
HUES = 6
"""The number of the agents' colours."""
CHART_HEIGHT, COLUMN_WIDTH, COLUMN_STEP = 56, 10, 14


def render_report(tests: Sequence[ReportedTest]) -> str:
    """Return the page for tests.

    The page needs no other file. All texts are escaped.
    """
    nonce = secrets.token_urlsafe(12)
    order = {outcome: place for place, outcome in enumerate(OUTCOMES)}
    ordered = sorted(tests, key=lambda test: order.get(test.outcome, 0))
    body = "".join(map(_test, ordered)) or '<p class="none">No conversation took place.</p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Conversations</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; media-src data:; '
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'\">"
        f'<style nonce="{nonce}">{STYLE}</style></head><body><header><h1>Conversations</h1>'
        f"<p>{_counted(len(tests), 'test')}, {_outcomes(tests)['failed']} failed.</p>{_figures(tests)}"
        f"{_evaluation(evaluate_tests(tests))}</header>"
        f'{_filters(tests)}<main>{body}</main><p class="none" id="no-match" hidden>No test matches the filter.</p>'
        f'<script nonce="{nonce}">{SCRIPT}</script></body></html>\n'
    )


def shown_duration(ms: float) -> str:
    """Return a duration in the unit that suits it: `85 ms`, `1.2 s`, `2 min 5 s`."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    return f"{round(ms / 1000) // 60} min {round(ms / 1000) % 60} s"


# The whole run ------------------------------------------------------------------------------------------------------
def _figures(tests: Sequence[ReportedTest]) -> str:
    """Return the figures of the run. The greeting answers no turn, so its latency does not count."""
    waits = replies(call for test in tests for call in test.calls)
    talked_ms = sum(call["duration_ms"] for test in tests for call in test.calls)
    figures = {
        "Duration of the tests": shown_duration(1000 * sum(test.duration_s for test in tests)),
        "Conversation": shown_duration(talked_ms),
        "Replies": str(len(waits)),
    }
    if waits:
        figures["Latency, median"] = shown_duration(median(waits))
        slow = quantiles(waits, n=10, method="inclusive")[-1] if len(waits) > 1 else waits[0]
        figures["Latency, 90 %"] = shown_duration(slow)
        figures["Latency, longest"] = shown_duration(max(waits))
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in figures.items())}</dl>"


def _evaluation(evaluation: Evaluation) -> str:
    """Return the table of repeated tests; "" without any."""
    if not evaluation.tests:
        return ""
    ks = shown_ks(evaluation.max_k)
    heads = ["Test", "Passed", *(f"pass^{k}" for k in ks), *(f"p{percent}" for percent in PERCENTILES)]
    heads += ["Cut off", "Dead air", "Longest wait"]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = "".join(
        f'<tr class="{"good" if test.passed == test.runs else "bad"}"><th scope="row">{escape(test.name)}</th>'
        f"<td>{test.passed}/{test.runs}</td>"
        f"{''.join(f'<td>{test.pass_hat(k):.2f}</td>' for k in ks)}{_cells(test.figures)}</tr>"
        for test in evaluation.tests
        if test.runs
    )
    total = "".join(f"<td>{evaluation.pass_hat(k):.2f}</td>" for k in ks)
    return (
        '<table class="evaluation"><caption>Repeated tests. pass^k is the probability that k runs in a row pass; '
        f"p50 to p99 are latencies.</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
        f'<tfoot><tr><th scope="row">All</th><td></td>{total}{_cells(evaluation.figures)}</tr></tfoot></table>'
    )


def _cells(figures: Figures) -> str:
    latencies = (figures.percentile(percent) for percent in PERCENTILES)
    shown = ["" if ms is None else shown_duration(ms) for ms in latencies]
    shown += [str(figures.interruptions), str(figures.dead_air), shown_duration(figures.longest_silence_ms)]
    return "".join(f"<td>{cell}</td>" for cell in shown)


def _filters(tests: Sequence[ReportedTest]) -> str:
    if not tests:
        return ""
    outcomes = _outcomes(tests)
    choices = [("", "All", len(tests)), *((one, one.capitalize(), outcomes[one]) for one in OUTCOMES if outcomes[one])]
    buttons = "".join(
        f'<label><input type="radio" name="outcome" value="{value}"{" checked" if not value else ""}>'
        f"<span>{name} <b>{count}</b></span></label>"
        for value, name, count in choices
    )
    return (
        '<form id="filters" role="search"><input type="search" name="words" aria-label="Filter tests" '
        'placeholder="Search names and conversations" autocomplete="off" spellcheck="false">'
        f"<fieldset><legend>Outcome</legend>{buttons}</fieldset>"
        '<button type="button" id="fold">Open all</button></form>'
    )


def _outcomes(tests: Sequence[ReportedTest]) -> Counter[str]:
    return Counter(test.outcome for test in tests)


# A test and its calls -----------------------------------------------------------------------------------------------
def _test(test: ReportedTest) -> str:
    outcome = escape(test.outcome)
    place, _, name = test.name.rpartition("::")
    waits = replies(test.calls)
    facts = [shown_duration(1000 * test.duration_s), *([f"latency {shown_duration(median(waits))}"] if waits else [])]
    return (
        f'<details class="test {outcome}" data-outcome="{outcome}"{" open" if test.outcome == "failed" else ""}>'
        f'<summary><b class="outcome">{outcome}</b>'
        f'<span class="name"><small>{escape(place)}</small> {escape(name)}</span>'
        f'<span class="facts">{" · ".join(facts)}</span></summary>{"".join(map(_call, test.calls))}</details>'
    )


def _call(call: CallReport) -> str:
    waits = replies([call])
    facts = [f"{shown_duration(call['duration_ms'])} of conversation", _counted(len(waits), "reply", "replies")]
    if waits:
        facts.append(f"latency {shown_duration(median(waits))}, at most {shown_duration(max(waits))}")
    audio = ""
    if call["audio_wav"]:
        audio = f'<audio controls preload="metadata" src="data:audio/wav;base64,{call["audio_wav"]}"></audio>'
    hues = {name: place % HUES for place, name in enumerate(_agents(call))}
    rows = "".join(_row(row, hues) + (_mark(call["because"]) if row["here"] else "") for row in call["rows"])
    return (
        f'<section><h2>{escape(call["title"])}</h2><p class="facts">{" · ".join(facts)}</p>'
        f'<div class="charts">{_voices(call, hues)}{_chart(call)}</div>{audio}<table>{rows}</table></section>'
    )


def _row(row: ReportRow, hues: Mapping[str, int]) -> str:
    hue = f" hue-{hues[row['who']]}" if row["who"] in hues else ""
    wait = row["wait"]
    title, waited = (_wait_words(wait), shown_duration(wait["total_ms"])) if wait else ("", "")
    return (
        f'<tr class="{escape(row["kind"])}{hue}" data-ms="{row["at_ms"]}"><td>{_clock(row["at_ms"])}</td>'
        f'<th scope="row"><bdi>{escape(row["who"])}</bdi></th><td dir="auto">{_lines(row["text"])}</td>'
        f'<td class="wait" title="{title}">{waited}</td></tr>'
    )


def _mark(because: str) -> str:
    return f'<tr class="here"><td></td><th scope="row">here</th><td colspan="2">{_lines(because)}</td></tr>'


# Charts: in SVG, since the page's policy forbids style attributes ---------------------------------------------------
def _voices(call: CallReport, hues: Mapping[str, int]) -> str:
    """Return the chart of the speakers over time: the caller above, the agents below."""
    if not call["speech"]:
        return ""
    total = max(1, call["duration_ms"], *(span["end_ms"] for span in call["speech"]))
    bars = []
    for span in call["speech"]:
        who = span["who"]
        x, width = 1000 * span["start_ms"] / total, 1000 * (span["end_ms"] - span["start_ms"]) / total
        style = f"hue-{hues[who]}" if who is not None else "caller"
        length = shown_duration(span["end_ms"] - span["start_ms"])
        title = f"{escape(who or 'caller')} at {_clock(span['start_ms'])} s, {length}"
        bars.append(
            f'<rect class="{style}" data-ms="{span["start_ms"]}" x="{x:.1f}" y="{2 if who is None else 30}" '
            f'width="{max(3.0, width):.1f}" height="24"><title>{title}</title></rect>'
        )
    return (
        '<figure class="voices"><svg viewBox="0 0 1000 56" preserveAspectRatio="none" role="img" '
        f'aria-label="Speakers over {shown_duration(total)}: the caller above, the agents below">{"".join(bars)}</svg>'
        f"<figcaption><span>Caller above, agents below</span><span>{shown_duration(total)}</span></figcaption></figure>"
    )


def _chart(call: CallReport) -> str:
    """Return the chart of the latencies: a column for each answer, with its parts stacked."""
    waits = [row["wait"] for row in call["rows"] if row["wait"] is not None]
    highest = max((wait["total_ms"] for wait in waits), default=0)
    if highest == 0:
        return ""
    columns = "".join(_column(wait, place * COLUMN_STEP, highest) for place, wait in enumerate(waits))
    names = dict.fromkeys(name for wait in waits for name in wait["parts"])
    legend = "".join(f'<li class="part-{escape(name)}">{escape(name.replace("_", " "))}</li>' for name in names)
    width = len(waits) * COLUMN_STEP
    return (
        f'<figure class="latency"><svg width="{width}" height="{CHART_HEIGHT}" viewBox="0 0 {width} {CHART_HEIGHT}" '
        f'role="img" aria-label="Latency of {_counted(len(waits), "answer")}, at most {shown_duration(highest)}">'
        f"{columns}</svg><figcaption>Latency, at most {shown_duration(highest)}<ul>{legend}</ul></figcaption></figure>"
    )


def _column(wait: ReportedWait, x: float, highest: int) -> str:
    bottom = float(CHART_HEIGHT)
    parts = []
    for name, ms in wait["parts"].items():
        height = ms / highest * CHART_HEIGHT
        bottom -= height
        parts.append(
            f'<rect class="part-{escape(name)}" x="{x}" y="{bottom:.1f}" width="{COLUMN_WIDTH}" height="{height:.1f}"/>'
        )
    return f"<g><title>{_wait_words(wait)}</title>{''.join(parts)}</g>"


# Words --------------------------------------------------------------------------------------------------------------
def _wait_words(wait: ReportedWait) -> str:
    parts = ", ".join(f"{escape(name.replace('_', ' '))} {shown_duration(ms)}" for name, ms in wait["parts"].items())
    return f"{shown_duration(wait['total_ms'])} after {escape(wait['after'])}: {parts}"


def _agents(call: CallReport) -> list[str]:
    """Return the names of the agents in the order in which they spoke."""
    rows = (row["who"] for row in call["rows"] if row["kind"] == "assistant")
    heard = (span["who"] for span in call["speech"] if span["who"] is not None)
    return list(dict.fromkeys([*rows, *heard]))


def _clock(at_ms: int) -> str:
    return f"{at_ms / 1000:.3f}"


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def _counted(number: int, one: str, more: str | None = None) -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
