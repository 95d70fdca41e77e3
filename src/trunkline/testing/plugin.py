"""Pytest plugin: the fixture `voice_call`, the modes of its calls, and the timelines of failed tests.

It comes with the package (entry point `pytest11`). Every pytest run loads it, so it imports nothing slow before a test
asks for a call.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import pytest

if TYPE_CHECKING:
    from trunkline.calls.log_events import Codec
    from trunkline.scenario.scenario import AnyScenario
    from trunkline.testing.call_factory import CallFactory, SttName
    from trunkline.testing.channel_impairment import ChannelImpairment
    from trunkline.testing.environment import Environment
    from trunkline.testing.report import ReportedTest
    from trunkline.testing.voice_call import VoiceCall

_MODES = ("typed", "spoken", "live")
_CALLS_ATTRIBUTE = "trunkline_calls"
"""The attribute of a test's report that holds its calls as plain values, also between processes."""
_RUN_ATTRIBUTE = "trunkline_run"
"""The attribute of a test's report with the number of the run."""
_environment_key = pytest.StashKey["Environment"]()
_calls_key = pytest.StashKey["_TestCalls"]()


class VoiceCalls(Protocol):
    """Type of the fixture `voice_call`."""

    def __call__(
        self,
        scenario: str | AnyScenario,
        *,
        agent: str | None = None,
        impairment: ChannelImpairment = ...,
        codec: Codec = ...,
        patience_ms: float = ...,
        caller_voice: str = ...,
        stt: SttName | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Awaitable[VoiceCall]:
        """Start a call of a scenario; see `CallFactory.call`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options `--voice`, `--voice-report` and `--voice-repeat`, and the setting `voice_scenarios`."""
    group = parser.getgroup("trunkline", "conversations with voice agents")
    group.addoption(
        "--voice",
        metavar="MODES",
        help="modes of the calls: typed (in memory, virtual time), spoken (synthetic voice, real time), live (the "
        "configured provider), several with commas, or all; by default the modes of each test's mark, else typed",
    )
    group.addoption(
        "--voice-report", metavar="FILE", help="write one HTML page with every conversation, and its audio if spoken"
    )
    group.addoption(
        "--voice-repeat", metavar="N", type=int, default=1, help="run each conversation N times, and report pass^k"
    )
    parser.addini("voice_scenarios", "files, folders or modules that hold the scenarios to test", "linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `voice`, check the options, and prepare the report."""
    config.addinivalue_line("markers", "voice(*modes): the modes in which a conversation is held: typed, spoken, live")
    _requested_modes(config)
    if config.getoption("--voice-repeat") < 1:
        raise pytest.UsageError("--voice-repeat: give a number of runs of at least 1.")
    if _is_reported(config) and not hasattr(config, "workerinput"):
        file: str | None = config.getoption("--voice-report")
        config.pluginmanager.register(_ReportWriter(config, None if file is None else Path(file)), "trunkline-report")


def _is_reported(config: pytest.Config) -> bool:
    return bool(config.getoption("--voice-report")) or config.getoption("--voice-repeat") > 1


# Modes ----------------------------------------------------------------------------------------------------------
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in the modes that its mark and `--voice` choose, as often as `--voice-repeat` says."""
    runs: int = metafunc.config.getoption("--voice-repeat")
    if runs > 1 and "voice_run" in metafunc.fixturenames:
        metafunc.parametrize("voice_run", range(1, runs + 1), ids=lambda run: f"run{run}")
    if "voice_mode" not in metafunc.fixturenames or _is_parametrized(metafunc):
        return
    marker = metafunc.definition.get_closest_marker("voice")
    marked = _valid_modes(marker.args, metafunc.definition.nodeid) if marker else None
    requested = _requested_modes(metafunc.config)
    modes: list[object] = [mode for mode in _MODES if mode in (requested or marked or ("typed",))]
    if requested and marked:
        modes = [mode for mode in _MODES if mode in requested and mode in marked]
        if not modes:
            why = f"this conversation is only held {' or '.join(marked)}"
            modes = [pytest.param(requested[0], marks=pytest.mark.skip(reason=why))]
    metafunc.parametrize("voice_mode", modes)


def _is_parametrized(metafunc: pytest.Metafunc) -> bool:
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    return any("voice_mode" in (names.split(",") if isinstance(names, str) else names) for names in named)


def _requested_modes(config: pytest.Config) -> tuple[str, ...] | None:
    requested: str | None = config.getoption("--voice")
    if requested is None:
        return None
    return _MODES if requested == "all" else _valid_modes([mode.strip() for mode in requested.split(",")], "--voice")


def _valid_modes(modes: Any, where: str) -> tuple[str, ...]:
    wrong = [mode for mode in modes if mode not in _MODES]
    if wrong or not modes:
        raise pytest.UsageError(
            f"{where}: {', '.join(map(repr, wrong)) or 'nothing'} is not a mode: use {', '.join(_MODES)}."
        )
    return tuple(modes)


# The fixture --------------------------------------------------------------------------------------------------------
@pytest.fixture
def voice_mode() -> str:
    """Return the mode of the test's calls."""
    return "typed"


@pytest.fixture
def voice_run() -> int:
    """Return the number of the run of a test that `--voice-repeat` repeats, from 1; 0 without it."""
    return 0


@pytest.fixture
def voice_call(request: pytest.FixtureRequest, voice_mode: str, voice_run: int) -> VoiceCalls:
    """Return the function that starts calls. They end with the test.

    call = await voice_call("simpleHandoff")
    """
    if voice_mode not in _MODES:
        raise pytest.UsageError(f"{voice_mode!r} is not a mode: use {', '.join(_MODES)}.")
    environment = _environment(request.config)
    problem = environment.unavailable_reason(voice_mode)
    if problem is not None:
        pytest.skip(problem)
    calls = _TestCalls(environment, voice_mode)
    request.node.stash[_calls_key] = calls
    return calls


class _TestCalls:
    """Calls of one test, from a factory that opens inside the test's event loop."""

    def __init__(self, environment: Environment, mode: str) -> None:
        self.mode = mode
        self.factory: CallFactory | None = None
        self._environment = environment

    def __call__(self, scenario: str | AnyScenario, **options: object) -> _PendingCall:
        return _PendingCall(self._call(scenario, options))

    async def _call(self, scenario: str | AnyScenario, options: dict[str, Any]) -> VoiceCall:
        from trunkline.testing.caller_voice import missing_part

        if self.factory is None:
            raise pytest.UsageError(
                "voice_call must be awaited in an `async def` test that Trunkline's plugin runs: take the marks and "
                "modes of other asyncio plugins off this test."
            )
        if self.mode != "typed" and (missing := missing_part(options.get("caller_voice", ""), options.get("stt"))):
            pytest.skip(missing)
        return await self.factory.call(self._environment.scenario(scenario), **options)

    async def around(self, test: Callable[[], Awaitable[object]]) -> None:
        from trunkline.testing.llm_judge import NoTextModelError

        async with await self._environment.call_factory(self.mode) as self.factory:
            try:
                await test()
            except NoTextModelError as error:
                pytest.skip(str(error))

    def run(self, test: Callable[[], Awaitable[object]]) -> None:
        import asyncio

        from trunkline.testing.virtual_time import run_in_virtual_time

        if self.mode == "typed":
            run_in_virtual_time(self.around(test))
        else:
            asyncio.run(self.around(test))

    @property
    def made(self) -> list[VoiceCall]:
        return self.factory.calls if self.factory is not None else []


class _PendingCall(Coroutine[object, None, "VoiceCall"]):
    """Call that must be awaited, with a hint for a test that forgets it."""

    def __init__(self, work: Coroutine[object, None, VoiceCall]) -> None:
        self._work = work

    def __await__(self) -> Generator[object, None, VoiceCall]:
        return self._work.__await__()

    def send(self, value: Any) -> Any:
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __getattr__(self, name: str) -> NoReturn:
        self._work.close()
        raise AttributeError(
            f"The call has not started, so it has no {name!r}: make the test `async def`, and `await` both "
            "`voice_call(…)` and the methods of the call."
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run an `async def` test that uses `voice_call` in its event loop."""
    calls = pyfuncitem.stash.get(_calls_key, None)
    test = pyfuncitem.obj
    if calls is None or not inspect.iscoroutinefunction(test):
        return (yield)

    def in_its_loop(**arguments: object) -> None:
        calls.run(lambda: test(**arguments))

    # While it runs, the test is an ordinary function for other plugins.
    pyfuncitem.obj = in_its_loop
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


# Reports ------------------------------------------------------------------------------------------------------
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timelines of the test's calls to its report."""
    report = yield
    calls = item.stash.get(_calls_key, None)
    if isinstance(item, pytest.Function) and (
        run := getattr(item, "callspec", None) and item.callspec.params.get("voice_run")
    ):
        setattr(report, _RUN_ATTRIBUTE, run)
    if call.when != "call" or calls is None:
        return report
    error = call.excinfo.value if call.excinfo is not None and report.failed else None
    if error is not None:
        for number, made in enumerate(calls.made, 1):
            report.sections.append((f"conversation {number}: {made.title}", made.timeline(error)))
    if _is_reported(item.config):
        from trunkline.testing.evaluation import figure_properties, figures_of
        from trunkline.testing.report import call_report

        reports = [call_report(made, error) for made in calls.made]
        setattr(report, _CALLS_ATTRIBUTE, reports)
        item.user_properties += figure_properties(figures_of(reports)).items()
    return report


class _ReportWriter:
    """Collector of the conversations of all processes, which writes the page and the evaluation at the end.

    Args:
        file: the HTML page; None for the evaluation alone.
    """

    def __init__(self, config: pytest.Config, file: Path | None) -> None:
        self._config = config
        self._file = file
        self._tests: list[ReportedTest] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        from trunkline.testing.report import ReportedTest

        calls, run = getattr(report, _CALLS_ATTRIBUTE, []), getattr(report, _RUN_ATTRIBUTE, 0)
        failed_early = report.when == "setup" and not report.passed
        if calls or (run and (report.when == "call" or failed_early)):
            self._tests.append(ReportedTest(report.nodeid, report.outcome, report.duration, calls, run))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Write the page, and the evaluation into the JUnit file, which is written after this."""
        from trunkline.testing.evaluation import evaluate_tests, properties_of
        from trunkline.testing.report_page import render_report

        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(render_report(self._tests), "utf-8")
        evaluation = evaluate_tests(self._tests)
        for plugin in self._config.pluginmanager.get_plugins() if evaluation.tests else ():
            if (add := getattr(plugin, "add_global_property", None)) is not None:
                for name, value in properties_of(evaluation).items():
                    add(name, value)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        from trunkline.testing.evaluation import evaluate_tests, table_of

        if (evaluation := evaluate_tests(self._tests)).tests:
            terminalreporter.section("evaluation")
            for line in table_of(evaluation):
                terminalreporter.write_line(line)
        if self._file is not None:
            terminalreporter.write_line(f"conversations: {self._file}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the environment."""
    environment = config.stash.get(_environment_key, None)
    if environment is not None:
        environment.close()


def _environment(config: pytest.Config) -> Environment:
    if _environment_key not in config.stash:
        from trunkline.testing.environment import Environment

        targets = [str(config.rootpath / one) if (config.rootpath / one).exists() else one
                   for one in config.getini("voice_scenarios")]  # fmt: skip
        config.stash[_environment_key] = Environment(targets)
    return config.stash[_environment_key]
