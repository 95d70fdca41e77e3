"""OpenTelemetry exporters of a server without a host program, configured by the usual `OTEL_` variables.

A program that embeds Trunkline installs its own providers. `trunkline serve` installs these if a variable asks for them
and the extra `otel` is there. The exporters read their own variables, such as `OTEL_EXPORTER_OTLP_HEADERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from trunkline.extras import install_command

_ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
_DEFAULT = "otlp_proto_http"
_NAMES = {"otlp": _DEFAULT, "http/protobuf": _DEFAULT, "grpc": "otlp_proto_grpc"}


class ExporterError(Exception):
    """The exporters that the variables ask for cannot be used."""


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Return whether the variables ask for exporters."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    chosen = [environment.get(f"OTEL_{signal}_EXPORTER", "") for signal in ("TRACES", "METRICS")]
    return any(environment.get(name) for name in _ENDPOINTS) or any(name not in ("", "none") for name in chosen)


@contextmanager
def exporting(environment: Mapping[str, str]) -> Iterator[None]:
    """Export traces and metrics inside the block, if the variables ask for it; send the rest at its end.

    Raises:
        ExporterError: the extra `otel` is missing, or an exporter is unknown.
    """
    if not is_asked_for(environment):
        yield
        return
    endings = [end for start in (_start_traces, _start_metrics) if (end := start(environment)) is not None]
    try:
        yield
    finally:
        for end in endings:
            end()


def _start_traces(environment: Mapping[str, str]) -> Callable[[], None] | None:
    if (exporter := _exporter("TRACES", environment)) is None:
        return None
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource(environment))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _start_metrics(environment: Mapping[str, str]) -> Callable[[], None] | None:
    if (exporter := _exporter("METRICS", environment)) is None:
        return None
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], resource=_resource(environment))
    metrics.set_meter_provider(provider)
    return provider.shutdown


def _exporter(signal: str, environment: Mapping[str, str]) -> Any:
    """Return the exporter of a signal; None if it is switched off."""
    name = environment.get(f"OTEL_{signal}_EXPORTER") or "otlp"
    if name == "none":
        return None
    if name == "otlp":
        protocol = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
        name = protocol or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "otlp"
    found = [*entry_points(group=f"opentelemetry_{signal.lower()}_exporter", name=_NAMES.get(name, name))]
    if not found:
        raise ExporterError(
            f"OpenTelemetry's exporter {name!r} is not installed. Install it ({install_command('otel')} has "
            f"http/protobuf), or set OTEL_{signal}_EXPORTER=none."
        )
    try:
        return found[0].load()()
    except ImportError as error:
        raise ExporterError(
            f"OpenTelemetry's exporter {name!r} cannot be used ({error}). Install it: {install_command('otel')}."
        ) from error


def _resource(environment: Mapping[str, str]) -> Any:
    from opentelemetry.sdk.resources import Resource

    name = environment.get("OTEL_SERVICE_NAME") or "trunkline"
    return Resource.create({"service.name": name})
