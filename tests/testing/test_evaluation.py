"""Evaluation of repeated tests: pass^k, percentiles, interruptions and dead air, as table, JUnit and HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import agents.realtime  # noqa: F401 - see test_plugin.py
import pytest

import trunkline.testing.environment  # noqa: F401 - as above
from trunkline.testing.evaluation import Figures, evaluate_tests, figures_of, pass_hat, properties_of, table_of
from trunkline.testing.report import CallReport, ReportedTest, ReportedWait, ReportRow

pytest_plugins = "pytester"


def row(latency_ms: int, after: str = "text") -> ReportRow:
    wait: ReportedWait = {"total_ms": latency_ms, "parts": {}, "after": after}
    return {"at_ms": 0, "who": "clerk", "text": "Hi.", "kind": "assistant", "here": False, "wait": wait}


def call(*latencies_ms: int, interruptions: int = 0, silences_ms: tuple[int, ...] = ()) -> CallReport:
    return {
        "title": "shop, typed", "duration_ms": 9_000, "interruptions": interruptions, "silences_ms": [*silences_ms],
        "rows": [row(40, "greeting"), *map(row, latencies_ms)], "speech": [], "because": "", "audio_wav": None,
    }  # fmt: skip


def run(name: str, number: int, outcome: str, *calls: CallReport) -> ReportedTest:
    return ReportedTest(f"test_shop.py::{name}[run{number}-typed]", outcome, 0.1, calls, number)


@pytest.mark.parametrize(
    ("runs", "passed", "k", "expected"),
    [(5, 5, 5, 1.0), (5, 0, 1, 0.0), (5, 4, 1, 0.8), (5, 4, 2, 0.6), (5, 4, 5, 0.0), (4, 2, 2, 1 / 6), (1, 1, 1, 1.0)],
)
def test_pass_hat_k_is_the_share_of_choices_that_pass(runs: int, passed: int, k: int, expected: float) -> None:
    assert pass_hat(runs, passed, k) == pytest.approx(expected)


@pytest.mark.parametrize("k", [0, 6])
def test_pass_hat_k_needs_as_many_runs(k: int) -> None:
    with pytest.raises(ValueError, match="There were 5"):
        pass_hat(5, 5, k)


def test_the_runs_of_a_test_belong_together() -> None:
    tests = [run("buys", 1, "passed"), run("buys", 2, "failed"), run("pays", 1, "passed"), run("pays", 2, "passed")]
    evaluation = evaluate_tests(tests)
    assert [(one.name, one.passed, one.runs) for one in evaluation.tests] == [
        ("test_shop.py::buys[typed]", 1, 2),
        ("test_shop.py::pays[typed]", 2, 2),
    ]
    assert [evaluation.pass_hat(k) for k in (1, 2)] == [0.75, 0.5]


def test_tests_without_repetition_are_not_evaluated() -> None:
    assert evaluate_tests([ReportedTest("test_shop.py::buys[typed]", "passed", 0.1, [call()])]).tests == ()


def test_skipped_runs_do_not_count() -> None:
    evaluation = evaluate_tests([run("buys", 1, "skipped"), run("buys", 2, "skipped")])
    assert (evaluation.tests[0].runs, evaluation.tests[0].skipped, evaluation.max_k) == (0, 2, 0)
    assert "skipped" in table_of(evaluation)[1]


def test_the_figures_leave_out_greetings_and_short_silences() -> None:
    figures = figures_of([call(100, 300, interruptions=2, silences_ms=(2_999, 3_000)), call(200, silences_ms=(4_000,))])
    assert figures == Figures((100, 300, 200), interruptions=2, dead_air=2, longest_silence_ms=4_000)


def test_percentiles_are_those_of_all_replies() -> None:
    figures = Figures(tuple(range(0, 1_010, 10)))
    assert [figures.percentile(percent) for percent in (50, 90, 99)] == [500, 900, 990]
    assert Figures((70,)).percentile(99) == 70
    assert Figures().percentile(50) is None


def test_a_test_of_many_runs_shows_three_values_of_k() -> None:
    evaluation = evaluate_tests([run("buys", number, "passed", call(100)) for number in range(1, 9)])
    assert re.findall(r"pass\^\d+", table_of(evaluation)[0]) == ["pass^1", "pass^4", "pass^8"]
    assert len([name for name in properties_of(evaluation) if name.startswith("pass^")]) == 8


# In pytest --------------------------------------------------------------------------------------------------------
FLAKY = """
import itertools

turns = itertools.count()

async def test_buys(voice_call):
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    turn = await call.say("yes please", interrupting_after_ms=400)
    assert turn.handed_to == "haikuWriter"
    assert next(turns) != 2, "the third run fails"

async def test_declines(voice_call):
    call = await voice_call("simpleHandoff")
    await call.say("no thank you")

def test_plain():
    pass
"""


@pytest.fixture
def repeated(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.RunResult:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(FLAKY)
    options = ("--voice-repeat=4", "--junitxml=results.xml", "--voice-report=page.html", "-p", "no:cacheprovider")
    return pytester.runpytest_inprocess(*options)


def test_conversations_are_repeated_and_other_tests_are_not(repeated: pytest.RunResult) -> None:
    repeated.assert_outcomes(passed=8, failed=1)


def test_the_terminal_has_the_table(repeated: pytest.RunResult) -> None:
    repeated.stdout.re_match_lines(
        [
            r"=+ evaluation =+",
            r" +passed +pass\^1 +pass\^2 +pass\^4 +p50 +p90 +p99 +cut off +dead air",
            r".*::test_buys\[typed\] +3/4 +0\.75 +0\.50 +0\.00 +0 ms +0 ms +0 ms +4 +0",
            r".*::test_declines\[typed\] +4/4 +1\.00 +1\.00 +1\.00 .*",
            r"all +0\.88 +0\.75 +0\.50 .*",
        ],
        consecutive=True,
    )


def test_the_junit_file_has_each_run_and_the_figures(pytester: pytest.Pytester, repeated: pytest.RunResult) -> None:
    suite = ElementTree.parse(pytester.path / "results.xml").getroot().find("testsuite")
    assert suite is not None
    whole = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert [whole[f"pass^{k}"] for k in range(1, 5)] == ["0.875", "0.750", "0.625", "0.500"]
    assert (whole["replies"], whole["interruptions"], whole["dead_air"]) == ("8", "4", "0")
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert [name for name, case in cases.items() if case.find("failure") is not None] == ["test_buys[run3-typed]"]
    of_run = {
        one.get("name"): one.get("value") for one in cases["test_buys[run1-typed]"].findall("properties/property")
    }
    assert (of_run["replies"], of_run["interruptions"], of_run["latency_p50_ms"]) == ("1", "1", "0")


def test_the_report_has_the_table(pytester: pytest.Pytester, repeated: pytest.RunResult) -> None:
    page = (pytester.path / "page.html").read_text("utf-8")
    table = page.partition('<table class="evaluation">')[2].partition("</table>")[0]
    assert re.findall(r'<th scope="col">(pass\^\d)</th>', table) == ["pass^1", "pass^2", "pass^4"]
    row = re.search(r"<tr class=\"bad\">.*?test_buys\[typed\]</th><td>3/4</td><td>0\.75</td>", table)
    assert row is not None, table


def test_a_report_without_repetition_has_no_table(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FLAKY)
    pytester.runpytest_inprocess("--voice-report=page.html", "-p", "no:cacheprovider")
    assert '<table class="evaluation">' not in (pytester.path / "page.html").read_text("utf-8")


def test_the_number_of_runs_is_checked(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--voice-repeat=0")
    result.stderr.fnmatch_lines(["*--voice-repeat: give a number of runs of at least 1.*"])
