"""Calls as OpenTelemetry spans and metrics, by the GenAI semantic conventions (v0.1.0, still in development).

A reader of the log. It exists only if the process has installed a tracer or meter provider. Spans carry the words of
the call, and the arguments and results of tools, only with `content`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from trunkline.calls import log, log_events
from trunkline.calls.metrics.meters import realtime_tokens
from trunkline.realtime.events import Event, text_of

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span, Tracer

SCOPE = "trunkline"
PROVIDER_NAMES = {"azure": "azure.ai.openai", "openai": "openai"}
"""The conventions' names of providers. Other providers keep their own names."""
_NS_IN_MS = 1_000_000
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))
_MAX_MESSAGES = 20
Attributes = dict[str, Any]


def tracing(*, content: bool = False) -> CallTracing | None:
    """Return the tracing of one call, None without an installed provider, so that it costs nothing.

    Args:
        content: True puts the words of the call, and the arguments and results of tools, into spans.
    """
    from opentelemetry import metrics, trace

    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    # Without an installed provider, the API returns its own ones, which do nothing.
    if type(tracers).__module__.startswith("opentelemetry.trace") and type(meters).__module__.startswith(
        "opentelemetry.metrics"
    ):
        return None
    return CallTracing(trace.get_tracer(SCOPE), _Instruments(metrics.get_meter(SCOPE)), content=content)


class _Instruments:
    """The metrics' instruments. A meter returns the same instrument for the same name, so each call asks for them."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, description: str) -> Any:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=_SECONDS)

        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self.duration = seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
        self.first_chunk = seconds("gen_ai.client.operation.time_to_first_chunk", "Time to the first words.")
        self.tool = seconds("gen_ai.execute_tool.duration", "Duration of a tool.")
        self.turn = seconds("trunkline.turn.latency", "From the end of the caller's turn to the first audio.")
        self.cost = meter.create_counter("trunkline.cost", "{USD}", "Cost of models with a known price.")
        self.calls = meter.create_up_down_counter("trunkline.calls.active", "{call}", "Running calls.")


@dataclass
class _Response:
    span: Span
    began_ms: int
    has_words: bool = False


class CallTracing:
    """Traces one call. Give it every entry of the log, in order, from the first."""

    def __init__(self, tracer: Tracer, instruments: _Instruments, *, content: bool) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._content = content
        self._began_ns = 0
        self._call: Span | None = None
        self._agent = ""
        self._common: Attributes = {}
        """The attributes of all responses: operation, provider and model."""
        self._requested_ms: int | None = None
        self._responses: dict[str, _Response] = {}
        self._tools: dict[str, tuple[Span, int]] = {}
        self._checks: dict[tuple[str, str], Span] = {}
        self._user_texts: list[str] = []

    def read(self, entry: log.Entry) -> None:
        """Read the next entry."""
        reader = _READERS.get(type(entry.event))
        if reader is not None and (self._call is not None or isinstance(entry.event, log_events.CallStarted)):
            reader(self, entry.event, entry.at_ms)

    # The call -------------------------------------------------------------------------------------------------------
    def _started(self, event: log_events.CallStarted, at_ms: int) -> None:
        self._began_ns = int(datetime.fromisoformat(event.started_at).timestamp() * 1000 - at_ms) * _NS_IN_MS
        provider = PROVIDER_NAMES.get(event.provider, event.provider)
        self._common = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": event.model,
        }
        self._agent = event.agent
        self._call = self._span(
            f"invoke_workflow {event.scenario}",
            at_ms,
            {
                "gen_ai.operation.name": "invoke_workflow",
                "gen_ai.agent.name": event.scenario,
                "gen_ai.provider.name": provider,
                "gen_ai.conversation.id": event.call_id,
                "gen_ai.request.model": event.model,
                "trunkline.transport": event.transport,
            },
        )
        self._instruments.calls.add(1)

    def _ended(self, event: log_events.CallEnded, at_ms: int) -> None:
        self._drop_responses("call_ended", at_ms)
        for span, _began in self._tools.values():
            self._fail(span, "call_ended", at_ms)
        for span in self._checks.values():
            span.end(self._ns(at_ms))
        self._tools.clear()
        self._checks.clear()
        if self._call is not None:
            self._call.set_attribute("trunkline.end_reason", event.reason)
            self._call.end(self._ns(at_ms))
            self._call = None
            self._instruments.calls.add(-1)

    def _agent_changed(self, event: log_events.AgentChanged, at_ms: int) -> None:
        self._agent = event.agent
        if event.previous is not None:
            attributes = {"gen_ai.agent.name": event.agent, "trunkline.agent.previous": event.previous}
            self._add_event("handoff", attributes, at_ms)

    def _model_changed(self, event: log_events.ModelChanged, at_ms: int) -> None:
        self._common["gen_ai.request.model"] = event.model
        attributes = {"gen_ai.request.model": event.model, "trunkline.model.previous": event.previous}
        self._add_event("model.changed", attributes, at_ms)

    def _link_lost(self, event: log_events.LinkLost, at_ms: int) -> None:
        self._drop_responses("link_lost", at_ms)
        self._add_event("link.lost", {} if event.code is None else {"trunkline.close_code": event.code}, at_ms)

    def _link_restored(self, event: log_events.LinkRestored, at_ms: int) -> None:
        self._add_event("link.restored", {"trunkline.lost_for_ms": event.lost_for_ms}, at_ms)

    def _error(self, event: log_events.CallError, at_ms: int) -> None:
        # Without the message: it may quote the caller.
        self._add_event("error", {"error.type": event.code or "_OTHER", "trunkline.source": event.source}, at_ms)

    # Turns, tools, guardrails ---------------------------------------------------------------------------------------
    def _turn_latency(self, event: log_events.TurnLatency, at_ms: int) -> None:
        attributes: Attributes = {"trunkline.turn.after": event.after}
        self._instruments.turn.record(event.total_ms / 1000, attributes)
        spent = {f"trunkline.turn.{part.name}_ms": part.ms for part in event.parts}
        self._span("turn", at_ms - event.total_ms, {**attributes, **spent}).end(self._ns(at_ms))

    def _tool_started(self, event: log_events.ToolStarted, at_ms: int) -> None:
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.name,
            "gen_ai.tool.call.id": event.call_id,
            "gen_ai.tool.type": "function",
            "gen_ai.agent.name": event.agent,
        }
        if self._content:
            attributes["gen_ai.tool.call.arguments"] = _json(event.arguments)
        parent = self._tools.get(event.parent or "")
        span = self._span(f"execute_tool {event.name}", at_ms, attributes, parent=parent[0] if parent else None)
        self._tools[event.call_id] = span, at_ms

    def _tool_done(self, event: log_events.ToolDone, at_ms: int) -> None:
        running = self._tools.pop(event.call_id, None)
        if running is None:
            return
        span, began_ms = running
        attributes: Attributes = {"gen_ai.tool.name": event.name}
        if event.error is not None:
            attributes["error.type"] = "tool_error"
            self._fail(span, "tool_error", at_ms)
        else:
            if self._content:
                span.set_attribute("gen_ai.tool.call.result", _json(event.result))
            span.end(self._ns(at_ms))
        self._instruments.tool.record((at_ms - began_ms) / 1000, attributes)

    def _guardrail(self, event: log_events.GuardrailChecked, at_ms: int) -> None:
        check = (event.item_id, event.guardrail)
        if event.status == "pending":
            attributes = {"trunkline.guardrail.name": event.guardrail}
            self._checks[check] = self._span(f"guardrail {event.guardrail}", at_ms, attributes)
            return
        span = self._checks.pop(check, None)
        if span is None:
            return
        span.set_attribute("trunkline.guardrail.status", event.status)
        if event.category is not None:
            span.set_attribute("trunkline.guardrail.category", event.category)
        if event.status == "error":
            self._fail(span, "guardrail_error", at_ms)
        else:
            span.end(self._ns(at_ms))

    # Responses ------------------------------------------------------------------------------------------------------
    def _sent(self, sent: log_events.WireSent, at_ms: int) -> None:
        if sent.event["type"] == "response.create":
            self._requested_ms = at_ms

    def _received(self, received: log_events.WireReceived, at_ms: int) -> None:
        reader = _WIRE_READERS.get(received.event["type"])
        if reader is None:
            return
        try:
            reader(self, received.event, at_ms)
        except (LookupError, TypeError, AttributeError):
            return  # malformed; the machine logs that

    def _response_created(self, event: Event, at_ms: int) -> None:
        response_id = str(event["response"]["id"])
        began_ms, self._requested_ms = at_ms if self._requested_ms is None else self._requested_ms, None
        attributes = {
            **self._common,
            "gen_ai.output.type": "speech",
            "gen_ai.request.stream": True,
            "gen_ai.response.id": response_id,
            "gen_ai.agent.name": self._agent,
        }
        span = self._span(f"chat {self._common['gen_ai.request.model']}", began_ms, attributes, client=True)
        self._responses[response_id] = _Response(span, began_ms)

    def _delta(self, event: Event, at_ms: int) -> None:
        response = self._responses.get(event["response_id"])
        if response is not None and not response.has_words:
            response.has_words = True
            seconds = (at_ms - response.began_ms) / 1000
            response.span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)
            self._instruments.first_chunk.record(seconds, self._common)

    def _response_done(self, event: Event, at_ms: int) -> None:
        done = event["response"]
        response = self._responses.pop(done["id"], None)
        if response is None:
            return
        span = response.span
        span.set_attributes(_usage_of(done))
        details = done.get("status_details") or {}
        span.set_attribute("gen_ai.response.finish_reasons", [details.get("reason") or done.get("status") or "unknown"])
        if self._content:
            span.set_attributes(self._content_of(done))
        measured = dict(self._common)
        if done.get("status") == "failed":
            kind = (details.get("error") or {}).get("code") or "_OTHER"
            measured["error.type"] = kind
            self._fail(span, kind, at_ms)
        else:
            span.end(self._ns(at_ms))
        self._instruments.duration.record((at_ms - response.began_ms) / 1000, measured)

    def _drop_responses(self, reason: str, at_ms: int) -> None:
        self._requested_ms = None
        for response in self._responses.values():
            self._fail(response.span, reason, at_ms)
        self._responses.clear()

    def _used(self, event: log_events.UsageUpdated, _at_ms: int) -> None:
        attributes = {**self._common, "gen_ai.request.model": event.model}
        tokens = event.tokens
        for kind, count in (
            ("input", tokens.input_text + tokens.input_audio),
            ("output", tokens.output_text + tokens.output_audio),
        ):
            if count:
                self._instruments.tokens.record(count, {**attributes, "gen_ai.token.type": kind})
        if event.cost:
            self._instruments.cost.add(event.cost, attributes)

    # Content, if a setting asks for it ------------------------------------------------------------------------------
    def _message_done(self, event: log_events.MessageDone, _at_ms: int) -> None:
        if self._content and event.role == "user" and event.text:
            self._user_texts = [*self._user_texts, event.text][-_MAX_MESSAGES:]

    def _content_of(self, done: Event) -> Attributes:
        said, self._user_texts = self._user_texts, []
        answers = [text_of(item) for item in done.get("output") or () if item.get("type") == "message"]
        return {
            "gen_ai.input.messages": _json([_message("user", text) for text in said]),
            "gen_ai.output.messages": _json([_message("assistant", text) for text in answers]),
        }

    # Spans ----------------------------------------------------------------------------------------------------------
    def _span(
        self, name: str, at_ms: int, attributes: Attributes, *, parent: Span | None = None, client: bool = False
    ) -> Span:
        from opentelemetry import context, trace

        above = parent or self._call
        # A call is a separate trace: it does not belong to the work that the process did when the call was made.
        within = context.Context() if above is None else trace.set_span_in_context(above)
        kind = trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL
        return self._tracer.start_span(name, within, kind=kind, attributes=attributes, start_time=self._ns(at_ms))

    def _fail(self, span: Span, kind: str, at_ms: int) -> None:
        from opentelemetry.trace import StatusCode

        span.set_attribute("error.type", kind)
        span.set_status(StatusCode.ERROR)
        span.end(self._ns(at_ms))

    def _add_event(self, name: str, attributes: Attributes, at_ms: int) -> None:
        if self._call is not None:
            self._call.add_event(name, attributes, self._ns(at_ms))

    def _ns(self, at_ms: int) -> int:
        return self._began_ns + at_ms * _NS_IN_MS


def _usage_of(done: Event) -> Attributes:
    usage = done.get("usage")
    if not isinstance(usage, dict):
        return {}
    tokens = realtime_tokens(usage)
    return {
        "gen_ai.usage.input_tokens": tokens.input_text + tokens.input_audio,
        "gen_ai.usage.output_tokens": tokens.output_text + tokens.output_audio,
        "gen_ai.usage.cache_read.input_tokens": tokens.cached_text + tokens.cached_audio,
        "gen_ai.usage.text.input_tokens": tokens.input_text,
        "gen_ai.usage.audio.input_tokens": tokens.input_audio,
        "gen_ai.usage.text.output_tokens": tokens.output_text,
        "gen_ai.usage.audio.output_tokens": tokens.output_audio,
    }


def _message(role: str, text: str) -> Mapping[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError, OverflowError):  # a value that JSON cannot hold
        return str(value)


_READERS: dict[type, Callable[[CallTracing, Any, int], None]] = {
    log_events.CallStarted: CallTracing._started,
    log_events.CallEnded: CallTracing._ended,
    log_events.AgentChanged: CallTracing._agent_changed,
    log_events.ModelChanged: CallTracing._model_changed,
    log_events.LinkLost: CallTracing._link_lost,
    log_events.LinkRestored: CallTracing._link_restored,
    log_events.CallError: CallTracing._error,
    log_events.TurnLatency: CallTracing._turn_latency,
    log_events.UsageUpdated: CallTracing._used,
    log_events.ToolStarted: CallTracing._tool_started,
    log_events.ToolDone: CallTracing._tool_done,
    log_events.GuardrailChecked: CallTracing._guardrail,
    log_events.MessageDone: CallTracing._message_done,
    log_events.WireSent: CallTracing._sent,
    log_events.WireReceived: CallTracing._received,
}

_WIRE_READERS: dict[str, Callable[[CallTracing, Event, int], None]] = {
    "response.created": CallTracing._response_created,
    "response.done": CallTracing._response_done,
    "response.output_audio_transcript.delta": CallTracing._delta,
    "response.output_text.delta": CallTracing._delta,
}
