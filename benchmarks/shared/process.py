"""A server in a separate process: started, stopped, and measured from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import websockets


async def announced(url: str) -> None:
    """Print the server's address, and wait until standard input closes. Call this in the server's process."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True).start()
    print(url, flush=True)
    await over.wait()


async def echoing() -> None:
    """Run a bare `websockets` echo server. Call this in the server's process."""

    async def echo(socket: websockets.ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in socket:
                await socket.send(message)

    async with websockets.serve(echo, "127.0.0.1", 0, compression=None) as server:
        await announced(f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    pid: int

    @property
    def cpu_s(self) -> tuple[float, float]:
        """Return the processor time in seconds of the process and its descendants, ended ones included."""
        own, others = 0.0, 0.0
        for one in _tree(self.pid):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            user, system, ended_user, ended_system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15])
            own += user + system if one == self.pid else 0.0
            others += ended_user + ended_system + (0.0 if one == self.pid else user + system)
        return own, others

    @property
    def threads_cpu_s(self) -> float:
        """Return the processor time of the process's threads in seconds, to the microsecond, for short rounds."""
        stats = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(stat.read_text().split()[0]) for stat in stats) / 1e9

    async def until_idle(self) -> None:
        """Wait until the process and its descendants need less than a tenth of a core: their workers have started."""
        while True:
            before = sum(self.cpu_s)
            await asyncio.sleep(1)
            if sum(self.cpu_s) - before < 0.1:
                return

    @property
    def cpu_s_by_worker(self) -> dict[str, float]:
        """Return the processor time in seconds of the speech parts' workers, by the last word of their module."""
        found: dict[str, float] = {}
        for one in _tree(self.pid):
            arguments = Path(f"/proc/{one}/cmdline").read_text().split("\0")
            module = next((argument for argument in arguments if argument.endswith("_worker")), None)
            if module is not None:
                fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
                used = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
                name = module.rpartition(".")[2].removesuffix("_worker")
                found[name] = found.get(name, 0.0) + used
        return found

    @property
    def memory_kb(self) -> float:
        """Return the memory in kB of the process and its descendants; shared pages count once."""
        total = 0.0
        for one in _tree(self.pid):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    @property
    def own_memory_kb(self) -> float:
        """Return the memory in kB that the process has allocated, without its descendants and mapped files."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return float(rollup.partition("\nAnonymous:")[2].split()[0])

    @property
    def threads(self) -> int:
        """Return the number of threads of the process."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


@asynccontextmanager
async def serving(
    script: str, kind: str, *arguments: str, pinned: bool = False, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Run `script --serve kind arguments`, which must call `announced`; on the first core only, if it is pinned."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, "--serve", kind, *arguments,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if pinned:
            os.sched_setaffinity(process.pid, {0})
        yield Served((await process.stdout.readline()).decode().strip(), process.pid)
    finally:
        process.stdin.close()
        await process.wait()


def _tree(pid: int) -> list[int]:
    """Return the ids of a process and its descendants."""
    found = [pid]
    for parent in found:
        for listing in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, listing.read_text().split())
    return found
