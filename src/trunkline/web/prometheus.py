"""Metrics of a server in Prometheus' format: read from the logs of calls, and from the server at each scrape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trunkline.calls import log, log_events

if TYPE_CHECKING:
    from prometheus_client.core import Metric

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0)
MAX_LABELS = 100
"""Values of one label, which come from scenarios, models and services; any further value is `other`."""
_LABEL = re.compile(r"[\w.:-]{1,60}")
_COUNTED = ("input_text", "input_audio", "cached_text", "cached_audio", "output_text", "output_audio")
READ_KINDS: frozenset[log.Kind] = frozenset(
    {
        log_events.CallStarted,
        log_events.CallEnded,
        log_events.TurnLatency,
        log_events.UsageUpdated,
        log_events.CallError,
        log_events.LinkLost,
        log_events.LinkRestored,
        log_events.TurnStalled,
        log_events.ToolDone,
        log_events.GuardrailChecked,
    }
)
"""The events that count."""


@dataclass(frozen=True)
class Reading:
    """A value of the server at the time of a scrape.

    Attributes:
        name: the metric's name; that of a counter ends in `_total`.
        text: the description.
        read: returns the value by the value of the label; None if it is unknown.
        label: the label's name; "" for a metric without one.
    """

    name: str
    text: str
    read: Callable[[], dict[str, float] | float | None]
    label: str = ""


class ServerMetrics:
    """Metrics of one server, in a registry of their own.

    Args:
        readings: the values of the server.
    """

    def __init__(self, readings: tuple[Reading, ...]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Readings(readings))
        self._values: dict[str, set[str]] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self._registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=SECONDS, registry=self._registry)

        self._calls = counter("trunkline_calls_started", "Calls that were started.", "scenario")
        self._ended = counter("trunkline_calls_ended", "Calls that have ended.")
        self._turns = counter("trunkline_turns", "Answers of agents, by the kind of turn that they answer.", "after")
        self._latency = seconds(
            "trunkline_turn_latency_seconds", "From the end of the caller's turn to the first audio.", "after"
        )
        self._parts = seconds("trunkline_turn_latency_part_seconds", "The parts of a turn's latency.", "part")
        self._tokens = counter("trunkline_tokens", "Tokens of models.", "model", "kind")
        self._cost = counter("trunkline_cost_dollars", "Cost of models with a known price.", "model")
        self._errors = counter("trunkline_errors", "Errors in the logs of calls.", "source", "code")
        self._lost = counter("trunkline_links_lost", "Lost connections to the model.")
        self._restored = counter("trunkline_links_restored", "Connections to the model that were made again.")
        self._stalled = counter("trunkline_turns_stalled", "Turns without a sign for 5 s.", "waits_for")
        self._tool = seconds("trunkline_tool_seconds", "Duration of tools.", "tool", "outcome")
        self._trips = counter("trunkline_guardrail_trips", "Guardrails that stopped an answer.", "guardrail")

    def read(self, entry: log.Entry) -> None:  # noqa: C901 - one case for each event
        """Read an entry of a call's log."""
        match entry.event:
            case log_events.CallStarted(scenario=scenario):
                self._calls.labels(self._label("scenario", scenario)).inc()
            case log_events.CallEnded():
                self._ended.inc()
            case log_events.TurnLatency(total_ms=total, parts=parts, after=after):
                self._turns.labels(after).inc()
                self._latency.labels(after).observe(total / 1000)
                for part in parts:
                    self._parts.labels(part.name).observe(part.ms / 1000)
            case log_events.UsageUpdated(model=model, tokens=tokens, cost=cost):
                label = self._label("model", model)
                for kind in _COUNTED:
                    if count := getattr(tokens, kind):
                        self._tokens.labels(label, kind).inc(count)
                if cost:
                    self._cost.labels(label).inc(cost)
            case log_events.CallError(source=source, code=code):
                self._errors.labels(source, self._label("code", code or "none")).inc()
            case log_events.LinkLost():
                self._lost.inc()
            case log_events.LinkRestored():
                self._restored.inc()
            case log_events.TurnStalled(reason=reason):
                self._stalled.labels(reason).inc()
            case log_events.ToolDone(name=name, duration_ms=duration, error=error):
                outcome = "failed" if error is not None else "done"
                self._tool.labels(self._label("tool", name), outcome).observe(duration / 1000)
            case log_events.GuardrailChecked(guardrail=guardrail, status="fail"):
                self._trips.labels(self._label("guardrail", guardrail)).inc()

    def _label(self, name: str, value: str) -> str:
        known = self._values.setdefault(name, set())
        if value not in known:
            if len(known) >= MAX_LABELS or not _LABEL.fullmatch(value):
                return "other"
            known.add(value)
        return value

    def page(self) -> tuple[bytes, str]:
        """Return the metrics as text, and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _Readings:
    """Collector of the values that are read at each scrape."""

    def __init__(self, readings: tuple[Reading, ...]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as `prometheus_client` asks."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for reading in self._readings:
            value = reading.read()
            if value is None:
                continue
            name = reading.name.removesuffix("_total")
            kind = CounterMetricFamily if name != reading.name else GaugeMetricFamily
            if not isinstance(value, dict):
                yield kind(name, reading.text, value=value)
                continue
            family = kind(name, reading.text, labels=[reading.label])
            for label, count in value.items():
                family.add_metric([label], count)
            yield family
