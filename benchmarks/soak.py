"""Soak: thousands of calls and hostile events, with flat memory and descriptors; a quiet call beside a flood.

    python benchmarks/soak.py [--calls 5000] [--events 100000] [--turns 100]

The server is the app of `trunkline serve`, connected to a cheap service. Each call has a page over real sockets, an
answer and an end. The hostile events are malformed commands and audio on the sockets of pages, 40 on each, since a page
that sends more is slowed; and malformed events on the engine's sockets (tests/engine/test_wire_fuzz.py). The turns of a
call are timed while a page in another process floods the server with commands, and without it, alternately.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import websockets
from shared.process import Served, serving
from shared.stub_model import StubModel, app_running
from shared.trunkline_server import CallPage, calling, serve_trunkline

AT_ONCE = 10
CHECKPOINTS = 10
WARM_UP = 0.2
"""The share of the calls after which memory counts: until then, caches and the logs of ended calls fill."""
MAX_GROWTH = 1.10
MAX_NEW_DESCRIPTORS = 10
MAX_RATIO = 2.0
EVENTS_ON_EACH_PAGE = 40
FLOODS = 5
ROOT = Path(__file__).parent.parent


def descriptors(server: Served) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


async def one_call(url: str) -> None:
    async with calling(url) as page:
        await page.until("audio.done")


async def many_calls(server: Served, count: int) -> bool:
    """Make calls; print memory and descriptors. Return whether they stay flat."""
    figures: list[tuple[float, int]] = []
    made = 0
    for checkpoint in range(1, CHECKPOINTS + 1):
        wanted = count * checkpoint // CHECKPOINTS
        while made < wanted:
            batch = min(AT_ONCE, wanted - made)
            await asyncio.gather(*(one_call(server.url) for _ in range(batch)))
            made += batch
        await asyncio.sleep(0.5)
        figures.append((server.memory_kb, descriptors(server)))
        print(f"  {made:6} calls: {figures[-1][0] / 1024:7.1f} MB, {figures[-1][1]} descriptors", flush=True)
    first, last = figures[round(CHECKPOINTS * WARM_UP) - 1], figures[-1]
    return last[0] <= first[0] * MAX_GROWTH and last[1] <= first[1] + MAX_NEW_DESCRIPTORS


def hostile(chance: random.Random) -> str | bytes:
    """Return a frame that no page should send."""
    kinds = ["say", "interrupt", "played", "press", "release", "dtmf", "approve", "voice", "push_to_talk", "fly"]
    values: list[Any] = [None, True, -1, 1e308, "", "x" * 2000, "\u0000", [], {}, [[[[]]]], "\ud83d\ude00"]
    match chance.randrange(4):
        case 0:
            return chance.randbytes(chance.randrange(0, 2000))
        case 1:
            return json.dumps({"type": chance.choice(kinds), chance.choice(["text", "ms", "x"]): chance.choice(values)})
        case 2:
            return "[" * chance.randrange(1, 3000)
        case _:
            return json.dumps(chance.choice(values))


async def fuzz_pages(server: Served, events: int) -> bool:
    """Send hostile frames to pages. Return whether the server still answers a call."""
    chance = random.Random(7)
    sent = 0
    while sent < events:
        async with calling(server.url) as page:
            for _ in range(25):
                address = f"{server.url.replace('http', 'ws')}/api/calls/{page.call['call_id']}"
                leg = chance.choice([page.call["leg_id"], "viewer"])
                with contextlib.suppress(websockets.ConnectionClosed):
                    async with websockets.connect(
                        f"{address}?leg={leg}", compression=None, proxy=None, max_queue=None
                    ) as socket:
                        for _ in range(EVENTS_ON_EACH_PAGE):
                            await socket.send(hostile(chance))
                            sent += 1
    await one_call(server.url)
    print(f"  {sent} hostile frames on pages: the server answers")
    return True


def fuzz_engine(events: int) -> bool:
    """Run the engine's test with hostile events. Return whether it passed."""
    environment = {**os.environ, "TRUNKLINE_FUZZ_EVENTS": str(events)}
    test = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "timeout=3600",
        "-o",
        "faulthandler_timeout=3600",
        "tests/engine/test_wire_fuzz.py",
    ]
    done = subprocess.run([sys.executable, *test], cwd=ROOT, env=environment, capture_output=True, text=True)
    print(f"  {events} hostile events on the engine: {'passed' if done.returncode == 0 else done.stdout[-2000:]}")
    return done.returncode == 0


# A quiet call beside a flood ----------------------------------------------------------------------------------------
async def turns(page: CallPage, count: int) -> list[float]:
    """Return the time in ms from each typed message to the first audio of its answer."""
    found = []
    for _ in range(count):
        await asyncio.sleep(0.2)
        began = time.perf_counter()
        await page.socket.send('{"type":"say","text":"hello"}')
        await page.until("audio.started")
        found.append((time.perf_counter() - began) * 1000)
        await page.until("audio.done")
    return found


async def flood(url: str) -> None:
    """Send commands as fast as the server takes them, on a new page whenever it closes one."""
    async with calling(url) as page:
        address = f"{url.replace('http', 'ws')}/api/calls/{page.call['call_id']}?leg={page.call['leg_id']}"
        print("flooding", flush=True)
        while True:
            with contextlib.suppress(websockets.ConnectionClosed):
                async with websockets.connect(address, compression=None, proxy=None, max_queue=None) as socket:
                    while True:
                        await socket.send('{"type":"say","text":"more"}')


@asynccontextmanager
async def flooding(url: str) -> AsyncIterator[None]:
    """Send the flood from another process, so that it does not delay the clock of the quiet call."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--flood", url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield
    finally:
        process.terminate()
        await process.wait()


async def beside_a_flood(server: Served, count: int) -> bool:
    """Compare a call's turns without and beside a flood, in turn. Return whether the ratio is below `MAX_RATIO`."""
    quiet: list[float] = []
    beside: list[float] = []
    ratios: list[float] = []
    async with calling(server.url) as page:
        await page.until("audio.done")
        await turns(page, 3)
        for _ in range(FLOODS):
            rounds = await turns(page, count // FLOODS)
            async with flooding(server.url):
                flooded = await turns(page, count // FLOODS)
            quiet += rounds
            beside += flooded
            ratios.append(statistics.median(flooded) / statistics.median(rounds))
    ratio = statistics.median(ratios)
    print(
        f"  turns of a quiet call: {statistics.median(quiet):.1f} ms (worst {max(quiet):.1f}); beside a flood of "
        f"commands: {statistics.median(beside):.1f} ms (worst {max(beside):.1f}); ratio {ratio:.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f} in {FLOODS} rounds)"
    )
    return ratio < MAX_RATIO


async def soak(calls: int, events: int, count: int) -> bool:
    passed = []
    async with app_running(StubModel(answers=True).app()) as service_url:
        os.environ["BENCH_SERVICE"] = service_url
        async with serving(__file__, "trunkline") as server:
            await one_call(server.url)
            if count:
                passed.append(await beside_a_flood(server, count))
            if calls:
                passed.append(await many_calls(server, calls))
            if events:
                passed.append(await fuzz_pages(server, events))
    if events:
        passed.append(await asyncio.to_thread(fuzz_engine, events))
    return all(passed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", choices=("trunkline",), help=argparse.SUPPRESS)
    parser.add_argument("--flood", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--events", type=int, default=100_000, help="on each listener")
    parser.add_argument("--turns", type=int, default=100)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve_trunkline(os.environ["BENCH_SERVICE"]))
    elif given.flood:
        asyncio.run(flood(given.flood))
    elif not asyncio.run(soak(given.calls, given.events, given.turns)):
        sys.exit("the soak failed: see the figures above")
    else:
        print("the soak passed")


if __name__ == "__main__":
    main()
