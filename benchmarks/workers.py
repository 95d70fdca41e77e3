"""Processor time of a relayed call with two workers, against one worker in the same run.

    python benchmarks/workers.py [--calls 20] [--seconds 10]

`trunkline serve --workers N` relays audio as in `relay.py`: each caller sends 20 ms of audio 50 times a second, and a
service returns it. With two workers, half of the connections reach the worker that does not run their call. The time is
that of all processes of the server; the live records are on SQLite. One worker and two take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
from relay import FRAME_MS, SETTLE_S, caller_of, listen, speak
from shared.process import Served
from shared.stub_model import StubModel, app_running

ROOT = Path(__file__).parent.parent
SCENARIOS = Path(__file__).parent / "shared" / "two_agents.py"
PORT = 3987
ROUNDS = 3
START_S = 60.0


@asynccontextmanager
async def serving(service: str, workers: int, folder: Path) -> AsyncIterator[Served]:
    """Run a server with workers, and wait until all are ready."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "TRUNKLINE_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-benchmark-" + 40 * "0",
        "OPENAI_BASE_URL": f"{service}/v1",
        "TRUNKLINE_DATA_DIR": str(folder),
        "TRUNKLINE_STORE": "off",
        "TRUNKLINE_CALLS_PER_MINUTE": "100000",
        "TRUNKLINE_CLIENT_CALLS_PER_MINUTE": "100000",
        "TRUNKLINE_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "trunkline.cli", "serve", str(SCENARIOS), "--port", str(PORT)]
    process = await asyncio.create_subprocess_exec(
        *command, "--workers", str(workers), env=environment, cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        served = Served(f"http://127.0.0.1:{PORT}", process.pid)
        async with httpx2.AsyncClient(base_url=served.url, trust_env=False) as http, asyncio.timeout(START_S):
            ready = 0
            while ready < 10 * workers:
                with contextlib.suppress(httpx2.HTTPError):
                    answer = await http.get("/api/ready", headers={"connection": "close"})
                    ready = ready + 1 if answer.status_code == 200 else 0
                await asyncio.sleep(0.05)
        yield served
    finally:
        process.terminate()
        await process.wait()


async def share_of_a_call(service: str, workers: int, calls: int, seconds: float) -> float:
    """Return the share of a core for each call."""
    with tempfile.TemporaryDirectory() as folder:
        async with serving(service, workers, Path(folder)) as server, AsyncExitStack() as stack:
            await server.until_idle()
            callers = [await stack.enter_async_context(caller_of("trunkline", server.url)) for _ in range(calls)]
            listening = [asyncio.create_task(listen(caller, [])) for caller in callers]
            speaking = [
                asyncio.create_task(speak(caller, number * FRAME_MS / 1000 / calls, seconds + SETTLE_S))
                for number, caller in enumerate(callers)
            ]
            await asyncio.sleep(SETTLE_S)
            began, cpu = time.perf_counter(), sum(server.cpu_s)
            await asyncio.sleep(seconds - 0.5)
            took, cpu = time.perf_counter() - began, sum(server.cpu_s) - cpu
            for task in speaking:
                task.cancel()
            await asyncio.gather(*(caller.socket.close() for caller in callers), *listening)
    return cpu / took / calls


async def compare(calls: int, seconds: float) -> None:
    """Print the shares and their ratio."""
    found: dict[int, list[float]] = {1: [], 2: []}
    async with app_running(StubModel().app()) as service:
        for _ in range(ROUNDS):
            for workers, shares in found.items():
                shares.append(await share_of_a_call(service, workers, calls, seconds))
    print(f"{calls} relayed calls, {ROUNDS} rounds of {seconds:g} s: medians")
    for workers, shares in found.items():
        print(f"  {workers} worker{'s' if workers > 1 else ' '}  {statistics.median(shares):6.2%} of a core a call")
    ratios = [two / one for one, two in zip(*found.values(), strict=True)]
    print(f"  two against one: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    asyncio.run(compare(given.calls, given.seconds))


if __name__ == "__main__":
    main()
