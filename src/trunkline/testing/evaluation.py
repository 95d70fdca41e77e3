"""Evaluation of repeated tests: reliability as pass^k, latency percentiles, interruptions and dead air.

pass^k is the probability that k runs in a row pass, estimated from n runs with c passes as C(c, k) / C(n, k). For
several tests it is their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean, quantiles

from trunkline.testing.report import CallReport, ReportedTest, replies
from trunkline.testing.silences import DEAD_AIR_MS

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Figures:
    """Figures of conversations.

    Attributes:
        latencies_ms: the latencies of all replies, without greetings.
        interruptions: the messages of agents that were cut off.
        dead_air: the silences of `DEAD_AIR_MS` or more in which a caller waited.
        longest_silence_ms: the longest wait of a caller.
    """

    latencies_ms: tuple[int, ...] = ()
    interruptions: int = 0
    dead_air: int = 0
    longest_silence_ms: int = 0

    def percentile(self, percent: int) -> int | None:
        """Return a percentile of the latencies in ms; None without a reply."""
        if not self.latencies_ms:
            return None
        if len(self.latencies_ms) == 1:
            return self.latencies_ms[0]
        return round(quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1])


@dataclass(frozen=True)
class RepeatedTest:
    """A test with its runs. Skipped runs do not count."""

    name: str
    runs: int
    passed: int
    skipped: int
    figures: Figures

    def pass_hat(self, k: int) -> float:
        """Return pass^k, for `k` of at most `runs`."""
        return pass_hat(self.runs, self.passed, k)


@dataclass(frozen=True)
class Evaluation:
    """All repeated tests, in the order in which they first ran."""

    tests: tuple[RepeatedTest, ...]
    figures: Figures

    @property
    def max_k(self) -> int:
        """The largest k for which all tests have a pass^k; 0 if no test has run."""
        counted = [test.runs for test in self.tests if test.runs]
        return min(counted, default=0)

    def pass_hat(self, k: int) -> float:
        """Return the mean of the tests' pass^k."""
        return fmean(test.pass_hat(k) for test in self.tests if test.runs)


def pass_hat(runs: int, passed: int, k: int) -> float:
    """Return the estimate of pass^k.

    Raises:
        ValueError: k is not from 1 to `runs`.
    """
    if not 1 <= k <= runs:
        raise ValueError(f"pass^{k} needs {k} runs or more, and a k of at least 1. There were {runs}.")
    return comb(passed, k) / comb(runs, k)


def evaluate_tests(tests: Sequence[ReportedTest]) -> Evaluation:
    """Return the evaluation of the tests that were repeated."""
    by_name: dict[str, list[ReportedTest]] = {}
    for test in tests:
        if test.run:
            by_name.setdefault(test.base_name, []).append(test)
    repeated = tuple(_repeated(name, runs) for name, runs in by_name.items())
    return Evaluation(repeated, figures_of([call for test in tests if test.run for call in test.calls]))


def figures_of(calls: Sequence[CallReport]) -> Figures:
    """Return the figures of calls."""
    silences = [ms for call in calls for ms in call["silences_ms"]]
    return Figures(
        latencies_ms=tuple(replies(calls)),
        interruptions=sum(call["interruptions"] for call in calls),
        dead_air=sum(ms >= DEAD_AIR_MS for ms in silences),
        longest_silence_ms=max(silences, default=0),
    )


def properties_of(evaluation: Evaluation) -> dict[str, str]:
    """Return an evaluation as the properties of a JUnit file."""
    found = {f"pass^{k}": f"{evaluation.pass_hat(k):.3f}" for k in range(1, evaluation.max_k + 1)}
    found |= figure_properties(evaluation.figures)
    for test in evaluation.tests:
        found[f"{test.name}: passed"] = f"{test.passed}/{test.runs}"
    return found


def figure_properties(figures: Figures) -> dict[str, str]:
    """Return figures as the properties of a JUnit file."""
    found = {f"latency_p{percent}_ms": figures.percentile(percent) for percent in PERCENTILES}
    shown = {name: str(ms) for name, ms in found.items() if ms is not None}
    return shown | {
        "replies": str(len(figures.latencies_ms)),
        "interruptions": str(figures.interruptions),
        "dead_air": str(figures.dead_air),
        "longest_silence_ms": str(figures.longest_silence_ms),
    }


def table_of(evaluation: Evaluation) -> list[str]:
    """Return an evaluation as lines of text: a row for each test, and one for all."""
    shown = shown_ks(evaluation.max_k)
    heads = [
        "passed",
        *(f"pass^{k}" for k in shown),
        *(f"p{percent}" for percent in PERCENTILES),
        "cut off",
        "dead air",
    ]
    rows = [(test.name, _cells(test, shown)) for test in evaluation.tests]
    rows.append(("all", ["", *(f"{evaluation.pass_hat(k):.2f}" for k in shown), *_figure_cells(evaluation.figures)]))
    width = max(len(name) for name, _cells in rows)
    columns = [max(len(head), *(len(cells[place]) for _name, cells in rows)) for place, head in enumerate(heads)]

    def line(name: str, cells: Sequence[str]) -> str:
        return "  ".join([f"{name:<{width}}", *(f"{cell:>{size}}" for cell, size in zip(cells, columns, strict=True))])

    return [line("", heads), *(line(name, cells) for name, cells in rows)]


def shown_ks(max_k: int) -> list[int]:
    """Return the values of k that a table shows: 1 and the largest, and at most one between."""
    return sorted({k for k in (1, -(-max_k // 2), max_k) if 1 <= k <= max_k})


def _repeated(name: str, runs: Sequence[ReportedTest]) -> RepeatedTest:
    counted = [run for run in runs if run.outcome != "skipped"]
    passed = sum(run.outcome == "passed" for run in counted)
    figures = figures_of([call for run in counted for call in run.calls])
    return RepeatedTest(name, len(counted), passed, len(runs) - len(counted), figures)


def _cells(test: RepeatedTest, ks: Sequence[int]) -> list[str]:
    if not test.runs:
        return ["skipped", *("" for _k in ks), *("" for _figure in (*PERCENTILES, 0, 0))]
    return [f"{test.passed}/{test.runs}", *(f"{test.pass_hat(k):.2f}" for k in ks), *_figure_cells(test.figures)]


def _figure_cells(figures: Figures) -> list[str]:
    percentiles = [figures.percentile(percent) for percent in PERCENTILES]
    latencies = ["" if ms is None else f"{ms} ms" for ms in percentiles]
    return [*latencies, str(figures.interruptions), str(figures.dead_air)]
