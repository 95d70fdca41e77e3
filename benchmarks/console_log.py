"""Cost of 10,000 events in the console: its event log beside a plain list that draws every row.

A frame of the screen brings a burst of 20 events, as when a log is replayed; both lists get the same events through the
same reducer and draw the same rows, in the same Chromium.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright
from scripts.browser import find

EVENTS = 10_000
BURST = 20
FRAME_MS = 1000 / 60
FLAGS = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]


@dataclass(frozen=True)
class Run:
    """Figures of one list."""

    name: str
    append_first_us: float
    append_last_us: float
    frames_per_s: float
    worst_frame_ms: float
    late: float
    memory_mb: float
    elements: int


def main() -> None:
    """Build the page, feed both lists and print the table."""
    path = find()
    if path is None:
        sys.exit("No Chromium found: install one, or name it in TRUNKLINE_CHROMIUM.")
    with built() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        runs = [fed(browser, url, "virtual"), fed(browser, url, "plain")]
        browser.close()
    print(f"{EVENTS} events, {BURST} for each frame")
    print("| list | append, first tenth | last tenth | frames a second | late | worst | memory | elements |")
    print("|---|---|---|---|---|---|---|---|")
    for run in runs:
        print(
            f"| {run.name} | {run.append_first_us:.1f} µs | {run.append_last_us:.1f} µs | {run.frames_per_s:.1f} "
            f"| {100 * run.late:.1f} % | {run.worst_frame_ms:.0f} ms | {run.memory_mb:.1f} MB | {run.elements} |"
        )


def fed(browser: Browser, url: str, how: str) -> Run:
    """Feed one list in a separate page."""
    page = browser.new_page(viewport={"width": 600, "height": 920})
    page.goto(url)
    page.wait_for_function("() => window.feed")
    session = page.context.new_cdp_session(page)
    before = _heap(session)
    figures: dict[str, Any] = page.evaluate("([how, n, burst]) => feed(how, n, burst)", [how, EVENTS, BURST])
    memory = _heap(session) - before
    page.close()
    frames: list[float] = figures["frames"]
    assert figures["events"] == EVENTS
    return Run(
        name=how,
        append_first_us=1000 * figures["firstMs"],
        append_last_us=1000 * figures["lastMs"],
        frames_per_s=1000 / statistics.mean(frames),
        worst_frame_ms=max(frames),
        late=sum(frame > 1.5 * FRAME_MS for frame in frames) / len(frames),
        memory_mb=memory / 1e6,
        elements=figures["elements"],
    )


def _heap(session: Any) -> float:
    """Return the JavaScript heap in bytes, after a collection."""
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"])


@contextlib.contextmanager
def built() -> Iterator[str]:
    """Build the page like the console and serve it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "npx",
            "vite",
            "build",
            "bench",
            "--base",
            "./",
            "--outDir",
            folder,
            "--emptyOutDir",
            "--logLevel",
            "error",
        ]
        # The system's Node, or the one that pip put beside this Python.
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(command, cwd=ROOT / "console", env=environment, check=True)
        handler = functools.partial(_Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/index.html"
        finally:
            server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: Any) -> None:
        """Suppress the request log."""


if __name__ == "__main__":
    main()
