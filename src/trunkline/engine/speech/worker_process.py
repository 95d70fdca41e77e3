"""A worker process of the speech parts, seen from the server: start it, exchange messages, end it.

Native libraries that hold the interpreter lock, may crash, or have a licence that keeps them apart run in such a
process. See `worker_ipc` for the messages and for the worker's own side.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from trunkline.engine.speech import SpeechError
from trunkline.engine.speech.worker_ipc import LENGTH_BYTES, Message, Ready, Unusable, frame

ReplyT = TypeVar("ReplyT")

_READ_LIMIT = 1 << 20
_SOURCES = Path(__file__).parents[3]


class WorkerProcess(Generic[ReplyT]):
    """One process, and the task that starts it, reads its replies and ends it. Belongs to one event loop.

    Args:
        module: the worker's module, for `python -m`.
        arguments: its command-line arguments.
        title: the part's name in error messages, such as "recogniser".
        decoder: decodes the body of a reply, with `Ready` and `Unusable` among them.
        on_reply: called with each reply except these two.
        on_end: called once, with a reason for people, when the process has ended or cannot start.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        title: str,
        decoder: msgspec.msgpack.Decoder[ReplyT | Ready | Unusable],
        on_reply: Callable[[ReplyT], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._command = ("-m", module, *arguments)
        self._title = title
        self._decoder = decoder
        self._on_reply = on_reply
        self._on_end = on_end
        self.has_ended = False
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._pipe: asyncio.StreamWriter | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=title)

    @property
    def backlog(self) -> int:
        """Bytes on their way to the process."""
        return self._pipe.transport.get_write_buffer_size() if self._pipe else self._unsent_bytes

    @property
    def was_ready(self) -> bool:
        """True if the worker has loaded its library, also if it has ended since."""
        return self._ready.done() and self._ready.exception() is None

    @property
    def is_gone(self) -> bool:
        """True if the process and both pipes are cleaned up."""
        return self._task.done()

    def send(self, message: Message) -> None:
        """Send a message, or keep it until the process has started."""
        if self.has_ended:
            return
        if self._pipe is not None:
            self._pipe.write(frame(message))
        else:
            self._unsent.append(frame(message))
            self._unsent_bytes += len(self._unsent[-1])

    async def until_ready(self) -> None:
        """Wait until the worker has loaded its library.

        Raises:
            SpeechError: the worker does not start, or cannot work here.
        """
        await asyncio.shield(self._ready)

    async def aclose(self) -> None:
        """End the process and wait until it has been cleared up."""
        if not self.has_ended:  # else the task is clearing up already
            self._task.cancel()
        await asyncio.wait([self._task])
        self._end(f"The {self._title} was closed.")  # the task may have been cancelled before it began

    async def _run(self) -> None:
        reason = f"The {self._title}'s process died. The next request starts another."
        process = None
        try:
            process = await _start(self._command)
            reason = await self._read_replies(process) or reason
        except OSError as error:
            reason = f"The {self._title}'s process does not start ({error})."
        except asyncio.CancelledError:
            reason = f"The {self._title} was closed."
            raise
        finally:
            self._end(reason)
            if process is not None:
                await _reap(process)

    async def _read_replies(self, process: asyncio.subprocess.Process) -> str | None:
        """Pass replies on until the process ends; return its reason, if it gave one."""
        assert process.stdin is not None  # noqa: S101 - for the type checker: both were asked for as pipes
        assert process.stdout is not None  # noqa: S101 - the same
        self._pipe = process.stdin
        self._pipe.writelines(self._unsent)
        self._unsent.clear()
        try:
            while True:
                size = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "little")
                reply = self._decoder.decode(await process.stdout.readexactly(size))
                if isinstance(reply, Unusable):
                    return reply.reason
                if isinstance(reply, Ready):
                    self._ready.set_result(None)
                else:
                    self._on_reply(reply)
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return None

    def _end(self, reason: str) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self._unsent.clear()
        if not self._ready.done():
            self._ready.set_exception(SpeechError(reason))
            self._ready.exception()  # counts as retrieved: nobody may be waiting
        self._on_end(reason)


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    """Start the process. If this wait is cancelled, end the process as soon as it has begun."""
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_READ_LIMIT,
            env=_environment(),
            process_group=0,  # keeps a terminal's Ctrl-C from it; the worker ends with its pipe
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _reap(await starting)
        raise


async def _reap(process: asyncio.subprocess.Process) -> None:
    """End the process and wait for both pipes to close, so that the garbage collector has no warning to give."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
    if process.stdout is not None:
        while await process.stdout.read(_READ_LIMIT):
            pass
    await process.wait()


def _environment() -> dict[str, str]:
    """Return this process's environment, with the package importable and numpy's matrix library on one thread.

    With more, a thread of that library spins and doubles the processor time of a small product.
    """
    path = os.pathsep.join(filter(None, (str(_SOURCES), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
