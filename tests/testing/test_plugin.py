"""Plugin as users meet it: in a separate run of pytest."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import agents.realtime  # noqa: F401 - imported once here, not once for each run of pytest below
import pytest

import trunkline.testing.environment
import trunkline.testing.report  # noqa: F401 - as above

pytest_plugins = "pytester"

FAILING = """
async def test_hands_over(voice_call):
    call = await voice_call("simpleHandoff")
    await call.hears("haiku")
    turn = await call.say("yes please")
    assert turn.handed_to == "haikuWriter"
    await call.say("<b>mountains</b>", interrupting_after_ms=400)
    turn.called("nothing")
"""
PASSING = FAILING.replace('    turn.called("nothing")', "")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    """Remove the provider of this machine, and turn warnings into errors."""
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_CHAT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TRUNKLINE_PROVIDER", raising=False)
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers -p no:cacheprovider")


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess(*options)


def test_the_fixture_needs_no_set_up_at_all(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = run(pytester, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_hands_over?typed? PASSED*"])


def test_a_failure_prints_the_conversation_and_marks_the_place(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILING)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*VoiceFailure: nothing was not called. No tool was called.",
            "*- conversation 1: simpleHandoff, typed -*",
            "*greeter*Would you like to hear a haiku?*",
            "*greeter hands over to haikuWriter",
            "*HERE*nothing was not called*",
            "*caller*<b>mountains</b>",
        ]
    )


def test_a_passing_test_prints_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    assert "conversation 1" not in run(pytester, "-rA").stdout.str()


def test_an_ordinary_test_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_plain():\n    pass")
    run(pytester, "--voice=spoken").assert_outcomes(passed=1)


def test_other_fixtures_and_parameters_are_passed_on(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def words():
            return "yes please"

        @pytest.mark.parametrize("agent", ["haikuWriter"])
        class TestIt:
            async def test_it(self, voice_call, words, agent, tmp_path):
                call = await voice_call("simpleHandoff")
                turn = await call.say(words)
                assert turn.handed_to == agent
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_live_calls_without_a_provider_are_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = run(pytester, "--voice=live", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*live calls need a provider: set AZURE_OPENAI_ENDPOINT*"])


def test_one_test_in_several_modes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    run(pytester, "--voice=typed,live").assert_outcomes(passed=1, skipped=1)


def test_a_mark_chooses_the_modes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.voice('typed', 'live')" + PASSING)
    run(pytester).assert_outcomes(passed=1, skipped=1)
    run(pytester, "--voice=typed").assert_outcomes(passed=1)
    result = run(pytester, "--voice=spoken", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*this conversation is only held typed or live*"])


def test_a_parameter_chooses_the_mode(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.parametrize('voice_mode', ['typed'])" + PASSING)
    run(pytester, "--voice=live").assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--voice=sung", "--voice="])
def test_an_unknown_mode_is_refused(pytester: pytest.Pytester, option: str) -> None:
    pytester.makepyfile(PASSING)
    result = run(pytester, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "is not a mode: use typed, spoken, live" in result.stderr.str()


def test_scenarios_are_found_through_the_configuration(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nvoice_scenarios = greetings.py")
    pytester.makepyfile(
        greetings="""
        from agents.realtime import RealtimeAgent
        from trunkline import Rehearsal, Scenario

        rehearsal = Rehearsal()

        @rehearsal.plays("host")
        async def host(caller):
            yield "Good evening."

        greetings = Scenario("greetings", agents=[RealtimeAgent(name="host", instructions="")], rehearsal=rehearsal)
        """,
        test_it="""
        async def test_it(voice_call):
            await (await voice_call("greetings")).hears("good evening")
        """,
    )
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_forgotten_await_gets_a_hint(pytester: pytest.Pytester, kind: str) -> None:
    pytester.makepyfile(f"{kind} test_it(voice_call):\n    voice_call('simpleHandoff').say('yes please')")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AttributeError: The call has not started, so it has no 'say'*async def*voice_call*"])


def test_an_unknown_scenario(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nvoice_scenarios = broken.py")
    pytester.makepyfile(broken="1 / 0", test_it="async def test_it(voice_call):\n    await voice_call('nowhere')")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Unknown scenario 'nowhere'*simpleHandoff*", "*broken.py:1: ZeroDivisionError*"])


def test_judging_without_a_text_model_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING + '\n    assert await call.judge("is about poetry")')
    result = run(pytester, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*judge() needs a text model: set AZURE_OPENAI_DEPLOYMENT*"])


def test_another_plugin_that_runs_coroutines_does_not_get_in_the_way(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import asyncio, inspect, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                asyncio.run(pyfuncitem.obj(**{n: pyfuncitem.funcargs[n] for n in pyfuncitem._fixtureinfo.argnames}))
                return True
        """
    )
    pytester.makepyfile(PASSING + "\n\nasync def test_other():\n    pass")
    run(pytester).assert_outcomes(passed=2)


def test_a_call_outside_of_the_plugins_loop_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import asyncio\ndef test_it(voice_call):\n    asyncio.run(voice_call('simpleHandoff'))")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*voice_call must be awaited in an `async def` test*"])


def test_junit_has_the_modes_and_the_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILING)
    run(pytester, "--junitxml=junit.xml")
    case = ElementTree.parse(pytester.path / "junit.xml").getroot().find(".//testcase")
    assert case is not None
    assert case.get("name") == "test_hands_over[typed]"
    failure = case.find("failure")
    assert failure is not None
    assert "nothing was not called" in str(failure.get("message"))


class TestTheReport:
    def test_has_every_conversation_and_needs_nothing_else(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(FAILING + PASSING.replace("test_hands_over", "test_other"))
        result = run(pytester, "--voice-report=out/page.html")
        result.stdout.fnmatch_lines(["conversations: out/page.html"])
        page = (pytester.path / "out" / "page.html").read_text("utf-8")
        assert page.count("<section>") == 2
        assert "2 tests, 1 failed" in page
        assert "nothing was not called" in page
        assert not re.search(r"(src|href)=\"(?!data:)", page)
        assert "http" not in page.replace("http-equiv", "")

    def test_shows_the_speakers_up_to_the_end_of_the_call(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(PASSING)
        run(pytester, "--voice-report=page.html")
        page = (pytester.path / "page.html").read_text("utf-8")
        bars = [
            (float(x), float(width))
            for x, width in re.findall(r'<rect class="hue-\d"[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', page)
        ]
        assert len(bars) == 2, "the greeting, and 400 ms of the answer to yes; the haiku begins at the end"
        assert [round(bars[1][0] + bars[1][1]), round(bars[0][0] + bars[0][1])] == [1000, round(bars[1][0])]
        assert page.count('<rect class="caller"') == 2

    def test_escapes_html(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(FAILING)
        run(pytester, "--voice-report=page.html")
        page = (pytester.path / "page.html").read_text("utf-8")
        assert "<b>mountains</b>" not in page
        assert "&lt;b&gt;mountains&lt;/b&gt;" in page

    def test_is_written_without_conversations(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile("def test_plain():\n    pass")
        run(pytester, "--voice-report=page.html")
        assert "No conversation took place." in (pytester.path / "page.html").read_text("utf-8")
