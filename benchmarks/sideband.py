"""Cost of WebRTC calls and handoffs for the server, which carries no audio of them.

    python benchmarks/sideband.py [--calls 50] [--seconds 15]

Calls: a service without audio plays both sides. Every two seconds the caller of each call speaks and gets an answer,
with 44 events of the service, and a page receives the whole log. The figure is for a turn every five seconds, which is
about the pace of people. `call_memory.py` measures their memory.

Handoffs: two agents hand a caller to each other repeatedly. The service measures the time from the model's function
call to the following `session.update`, beside a bare socket that answers each call with a prepared update. The
difference is Trunkline's share.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import websockets
from shared.process import Served, serving
from shared.stub_model import StubModel, app_running
from shared.trunkline_server import CallPage, calling, drained, serve_trunkline

TURN_EVERY_S, USUAL_TURN_S = 2.0, 5.0
SETTLE_S = 5.0
HANDOFFS = 300
TRANSFERS = ("transfer_to_one", "transfer_to_two")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@asynccontextmanager
async def trunkline_before(model: StubModel) -> AsyncIterator[tuple[Served, str]]:
    async with app_running(model.app()) as service_url:
        os.environ["BENCH_SERVICE"] = service_url
        async with serving(__file__, "trunkline", pinned=True) as server:
            yield server, service_url


async def calls(count: int, seconds: float) -> None:
    """Measure the cost of a turn without audio."""
    model = StubModel(turn_every_s=TURN_EVERY_S)
    async with trunkline_before(model) as (server, _), AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        async with calling(server.url, transport="webrtc") as page:
            await drained(page, 3.0)
        await server.until_idle()
        pages: list[CallPage] = []
        for _ in range(count):
            page = await stack.enter_async_context(calling(server.url, transport="webrtc"))
            pages.append(page)
            tasks.create_task(drained(page, 1000.0))
        await asyncio.sleep(SETTLE_S)
        began, cpu, turns = time.perf_counter(), sum(server.cpu_s), model.turns
        events = sum(page.events for page in pages)
        await asyncio.sleep(seconds)
        took, cpu = time.perf_counter() - began, sum(server.cpu_s) - cpu
        turns, events = model.turns - turns, sum(page.events for page in pages) - events
        await asyncio.gather(*(page.socket.close() for page in pages))
    print(f"{count} calls over WebRTC, a turn every {TURN_EVERY_S:g} s in each, {took:.0f} s")
    print(f"  {1000 * cpu / turns:.2f} ms of processor time a turn, {events / turns:.0f} events to the page each")
    print(f"  {turns * USUAL_TURN_S / cpu:.0f} calls a core with a turn every {USUAL_TURN_S:g} s")


async def handoffs() -> None:
    """Measure the time until the new agent's configuration reaches the service."""
    model = StubModel(transfers=TRANSFERS)
    async with trunkline_before(model) as (server, service_url):
        async with calling(server.url) as page, asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(drained(page, 1000.0))
            ours = await _enough(model)
            await page.socket.close()
            reading.cancel()
        model.handoffs_s.clear()
        address = f"{service_url.replace('http', 'ws')}/v1/realtime?model=m"
        connecting = websockets.connect(address, compression=None, max_size=None, proxy=None)
        async with connecting as socket, asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(_answer_at_once(socket))
            floor = await _enough(model)
            answering.cancel()
    added = statistics.median(ours) - statistics.median(floor)
    print(f"{HANDOFFS} handoffs, from the model's call to our session.update, as the service sees it")
    for name, found in (("ours", ours), ("a ready-made update", floor)):
        print(f"  {name:<22} p50 {found[len(found) // 2]:.2f} ms, p99 {found[int(len(found) * 0.99)]:.2f} ms")
    print(f"  added {added:.2f} ms at the median")


async def _enough(model: StubModel) -> list[float]:
    async with asyncio.timeout(120):
        while len(model.handoffs_s) < HANDOFFS:  # noqa: ASYNC110 - the list has nothing to wait for
            await asyncio.sleep(0.05)
    return sorted(1000 * one for one in model.handoffs_s)


async def _answer_at_once(socket: websockets.ClientConnection) -> None:
    update = _encode({"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 1400}}).decode()
    await socket.send('{"type":"response.create"}')
    async for frame in socket:
        event = _decode(frame)
        if event["type"] == "response.output_item.done":
            await socket.send(update)
        elif event["type"] == "response.done":
            await socket.send('{"type":"response.create"}')


async def measure(count: int, seconds: float) -> None:
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
    await calls(count, seconds)
    await handoffs()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", choices=("trunkline",), help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    asyncio.run(serve_trunkline(os.environ["BENCH_SERVICE"]) if given.serve else measure(given.calls, given.seconds))


if __name__ == "__main__":
    main()
