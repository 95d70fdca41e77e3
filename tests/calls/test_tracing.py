"""OpenTelemetry spans and metrics of a call, in the SDK's in-memory exporters."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from trunkline.calls import log, log_events
from trunkline.calls.metrics.meters import Meters
from trunkline.calls.metrics.tracing import tracing

BEGAN_NS = 1_767_225_600_000_000_000
SECRET = "my card is 4111"
USAGE = {
    "input_tokens": 100,
    "output_tokens": 50,
    "input_token_details": {
        "text_tokens": 60,
        "audio_tokens": 40,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 30, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
}


class Watched:
    """In-memory exporters of spans and metrics."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: tracers)
        monkeypatch.setattr(trace, "get_tracer", lambda name: tracers.get_tracer(name))
        monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
        monkeypatch.setattr(metrics, "get_meter", lambda name: meters.get_meter(name))

    def call(self, *, content: bool = False) -> Tape:
        return Tape(content=content)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Return the finished spans by name."""
        return {span.name: span for span in self._exporter.get_finished_spans()}

    @property
    def everything(self) -> str:
        """Return all exported data as text."""
        data = self._reader.get_metrics_data()
        return "\n".join(span.to_json() for span in self._exporter.get_finished_spans()) + (
            data.to_json() if data else ""
        )

    def figures(self) -> dict[str, list[Any]]:
        """Return the data points of each metric."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


class Tape:
    """A call's log with meters and tracing."""

    def __init__(self, *, content: bool) -> None:
        self._now_ms = 0
        self._log = log.Log(lambda: self._now_ms)
        self._meters = Meters()
        traced = tracing(content=content)
        assert traced is not None
        self._log.subscribe(traced.read)
        self.at(
            0,
            log_events.CallStarted(
                call_id="call_1",
                scenario="shop",
                agent="clerk",
                transport="websocket",
                provider="azure",
                model="gpt-realtime-2.1-mini",
                started_at="2026-01-01T00:00:00.000+00:00",
            ),
        )

    def at(self, ms: int, *events: log_events.LogEventUnion) -> None:
        self._now_ms = ms
        for event in events:
            for more in self._meters.read(self._log.append(event)):
                self._log.append(more)

    def says(self, text: str) -> None:
        """Append a message of the caller."""
        self.at(self._now_ms, log_events.MessageDone(item_id="u1", role="user", text=text))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def received(kind: str, **fields: Any) -> log_events.WireReceived:
    return log_events.WireReceived(event={"type": kind, **fields})


def response_done(status: str = "completed", **fields: Any) -> log_events.WireReceived:
    return received("response.done", response={"id": "r1", "status": status, "output": [], **fields})


CREATED = received("response.created", response={"id": "r1"})
SAYS = received("response.output_audio_transcript.delta", item_id="m1", response_id="r1", delta="Hello")
TOOL = log_events.ToolStarted(call_id="c1", name="pay", arguments={"note": SECRET}, agent="clerk")


def test_tracing_needs_an_installed_provider() -> None:
    assert tracing() is None


def test_each_call_is_a_separate_trace(watched: Watched) -> None:
    call = watched.call()
    call.at(5000, log_events.CallEnded(reason="caller hung up"))
    span = watched.spans["invoke_workflow shop"]
    assert span.parent is None
    assert (span.start_time, span.end_time) == (BEGAN_NS, BEGAN_NS + 5_000_000_000)
    assert span.attributes == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.agent.name": "shop",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.conversation.id": "call_1",
        "gen_ai.request.model": "gpt-realtime-2.1-mini",
        "trunkline.transport": "websocket",
        "trunkline.end_reason": "caller hung up",
    }


def test_a_response_span_starts_at_the_request(watched: Watched) -> None:
    call = watched.call()
    call.at(100, log_events.WireSent(event={"type": "response.create"}))
    call.at(150, CREATED)
    call.at(400, SAYS)
    call.at(900, response_done(usage=USAGE))
    call.at(5000, log_events.CallEnded(reason="over"))
    span, above = watched.spans["chat gpt-realtime-2.1-mini"], watched.spans["invoke_workflow shop"]
    assert span.parent is not None
    assert above.context is not None
    assert span.parent.span_id == above.context.span_id
    assert (span.start_time, span.end_time) == (BEGAN_NS + 100_000_000, BEGAN_NS + 900_000_000)
    assert span.kind is SpanKind.CLIENT
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-realtime-2.1-mini",
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "speech",
        "gen_ai.agent.name": "clerk",
        "gen_ai.response.id": "r1",
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.response.finish_reasons": ("completed",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.text.input_tokens": 60,
        "gen_ai.usage.audio.input_tokens": 40,
        "gen_ai.usage.text.output_tokens": 10,
        "gen_ai.usage.audio.output_tokens": 40,
    }


def test_a_response_span_names_the_agent(watched: Watched) -> None:
    call = watched.call()
    call.at(100, log_events.AgentChanged(agent="returns", previous="clerk"), CREATED)
    call.at(200, response_done(), log_events.CallEnded(reason="over"))
    assert (watched.spans["chat gpt-realtime-2.1-mini"].attributes or {})["gen_ai.agent.name"] == "returns"
    [handoff] = watched.spans["invoke_workflow shop"].events
    assert (handoff.name, handoff.timestamp) == ("handoff", BEGAN_NS + 100_000_000)


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (response_done("failed", status_details={"error": {"code": "rate_limit_exceeded"}}), "rate_limit_exceeded"),
        (log_events.LinkLost(reason="broke", code=1006), "link_lost"),
        (log_events.CallEnded(reason="over"), "call_ended"),
    ],
)
def test_a_failed_or_lost_response_is_an_error(watched: Watched, end: Any, kind: str) -> None:
    call = watched.call()
    call.at(100, CREATED)
    call.at(200, end)
    span = watched.spans["chat gpt-realtime-2.1-mini"]
    assert (span.attributes or {})["error.type"] == kind
    assert span.status.status_code is StatusCode.ERROR
    assert span.end_time == BEGAN_NS + 200_000_000


def test_a_cancelled_response_is_not_an_error(watched: Watched) -> None:
    call = watched.call()
    call.at(100, CREATED)
    call.at(200, response_done("cancelled", status_details={"reason": "turn_detected"}))
    span = watched.spans["chat gpt-realtime-2.1-mini"]
    assert (span.attributes or {})["gen_ai.response.finish_reasons"] == ("turn_detected",)
    assert span.status.status_code is StatusCode.UNSET


def test_a_nested_tool_is_a_child_span(watched: Watched) -> None:
    call = watched.call()
    call.at(100, TOOL)
    call.at(150, log_events.ToolStarted(call_id="c2", name="balance", arguments={}, agent="clerk", parent="c1"))
    call.at(250, log_events.ToolDone(call_id="c2", name="balance", duration_ms=100, error="no such account"))
    call.at(300, log_events.ToolDone(call_id="c1", name="pay", duration_ms=200, result="paid"))
    outer, inner = watched.spans["execute_tool pay"], watched.spans["execute_tool balance"]
    assert outer.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "pay",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "clerk",
    }
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert (inner.attributes or {})["error.type"] == "tool_error"
    durations = {
        point.attributes["gen_ai.tool.name"]: point.sum for point in watched.figures()["gen_ai.execute_tool.duration"]
    }
    assert durations == {"balance": pytest.approx(0.1), "pay": pytest.approx(0.2)}


def test_a_tripped_guardrail_has_a_span(watched: Watched) -> None:
    call = watched.call()
    call.at(100, log_events.GuardrailChecked(item_id="m1", guardrail="moderation", status="pending"))
    call.at(
        180,
        log_events.GuardrailChecked(
            item_id="m1", guardrail="moderation", status="fail", category="OFFENSIVE", rationale=SECRET, text=SECRET
        ),
    )
    span = watched.spans["guardrail moderation"]
    assert span.attributes == {
        "trunkline.guardrail.name": "moderation",
        "trunkline.guardrail.status": "fail",
        "trunkline.guardrail.category": "OFFENSIVE",
    }


def test_a_turn_span_has_the_parts_of_its_latency(watched: Watched) -> None:
    call = watched.call()
    call.at(0, log_events.TurnWaiting(reason="endpointing"))
    call.at(2000, log_events.TurnWaiting(reason="request", endpointing_ms=500))
    call.at(2010, log_events.TurnWaiting(reason="model"))
    call.at(2200, log_events.AudioStarted(item_id="m1"))
    span = watched.spans["turn"]
    assert (span.start_time, span.end_time) == (BEGAN_NS + 1_500_000_000, BEGAN_NS + 2_200_000_000)
    assert span.attributes == {
        "trunkline.turn.after": "speech",
        "trunkline.turn.endpointing_ms": 500,
        "trunkline.turn.request_ms": 10,
        "trunkline.turn.model_ms": 190,
    }
    [delay] = watched.figures()["trunkline.turn.latency"]
    assert delay.sum == pytest.approx(0.7)


def test_the_metrics_of_a_response(watched: Watched) -> None:
    call = watched.call()
    call.at(100, CREATED)
    call.at(400, SAYS)
    call.at(900, response_done(usage=USAGE))
    figures = watched.figures()
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in figures["gen_ai.client.token.usage"]}
    assert tokens == {"input": 100, "output": 50}
    assert [point.sum for point in figures["gen_ai.client.operation.duration"]] == [pytest.approx(0.8)]
    assert [point.sum for point in figures["gen_ai.client.operation.time_to_first_chunk"]] == [pytest.approx(0.3)]
    assert [point.value for point in figures["trunkline.cost"]] == [
        pytest.approx((30 * 0.60 + 30 * 0.06 + 40 * 10 + 10 * 2.40 + 40 * 20) / 1e6)
    ]
    assert [point.value for point in figures["trunkline.calls.active"]] == [1]
    call.at(1000, log_events.CallEnded(reason="over"))
    assert [point.value for point in watched.figures()["trunkline.calls.active"]] == [0]


def _a_call_full_of_secrets(call: Tape) -> None:
    call.says(SECRET)
    call.at(100, CREATED, TOOL)
    call.at(110, log_events.CallError(message=f"refused: {SECRET}", code="bad_tool", source="tool"))
    call.at(120, log_events.ToolDone(call_id="c1", name="pay", duration_ms=20, result=SECRET))
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": SECRET}]}
    call.at(300, response_done(output=[message]), log_events.CallEnded(reason="over"))


def test_no_content_is_exported_by_default(watched: Watched) -> None:
    _a_call_full_of_secrets(watched.call())
    assert "execute_tool pay" in watched.everything
    assert SECRET not in watched.everything


def test_a_setting_exports_content(watched: Watched) -> None:
    _a_call_full_of_secrets(watched.call(content=True))
    response = watched.spans["chat gpt-realtime-2.1-mini"].attributes or {}
    assert response["gen_ai.input.messages"] == (
        f'[{{"role":"user","parts":[{{"type":"text","content":"{SECRET}"}}]}}]'
    )
    assert SECRET in str(response["gen_ai.output.messages"])
    tool = watched.spans["execute_tool pay"].attributes or {}
    assert tool["gen_ai.tool.call.arguments"] == f'{{"note":"{SECRET}"}}'
    assert tool["gen_ai.tool.call.result"] == f'"{SECRET}"'


def test_malformed_events_are_ignored(watched: Watched) -> None:
    call = watched.call()
    call.at(1, received("response.created", response=None), received("response.done", response={}))
    call.at(2, log_events.CallEnded(reason="over"))
    assert list(watched.spans) == ["invoke_workflow shop"]
