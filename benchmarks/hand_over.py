"""Hand-over: a server with 50 relayed calls gets SIGTERM, and another one continues all of them.

    python benchmarks/hand_over.py [--calls 50]

Both servers are `trunkline serve` with one Postgres and a cheap service. Each page types, and is closed by the first
server. It connects to the second one, as through a load balancer, and types again. The log of each call must have no
gap and no event twice, one greeting, one `call.handed_over` and one `call.taken_over`, on the page and in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import websockets
from shared.serve_command import ROOT, ServeProcess, serve_running
from shared.stub_model import StubModel, app_running
from shared.trunkline_server import SCENARIO

from trunkline.store.database import Database
from trunkline.store.stored_calls import StoredCalls

DRAIN_S = 20.0
REDIAL_S = 0.3
"""The page's first pause before it connects again."""


@asynccontextmanager
async def serving(port: int, service: str, database: str, folder: Path) -> AsyncIterator[ServeProcess]:
    """Run a server that stores calls in the database, and that others take calls over from."""
    settings = {
        "TRUNKLINE_DATABASE_URL": database,
        "TRUNKLINE_DATA_DIR": str(folder / str(port)),
        "TRUNKLINE_STORE": "full",
        "TRUNKLINE_TAKE_OVER": "on",
        "TRUNKLINE_DRAIN_S": str(DRAIN_S),
    }
    async with serve_running(port, service, folder, settings) as server:
        yield server


@dataclass
class Page:
    """A caller's page, on one server after the other."""

    events: list[dict[str, Any]] = field(default_factory=list)
    call_id: str = ""
    is_taken: asyncio.Event = field(default_factory=asyncio.Event)
    away_s: float = 0.0
    """The time from the close by the first server to the first event of the second one."""

    async def until(self, socket: websockets.ClientConnection, kind: str, count: int = 1) -> None:
        """Read events until the `count`th of a kind from now."""
        async with asyncio.timeout(120):
            while count:
                frame = await socket.recv()
                if isinstance(frame, str):
                    event = msgspec.json.decode(frame)
                    if event["seq"]:
                        self.events.append(event)
                    count -= event["kind"] == kind

    async def call(self, first: ServeProcess, second: ServeProcess, ready: asyncio.Semaphore) -> None:
        """Hold a call from the first server to the second."""
        async with httpx2.AsyncClient(base_url=first.url, trust_env=False, timeout=60) as http:
            call = (await http.post("/api/calls", json={"scenario": SCENARIO, "transport": "websocket"})).json()
        self.call_id = call["call_id"]
        async with connecting(first.url, call, 0) as socket:
            await self.until(socket, "audio.done")
            await socket.send('{"type":"say","text":"where is my order"}')
            await self.until(socket, "audio.done")
            ready.release()
            with contextlib.suppress(websockets.ConnectionClosed):
                await self.until(socket, "call.ended")
            closed_at = time.perf_counter()
            if socket.close_code != 1012:
                raise RuntimeError(f"the page was closed with {socket.close_code}, not for another server")
        await asyncio.sleep(REDIAL_S)
        async with connecting(second.url, call, self.events[-1]["seq"]) as socket:
            await self.until(socket, "call.taken_over")
            self.away_s = time.perf_counter() - closed_at
            self.is_taken.set()
            await socket.send('{"type":"say","text":"and when does it come"}')
            await self.until(socket, "audio.done")
            await socket.send('{"type":"hang_up"}')
            await self.until(socket, "call.ended")

    def problems(self) -> list[str]:
        """Return the ways in which the log of the page is not that of one call."""
        return problems([(event["seq"], event["kind"], event.get("role")) for event in self.events])


@asynccontextmanager
async def connecting(url: str, call: dict[str, Any], after: int) -> AsyncIterator[websockets.ClientConnection]:
    address = f"{url.replace('http', 'ws')}/api/calls/{call['call_id']}?leg={call['leg_id']}&after={after}"
    options: dict[str, Any] = {"compression": None, "max_size": None, "max_queue": None, "proxy": None}
    while True:
        try:
            socket = await websockets.connect(address, open_timeout=60, **options)
            break
        except websockets.InvalidStatus as refused:  # the database of a busy machine does not answer in time
            if refused.response.status_code != 503:
                raise
            await asyncio.sleep(REDIAL_S)
    async with socket:
        yield socket


def problems(events: list[tuple[int, str, str | None]]) -> list[str]:
    """Return the problems of a log, from numbers, kinds and roles."""
    found = []
    if [seq for seq, _kind, _role in events] != list(range(1, len(events) + 1)):
        found.append("its numbers are not 1 to the last, each once")
    kinds = collections.Counter(kind for _seq, kind, _role in events)
    for kind, wanted in {
        "call.started": 1, "call.handed_over": 1, "call.taken_over": 1, "call.ended": 1, "log.gap": 0, "error": 0,
    }.items():  # fmt: skip
        if kinds[kind] != wanted:
            found.append(f"{kinds[kind]} times {kind}")
    answers = sum(kind == "message.done" and role == "assistant" for _seq, kind, role in events)
    if answers != 3:
        found.append(f"{answers} answers instead of a greeting and two")
    return found


async def stored_problems(url: str, pages: list[Page]) -> list[str]:
    """Return the problems of the stored calls."""
    database = Database(url)
    stored = StoredCalls(database)
    found = []
    for page in pages:
        entries = await stored.log(page.call_id)
        events = [
            (entry.seq, str(entry.event.__struct_config__.tag), getattr(entry.event, "role", None)) for entry in entries
        ]
        found += [f"stored {page.call_id}: {problem}" for problem in problems(events)]
    await database.close()
    return found


async def hand_over(count: int, database: str, folder: Path) -> bool:
    """Move the calls, print the figures, and return whether all is well."""
    from tests.ports import free_port

    async with (
        app_running(StubModel(answers=True).app()) as service,
        serving(free_port(), service, database, folder) as first,
        serving(free_port(), service, database, folder) as second,
    ):
        pages = [Page() for _ in range(count)]
        ready = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as calls:
            for page in pages:
                calls.create_task(page.call(first, second, ready))
            for _ in pages:
                await ready.acquire()
            cpu_s = sum(second.cpu_s)
            began = time.perf_counter()
            await first.terminate()
            ended_s = time.perf_counter() - began
            for page in pages:
                await page.is_taken.wait()
            cpu_s = sum(second.cpu_s) - cpu_s
        await second.terminate()
    found = [f"{page.call_id}: {problem}" for page in pages for problem in page.problems()]
    found += await stored_problems(database, pages)
    away = [page.away_s for page in pages]
    print(
        f"{count} calls: the first server ended {ended_s:.1f} s after SIGTERM; without a server for "
        f"{statistics.median(away):.2f} s (worst {max(away):.2f}), of which the page waits {REDIAL_S} s; "
        f"processor time of the second server for each call: {1000 * cpu_s / count:.0f} ms"
    )
    for problem in found[:20]:
        print(f"  {problem}")
    return not found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=50)
    count = parser.parse_args().calls
    sys.path.insert(0, str(ROOT))
    from tests.store.postgres_server import postgres_server

    with tempfile.TemporaryDirectory() as folder, postgres_server() as postgres:
        if not asyncio.run(hand_over(count, postgres.url, Path(folder))):
            sys.exit("the hand-over failed: see the problems above")
    print("the hand-over passed")


if __name__ == "__main__":
    main()
