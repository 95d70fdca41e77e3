"""Stored calls: their cost for the server, the delay until an event is on disk, and the time of reads.

    python benchmarks/store.py [--relay 30] [--sideband 200] [--seconds 10] [--rounds 8]
                               [--calls 5000] [--only cost|delay|reads]

Cost: the server has relayed calls, which echo audio, and WebRTC calls without audio, in which the caller takes a turn
every five seconds. A server without a store and one with it have the same calls at the same time on the first core, so
that other work of the machine affects both. Each round gives one ratio, and the median of the ratios counts. The whole
log is stored, on SQLite and without audio, which `recording.py` measures.

Delay: a writer gets the events of calls in real time, and reports each at the end of its transaction.

Reads: a database with calls of ten turns is listed, filtered and searched, and the log of a call of an hour is opened,
on SQLite and on Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from relay import FRAME_MS, caller_of, listen, speak
from shared.process import Served, serving
from shared.stub_model import WORDS, StubModel, app_running
from shared.trunkline_server import calling, drained, serve_trunkline
from sqlalchemy import ColumnElement, delete

from trunkline.calls import log_events
from trunkline.calls.log import Log, seq_of
from trunkline.calls.log_events import LogEventUnion
from trunkline.store.audio import opus
from trunkline.store.batch import Batch, BatchSink
from trunkline.store.call_filters import CallFilters
from trunkline.store.database import Database
from trunkline.store.database_sink import DatabaseSink
from trunkline.store.event_blocks import EventBlock
from trunkline.store.schema import event_blocks
from trunkline.store.stored_calls import StoredCalls
from trunkline.store.writer import StoreWriter

SETTLE_S = 8.0
MAX_S = 3600.0
"""The longest time that the callers speak."""
TURN_EVERY_S = 5.0
READS = 9
DELAY_EVENTS_PER_S, DELAY_S = 1_000, 10.0
HOUR_TURNS = 720
BLOCK_EVENTS = 4
"""The events of a block of the hour: 52,564 in 14,400 batches."""
COMMON, RARE = "the", "xylophone"


# Cost ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Side:
    """A server with or without a store, and its service."""

    mode: str
    model: StubModel
    server: Served


@asynccontextmanager
async def sides() -> AsyncIterator[list[Side]]:
    """Serve without a store and with one, at the same time and on the same core."""
    async with AsyncExitStack() as stack:
        found = []
        for mode in ("off", "full"):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            model = StubModel(turn_every_s=TURN_EVERY_S)
            service_url = await stack.enter_async_context(app_running(model.app()))
            own = {"BENCH_SERVICE": service_url, "TRUNKLINE_STORE": mode, "TRUNKLINE_DATA_DIR": folder}
            server = serving(__file__, "trunkline", pinned=True, environment={**os.environ, **own})
            found.append(Side(mode, model, await stack.enter_async_context(server)))
        yield found


@asynccontextmanager
async def calls_of(sides: list[Side], relay: int, sideband: int) -> AsyncIterator[None]:
    """Hold these calls with each server."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        sockets, listening, speaking = [], [], []
        for _ in range(sideband):
            for side in sides:
                page = await stack.enter_async_context(calling(side.server.url, transport="webrtc"))
                sockets.append(page.socket)
                tasks.create_task(drained(page, MAX_S))
            await asyncio.sleep(TURN_EVERY_S / sideband)  # their turns do not coincide
        for number in range(relay):
            for side in sides:
                caller = await stack.enter_async_context(caller_of("trunkline", side.server.url))
                sockets.append(caller.socket)
                listening.append(tasks.create_task(listen(caller, [])))
                speaking.append(tasks.create_task(speak(caller, number * FRAME_MS / 1000 / relay, MAX_S)))
        await asyncio.sleep(SETTLE_S)
        yield
        for task in speaking:
            task.cancel()
        await asyncio.gather(*(socket.close() for socket in sockets), *listening)


async def cost(relay: int, sideband: int, seconds: float, rounds: int) -> None:
    """Compare the server with and without a store."""
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
    used: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    async with sides() as both, calls_of(both, relay, sideband):
        for _ in range(rounds):
            before = [(side.server.threads_cpu_s, side.model.turns) for side in both]
            await asyncio.sleep(seconds)
            for side, (cpu_s, turns) in zip(both, before, strict=True):
                took = side.server.threads_cpu_s - cpu_s
                used.setdefault(side.mode, []).append(1000 * took / (side.model.turns - turns))
                shares.setdefault(side.mode, []).append(took / seconds)
    print(f"{relay} relayed and {sideband} WebRTC calls, a turn every {TURN_EVERY_S:g} s in each of the latter")
    for mode, figures in used.items():
        ms, share = statistics.median(figures), statistics.median(shares[mode])
        print(f"  store {mode:<5} {ms:6.2f} ms of processor time a turn, {share:6.1%} of a core")
    ratios = [stored / without - 1 for stored, without in zip(used["full"], used["off"], strict=True)]
    spread = f"{min(ratios):+.1%} to {max(ratios):+.1%}, {rounds} rounds of {seconds:g} s"
    print(f"  the store adds {statistics.median(ratios):+.1%} ({spread})")


# Delay --------------------------------------------------------------------------------------------------------------
class TimedSink:
    """A sink that notes when its transactions end."""

    def __init__(self, sink: DatabaseSink, written: Callable[[Sequence[EventBlock]], None]) -> None:
        self._sink = sink
        self._written = written

    async def write(self, batch: Batch) -> Sequence[EventBlock]:
        refused = await self._sink.write(batch)
        self._written(batch.blocks)
        return refused

    async def close(self) -> None:
        await self._sink.close()


async def delay(url: str, name: str) -> None:
    """Measure the time from an event to the end of its transaction."""
    appended: dict[int, float] = {}
    delays: list[float] = []

    def written(blocks: Sequence[EventBlock]) -> None:
        now = time.perf_counter()
        delays.extend(now - appended[seq_of(frame)] for block in blocks for frame in block.frames)

    async def open_sink() -> BatchSink:
        database = Database(url)
        await database.migrate()
        return TimedSink(DatabaseSink(database, "bench"), written)

    writer = StoreWriter(open_sink, "full")
    async with writer.running():
        log = Log(lambda: 0.0)
        log.subscribe(writer.reader(log))
        began = time.perf_counter()
        for number in range(round(DELAY_EVENTS_PER_S * DELAY_S)):
            await asyncio.sleep(max(0.0, began + number / DELAY_EVENTS_PER_S - time.perf_counter()))
            appended[log.last_seq + 1] = time.perf_counter()
            log.append(started("delay", 0) if number == 0 else log_events.Notice(message="x" * 250, code="n"))
    delays.sort()
    p50, p99 = (1000 * delays[round(share * (len(delays) - 1))] for share in (0.5, 0.99))
    print(f"  {name:<9} p50 {p50:4.0f} ms, p99 {p99:4.0f} ms, worst {1000 * delays[-1]:4.0f} ms")


# Reads --------------------------------------------------------------------------------------------------------------
def started(call_id: str, number: int) -> log_events.CallStarted:
    minute = f"2026-{1 + number // 40_320 % 12:02}-{1 + number // 1440 % 28:02}T{number // 60 % 24:02}:{number % 60:02}"
    return log_events.CallStarted(
        call_id=call_id, scenario=f"scenario{number % 5}", agent="host", transport="webrtc", provider="openai",
        model="gpt-realtime", started_at=f"{minute}:00.000+00:00",
    )  # fmt: skip


def conversation(call_id: str, number: int, turns: int, *, wire: bool) -> list[LogEventUnion]:
    """Return the events of a call; with `wire` they are as many as those of a real one."""
    events: list[LogEventUnion] = [started(call_id, number), log_events.AgentChanged(agent="host")]
    if number % 3 == 0:
        events.append(log_events.AgentChanged(agent="poet", previous="host"))
    for turn in range(turns):
        rare = RARE if number % 1000 == 500 and turn == 3 else "usual"
        said = f"Where is {COMMON} {rare} order number {number * 31 + turn}?"
        answer = f"{' '.join(WORDS)} It is order {number * 17 + turn}."
        for role, text in (("user", said), ("assistant", answer)):
            item = f"item_{turn}_{role}"
            events.append(log_events.MessageAdded(item_id=item, role="user", spoken=True))
            if wire:
                events += _wire(item)
            if role == "user":
                events.append(log_events.MessageDone(item_id=item, role="user", text=text))
            else:
                events.append(log_events.MessageDone(item_id=item, role="assistant", text=text))
        events.append(log_events.TurnLatency(item_id=item, total_ms=600 + turn, parts=[], after="speech"))
    if number % 10 == 0:
        events.append(log_events.CallError(message="The service is busy.", code="busy", source="provider"))
    events.append(log_events.CallEnded(reason="caller hung up"))
    return events


def _wire(item_id: str) -> list[LogEventUnion]:
    where = {"response_id": f"resp_{item_id}", "item_id": item_id, "output_index": 0, "content_index": 0}
    pairs: list[LogEventUnion] = []
    for word in WORDS:
        delta = {"type": "response.output_audio_transcript.delta", "event_id": "event_0123456789", **where}
        pairs.append(log_events.WireReceived(event={**delta, "delta": word}))
        pairs.append(log_events.MessageDelta(item_id=item_id, text=f"{word} "))
    return pairs


async def filled(url: str, calls: int) -> None:
    """Store the calls, and a call of an hour."""

    async def open_sink() -> BatchSink:
        database = Database(url)
        await database.migrate()
        return DatabaseSink(database, "bench")

    writer = StoreWriter(open_sink, "full")
    async with writer.running():
        for number in [*range(calls), calls]:
            log = Log(lambda: 0.0)
            log.subscribe(writer.reader(log))
            is_long = number == calls
            for event in conversation(f"call_{number}", number, HOUR_TURNS if is_long else 10, wire=is_long):
                log.append(event)
                while writer.queued_events > 20_000:  # noqa: ASYNC110 - the writer has no event for it
                    await asyncio.sleep(0.05)
        while writer.queued_events:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    assert writer.lost_events == 0
    await divide(url, f"call_{calls}")


async def divide(url: str, call_id: str) -> None:
    """Store the events of a call in as many blocks as in real time: it has some events for each batch of 250 ms."""
    database = Database(url)
    frames = await StoredCalls(database).frames(call_id)
    await database.write(lambda connection: connection.execute(delete(event_blocks).where(_of(call_id))))
    parts = [frames[start : start + BLOCK_EVENTS] for start in range(0, len(frames), BLOCK_EVENTS)]
    blocks = [EventBlock(call_id, seq_of(part[-1]), seq_of(part[0]), part) for part in parts]
    sink = DatabaseSink(database, "bench")
    assert not await sink.write(Batch([], blocks, []))
    await sink.close()


def _of(call_id: str) -> ColumnElement[bool]:
    return event_blocks.c.call_id == call_id


async def reads(url: str, name: str, calls: int) -> None:
    """Measure lists, searches and the opening of a long log."""
    await filled(url, calls)
    database = Database(url)
    stored = StoredCalls(database)
    middle = (await stored.list(limit=500)).next
    searches = {
        "first page": lambda: stored.list(),
        "a later page": lambda: stored.list(cursor=middle),
        "filters: agent, errors": lambda: stored.list(CallFilters(agent="poet", errors=True)),
        f'search "{RARE}"': lambda: stored.list(CallFilters(q=RARE)),
        f'search "{COMMON}", in all calls': lambda: stored.list(CallFilters(q=COMMON)),
        'search "order 17", a beginning': lambda: stored.list(CallFilters(q="order 17")),
        "search in a filter": lambda: stored.list(CallFilters(q=RARE, scenario="scenario0")),
    }
    print(f"{name}: {calls} calls of 10 turns, median (worst) of {READS}")
    for what, search in searches.items():
        took = [await _timed(search) for _ in range(READS)]
        print(f"  {what:<34} {statistics.median(took):6.1f} ({max(took):.1f}) ms")
    frames = await stored.frames(f"call_{calls}")
    for what, read in {
        "frames": lambda: stored.frames(f"call_{calls}"),
        "parsed": lambda: stored.log(f"call_{calls}"),
    }.items():
        took = [await _timed(read) for _ in range(READS)]
        events = f"a call of an hour, {what}: {len(frames)} events, {sum(map(len, frames)) / 1e6:.1f} MB"
        print(f"  {events:<34} {statistics.median(took):6.1f} ({max(took):.1f}) ms")
    await database.close()


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - began)


@asynccontextmanager
async def databases() -> AsyncIterator[dict[str, str]]:
    """Yield the URLs of empty databases; that of Postgres only if it is installed."""
    from scripts.postgres import programs
    from tests.store.postgres_server import postgres_server

    with tempfile.TemporaryDirectory() as folder, nullcontext() if programs() is None else postgres_server() as server:
        found = {"SQLite": f"sqlite:///{folder}/calls.sqlite3"}
        if server is not None:
            found["Postgres"] = server.url
        yield found


async def measure(given: argparse.Namespace) -> None:
    if given.only in (None, "cost"):
        await cost(given.relay, given.sideband, given.seconds, given.rounds)
    if given.only in (None, "delay"):
        async with databases() as urls:
            print(f"{DELAY_EVENTS_PER_S} events a second, from an event to the end of its transaction")
            for name, url in urls.items():
                await delay(url, name)
    if given.only in (None, "reads"):
        async with databases() as urls:
            for name, url in urls.items():
                await reads(url, name, given.calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", choices=("trunkline",), help=argparse.SUPPRESS)
    parser.add_argument("--relay", type=int, default=30)
    parser.add_argument("--sideband", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--only", choices=("cost", "delay", "reads"))
    given = parser.parse_args()
    if given.serve:
        opus.is_installed = lambda: False  # the audio has a benchmark of its own
    asyncio.run(serve_trunkline(os.environ["BENCH_SERVICE"]) if given.serve else measure(given))


if __name__ == "__main__":
    main()
