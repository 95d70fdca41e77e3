"""Memory of WebRTC calls: connected, after the same turns, and ended; optionally beside another checkout.

    python benchmarks/call_memory.py [--other /tmp/before] [--calls 100] [--turns 10] [--rounds 3]

A service without audio plays both sides, and a page receives the whole log. Each measurement waits until all calls have
done the same work, so the speed of the machine does not change the figures. They are memory that the server's process
has allocated, without its recogniser's processes, for each call, since the first calls have ended.

Each round has a new server for each checkout, one after the other. The median of the rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
from contextlib import AsyncExitStack
from pathlib import Path

from shared.process import Served, serving
from shared.stub_model import StubModel, app_running
from shared.trunkline_server import CallPage, calling, drained

OWN = Path(__file__).resolve().parents[1]
WARM_UP_CALLS = 3
WARM_UP_S = 3.0
TURN_EVERY_S = 1.0
SETTLE_S = 3.0
"""Time after the work of the calls, for the last events and timers."""
STATES = ("connected", "after the turns", "ended")


async def measure(checkout: Path, count: int, turns: int) -> list[tuple[float, float]]:
    """Return the memory of a call in kB, and its log events so far, in each of `STATES`."""
    model = StubModel(turn_every_s=TURN_EVERY_S)
    async with AsyncExitStack() as stack:
        service_url = await stack.enter_async_context(app_running(model.app()))
        environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "BENCH_SERVICE": service_url}
        script = str(checkout / "benchmarks" / "sideband.py")
        server = await stack.enter_async_context(serving(script, "trunkline", pinned=True, environment=environment))
        for _ in range(WARM_UP_CALLS):
            async with calling(server.url, transport="webrtc") as page:
                await drained(page, WARM_UP_S)
        model.max_turns, model.turns = 0, 0
        return await _measure_calls(server, model, count, turns)


async def _measure_calls(server: Served, model: StubModel, count: int, turns: int) -> list[tuple[float, float]]:
    pages: list[CallPage] = []
    found: list[tuple[float, float]] = []
    before_kb = await _settled_kb(server)

    async def note() -> None:
        kb = (await _settled_kb(server) - before_kb) / count
        found.append((kb, sum(page.events for page in pages) / count))

    async with asyncio.TaskGroup() as tasks:
        async with AsyncExitStack() as calls:
            for _ in range(count):
                page = await calls.enter_async_context(calling(server.url, transport="webrtc"))
                pages.append(page)
                tasks.create_task(drained(page, 10_000.0))
            await note()
            model.max_turns = turns
            while model.turns < count * turns:  # noqa: ASYNC110 - a turn sets no event
                await asyncio.sleep(0.1)
            await note()
        await note()
    return found


async def _settled_kb(server: Served) -> float:
    await asyncio.sleep(SETTLE_S)
    await server.until_idle()
    return server.own_memory_kb


async def compare(checkouts: list[Path], count: int, turns: int, rounds: int) -> None:
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
    figures: dict[Path, list[list[tuple[float, float]]]] = {checkout: [] for checkout in checkouts}
    for _ in range(rounds):
        for checkout in checkouts:
            figures[checkout].append(await measure(checkout, count, turns))
    print(f"memory of a call over WebRTC: {count} calls, {turns} turns each, median of {rounds} (lowest to highest)")
    for checkout, found in figures.items():
        print(f"  {checkout}")
        for number, state in enumerate(STATES):
            kb = [one[number][0] for one in found]
            events = statistics.median(one[number][1] for one in found)
            spread = f"{statistics.median(kb):.0f} kB ({min(kb):.0f} to {max(kb):.0f})"
            print(f"    {state:<16} {spread:<24} {events:.0f} events")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    checkouts = [OWN] if given.other is None else [OWN, given.other.resolve()]
    asyncio.run(compare(checkouts, given.calls, given.turns, given.rounds))


if __name__ == "__main__":
    main()
