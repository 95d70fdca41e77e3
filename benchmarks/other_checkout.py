"""Trunkline beside another checkout of itself, in one run: ratios for relay, turns, handoffs and conversations.

    git worktree add --detach /tmp/before 4aaab5a
    python benchmarks/other_checkout.py /tmp/before [--calls 8] [--rounds 8] [--only relay,turns,handoffs,typed]

Both versions run at the same time on the first core, so that other work of the machine affects both; callers and
services share the second core. Each round gives one ratio of processor times, and the median of the ratios counts. A
ratio below 1 means that this checkout needs less than the other one.

- relay: calls with 20 ms of audio fifty times a second in each direction
- turns: WebRTC calls with a turn of 44 events every two seconds
- handoffs: two agents hand a caller to each other; also the time that the service waits for `session.update`
- typed: conversations through the test kit, in turns of the two versions
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import websockets
from relay import FRAME_BYTES, FRAME_MS, REPORT_EVERY
from shared.process import Served, serving
from shared.stub_model import StubModel, app_running
from shared.trunkline_server import calling
from sideband import TRANSFERS, TURN_EVERY_S

OWN = Path(__file__).resolve().parents[1]
ROUND_S = 5.0
SETTLE_S = 3.0
ROUNDS_OF_CALL = 2
"""Rounds of one relayed call: 4aaab5a loses its session after 20 s of audio."""
TYPED_ROUNDS, TYPED_CONVERSATIONS = 40, 4
FRAMES_OF_TURN = 80
"""Frames after which a page has read the start of its call and a turn."""
_AUDIO = bytes(FRAME_BYTES)
_TYPED = """
import asyncio, gc, sys, time
sys.path.insert(0, "benchmarks")
from typed_conversations import VirtualTimeLoop, with_the_kit

def hold(count):
    async def conversations():
        for _ in range(count):
            await with_the_kit()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(conversations())

hold(10)
gc.collect()
gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    began = time.process_time()
    hold(int(line))
    print(time.process_time() - began, flush=True)
"""
"""Holds as many conversations as each line of its input says, and prints their processor time in s."""


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONHASHSEED": "0"}


def _report(what: str, unit: str, own: list[float], other: list[float]) -> None:
    ratios = [one / two for one, two in zip(own, other, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"  {what:<32} {statistics.median(own):8.3g} {statistics.median(other):8.3g} {unit:<22} {spread}", flush=True)


# Servers ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Side:
    """One version's server and its service."""

    server: Served
    model: StubModel


@asynccontextmanager
async def sides_of(other: Path, make_model: Callable[[], StubModel]) -> AsyncIterator[list[Side]]:
    """Serve both versions, this one first, each with a service of its own."""
    async with AsyncExitStack() as stack:
        sides: list[Side] = []
        for checkout in (OWN, other):
            model = make_model()
            service_url = await stack.enter_async_context(app_running(model.app()))
            environment = {**_environment(checkout), "BENCH_SERVICE": service_url}
            script = str(checkout / "benchmarks" / "sideband.py")
            server = await stack.enter_async_context(serving(script, "trunkline", pinned=True, environment=environment))
            sides.append(Side(server, model))
        yield sides


async def _rounds(
    sides: list[Side], rounds: int, done: Callable[[Side], float]
) -> tuple[list[list[float]], list[list[float]]]:
    """Return the processor time of each round in s, and the work that was done in it, for each side."""
    used: list[list[float]] = [[] for _ in sides]
    work: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        before = [(side.server.threads_cpu_s, done(side)) for side in sides]
        await asyncio.sleep(ROUND_S)
        for number, side in enumerate(sides):
            used[number].append(side.server.threads_cpu_s - before[number][0])
            work[number].append(done(side) - before[number][1])
    return used, work


def _per_work(used: list[list[float]], work: list[list[float]]) -> list[list[float]]:
    """Return the processor time for each unit of work in ms."""
    return [[1000 * s / n for s, n in zip(*pair, strict=True)] for pair in zip(used, work, strict=True)]


# Relay --------------------------------------------------------------------------------------------------------------
class RelayedCaller:
    """A caller whose audio the service returns; it reports its playout as a page does."""

    def __init__(self) -> None:
        self.frames = 0
        """Frames of audio that have come back."""

    async def call(self, url: str, offset_s: float) -> None:
        """Call, and speak until cancelled."""
        async with calling(url) as page, asyncio.TaskGroup() as tasks:
            item_id = await _until_response(page.socket)
            await page.socket.send('{"type":"audio_report","echo_cancelled":true}')
            tasks.create_task(self._listen(page.socket))
            await asyncio.sleep(offset_s)
            began, number = time.perf_counter(), 0
            while True:
                await page.socket.send(_AUDIO)
                if number % REPORT_EVERY == 0:
                    played_ms = max(0, number - 5) * FRAME_MS
                    await page.socket.send(f'{{"type":"played","item_id":"{item_id}","ms":{played_ms}}}')
                number += 1
                await asyncio.sleep(max(0.0, began + number * FRAME_MS / 1000 - time.perf_counter()))

    async def _listen(self, socket: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in socket:
                self.frames += isinstance(frame, bytes)


async def _until_response(socket: websockets.ClientConnection) -> str:
    async for frame in socket:
        if isinstance(frame, str) and '"response.output_item.added"' in frame:
            return frame.partition('"item":{"id":"')[2].partition('"')[0]
    raise RuntimeError("the socket closed")


async def relay(other: Path, calls: int, rounds: int) -> None:
    async with sides_of(other, StubModel) as sides:
        await _relay_calls(sides, 1, 0)  # imports and caches
        for side in sides:
            await side.server.until_idle()
        own, others = list[float](), list[float]()
        for _ in range(-(-rounds // ROUNDS_OF_CALL)):
            found = await _relay_calls(sides, calls, ROUNDS_OF_CALL)
            own += found[0]
            others += found[1]
    _report("relayed frame, both ways", "ms", own, others)


async def _relay_calls(sides: list[Side], calls: int, rounds: int) -> list[list[float]]:
    """Return the processor time of a frame in ms, for each side and round."""
    callers = [[RelayedCaller() for _ in range(calls)] for _ in sides]
    async with asyncio.TaskGroup() as tasks:
        calling = [
            tasks.create_task(caller.call(side.server.url, number * FRAME_MS / 1000 / calls))
            for side, own in zip(sides, callers, strict=True)
            for number, caller in enumerate(own)
        ]
        while not all(one.frames for own in callers for one in own):  # noqa: ASYNC110 - a frame sets no event
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_S)
        used, work = await _rounds(sides, rounds, lambda side: sum(one.frames for one in callers[sides.index(side)]))
        await _cancel(calling)
    expected = calls * ROUND_S * 1000 / FRAME_MS
    assert all(one > 0.9 * expected for own in work for one in own), f"frames were lost: {work}"
    return _per_work(used, work)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# Turns and handoffs -------------------------------------------------------------------------------------------------
class Reader:
    """A call's page that only reads."""

    def __init__(self) -> None:
        self.frames = 0

    async def call(self, url: str, transport: str) -> None:
        """Call, and read until cancelled."""
        async with calling(url, transport=transport) as page:
            async for _frame in page.socket:
                self.frames += 1


async def _read_calls(
    sides: list[Side], calls: int, transport: str, rounds: int, done: Callable[[Side], float]
) -> list[list[float]]:
    """Return the processor time of a unit of work in ms, for each side and round."""
    readers = [(side, Reader()) for _ in range(calls) for side in sides]
    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(reader.call(side.server.url, transport)) for side, reader in readers]
        while not all(reader.frames >= FRAMES_OF_TURN for _, reader in readers):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_S)
        used, work = await _rounds(sides, rounds, done)
        await _cancel(reading)
    return _per_work(used, work)


async def turns(other: Path, calls: int, rounds: int) -> None:
    async with sides_of(other, lambda: StubModel(turn_every_s=TURN_EVERY_S)) as sides:
        await _read_calls(sides, 1, "webrtc", 0, lambda _side: 0.0)
        for side in sides:
            await side.server.until_idle()
        found = await _read_calls(sides, calls, "webrtc", rounds, lambda side: side.model.turns)
    _report("turn over WebRTC", "ms", *found)


async def handoffs(other: Path, _calls: int, rounds: int) -> None:
    async with sides_of(other, lambda: StubModel(transfers=TRANSFERS)) as sides:
        await _read_calls(sides, 1, "websocket", 0, lambda _side: 0.0)
        for side in sides:
            await side.server.until_idle()
            side.model.handoffs_s.clear()
        found = await _read_calls(sides, 1, "websocket", rounds, lambda side: len(side.model.handoffs_s))
        waits = [[statistics.median(side.model.handoffs_s) * 1000] for side in sides]
    _report("handoff", "ms", *found)
    _report("wait for session.update, p50", "ms", *waits)


# Typed conversations ------------------------------------------------------------------------------------------------
async def typed(other: Path, _calls: int, _rounds: int) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _TYPED,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=checkout, env=_environment(checkout),
        )
        for checkout in (OWN, other)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    taken: list[list[float]] = [[], []]
    for number in range(TYPED_ROUNDS):
        for side in (0, 1) if number % 2 else (1, 0):
            stdin, stdout = processes[side].stdin, processes[side].stdout
            assert stdin is not None
            assert stdout is not None
            stdin.write(b"%d\n" % TYPED_CONVERSATIONS)
            taken[side].append(1000 * float(await stdout.readline()) / TYPED_CONVERSATIONS)
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
    _report("typed conversation", "ms", *taken)


PARTS: dict[str, Callable[[Path, int, int], Awaitable[None]]] = {
    "relay": relay,
    "turns": turns,
    "handoffs": handoffs,
    "typed": typed,
}


async def compare(other: Path, calls: int, rounds: int, parts: list[str]) -> None:
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
    print(f"processor time, {calls} calls of each, {rounds} rounds of {ROUND_S:g} s")
    print(f"  {'':<32} {'here':>8} {'there':>8} {'':<22} ratio (lowest to highest)")
    for part in parts:
        await PARTS[part](other, calls, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    given = parser.parse_args()
    asyncio.run(compare(given.other.resolve(), given.calls, given.rounds, given.only.split(",")))


if __name__ == "__main__":
    main()
