"""OpenTelemetry exporters that the `OTEL_` variables ask for."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from trunkline.calls.metrics.exporters import ExporterError, exporting, is_asked_for

PROGRAM = """
import os
from opentelemetry import metrics, trace
from trunkline.calls.metrics.exporters import exporting
with exporting(os.environ):
    trace.get_tracer("test").start_span("a call").end()
    metrics.get_meter("test").create_counter("calls").add(1)
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector: its address, and what it has received."""
    received: list[tuple[str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_only_the_variables_ask_for_exporters(environment: dict[str, str], *, asked: bool) -> None:
    assert is_asked_for(environment) == asked


def test_traces_and_metrics_reach_the_collector(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    address, received = collector
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_SERVICE_NAME": "hotline"}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    assert {path for path, _body in received} == {"/v1/traces", "/v1/metrics"}
    assert all(b"hotline" in body for _path, body in received)
    assert any(b"a call" in body for _path, body in received)


def test_an_exporter_that_is_not_installed_is_an_error_with_the_fix() -> None:
    asking = exporting({"OTEL_TRACES_EXPORTER": "unheard-of"})
    with pytest.raises(ExporterError, match="OTEL_TRACES_EXPORTER=none"):
        asking.__enter__()
