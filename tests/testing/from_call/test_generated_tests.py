"""Tests from real calls: they pass on the agents of the call, and fail with a reason after a change."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import agents.realtime  # noqa: F401 - see test_plugin.py
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import trunkline.testing.environment  # noqa: F401 - as above
from tests.testing.from_call import desk as desk_module
from tests.testing.from_call.recorded_logs import STARTED, log_of, recorded, said, spoken
from trunkline.calls import log_events as ev
from trunkline.calls.log import Entry
from trunkline.testing import VoiceCall
from trunkline.testing.from_call.read_call import read_call
from trunkline.testing.from_call.recorded_call import Span, UnusableLogError
from trunkline.testing.from_call.test_file import FromCallOptions, GeneratedTest, generate_test, latency_budget_ms

pytest_plugins = "pytester"
SCENARIO = Path(desk_module.__file__).read_text("utf-8")


@pytest.fixture(autouse=True)
def no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY", "TRUNKLINE_CHAT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TRUNKLINE_PROVIDER", raising=False)


async def a_whole_call(call: VoiceCall) -> None:
    """Everything at once: tools, an interruption, the button, keys, push-to-talk, a handoff, an approval, the end."""
    call.allows("close_account", allowed=False)
    await call.hears("help desk")
    await call.say("my printer is broken", interrupting_after_ms=900)
    await call.silent_for(600)
    await call.interrupts()
    await call.push_to_talk("my phone is broken")
    await call.dtmf("12#")
    await call.say("I have a question about my invoice")
    await call.silent_for(400)
    await call.backchannel("mm-hm")
    await call.say("close my account")
    await call.say("goodbye")
    await call.ends()


@pytest.fixture(scope="module")
def whole_call() -> list[Entry]:
    return recorded(desk_module.scenario, a_whole_call, metadata={"id": "c-17"})


def test_of(entries: list[Entry], **options: object) -> GeneratedTest:
    return generate_test(read_call(entries), FromCallOptions(**options))  # type: ignore[arg-type]  # any option


test_of.__test__ = False  # type: ignore[attr-defined]  # it only reads as one


def run(pytester: pytest.Pytester, test: GeneratedTest, scenario: str = SCENARIO) -> pytest.RunResult:
    """Run a test against a scenario."""
    pytester.makeini("[pytest]\nvoice_scenarios = desk.py\nfilterwarnings = error")
    (pytester.path / "desk.py").write_text(scenario, "utf-8")
    (pytester.path / f"{test.stem}.py").write_text(test.source, "utf-8")
    for name, content in test.images.items():
        (pytester.path / name).write_bytes(content)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider")


@pytest.mark.parametrize("run_tools", [False, True], ids=["from the record", "run"])
def test_a_test_passes_on_the_agents_of_its_call(
    pytester: pytest.Pytester, whole_call: list[Entry], run_tools: bool
) -> None:
    run(pytester, test_of(whole_call, run_tools=run_tools)).assert_outcomes(passed=1)


def changed(old: str, new: str) -> str:
    assert old in SCENARIO
    return SCENARIO.replace(old, new)


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (
            changed("urgent=True)", "urgent=False)"),
            "*open_ticket was called, but not with about='printer', urgent=True*",
        ),
        (changed('yield call_tool("find_invoice", number=7)', 'yield "One moment."'), "*find_invoice was not called*"),
        (changed('yield transfer("billing")', 'yield "No."'), "*assert None == 'billing'*"),
        (changed('yield call_tool("end_call")\n', ""), "*end_call was not called*"),
        (changed("if said.meant is BROKEN:", "if False:"), "*open_ticket was not called. No tool was called.*"),
    ],
    ids=["argument", "tool", "handoff", "end", "part"],
)
def test_a_changed_agent_fails_with_the_reason(
    pytester: pytest.Pytester, whole_call: list[Entry], scenario: str, reason: str
) -> None:
    result = run(pytester, test_of(whole_call), scenario)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([reason])
    result.stdout.fnmatch_lines(["*HERE*"])


def test_recorded_answers_do_not_run_the_tools(pytester: pytest.Pytester, whole_call: list[Entry]) -> None:
    broken = changed("await asyncio.sleep(1)", 'raise OSError("the ticket system is down")')
    run(pytester, test_of(whole_call), broken).assert_outcomes(passed=1)
    result = run(pytester, test_of(whole_call, run_tools=True), broken)
    result.assert_outcomes(failed=1)


def test_a_slow_tool_breaks_the_latency_of_the_record(pytester: pytest.Pytester, whole_call: list[Entry]) -> None:
    slow = changed("await asyncio.sleep(1)", "await asyncio.sleep(6)")
    result = run(pytester, test_of(whole_call, run_tools=True), slow)
    result.stdout.fnmatch_lines(["*The answer to 'my printer is broken' took 6000 ms; the budget was 1500 ms.*"])


def test_a_tripped_guardrail_is_asserted(pytester: pytest.Pytester) -> None:
    async def hold(call: VoiceCall) -> None:
        await call.say("are you sure")
        await call.hang_up()

    test = test_of(recorded(desk_module.scenario, hold))
    assert 'turn.tripped("no_promises"' in test.source
    run(pytester, test).assert_outcomes(passed=1)
    result = run(pytester, test, changed('"I promise it."', '"Certainly."'))
    result.stdout.fnmatch_lines(["*The guardrail no_promises did not trip.*"])


def test_the_source_is_clean_formatted_and_ready_to_trim(tmp_path: Path, whole_call: list[Entry]) -> None:
    for place, options in enumerate([{}, {"run_tools": True}, {"audio": True}]):
        (tmp_path / f"test_{place}.py").write_text(test_of(whole_call, **options).source, "utf-8")
    for command in (["check"], ["format", "--diff"]):
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."],
            cwd=tmp_path,  # elsewhere trunkline is a library, not a package of the project
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout
    source = test_of(whole_call).source
    assert "# desk said: “Your ticket has the number 41. Anything else?”" in source
    assert 'turn.called("open_ticket", about="printer", urgent=True)' in source


# Decisions --------------------------------------------------------------------------------------------------------
GREETING = said("greeting", "Welcome.", 0)
ANSWER = said("answer", "Two pears, gladly.", 4_000)
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def source_of(*events: tuple[int, ev.LogEventUnion], **options: object) -> str:
    return test_of(log_of(*GREETING, *events), **options).source


def test_images_are_files_beside_the_test() -> None:
    events = said("q", "look", 500, role="user", images=(PIXEL,))
    test = test_of(log_of(*GREETING, *events, *ANSWER), stem="test_x")
    assert test.images == {"test_x_image1.png": b"\x89PNG\r\n\x1a\n"}
    assert 'await call.show_image(HERE / "test_x_image1.png", "look")' in test.source
    assert '@pytest.mark.voice("live")' in test.source


def test_a_single_file_says_what_it_cannot_show() -> None:
    events = said("q", "look", 500, role="user", images=(PIXEL,))
    source = source_of(*events, *ANSWER, files=False)
    assert "The caller showed an image here" in source
    assert 'await call.say("look")' in source


def test_audio_is_cut_with_what_came_before_the_detection() -> None:
    first, second = spoken("q", "Two pears.", 2_000, 3_000), spoken("r", "Bye.", 3_400, 4_000)
    answer = said("a", "Two pears.", 3_100)
    test = test_of(log_of(*GREETING, *first, *answer, *second), audio=True, stem="test_x")
    assert test.clips == {"test_x_01.wav": Span(500, 3_000), "test_x_02.wav": Span(3_000, 4_000)}
    assert 'call.say("Two pears.", audio=HERE / "test_x_01.wav")' in test.source
    assert '@pytest.mark.voice("spoken", "live")' in test.source


def test_speech_without_words_is_played_or_left_out() -> None:
    events = spoken("q", "", 2_000, 3_000, status="inaudible")
    assert "so the test says nothing" in source_of(*events)
    assert 'await call.backchannel("", audio=' in source_of(*events, audio=True)


def test_an_unanswered_request_for_permission_is_left_unanswered() -> None:
    events = [
        *said("q", "delete it", 3_000, role="user"),
        (3_000, ev.ToolStarted(call_id="t", name="delete", arguments={}, agent="clerk")),
        (3_000, ev.ApprovalNeeded(call_id="t", name="delete", arguments={}, agent="clerk")),
        (9_000, ev.ApprovalResolved(call_id="t", approved=False, reason="the caller did not answer")),
        (9_000, ev.ToolDone(call_id="t", name="delete", duration_ms=6_000, error="the caller did not allow it")),
    ]
    source = source_of(*events)
    assert "call.allows" not in source
    assert "The caller did not answer the request to allow delete." in source


def test_long_texts_of_a_model_are_quoted_and_not_compared() -> None:
    text = "The caller wants to know when the parcel with the two pears will arrive at their house."
    events = [
        *said("q", "when", 3_000, role="user"),
        (3_000, ev.ToolStarted(call_id="t", name="ask", arguments={"question": text}, agent="clerk")),
        (3_000, ev.ToolDone(call_id="t", name="ask", duration_ms=6_000, result="soon")),
    ]
    source = source_of(*events)
    assert 'turn.called("ask", question=ANY)' in source
    assert "# Recorded question: “The caller wants to know" in source
    assert "from trunkline.testing import ANY, ToolAnswer, VoiceCalls" in source


def test_a_call_without_tools_runs_none(pytester: pytest.Pytester) -> None:
    async def hold(call: VoiceCall) -> None:
        await call.say("hello")
        await call.hang_up()

    test = test_of(recorded(desk_module.scenario, hold))
    run(pytester, test).assert_outcomes(passed=1)
    hasty = 'yield call_tool("open_ticket", about="hello", urgent=False)\n            yield "Hello."'
    eager = changed('yield f"I heard: {said.text}"', hasty)
    result = run(pytester, test, eager)
    result.stdout.fnmatch_lines(["*open_ticket(about='hello', urgent=False) was called, and should not have been.*"])
    result.stdout.fnmatch_lines(["*failed: NotRecordedError*"])


def test_a_limit_that_ended_the_call_is_said_and_not_waited_for() -> None:
    note = said("note", "The call's time is up. Say goodbye.", 5, role="system", hidden=True)
    source = source_of(*note, (9, ev.CallEnded(reason="the call was too long")))
    assert "# A limit ended the call: “the call was too long”" in source
    assert "hang_up" not in source


def test_a_telephone_call_keeps_its_codec() -> None:
    source = test_of(log_of((0, ev.CallSettings(codec="pcmu")), *GREETING)).source
    assert 'voice_call("shop", agent="clerk", codec="pcmu")' in source


def test_a_callers_view_needs_tools_that_run() -> None:
    events = [
        *said("q", "two pears", 3_000, role="user"),
        (3_000, ev.ToolStarted(call_id="t", name="add", arguments=None, agent="clerk")),
        (3_000, ev.ToolDone(call_id="t", name="add", duration_ms=1)),
    ]
    with pytest.raises(UnusableLogError, match="--run-tools"):
        source_of(*events)
    assert 'turn.called("add")' in source_of(*events, run_tools=True)


@pytest.mark.parametrize(("recorded_ms", "budget_ms"), [(0, 1_000), (700, 1_100), (2_000, 3_000), (2_010, 3_100)])
def test_the_budget_of_a_latency_has_slack(recorded_ms: int, budget_ms: int) -> None:
    assert latency_budget_ms(recorded_ms) == budget_ms


# Hostile texts ----------------------------------------------------------------------------------------------------
HOSTILE = ['"""', "'''", '"); import os; os.abort()  #', "{call}", "\\", "\\\"", "a\nb", "\r", "\x00", "\u2028",
           "\u202e", "# -*- coding: x -*-", "# noqa", "# fmt: off", "é 日本 🙂", "%s", "\x0c"]  # fmt: skip
texts = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1), st.lists(st.sampled_from(HOSTILE)).map("".join))


def strings_in(source: str) -> set[object]:
    """Return the constants of Python source."""
    return {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts.filter(lambda text: bool(text.strip())), texts, texts, texts, st.booleans())
@example('"""', '"""', '"""', '"""', False)
def test_hostile_texts_stay_data(words: str, name: str, value: str, answer: str, audio: bool) -> None:
    started = ev.CallStarted(
        **{field: getattr(STARTED, field) for field in STARTED.__struct_fields__}
        | {"scenario": name, "agent": answer, "call_id": value, "metadata": {name: value}}
    )
    events = [
        *said("greeting", answer, 0),
        *spoken("q", words, 100, 200),
        (300, ev.ToolStarted(call_id="t", name=name, arguments={name: value}, agent=answer)),
        (300, ev.ToolDone(call_id="t", name=name, duration_ms=1, result={value: [answer]})),
        (300, ev.ToolStarted(call_id="u", name=name, arguments=value, agent=answer)),
        (300, ev.ToolDone(call_id="u", name=name, duration_ms=1, error=answer)),
        (300, ev.GuardrailChecked(item_id="a", guardrail=name, status="fail", category=value)),
        (300, ev.AgentChanged(agent=answer, previous=name)),
        *said("a", value, 400),
        (500, ev.CallEnded(reason=value)),
    ]
    source = test_of(log_of(*events, started=started), audio=audio).source
    tree = ast.parse(source)
    (test,) = (node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))
    assert test.name.isidentifier()
    assert {words, name, value, answer} <= strings_in(source)
    assert [type(node).__name__ for node in tree.body if not isinstance(node, ast.ImportFrom | ast.Import)] in (
        ["Expr", "Assign", "AsyncFunctionDef"],
        ["Expr", "Assign", "Assign", "AsyncFunctionDef"],
    )
    source.encode("utf-8")
    compile(source.encode("utf-8"), "generated.py", "exec")
