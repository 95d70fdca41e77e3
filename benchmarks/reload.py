"""Time from saving a scenario, under `trunkline serve --reload`, to a page that answers and to the new greeting.

The floor, in the same run: uvicorn's own reload of a bare app, from the save to its next answer.

    .venv/bin/python benchmarks/reload.py
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import websockets

ROUNDS = 5
SCENARIO = """
from agents.realtime import RealtimeAgent

from trunkline import Caller, Lines, Rehearsal, Scenario

rehearsal = Rehearsal()


@rehearsal.plays("desk")
async def desk(caller: Caller) -> Lines:
    yield "Welcome number {number}."
    await caller.says()


agent = RealtimeAgent(name="desk", instructions="Welcome the caller.")
scenario = Scenario("reloaded", agents=[agent], description="number {number}", rehearsal=rehearsal)
"""
BARE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("{number}"))])
"""


async def main() -> None:
    """Print the medians, the worst values, and the ratio to the floor."""
    floor = [after for [after] in await rounds(bare_command, "bare.py", BARE, [bare_answer])]
    saves = await rounds(trunkline_command, "reloaded.py", SCENARIO, [page_answer, scenario_answer, greeting])
    middle = statistics.median(floor)
    print(f"floor: a bare uvicorn answers after its reload   {middle:5.2f} s (worst {max(floor):.2f})")
    for name, times in zip(
        ("the page answers", "the scenario is there", "the greeting is heard"), zip(*saves, strict=True), strict=True
    ):
        spent = statistics.median(times)
        print(f"save to: {name:40}{spent:5.2f} s (worst {max(times):.2f})   {spent / middle:.1f} x the floor")


Step = Callable[[httpx2.AsyncClient, int], Awaitable[None]]


async def rounds(command: Callable[[Path], list[str]], name: str, source: str, steps: list[Step]) -> list[list[float]]:
    """Start a server, save its file again and again, and return the times of the steps after each save."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(source.format(number=0))
        process = subprocess.Popen(  # noqa: ASYNC220 - it only starts
            command(file), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert process.stdout
            url = next(found[0] for line in process.stdout if (found := re.search(r"http://127[\d.:]+", line)))
            async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
                await all_of(steps, http, 0, time.perf_counter())
                times = []
                for number in range(1, ROUNDS + 1):
                    await asyncio.sleep(2.0)  # the watcher must be at rest
                    file.write_text(source.format(number=number))
                    times.append(await all_of(steps, http, number, time.perf_counter()))
                return times
        finally:
            process.terminate()
            process.wait(20)


async def all_of(steps: list[Step], http: httpx2.AsyncClient, number: int, began: float) -> list[float]:
    """Carry the steps out in order, and return the seconds from `began` to the end of each."""
    ends = []
    for step in steps:
        await step(http, number)
        ends.append(time.perf_counter() - began)
    return ends


# The steps ----------------------------------------------------------------------------------------------------------
async def bare_answer(http: httpx2.AsyncClient, number: int) -> None:
    """Wait until the reloaded app answers."""
    while True:
        try:
            if (await http.get("/")).text == str(number):
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.01)


async def page_answer(http: httpx2.AsyncClient, number: int) -> None:
    """Wait until the former server has ended and the page is answered again."""
    ended = number == 0
    while True:
        try:
            answer = await http.get("/", headers={"connection": "close"})
            if ended and answer.status_code == 200:
                return
        except httpx2.TransportError:
            ended = True
        await asyncio.sleep(0.005)


async def scenario_answer(http: httpx2.AsyncClient, number: int) -> None:
    """Wait for the list of scenarios, which has the saved one."""
    scenarios = (await http.get("/api/scenarios")).json()
    assert scenarios[0]["description"] == f"number {number}", scenarios[0]


async def greeting(http: httpx2.AsyncClient, number: int) -> None:
    """Start a call, and wait for the first audio of the new greeting."""
    call = (await http.post("/api/calls", json={"scenario": "reloaded", "transport": "websocket"})).json()
    base = str(http.base_url).replace("http", "ws", 1).rstrip("/")
    address = f"{base}/api/calls/{call['call_id']}?leg={call['leg_id']}"
    # Without a limit on unread frames: else closing would wait for ten seconds.
    async with websockets.connect(address, proxy=None, max_queue=None) as page:
        words = ""
        async for frame in page:
            if isinstance(frame, bytes):
                break
            event = json.loads(frame)
            words += event.get("delta") or "" if event["kind"] == "message.delta" else ""
        assert words.strip() in f"Welcome number {number}.", words
    await http.delete(f"/api/calls/{call['call_id']}?leg={call['leg_id']}")


# The servers --------------------------------------------------------------------------------------------------------
def trunkline_command(file: Path) -> list[str]:
    """Return the command of `trunkline serve --reload`."""
    options = ["--reload", "--port", str(free_port()), "--provider", "local"]
    return [sys.executable, "-u", "-m", "trunkline.cli", "serve", file.name, *options]


def bare_command(_file: Path) -> list[str]:
    """Return the command of a bare app under uvicorn's reload."""
    return [sys.executable, "-u", "-m", "uvicorn", "bare:app", "--reload", "--port", str(free_port())]


def free_port() -> int:
    """Return a port that is free now: a restarted server needs the same one again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    asyncio.run(main())
