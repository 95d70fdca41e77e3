"""`trunkline serve` with a cheap service, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from shared.process import Served

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = Path(__file__).with_name("two_agents.py")
START_S = 180.0
READY_ANSWERS = 10
"""Answers in a row that a worker, which a connection reaches by chance, has to give."""


@dataclass(frozen=True)
class ServeProcess(Served):
    """A running `trunkline serve`."""

    process: asyncio.subprocess.Process

    async def terminate(self) -> None:
        """Send SIGTERM, and wait for the end."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await self.process.wait()


@asynccontextmanager
async def serve_running(
    port: int, service: str, folder: Path, settings: Mapping[str, str], *, workers: int | None = None
) -> AsyncIterator[ServeProcess]:
    """Run `trunkline serve` with two agents of `service`, and wait until all workers are ready.

    Args:
        port: the server's port on 127.0.0.1.
        service: the address of the stand-in for the service.
        folder: the working directory.
        settings: environment variables of this server, such as `TRUNKLINE_STORE`.
        workers: the number of workers; None for a server of one process.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "TRUNKLINE_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-benchmark-" + 40 * "0",
        "OPENAI_BASE_URL": f"{service}/v1",
        "TRUNKLINE_CALLS_PER_MINUTE": "100000",
        "TRUNKLINE_CLIENT_CALLS_PER_MINUTE": "100000",
        "TRUNKLINE_LOG_LEVEL": "warning",
        **settings,
    }
    command = [sys.executable, "-m", "trunkline.cli", "serve", str(SCENARIOS), "--port", str(port)]
    if workers is not None:
        command += ["--workers", str(workers)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    server = ServeProcess(f"http://127.0.0.1:{port}", process.pid, process)
    try:
        await until_ready(server.url, READY_ANSWERS * (workers or 1), START_S)
        yield server
    finally:
        await server.terminate()


async def until_ready(url: str, answers: int, timeout_s: float) -> None:
    """Wait until a server has answered so many times in a row, on new connections, that it accepts calls."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http, asyncio.timeout(timeout_s):
        ready = 0
        while ready < answers:
            try:
                answer = await http.get("/api/ready", headers={"connection": "close"})
                ready = ready + 1 if answer.status_code == 200 else 0
            except httpx2.HTTPError:
                ready = 0
            await asyncio.sleep(0.05)
