"""A server with one worker process, which prints the worker's process id and then waits to be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from trunkline.engine.speech.worker_ipc import Ready, Unusable
from trunkline.engine.speech.worker_process import WorkerProcess


def show_children() -> None:
    """Write the ids of the processes that this one has started."""
    sys.stdout.write(Path(f"/proc/self/task/{os.getpid()}/children").read_text() + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Start the worker, and wait."""
    worker = WorkerProcess[None](
        "tests.engine.speech.stuck_worker",
        (),
        title="worker",
        decoder=msgspec.msgpack.Decoder(Ready | Unusable),
        on_reply=lambda _reply: None,
        on_end=lambda _reason: None,
    )
    await worker.until_ready()
    show_children()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
