"""Relayed calls: calls per core, added delay and memory, beside a bare relay in the same run.

    python benchmarks/relay.py [--calls 20] [--seconds 10]

Each caller sends 20 ms of audio 50 times a second, and the service behind the relay returns it at once. Three paths
are measured: directly to the service (the floor of the delay); through a bare relay on the `websockets` library, which
only encodes and decodes base64 and JSON; and through the app of `trunkline serve` with whole calls. A whole call has
its log, machine and meters, and a page that receives the log and reports its playout four times a second. The relay
has one core; callers and service share the other.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import statistics
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
import websockets
from shared.process import Served, announced, serving
from shared.stub_model import StubModel, app_running
from shared.trunkline_server import calling, serve_trunkline

FRAME_MS, FRAME_BYTES = 20, 960
REPORT_EVERY = 12
SETTLE_S = 2.0
_STAMP = struct.Struct("<d")
_SILENCE = bytes(FRAME_BYTES - _STAMP.size)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


# The bare relay -----------------------------------------------------------------------------------------------------
async def serve_bare(service_url: str) -> None:
    """Relay binary audio on one side and the service's events on the other, with all decoding and encoding."""
    upstream = f"{service_url.replace('http', 'ws')}/v1/realtime?model=m"

    async def relay(page: websockets.ServerConnection) -> None:
        async with websockets.connect(upstream, compression=None, max_size=None, proxy=None) as service:
            await service.send('{"type":"response.create"}')

            async def up() -> None:
                async for sound in page:
                    assert isinstance(sound, bytes)
                    event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(sound).decode()}
                    await service.send(_encode(event).decode())

            async def down() -> None:
                async for frame in service:
                    event = _decode(frame)
                    if event["type"] == "response.output_audio.delta":
                        await page.send(base64.b64decode(event["delta"]))

            both = [asyncio.create_task(up()), asyncio.create_task(down())]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async with websockets.serve(relay, "127.0.0.1", 0, compression=None) as server:
        await announced(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")


async def serve_direct(service_url: str) -> None:
    """Connect callers directly to the service."""
    await announced(service_url)


# Callers ------------------------------------------------------------------------------------------------------------
@dataclass
class Caller:
    """One caller's socket. `item_id` is the message of the playout reports, or None."""

    socket: websockets.ClientConnection
    item_id: str | None = None
    as_events: bool = False

    async def send(self, number: int) -> None:
        sound = _STAMP.pack(time.perf_counter()) + _SILENCE
        if self.as_events:
            await self.socket.send(
                '{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(sound).decode() + '"}'
            )
        else:
            await self.socket.send(sound)
        if self.item_id is not None and number % REPORT_EVERY == 0:
            report = {"type": "played", "item_id": self.item_id, "ms": max(0, number - 5) * FRAME_MS}
            await self.socket.send(_encode(report).decode())

    def stamp_in(self, frame: str | bytes) -> float | None:
        """Return the send time of the audio in a frame, or None without audio."""
        if isinstance(frame, bytes):
            return float(_STAMP.unpack_from(frame)[0])
        if self.as_events and '"response.output_audio.delta"' in frame:
            return float(_STAMP.unpack_from(base64.b64decode(_decode(frame)["delta"]))[0])
        return None


@asynccontextmanager
async def caller_of(kind: str, url: str) -> AsyncIterator[Caller]:
    if kind == "trunkline":
        async with calling(url) as page:
            await page.until("link.up")
            await page.socket.send('{"type":"audio_report","echo_cancelled":true}')
            await _until_response(page.socket)
            # The audio begins with the first frame, which has the item's id.
            await page.socket.send(_STAMP.pack(time.perf_counter()) + _SILENCE)
            started = await page.until("audio.started")
            yield Caller(page.socket, item_id=started["item_id"])
        return
    address = url if kind == "bare" else f"{url.replace('http', 'ws')}/v1/realtime?model=m"
    async with websockets.connect(address, compression=None, max_size=None, proxy=None) as socket:
        if kind == "direct":
            await socket.send('{"type":"response.create"}')
        await asyncio.sleep(0.2)
        yield Caller(socket, as_events=kind == "direct")


async def _until_response(socket: websockets.ClientConnection) -> None:
    async for frame in socket:
        if isinstance(frame, str) and '"response.output_item.added"' in frame:
            return


async def speak(caller: Caller, offset_s: float, seconds: float) -> None:
    await asyncio.sleep(offset_s)
    began = time.perf_counter()
    for number in range(int(seconds * 1000 / FRAME_MS)):
        await caller.send(number)
        await asyncio.sleep(max(0.0, began + (number + 1) * FRAME_MS / 1000 - time.perf_counter()))


async def listen(caller: Caller, delays: list[float]) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        async for frame in caller.socket:
            stamp = caller.stamp_in(frame)
            if stamp is not None:
                now = time.perf_counter()
                delays.append(now - stamp)


# Measuring ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Figures:
    share: float
    """Of a core, for each call."""
    p50_ms: float
    p99_ms: float
    kb: float
    """Memory for each call."""
    arrived: float
    """The share of the frames that came back."""


async def measure(kind: str, service_url: str, calls: int, seconds: float) -> Figures:
    os.environ["BENCH_SERVICE"] = service_url
    async with serving(__file__, kind, pinned=True) as server, AsyncExitStack() as stack:
        await _warm_up(kind, server)
        await server.until_idle()
        before_kb = server.memory_kb
        callers = [await stack.enter_async_context(caller_of(kind, server.url)) for _ in range(calls)]
        delays: list[float] = []
        listening = [asyncio.create_task(listen(caller, delays)) for caller in callers]
        speaking = [
            asyncio.create_task(speak(caller, number * FRAME_MS / 1000 / calls, seconds + SETTLE_S))
            for number, caller in enumerate(callers)
        ]
        await asyncio.sleep(SETTLE_S)
        delays.clear()
        began, cpu = time.perf_counter(), sum(server.cpu_s)
        await asyncio.sleep(seconds - 0.5)
        took, cpu = time.perf_counter() - began, sum(server.cpu_s) - cpu
        grown_kb = server.memory_kb - before_kb
        heard = sorted(delays)
        for task in speaking:
            task.cancel()
        # A reader must run meanwhile: otherwise closing would wait behind unread audio.
        await asyncio.gather(*(caller.socket.close() for caller in callers), *listening)
    return Figures(
        cpu / took / calls,
        statistics.median(heard) * 1000,
        heard[int(len(heard) * 0.99)] * 1000,
        grown_kb / calls,
        len(heard) / (took * calls * 1000 / FRAME_MS),
    )


async def _warm_up(kind: str, server: Served) -> None:
    async with caller_of(kind, server.url) as caller:
        listening = asyncio.create_task(listen(caller, []))
        await speak(caller, 0.0, 1.0)
        await asyncio.gather(caller.socket.close(), listening)


async def compare(calls: int, seconds: float) -> None:
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
    found: dict[str, list[Figures]] = {"direct": [], "bare": [], "trunkline": []}
    async with app_running(StubModel().app()) as service_url:
        for _ in range(ROUNDS):
            for kind, figures in found.items():
                figures.append(await measure(kind, service_url, calls, seconds))
    print(
        f"{calls} calls at once, 20 ms of sound 50 times a second each way, {ROUNDS} rounds of {seconds:g} s: medians"
    )
    for kind, figures in found.items():
        share = statistics.median(one.share for one in figures)
        print(
            f"  {kind:<10} delay p50 {statistics.median(one.p50_ms for one in figures):6.2f} ms, "
            f"p99 {statistics.median(one.p99_ms for one in figures):6.2f} ms",
            end="",
        )
        if kind != "direct":
            kb = statistics.median(one.kb for one in figures)
            print(f"   {share:6.2%} of a core a call, {1 / share:5.0f} calls a core, {kb:5.0f} kB a call", end="")
        print(f"   ({min(one.arrived for one in figures):.1%} of the frames came back)")
    ratios = [ours.share / bare.share for ours, bare in zip(found["trunkline"], found["bare"], strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"  processor time against the bare relay: {spread}")


ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", choices=("direct", "bare", "trunkline"), help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each way in each round")
    given = parser.parse_args()
    if given.serve:
        serve = {"direct": serve_direct, "bare": serve_bare, "trunkline": serve_trunkline}[given.serve]
        asyncio.run(serve(os.environ["BENCH_SERVICE"]))
    else:
        asyncio.run(compare(given.calls, given.seconds))


if __name__ == "__main__":
    main()
