"""Real servers, as on several machines: a database that may be cut off, and a model in the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import websockets

import trunkline
from tests.calls.model_fake import Answer, Calls, FakeModel
from tests.ports import free_port
from tests.test_cli import Process
from tests.web.web_server import Socket
from trunkline.realtime.audio import BYTES_PER_MS
from trunkline.realtime.events import Event

START_S = 150.0
STORY = "a long story"
KEY = "the-key-of-this-cluster"
SCENARIO = """
from pathlib import Path
from agents import function_tool
from agents.realtime import RealtimeAgent
from trunkline import Scenario

@function_tool
def pay() -> str:
    "Pay."
    with Path("payments.txt").open("a") as file:
        file.write("paid\\n")
    return "paid"

scenario = Scenario("shop", agents=[RealtimeAgent(name="clerk", tools=[pay])], interruption="speech")
"""


def answer(items: Sequence[Event]) -> Sequence[Answer]:
    """Pay when asked to, and otherwise repeat the caller's words. A call begins with "hi"."""
    last = next(item for item in reversed(items) if item.get("role") not in ("system", "assistant"))
    if last.get("type") == "function_call_output":
        return [f"It is {last['output']}."]
    text = str(last["content"][0].get("text", ""))
    return [Calls("pay")] if text == "pay" else [f"You said: {text}."]


@contextlib.asynccontextmanager
async def model_service(model: FakeModel) -> AsyncIterator[str]:
    """Serve a model in memory as a Realtime service; yield its address."""

    async def session(socket: websockets.ServerConnection) -> None:
        connection = await model.connect("model")

        async def answers() -> None:
            while True:
                await socket.send((await connection.receive()).decode())

        answering = asyncio.create_task(answers())
        try:
            async for frame in socket:
                await connection.send(str(frame))
        except websockets.ConnectionClosed:
            pass
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            await connection.close()

    async with websockets.serve(session, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        (listener,) = server.sockets
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


class Network:
    """The network between a server and Postgres. While it is cut, nothing passes and no connection ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._passes = asyncio.Event()
        self._passes.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._passes.clear()

    def heal(self) -> None:
        self._passes.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Pass connections on inside the `with` block; yield the port."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        there = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 16):
                    await self._passes.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()


class Machine:
    """A machine with one server."""

    def __init__(self, folder: Path, model_url: str, database_url: str, *options: str) -> None:
        (folder / "shop.py").write_text(SCENARIO)
        self.port, cluster_port = free_port(), free_port()
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {
            **kept,
            "PYTHONPATH": str(Path(trunkline.__file__).parents[1]),
            "PYTHONUNBUFFERED": "1",
            "TRUNKLINE_STORE": "full",
            "TRUNKLINE_DATA_DIR": str(folder / "data"),
            "TRUNKLINE_DATABASE_URL": database_url,
            "TRUNKLINE_CLUSTER_ADDRESS": f"http://127.0.0.1:{cluster_port}",
            "TRUNKLINE_CLUSTER_KEY": KEY,
            "TRUNKLINE_STT": "sphinx",
            "TRUNKLINE_TTS": "espeak",
            "OPENAI_API_KEY": "sk-proj-a-key-of-the-tests-0123456789",
            "OPENAI_BASE_URL": model_url,
        }
        command = ("serve", "shop.py", "--port", str(self.port), "--provider", "openai", *options)
        self.process = Process(*command, environment=environment, folder=folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        self.process.process.send_signal(number)

    async def logs(self, text: str, within_s: float = 30.0) -> None:
        """Wait until the server's log has a text."""
        async with asyncio.timeout(within_s):
            while text not in self.process.output:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)

    async def until_ready(self) -> None:
        """Wait until the server accepts calls and has a heartbeat."""
        async with httpx2.AsyncClient(trust_env=False) as http, asyncio.timeout(START_S):
            while True:
                assert self.process.process.poll() is None, self.process.output
                with contextlib.suppress(httpx2.HTTPError):
                    if (await http.get(f"{self.url}/api/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.1)

    async def start(self) -> dict[str, Any]:
        """Start a call."""
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=30) as http:
            started = await http.post("/api/calls", json={"scenario": "shop"})
            assert started.status_code == 201, started.text
            call: dict[str, Any] = started.json()
            return call

    @contextlib.asynccontextmanager
    async def page(self, call: dict[str, Any], after: int = 0) -> AsyncIterator[Socket]:
        """Connect the caller's page."""
        address = f"{self.url.replace('http', 'ws')}/api/calls/{call['call_id']}?leg={call['leg_id']}&after={after}"
        async with websockets.connect(address, proxy=None, max_size=None, max_queue=None) as connection:
            yield Socket(connection)

    @contextlib.asynccontextmanager
    async def redialled(self, call: dict[str, Any], after: int) -> AsyncIterator[Socket]:
        """Connect the caller's page as the console does: after 0.3 s, then after twice as long each time."""
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(60):
                for attempt in itertools.count():
                    await asyncio.sleep(min(5.0, 0.3 * 2**attempt))
                    with contextlib.suppress(OSError, websockets.InvalidHandshake, TimeoutError):
                        page = await stack.enter_async_context(self.page(call, after))
                        break
            yield page


def voice(text: str) -> bytes:
    """Return the agent's audio: long for a story, short for anything else."""
    return bytes(BYTES_PER_MS * (6_000 if STORY in text else 200))


async def says(page: Socket, text: str, within_s: float = 30.0) -> None:
    """Say something, and wait for the answer to it."""
    await page.sends({"type": "say", "text": text})
    await page.until(
        lambda frame: frame["kind"] == "message.done" and text in frame["text"] and is_agent(frame), within_s
    )


def is_agent(frame: dict[str, Any]) -> bool:
    return bool(frame["role"] == "assistant")


async def hears(page: Socket, ms: float, within_s: float = 30.0) -> None:
    """Wait for audio of the agent."""
    heard = 0.0
    async with asyncio.timeout(within_s):
        while heard < ms:
            frame = await page.connection.recv()
            if isinstance(frame, bytes):
                heard += len(frame) / BYTES_PER_MS
            else:
                page.frames.append(json.loads(frame))


async def rest_of(page: Socket) -> list[str | bytes]:
    """Return all frames that have arrived and nobody has read; after a moment without one, that is all."""
    frames: list[str | bytes] = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.3):
                frames.append(await page.connection.recv())
    return frames


def last_seq(frames: Sequence[str | bytes | dict[str, Any]]) -> int:
    """Return the number of the last event among frames."""
    events = [
        json.loads(frame) if isinstance(frame, str) else frame for frame in frames if not isinstance(frame, bytes)
    ]
    return max((int(event["seq"]) for event in events), default=0)


@contextlib.asynccontextmanager
async def machines(
    folder: Path, model: FakeModel, database_urls: Sequence[str], *options: str
) -> AsyncIterator[list[Machine]]:
    """Run a server for each address of the database, the last one with more options."""
    async with model_service(model) as model_url:
        running: list[Machine] = []
        try:
            for number, url in enumerate(database_urls, 1):
                (folder / str(number)).mkdir()
                own = options if number == len(database_urls) else ()
                running.append(Machine(folder / str(number), model_url, url, *own))
            await asyncio.gather(*(one.until_ready() for one in running))
            yield running
        finally:
            for number, one in enumerate(running, 1):
                print(f"--- the log of server {number}\n{one.process.output}")  # noqa: T201 - shown if the test fails
                one.send(signal.SIGCONT)
                await asyncio.to_thread(one.process.close)
