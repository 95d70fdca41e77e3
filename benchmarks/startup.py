"""Time from `trunkline serve` to a page that answers, and to the first possible call.

The floor, in the same run: a process that imports uvicorn and starlette and answers one request.

    .venv/bin/python benchmarks/startup.py
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROUNDS = 5
FLOOR = """
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
import socket
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"))])
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
"""


def main() -> None:
    """Print the medians and the ratio to the floor."""
    serve = [sys.executable, "-m", "trunkline.cli", "serve", "--port", "0", "--provider", "local"]
    floor = statistics.median(first_answers([sys.executable, "-c", FLOOR], ["/"])[0] for _ in range(ROUNDS))
    rounds = [first_answers(serve, ["/", "/api/scenarios"]) for _ in range(ROUNDS)]
    page, scenarios = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"floor: a bare uvicorn answers         {floor:6.2f} s")
    print(f"trunkline serve: the page answers     {page:6.2f} s   {page / floor:.1f} x the floor")
    print(f"trunkline serve: scenarios are there  {scenarios:6.2f} s   {scenarios / floor:.1f} x the floor")


def first_answers(command: list[str], paths: list[str]) -> list[float]:
    """Return the seconds from the start of the process to the first answer at each path."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            line = next(line for line in process.stdout if "http://" in line)
            found = re.search(r"http://[\d.:]+", line)
            assert found
            return [answered(found.group(0) + path, began) for path in paths]
        finally:
            process.terminate()


def answered(url: str, began: float) -> float:
    """Send requests until one is answered, and return the seconds since `began`."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as response:
                response.read()
            return time.perf_counter() - began
        except urllib.error.URLError:
            time.sleep(0.01)


if __name__ == "__main__":
    main()
