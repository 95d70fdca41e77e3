"""Lines of the server's log about calls: what operators see, and no words of the call."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from trunkline.calls import log, log_events
from trunkline.calls.metrics.operator_lines import READ_KINDS, OperatorLines
from trunkline.structured_log import JsonFormatter, TextFormatter, log_event, use_format

pytestmark = pytest.mark.pure
STARTED = log_events.CallStarted(
    call_id="call_1", scenario="shop", agent="host", transport="websocket", provider="azure", model="gpt",
    started_at="2026-01-01T00:00:00.000+00:00",
)  # fmt: skip


class Tape:
    """A call's log with its lines."""

    def __init__(self, *, content: bool = False) -> None:
        self.now_ms = 0.0
        self._log = log.Log(lambda: self.now_ms)
        self._log.subscribe(OperatorLines(content=content).read, *READ_KINDS)
        self.append(STARTED)

    def append(self, event: log_events.LogEventUnion) -> None:
        self._log.append(event)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Return the lines so far: the event and its fields."""
    with caplog.at_level(logging.INFO):
        yield lambda: [(vars(record)["event"], vars(record)["fields"]) for record in caplog.records]


def test_a_calls_start_path_and_end_have_lines(lines: Any) -> None:
    tape = Tape()
    tape.append(log_events.AgentChanged(agent="host"))
    tape.append(log_events.AgentChanged(agent="poet", previous="host"))
    tape.append(log_events.MessageAdded(item_id="greeting", role="user", hidden=True))
    tape.append(log_events.MessageDone(item_id="greeting", role="user", text="hi"))
    tape.append(log_events.TurnLatency(item_id="hello", total_ms=800, parts=[], after="greeting"))
    tape.append(log_events.MessageDone(item_id="hello", role="assistant", text="Hello!"))
    tape.append(log_events.MessageDone(item_id="murmur", role="user", text="mm-hm", status="ignored"))
    for item_id in ("first", "second"):
        tape.append(log_events.MessageDone(item_id=item_id, role="user", text="mountains"))
    tokens = log_events.Tokens(input_text=5, output_audio=7)
    tape.append(log_events.UsageUpdated(source="response", model="gpt", tokens=tokens, total=tokens, total_cost=0.25))
    tape.now_ms = 61_234
    tape.append(log_events.CallEnded(reason="hung up"))
    assert [event for event, _fields in lines()] == ["call.started", "call.agent", "call.ended"]
    assert lines()[0][1]["scenario"] == "shop"
    assert lines()[1][1] == {"call": "call_1", "agent": "poet", "previous": "host"}
    assert lines()[2][1] == {
        "call": "call_1", "reason": "hung up", "duration_s": 61.2, "turns": 2, "agents": "host>poet", "tokens": 12,
        "cost": 0.25,
    }  # fmt: skip


def test_a_lost_link_names_the_code_and_the_providers_session(lines: Any) -> None:
    tape = Tape()
    tape.append(log_events.WireReceived(event={"type": "session.created", "session": {"id": "sess_9"}}))
    tape.append(log_events.LinkLost(reason="closed with code 1013", code=1013, retry_in_ms=500))
    tape.append(log_events.LinkRestored(attempts=2, lost_for_ms=1200))
    assert lines()[1:] == [
        ("link.lost", {"call": "call_1", "reason": "closed with code 1013", "code": 1013, "retry_in_ms": 500,
                       "session": "sess_9"}),
        ("link.restored", {"call": "call_1", "attempts": 2, "lost_for_ms": 1200, "session": "sess_9"}),
    ]  # fmt: skip


def test_slow_and_failed_tools_have_lines_and_others_none(lines: Any) -> None:
    tape = Tape()
    tape.append(log_events.ToolDone(call_id="c", name="fast", duration_ms=10, result="secret"))
    tape.append(log_events.ToolDone(call_id="c", name="slow", duration_ms=5000, result="secret"))
    tape.append(log_events.ToolDone(call_id="c", name="bad", duration_ms=10, error="KeyError: 'secret' (shop.py:3)"))
    tape.append(log_events.ToolDone(call_id="c", name="late", duration_ms=10, error="late did not answer within 30 s."))
    assert lines()[1:] == [
        ("tool.slow", {"call": "call_1", "tool": "slow", "duration_ms": 5000}),
        ("tool.failed", {"call": "call_1", "tool": "bad", "duration_ms": 10, "error": "KeyError"}),
        ("tool.failed", {"call": "call_1", "tool": "late", "duration_ms": 10}),
    ]


def test_guardrails_stalls_and_other_models_have_lines(lines: Any) -> None:
    tape = Tape()
    tape.append(log_events.GuardrailChecked(item_id="i", guardrail="polite", status="pending"))
    tape.append(
        log_events.GuardrailChecked(
            item_id="i", guardrail="polite", status="fail", category="RUDE", rationale="secret", text="secret"
        )
    )
    tape.append(log_events.TurnStalled(reason="model", silent_ms=5000))
    tape.append(log_events.ModelChanged(model="mini", previous="gpt", reason="two failures"))
    assert [event for event, _fields in lines()[1:]] == ["guardrail.tripped", "turn.stalled", "model.changed"]
    assert lines()[1][1] == {"call": "call_1", "guardrail": "polite", "status": "fail", "category": "RUDE"}


@pytest.mark.parametrize("content", [False, True])
def test_no_words_are_in_a_line_unless_the_settings_ask_for_them(
    caplog: pytest.LogCaptureFixture, *, content: bool
) -> None:
    with caplog.at_level(logging.INFO):
        tape = Tape(content=content)
        tape.append(log_events.MessageDone(item_id="i", role="user", text="secret"))
        tape.append(log_events.ToolStarted(call_id="c", name="t", arguments={"a": "secret"}, agent="host"))
        tape.append(log_events.ToolDone(call_id="c", name="t", duration_ms=1, error="ValueError: secret"))
        tape.append(log_events.CallError(message="the agent failed: secret", code="x", source="scenario"))
        tape.append(log_events.CallError(message="secret item refused", code="y", source="provider"))
    assert ("secret" in caplog.text) == content
    assert "code=x" in caplog.text


# Formats ------------------------------------------------------------------------------------------------------------
def record_of(caplog: pytest.LogCaptureFixture, **fields: object) -> logging.LogRecord:
    with caplog.at_level(logging.INFO):
        log_event(logging.getLogger("trunkline.test"), logging.WARNING, "access.refused", **fields)
    return caplog.records[-1]


def test_a_line_is_one_json_object(caplog: pytest.LogCaptureFixture) -> None:
    record = record_of(caplog, client="192.0.2.1", detail='a "quoted"\nline', count=3, missing=None)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "warning", "logger": "trunkline.test", "event": "access.refused", "client": "192.0.2.1",
        "detail": 'a "quoted" line', "count": 3,
    }  # fmt: skip


def test_a_readable_line_cannot_be_forged_by_a_value(caplog: pytest.LogCaptureFixture) -> None:
    record = record_of(caplog, client="192.0.2.1", detail="x client=198.51.100.1\naccess.refused")
    line = TextFormatter().format(record)
    assert line.endswith('WARNING: access.refused client=192.0.2.1 detail="x client=198.51.100.1 access.refused"')
    assert line.count("\n") == 0


def test_other_messages_and_errors_are_json_too(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("trunkline.test").exception("it %s", "failed")
    found = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert found["message"] == "it failed"
    assert "ValueError: broken" in found["error"]


def test_a_process_without_a_handler_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.RootLogger(logging.NOTSET)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    use_format("json")
    (handler,) = root.handlers
    assert isinstance(handler.formatter, JsonFormatter)


@pytest.mark.parametrize(
    ("transport", "returned", "level"),
    [("webrtc", False, "INFO"), ("webrtc", True, "WARNING"), ("websocket", False, "WARNING")],
)
def test_a_link_that_ends_with_the_page_is_no_warning(
    caplog: pytest.LogCaptureFixture, transport: Any, returned: bool, level: str
) -> None:
    joined = log_events.LegJoined(leg_id="leg_1", transport=transport)
    with caplog.at_level(logging.INFO):
        tape = Tape()
        tape.append(joined)
        tape.append(log_events.LegLost(leg_id="leg_1", reason="the page's connection closed", waiting_ms=30_000))
        if returned:
            tape.append(joined)
        tape.append(log_events.LinkLost(reason="the caller has gone", code=1000, retry_in_ms=0))
    assert caplog.records[-1].levelname == level
