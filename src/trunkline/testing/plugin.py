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
    """Add the options `--voice` and `--voice-report` and the setting `voice_scenarios`."""
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
    parser.addini("voice_scenarios", "files, folders or modules that hold the scenarios to test", "linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `voice`, check the options, and prepare the report."""
    config.addinivalue_line("markers", "voice(*modes): the modes in which a conversation is held: typed, spoken, live")
    _requested_modes(config)
    file: str | None = config.getoption("--voice-report")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_ReportWriter(Path(file)), "trunkline-report")


# Modes ----------------------------------------------------------------------------------------------------------
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in the modes that its mark and `--voice` choose."""
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
def voice_call(request: pytest.FixtureRequest, voice_mode: str) -> VoiceCalls:
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
    if call.when != "call" or calls is None:
        return report
    error = call.excinfo.value if call.excinfo is not None and report.failed else None
    if error is not None:
        for number, made in enumerate(calls.made, 1):
            report.sections.append((f"conversation {number}: {made.title}", made.timeline(error)))
    if item.config.getoption("--voice-report"):
        from trunkline.testing.report import call_report

        setattr(report, _CALLS_ATTRIBUTE, [call_report(made, error) for made in calls.made])
    return report


class _ReportWriter:
    """Collector of the conversations of all processes, which writes the page at the end."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._tests: list[ReportedTest] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        from trunkline.testing.report import ReportedTest

        if calls := getattr(report, _CALLS_ATTRIBUTE, None):
            self._tests.append(ReportedTest(report.nodeid, report.outcome, report.duration, calls))

    def pytest_sessionfinish(self) -> None:
        from trunkline.testing.report_page import render_report

        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(render_report(self._tests), "utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
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
