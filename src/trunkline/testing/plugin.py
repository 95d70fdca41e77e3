"""The pytest plugin: the fixture `voice_call`, the ways it can be used in, and what is shown when a test fails.

It comes with the package (entry point `pytest11`) and is loaded in every pytest run, so it imports nothing slow
before a test asks for a call.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import pytest

if TYPE_CHECKING:
    from trunkline.calls.log_events import Codec
    from trunkline.scenario.scenario import Scenario
    from trunkline.testing.call_factory import Room
    from trunkline.testing.channel_impairment import Line
    from trunkline.testing.environment import House
    from trunkline.testing.report import Shown
    from trunkline.testing.voice_call import VoiceCall

_WAYS = ("typed", "spoken", "live")
_SHOWN = "trunkline_calls"
"""The attribute of a test's report that carries its calls, as plain values, also between processes."""
_house_key = pytest.StashKey["House"]()
_room_key = pytest.StashKey["_Calls"]()


class VoiceCalls(Protocol):
    """What the fixture `voice_call` is."""

    def __call__(
        self,
        scenario: str | Scenario[Any],
        *,
        agent: str | None = None,
        line: Line = ...,
        codec: Codec = ...,
        patience_ms: float = ...,
    ) -> Awaitable[VoiceCall]:
        """Calls a scenario; see `Room.call`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trunkline", "conversations with voice agents")
    group.addoption(
        "--voice",
        metavar="WAYS",
        help="how callers talk: typed (in memory, virtual time), spoken (synthetic voice, real time), live (the "
        "configured provider), several with commas, or all; by default what each test is marked with, else typed",
    )
    group.addoption(
        "--voice-report", metavar="FILE", help="write one HTML page with every conversation, and its sound if spoken"
    )
    parser.addini("voice_scenarios", "files, folders or modules that hold the scenarios to test", "linelist")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "voice(*ways): the ways in which a conversation is held: typed, spoken, live")
    _asked_for(config)
    file: str | None = config.getoption("--voice-report")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Page(Path(file)), "trunkline-page")


# Which way ----------------------------------------------------------------------------------------------------------
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "voice_way" not in metafunc.fixturenames or _chosen_by_the_test(metafunc):
        return
    marker = metafunc.definition.get_closest_marker("voice")
    marked = _checked(marker.args, metafunc.definition.nodeid) if marker else None
    asked = _asked_for(metafunc.config)
    ways: list[Any] = [way for way in _WAYS if way in (asked or marked or ("typed",))]
    if asked and marked:
        ways = [way for way in _WAYS if way in asked and way in marked]
        if not ways:
            why = f"this conversation is only held {' or '.join(marked)}"
            ways = [pytest.param(asked[0], marks=pytest.mark.skip(reason=why))]
    metafunc.parametrize("voice_way", ways)


def _chosen_by_the_test(metafunc: pytest.Metafunc) -> bool:
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    return any("voice_way" in (names.split(",") if isinstance(names, str) else names) for names in named)


def _asked_for(config: pytest.Config) -> tuple[str, ...] | None:
    asked: str | None = config.getoption("--voice")
    if asked is None:
        return None
    return _WAYS if asked == "all" else _checked([way.strip() for way in asked.split(",")], "--voice")


def _checked(ways: Any, where: str) -> tuple[str, ...]:
    wrong = [way for way in ways if way not in _WAYS]
    if wrong or not ways:
        raise pytest.UsageError(
            f"{where}: {', '.join(map(repr, wrong)) or 'nothing'} is no way; {', '.join(_WAYS)} are."
        )
    return tuple(ways)


# The fixture --------------------------------------------------------------------------------------------------------
@pytest.fixture
def voice_way() -> str:
    """How the test's callers talk."""
    return "typed"


@pytest.fixture
def voice_call(request: pytest.FixtureRequest, voice_way: str) -> VoiceCalls:
    """Makes calls: `call = await voice_call("simpleHandoff")`. They end with the test."""
    if voice_way not in _WAYS:
        raise pytest.UsageError(f"{voice_way!r} is no way; {', '.join(_WAYS)} are.")
    house = _house(request.config)
    problem = house.cannot(voice_way)
    if problem is not None:
        pytest.skip(problem)
    calls = _Calls(house, voice_way)
    request.node.stash[_room_key] = calls
    return calls


class _Calls:
    """The calls of one test, in a room that is opened inside the test's event loop."""

    def __init__(self, house: House, way: str) -> None:
        self.way = way
        self.room: Room | None = None
        self._house = house

    def __call__(self, scenario: str | Scenario[Any], **options: Any) -> _Calling:
        return _Calling(self._call(scenario, options))

    async def _call(self, scenario: str | Scenario[Any], options: dict[str, Any]) -> VoiceCall:
        if self.room is None:
            raise pytest.UsageError(
                "voice_call must be awaited in an `async def` test that Trunkline's plugin runs: take the marks and "
                "modes of other asyncio plugins off this test."
            )
        return await self.room.call(self._house.found(scenario), **options)

    async def around(self, test: Callable[[], Awaitable[object]]) -> None:
        from trunkline.testing.llm_judge import NoTextModelError

        async with await self._house.room(self.way) as self.room:
            try:
                await test()
            except NoTextModelError as error:
                pytest.skip(str(error))

    def run(self, test: Callable[[], Awaitable[object]]) -> None:
        import asyncio

        from trunkline.testing.virtual_time import run_in_virtual_time

        if self.way == "typed":
            run_in_virtual_time(self.around(test))
        else:
            asyncio.run(self.around(test))

    @property
    def made(self) -> list[VoiceCall]:
        return self.room.calls if self.room is not None else []


class _Calling(Coroutine[Any, Any, "VoiceCall"]):
    """A call that is to be awaited, and says so to whoever forgot."""

    def __init__(self, work: Coroutine[Any, Any, VoiceCall]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, VoiceCall]:
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
            f"There is no {name!r} yet: the test has to be `async def`, and to `await voice_call(…)`; each move of the "
            "call is awaited as well."
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    calls = pyfuncitem.stash.get(_room_key, None)
    test = pyfuncitem.obj
    if calls is None or not inspect.iscoroutinefunction(test):
        return (yield)

    def in_its_loop(**arguments: Any) -> None:
        calls.run(lambda: test(**arguments))

    # While it runs, the test is an ordinary function to whatever other plugin looks at it.
    pyfuncitem.obj = in_its_loop
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


# What is shown ------------------------------------------------------------------------------------------------------
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    calls = item.stash.get(_room_key, None)
    if call.when != "call" or calls is None:
        return report
    error = call.excinfo.value if call.excinfo is not None and report.failed else None
    if error is not None:
        for number, made in enumerate(calls.made, 1):
            report.sections.append((f"conversation {number}: {made.title}", made.timeline(error)))
    if item.config.getoption("--voice-report"):
        from trunkline.testing.report import shown

        setattr(report, _SHOWN, [shown(made, error) for made in calls.made])
    return report


class _Page:
    """Gathers the conversations of all processes, and writes the page at the end."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._tests: list[tuple[str, str, Sequence[Shown]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if calls := getattr(report, _SHOWN, None):
            self._tests.append((report.nodeid, report.outcome, calls))

    def pytest_sessionfinish(self) -> None:
        from trunkline.testing.report import page

        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(page(self._tests), "utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.write_line(f"conversations: {self._file}")


def pytest_unconfigure(config: pytest.Config) -> None:
    house = config.stash.get(_house_key, None)
    if house is not None:
        house.close()


def _house(config: pytest.Config) -> House:
    if _house_key not in config.stash:
        from trunkline.testing.environment import House

        targets = [str(config.rootpath / one) if (config.rootpath / one).exists() else one
                   for one in config.getini("voice_scenarios")]  # fmt: skip
        config.stash[_house_key] = House(targets)
    return config.stash[_house_key]
