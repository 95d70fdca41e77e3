"""Processor time of a relayed call with two workers, against one worker in the same run.

    python benchmarks/workers.py [--calls 20] [--seconds 10]

`trunkline serve --workers N` relays audio as in `relay.py`: each caller sends 20 ms of audio 50 times a second, and a
service returns it. With two workers, half of the connections reach the worker that does not run their call. The time is
that of all processes of the server; the live records are on SQLite. One worker and two take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from relay import FRAME_MS, SETTLE_S, caller_of, listen, speak
from shared.serve_command import serve_running
from shared.stub_model import StubModel, app_running

PORT = 3987
ROUNDS = 3


async def share_of_a_call(service: str, workers: int, calls: int, seconds: float) -> float:
    """Return the share of a core for each call."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TRUNKLINE_DATA_DIR": folder, "TRUNKLINE_STORE": "off"}
        async with (
            serve_running(PORT, service, Path(folder), settings, workers=workers) as server,
            AsyncExitStack() as stack,
        ):
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
